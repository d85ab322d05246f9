"""The environments that this operator reports to Git, and how their sources and Kustomizations stand."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from headgate.insight.values import WORST_FIRST
from headgate.page.knowledge import Snapshot
from headgate.page.views.causes import Names
from headgate.page.views.links import with_query
from headgate.page.views.values import Badge, Named
from headgate.page.views.words import BADGES, short_revision

__all__ = ["EnvironmentView", "EnvironmentsView", "environments_view"]


@dataclass(frozen=True, slots=True)
class EnvironmentView:
    """One environment."""

    name: str
    source: Named
    revision: str
    full_revision: str
    reported: datetime | None
    problem: str
    totals: tuple[tuple[Badge, int], ...]
    """How many of its Kustomizations have each state, the worst first."""
    href: str
    """The list of its objects."""


@dataclass(frozen=True, slots=True)
class EnvironmentsView:
    """The page."""

    template: ClassVar[str] = "environments.html"

    environments: tuple[EnvironmentView, ...]


def environments_view(snapshot: Snapshot) -> EnvironmentsView:
    """Return the environments, by name."""
    verdicts = {each.ref: each for each in snapshot.report.verdicts}
    names = Names(snapshot.fleet, verdicts)
    found = []
    for each in sorted(snapshot.environments, key=lambda each: (each.name, each.source)):
        counts = Counter(
            verdict.state for ref, verdict in verdicts.items() if snapshot.fleet.source_of(ref) == each.source
        )
        source = verdicts.get(each.source)
        revision = source.revision if source is not None else ""
        found.append(
            EnvironmentView(
                each.name,
                names.named(each.source),
                short_revision(revision),
                revision,
                each.reported,
                each.problem,
                tuple((BADGES[state.value], counts[state]) for state in WORST_FIRST if counts[state]),
                with_query("/", {"env": each.name}),
            )
        )
    return EnvironmentsView(tuple(found))
