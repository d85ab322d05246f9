"""Step 5: wait until the objects are healthy, without a worker.

:func:`begin` opens the wait. The reconciler keeps it and calls :func:`check` whenever a watched object has changed. It
passes a final verdict to :func:`end`.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from headgate.api import reasons
from headgate.apply import Action
from headgate.cel import ExpressionBudget
from headgate.durations import format_duration
from headgate.kube import ObjectRef, ref_of
from headgate.reconcile.kustomization.attempt import Attempt
from headgate.reconcile.kustomization.errors import Failed
from headgate.reconcile.kustomization.health import HealthReads, ReadDenied
from headgate.reconcile.kustomization.report import Reporter
from headgate.reconcile.kustomization.settled import Settled
from headgate.reconcile.kustomization.steps.prune import InPlace
from headgate.reconcile.kustomization.waiting import HealthWait, Standing, WaitResult, jobs_with_ttl, judge
from headgate.reconcile.reporting.events import NORMAL
from headgate.reconcile.reporting.measure import HEALTH, Measure
from headgate.reconcile.target.live import LiveObjects


@dataclass(frozen=True, slots=True)
class Healthy:
    """The attempt has done everything that the spec asks for."""

    attempt: Attempt
    changed: bool
    """Whether any object changed."""
    settled: Settled
    """The build of the attempt, with its inputs."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """An open wait for the health of objects."""

    healthy: Healthy
    """The result of the attempt if they become healthy."""
    live: LiveObjects
    """Follows the objects, and wakes the Kustomization when one changes."""
    wait: HealthWait
    reads: HealthReads
    """Their health, as far as it was read."""
    was_healthy: bool
    """Whether the Kustomization was healthy when the wait began."""

    @property
    def attempt(self) -> Attempt:
        return self.healthy.attempt

    def next_check(self) -> float:
        """Seconds until the next check is due although no object changes."""
        now = time.monotonic()
        return max(0.0, min(self.wait.deadline - now, self.reads.next_read(now)))


def begin(in_place: InPlace, reporter: Reporter) -> Waiting | Healthy:
    """Open the wait; :class:`Healthy` if the spec names nothing to wait for."""
    attempt, applied = in_place.attempt, in_place.applied
    session, built = attempt.session, applied.built
    settled = Settled(
        attempt.uid, session.generation, attempt.digest, built.result.inputs, built.cluster_inputs
    )
    healthy = Healthy(attempt, applied.changed, settled)
    objects = _objects(in_place)
    if not objects:
        session.unmark(reasons.HEALTHY)
        return healthy
    was_healthy = session.is_true(reasons.HEALTHY)
    message = reporter.progress(attempt, "Running health checks")
    session.mark(reasons.HEALTHY, "Unknown", reasons.PROGRESSING, message)
    now = time.monotonic()
    wait = HealthWait(
        objects,
        jobs_with_ttl(built.result.objects),
        started=now,
        deadline=now + attempt.ks.timeout,
    )
    live, access, uids = built.target.live, built.target.access, _own(in_place, objects)
    live.follow(attempt.key, objects)
    reads = HealthReads(access, live, objects, uids, built.expressions)
    return Waiting(healthy, live, wait, reads, was_healthy)


async def check(waiting: Waiting, budget: ExpressionBudget, *, fail_fast: bool) -> WaitResult:
    """The state of the wait, according to what the Kustomization may read.

    ``fail_fast``: it ends as soon as one object has failed permanently.
    """
    wait, reads, now = waiting.wait, waiting.reads, time.monotonic()
    try:
        await reads.refresh(budget)
        verdict = judge(wait, reads.health, now, fail_fast=fail_fast)
        if verdict.standing is not Standing.WAITING:
            await reads.confirm(now, budget, failed=verdict.standing is Standing.FAILED)
            verdict = judge(wait, reads.health, now, fail_fast=fail_fast)
    except ReadDenied as error:
        return WaitResult(Standing.FAILED, str(error))
    if verdict.standing is Standing.WAITING:
        session = waiting.attempt.session
        if reads.over_budget:
            session.mark(reasons.HEALTHY, "Unknown", reasons.PROGRESSING, reads.over_budget)
        session.write_soon()
    return verdict


async def end(waiting: Waiting, verdict: WaitResult, reporter: Reporter, measure: Measure) -> Healthy:
    """End the wait; raises :class:`Failed` unless the objects are healthy."""
    attempt, session = waiting.attempt, waiting.attempt.session
    failed = verdict.standing is not Standing.HEALTHY
    seconds = time.monotonic() - waiting.wait.started
    measure.took(HEALTH, seconds, failed=failed)
    elapsed = format_duration(seconds)
    if failed:
        said = await attempt.masked(verdict.message)
        session.mark(reasons.HEALTHY, "False", reasons.HEALTH_CHECK_FAILED, said)
        raise Failed(reasons.HEALTH_CHECK_FAILED, f"health check failed after {elapsed}: {said}")
    message = f"Health check passed in {elapsed}"
    new_revision = session.status.get("lastAppliedRevision") != attempt.revision
    if not waiting.was_healthy or (new_revision and waiting.healthy.changed):
        reporter.event(attempt, NORMAL, message)
    session.mark(reasons.HEALTHY, "True", reasons.SUCCEEDED, message)
    return waiting.healthy


def close(waiting: Waiting) -> None:
    """Stop following the objects, and write no further progress."""
    waiting.attempt.session.abandon()
    waiting.live.unfollow(waiting.attempt.key)


def _objects(in_place: InPlace) -> tuple[ObjectRef, ...]:
    """The objects that the spec waits for."""
    spec = in_place.attempt.ks.spec
    if spec.wait:
        # Skipped objects are excluded on purpose; a Kustomization does not wait for itself.
        changes = in_place.applied.result.changes
        refs = [c.ref for c in changes.entries if c.action is not Action.SKIPPED]
    else:
        refs = [ObjectRef(h.api_version, h.kind, h.name, h.namespace) for h in spec.health_checks]
    own = ref_of(in_place.attempt.obj)
    return tuple(r for r in refs if (r.kind, r.namespace, r.name) != (own.kind, own.namespace, own.name))


def _own(in_place: InPlace, objects: tuple[ObjectRef, ...]) -> dict[ObjectRef, str]:
    """The UIDs of those objects that the attempt applied or found in place, to compare with what the watches show.

    If the spec names objects, the API server must have shown them to the account in this very attempt.
    """
    attempt, target = in_place.attempt, in_place.applied.built.target
    live, access = target.live, target.access
    found = {ref: uid for ref in objects if (uid := live.uid(attempt.key, ref))}
    if attempt.ks.spec.wait or not access.is_limited:
        return found
    return {ref: uid for ref, uid in found.items() if access.is_fresh(ref, uid)}
