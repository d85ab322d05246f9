"""Step 4: delete the objects that the build no longer has."""

from __future__ import annotations

from dataclasses import dataclass

from headgate.api import inventory as inv
from headgate.api import reasons
from headgate.reconcile.kustomization.attempt import Attempt
from headgate.reconcile.kustomization.errors import Failed
from headgate.reconcile.kustomization.report import Reporter
from headgate.reconcile.kustomization.steps.apply import Applied
from headgate.reconcile.reporting.events import NORMAL


@dataclass(frozen=True, slots=True)
class InPlace:
    """The cluster has the objects of the build, and no earlier ones that the Kustomization must prune."""

    applied: Applied

    @property
    def attempt(self) -> Attempt:
        return self.applied.attempt


async def prune(applied: Applied, reporter: Reporter) -> InPlace:
    """Delete the stale objects if ``spec.prune`` is set; those that cannot be deleted stay in the inventory."""
    attempt, target = applied.attempt, applied.built.target
    if not applied.stale or not attempt.ks.spec.prune:
        return InPlace(applied)
    pruned = await target.applier.prune(attempt.ks, attempt.obj, applied.stale, applied.result.uids)
    target.live.watch(attempt.key)
    inv.to_status(attempt.session.status, inv.of_changes(applied.result.changes) | pruned.survivors)
    if len(pruned.changes):
        reporter.event(attempt, NORMAL, str(pruned.changes))
    if pruned.errors:
        raise Failed(reasons.PRUNE_FAILED, "\n".join(pruned.errors))
    return InPlace(applied)
