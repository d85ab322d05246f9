"""A health check as data, and its verdict. Pure.

A Kustomization that waits for its objects to become healthy is one :class:`HealthWait` in memory: no task, no worker,
no request. A change of a watched object wakes its key; the reconciler then calls :func:`judge` to find out whether the
wait is over. A new revision or spec makes the wait obsolete, and the reconciler begins a new attempt.

Outcome and wording follow Flux's ``WaitForSet``: an early failure when an object has failed permanently, otherwise a
list of the objects that were not healthy in time. Flux names their status; Headgate adds each object's own reason.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import Enum

from headgate.health import Health, HealthStatus
from headgate.kube import ObjectRef, ref_of
from headgate.objects import Obj


@dataclass(frozen=True, slots=True)
class HealthWait:
    """What a Kustomization waits for."""

    targets: tuple[ObjectRef, ...]
    jobs_with_ttl: frozenset[ObjectRef]
    """Jobs that the cluster may remove after they complete: a missing one counts as done."""
    started: float
    """The start of the health check on the monotonic clock."""
    deadline: float
    """The end of the health check, in failure, on the monotonic clock."""


class Standing(Enum):
    """The state of a wait."""

    HEALTHY = "healthy"
    FAILED = "failed"
    WAITING = "waiting"


@dataclass(frozen=True, slots=True)
class WaitResult:
    """The state of a wait, with the message for a failure (without its prefix)."""

    standing: Standing
    message: str = ""


def judge(
    wait: HealthWait, health_of: Callable[[ObjectRef], Health], now: float, *, fail_fast: bool = True
) -> WaitResult:
    """The state of the wait at ``now`` (monotonic seconds)."""
    states = [(ref, _effective(wait, ref, health_of(ref))) for ref in wait.targets]
    bad = [(ref, h) for ref, h in states if h.status is not HealthStatus.CURRENT]
    if not bad:
        return WaitResult(Standing.HEALTHY)
    failed = [(ref, h) for ref, h in bad if h.status is HealthStatus.FAILED]
    if failed and (fail_fast or len(failed) == len(bad)):
        return WaitResult(Standing.FAILED, f"failed early due to stalled resources: [{_list(failed)}]")
    if now >= wait.deadline:
        return WaitResult(Standing.FAILED, f"timeout waiting for: [{_list(bad)}]")
    return WaitResult(Standing.WAITING)


def _effective(wait: HealthWait, ref: ObjectRef, health: Health) -> Health:
    if health.status is HealthStatus.NOT_FOUND and ref in wait.jobs_with_ttl:
        return Health(HealthStatus.CURRENT, "")
    return health


def _list(states: Sequence[tuple[ObjectRef, Health]]) -> str:
    return ", ".join(
        f"{ref} status: '{h.status.value}'" + (f": {h.message}" if h.message else "") for ref, h in states
    )


def jobs_with_ttl(objects: Iterable[Obj]) -> frozenset[ObjectRef]:
    """The Jobs among the objects that the cluster removes after they complete (``ttlSecondsAfterFinished``)."""
    return frozenset(
        ref_of(o)
        for o in objects
        if o["kind"] == "Job"
        and o["apiVersion"].startswith("batch/")
        and isinstance(spec := o.get("spec"), dict)
        and spec.get("ttlSecondsAfterFinished") is not None
    )
