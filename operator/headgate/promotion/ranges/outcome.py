"""What a report means for the exit status. Pure."""

from __future__ import annotations

from collections.abc import Collection

from headgate.promotion.changes.model import EnvironmentChange
from headgate.promotion.config.model import Environments
from headgate.promotion.report.document import ChangeReport

__all__ = ["fails", "is_uncertain", "last_environments"]

PRODUCTION_ON_MERGE = "production-on-merge"
_PRODUCTION = ("production", "prod")


def last_environments(environments: Environments) -> frozenset[str]:
    """Return the environments that a change reaches last.

    With ``after`` anywhere, those that come after others and that no other comes after. Without, those named
    ``production`` or ``prod``, alone or before a dash (``production-eu``).
    """
    followed = {name for each in environments.all for name in each.after}
    if followed:
        return frozenset(each.name for each in environments.all if each.after and each.name not in followed)
    return frozenset(each.name for each in environments.all if each.name.partition("-")[0] in _PRODUCTION)


def is_uncertain(report: ChangeReport) -> bool:
    """Whether some of the changes are not known."""
    return any(stage.uncertain for each in report.environments for stage in each.stages)


def fails(report: ChangeReport, fail_on: Collection[str], last: Collection[str]) -> bool:
    """Return whether the report has one of the things in ``fail_on``; without any, whether it has a change."""
    stages = [stage for each in report.environments for stage in each.stages]
    tests = {
        "change": not report.is_empty,
        "delete": any(change.deletes for stage in stages for change in stage.changes),
        "danger": any(map(_is_dangerous, stages)),
        PRODUCTION_ON_MERGE: any(
            each.environment in last and not each.on_merge.is_empty for each in report.environments
        ),
    }
    return any(tests[each] for each in fail_on or ("change",))


def _is_dangerous(stage: EnvironmentChange) -> bool:
    return any(each.dangers for each in stage.kustomizations) or any(each.dangers for each in stage.changes)
