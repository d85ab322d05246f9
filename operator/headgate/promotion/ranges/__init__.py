"""What a range of commits does to each environment: on merge, and at the next promotion.

    with Clone.open(Path(".")) as clone, Fleet(clone) as fleet:
        report = changes_of_range(fleet, environments, Range.of(fleet, base="1.3.0", head="main"))

commits   the two ends of a range
answers   both stages of each environment
affected  which Kustomizations the range rebuilds
clusters  both stages of each environment, compared with its cluster
outcome   what a report means for the exit status
"""

from headgate.promotion.ranges.affected import AffectedEnvironment, affected_by, affected_document
from headgate.promotion.ranges.answers import changes_of_range
from headgate.promotion.ranges.commits import Range
from headgate.promotion.ranges.outcome import fails, last_environments

__all__ = [
    "AffectedEnvironment",
    "Range",
    "affected_by",
    "affected_document",
    "changes_of_range",
    "fails",
    "last_environments",
]
