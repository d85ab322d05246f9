"""Both stages of each environment, compared with what its cluster runs.

The cluster takes the place of the base. On merge, the default branch moves to the head and all else stays: the
difference is what the operator would change then, which includes what it would correct anyway. At the next promotion,
the source that the environment follows selects the head, too.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from headgate.promotion.changes.model import (
    ChangeStage,
    Counterpart,
    EnvironmentAnswer,
    EnvironmentChange,
)
from headgate.promotion.config.model import Environment
from headgate.promotion.errors import EvidenceMissing
from headgate.promotion.fleet import WORK_TREE, Fleet
from headgate.promotion.fleet.rendering import Problem, Rendering
from headgate.promotion.live import Method, changes_in_cluster
from headgate.promotion.ranges.answers import follows, selected
from headgate.promotion.ranges.commits import Range
from headgate.promotion.report.document import ChangeReport

__all__ = ["Contexts", "changes_in_clusters"]

_NOTES = {
    Counterpart.READS: "Compared with what the clusters run, by reads alone. This is approximate: only the API server"
    " knows its defaults and what webhooks change.",
    Counterpart.DRY_RUNS: "Compared with what the clusters run, by dry runs of the operator's applies.",
}


@dataclass(frozen=True, slots=True)
class Contexts:
    """How to reach the clusters."""

    by_environment: Mapping[str, str | None]
    """Contexts of the kubeconfig; None for the current one."""
    kubeconfig: str | None = None
    """A path, or several as ``KUBECONFIG`` has them; None for the user's."""


def changes_in_clusters(
    fleet: Fleet,
    environments: Iterable[Environment],
    commits: Range,
    contexts: Contexts,
    counterpart: Counterpart,
) -> ChangeReport:
    """Return what the operator would change in the cluster of each environment if the head were live there.

    Only the head of the range counts. A cluster that cannot be read is a problem of its environment. Raises
    :class:`CloneError`.
    """
    asking = _Asking(contexts, Method.READS if counterpart is Counterpart.READS else Method.DRY_RUN)
    return ChangeReport(
        "",
        "",
        commits.head,
        "" if commits.head_commit == WORK_TREE else commits.head_commit,
        tuple(_answer(fleet, each, commits, asking) for each in environments),
        (_NOTES[counterpart],),
        counterpart,
    )


@dataclass(frozen=True, slots=True)
class _Asking:
    contexts: Contexts
    method: Method

    def change(self, rendering: Rendering, stage: ChangeStage, words: str) -> EnvironmentChange:
        """What the operator would change in the cluster; a problem if the cluster cannot be read."""
        name = rendering.environment
        try:
            return changes_in_cluster(
                rendering,
                self.method,
                stage,
                words,
                kubeconfig=self.contexts.kubeconfig,
                context=self.contexts.by_environment[name],
            )
        except EvidenceMissing as error:
            approximate = self.method is Method.READS
            return EnvironmentChange(
                name, stage, words, {}, {}, problems=(Problem(str(error)),), approximate=approximate
            )


def _answer(fleet: Fleet, environment: Environment, commits: Range, asking: _Asking) -> EnvironmentAnswer:
    now = fleet.state()
    merged = now.with_branch(now.default_branch, commits.head_commit)
    rendering = fleet.render(environment, merged)
    words = follows(rendering)
    on_merge = asking.change(rendering, ChangeStage.ON_MERGE, words)
    at_promotion = None
    if rendering.followed is not None and selected(rendering) != commits.head_commit:
        promoted = fleet.render(environment, merged.with_source(rendering.followed, commits.head_commit))
        at_promotion = asking.change(promoted, ChangeStage.AT_PROMOTION, words)
    return EnvironmentAnswer(environment.name, words, on_merge, at_promotion, environment.after)
