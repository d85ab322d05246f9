"""What is at work now: which object a worker has, which wait for one, and what open attempts wait for."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from headgate.api import ObjectKey
from headgate.feed.memory import Memory
from headgate.insight import Ref
from headgate.insight.fields import group_of
from headgate.names import KUSTOMIZATION
from headgate.page.knowledge import AwaitedObject, QueuedKey, RunningKey, WaitingKey, Work
from headgate.page.knowledge.details import shown_ref
from headgate.reconcile.core.controller import Controller
from headgate.reconcile.core.queue import InLine, Trigger
from headgate.reconcile.kustomization.reconciler import KustomizationReconciler
from headgate.reconcile.kustomization.steps.wait import Waiting

__all__ = ["Clock", "custom_resource", "work_of"]

MOVED = 1.0
"""Seconds by which both clocks may differ."""
MAX_QUEUED, MAX_WAITING, MAX_AWAITED, MAX_TRIGGERS = 200, 200, 10, 5


@dataclass(frozen=True, slots=True)
class Clock:
    """The same moment on two clocks."""

    monotonic: float
    wall: datetime

    def set_to(self, monotonic: float, wall: datetime) -> Clock:
        """The same clock, unless somebody has set the wall clock: equal times must stay equal."""
        moved = abs((self.at(monotonic) - wall).total_seconds()) > MOVED
        return Clock(monotonic, wall) if moved else self

    def at(self, monotonic: float) -> datetime:
        """A time on the monotonic clock as a date."""
        return self.wall + timedelta(seconds=monotonic - self.monotonic)


def custom_resource(kind: str, key: ObjectKey) -> Ref:
    """The reference to a custom resource."""
    return Ref(kind, key.namespace, key.name, group_of(kind))


def work_of(
    controllers: Sequence[tuple[str, Controller[ObjectKey]]],
    kustomizations: KustomizationReconciler,
    memory: Memory,
    clock: Clock,
    queue_seconds: float | None,
) -> Work:
    """What is at work; ``controllers`` with the kind of their objects. Its size is bounded."""
    queued = [(kind, each) for kind, controller in controllers for each in controller.queue.waiting()]
    waits = heapq.nsmallest(MAX_WAITING, kustomizations.open_waits(), key=lambda each: each[1].wait.started)
    return Work(
        running=tuple(
            sorted(_running(controllers, kustomizations, clock), key=lambda each: (each.since, each.ref))
        ),
        queued=tuple(_queued(queued, clock)),
        queued_by_namespace=dict(Counter(each.key.namespace for _, each in queued)),
        waiting=tuple(_waiting(key, each, memory, clock) for key, each in waits),
        skipped_builds=memory.skipped_builds,
        queue_seconds=queue_seconds,
        step_seconds=dict(memory.averages),
    )


def _running(
    controllers: Sequence[tuple[str, Controller[ObjectKey]]],
    kustomizations: KustomizationReconciler,
    clock: Clock,
) -> Iterator[RunningKey]:
    for kind, controller in controllers:
        for each in controller.at_work():
            step, revision = (
                kustomizations.doing(each.key) if kind == KUSTOMIZATION else ("checking the remote", "")
            )
            yield RunningKey(
                custom_resource(kind, each.key), step, clock.at(each.since), _reasons(each.triggers), revision
            )


def _queued(queued: Iterable[tuple[str, InLine[ObjectKey]]], clock: Clock) -> Iterator[QueuedKey]:
    for kind, each in heapq.nsmallest(MAX_QUEUED, queued, key=lambda one: (one[1].priority, one[1].since)):
        ref = custom_resource(kind, each.key)
        yield QueuedKey(ref, clock.at(each.since), each.priority.name.lower(), _reasons(each.triggers))


def _waiting(key: ObjectKey, waiting: Waiting, memory: Memory, clock: Clock) -> WaitingKey:
    verdicts = memory.of(KUSTOMIZATION, key.namespace, key.name).verdicts
    unhealthy = verdicts.unhealthy if verdicts is not None else {}
    shown = tuple(
        AwaitedObject(shown_ref(ref), status, message)
        for (ref, (status, message)), _ in zip(unhealthy.items(), range(MAX_AWAITED), strict=False)
    )
    return WaitingKey(
        ref=custom_resource(KUSTOMIZATION, key),
        revision=waiting.attempt.revision,
        since=clock.at(waiting.wait.started),
        deadline=clock.at(waiting.wait.deadline),
        objects=shown,
        awaited=len(unhealthy),
        total=len(waiting.wait.targets),
    )


def _reasons(triggers: Iterable[Trigger]) -> tuple[str, ...]:
    """Why, with the object that caused it."""
    found = dict.fromkeys(
        f"{each.reason} ({each.origin})" if each.origin else each.reason for each in triggers
    )
    return tuple(found)[:MAX_TRIGGERS]
