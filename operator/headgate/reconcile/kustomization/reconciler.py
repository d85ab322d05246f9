"""Reconciles one Kustomization: source, dependencies, build, apply, prune, health, Ready.

:meth:`KustomizationReconciler._attempt` is the documented life cycle from top to bottom. Each step
(:mod:`headgate.reconcile.kustomization.steps`) either returns a value for the next, or ends the attempt with one of the
errors of :mod:`headgate.reconcile.kustomization.errors`. No failed attempt keeps a worker: an event or a timer starts
the next one.

Only the health check spans several calls. The object's :class:`Memory` holds it as an open
:class:`~headgate.reconcile.kustomization.steps.wait.Waiting`. A change of a watched object, or the deadline, wakes the
key, and the wait is checked again. A new revision, a new spec or a user's request makes the open wait obsolete: the
reconciler drops it and begins a new attempt.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from headgate.api import InvalidSpec, Kustomization, ObjectKey, labels
from headgate.backoff import jittered
from headgate.cel import Evaluator
from headgate.kube import Client, ref_of
from headgate.names import KUSTOMIZE_STATUS
from headgate.objects import Obj
from headgate.reconcile.core import finalizers
from headgate.reconcile.core.controller import GONE, NOTHING_MORE, RETRY, WAKE, Outcome
from headgate.reconcile.core.inventories import Inventories
from headgate.reconcile.core.queue import Depth, Priority, Trigger
from headgate.reconcile.core.store import Store, source_of
from headgate.reconcile.core.wakeups import Wakeups
from headgate.reconcile.kustomization.attempt import (
    APPLYING,
    BUILDING,
    CHECKING_HEALTH,
    DELETING,
    PREPARING,
    PRUNING,
    Attempt,
)
from headgate.reconcile.kustomization.errors import Failed, Postponed
from headgate.reconcile.kustomization.finalize import Finalizer
from headgate.reconcile.kustomization.memory import Course, Memory
from headgate.reconcile.kustomization.report import Reporter, settle
from headgate.reconcile.kustomization.steps import wait
from headgate.reconcile.kustomization.steps.apply import apply
from headgate.reconcile.kustomization.steps.build import build, gather
from headgate.reconcile.kustomization.steps.prepare import BuildParts, Unaffected, locate, prepare
from headgate.reconcile.kustomization.steps.prune import prune
from headgate.reconcile.kustomization.steps.succeed import record_unaffected, succeed
from headgate.reconcile.kustomization.steps.wait import Healthy, Waiting
from headgate.reconcile.kustomization.waiting import Standing, WaitResult
from headgate.reconcile.reporting.events import NORMAL
from headgate.reconcile.reporting.measure import UNMEASURED, Measure
from headgate.reconcile.reporting.status import StatusSession
from headgate.reconcile.reporting.unexpected import explained, is_passing
from headgate.reconcile.target.targets import Targets
from headgate.settings import KustomizationSettings

_log = logging.getLogger("headgate.kustomization")


OnChecked = Callable[[Waiting, WaitResult], Awaitable[None]]
"""Learns of a check of an open wait; it must not raise."""


@dataclass(frozen=True, slots=True)
class ClusterParts:
    """What the operator knows of its own cluster, and of those to which it applies."""

    client: Client
    store: Store
    inventories: Inventories
    wakeups: Wakeups
    targets: Targets


class KustomizationReconciler:
    """The reconciler. Shared by all workers; an object is with one worker at a time."""

    def __init__(
        self,
        config: KustomizationSettings,
        clusters: ClusterParts,
        building: BuildParts,
        evaluator: Evaluator,
        finalizer: Finalizer,
        reporter: Reporter,
        measure: Measure = UNMEASURED,
    ) -> None:
        self._config, self._building = config, building
        self._settled, self._builder = building.settled, building.builder
        self._client, self._store, self._targets = clusters.client, clusters.store, clusters.targets
        self._inventories, self._wakeups = clusters.inventories, clusters.wakeups
        self._evaluator, self._finalizer, self._reporter = evaluator, finalizer, reporter
        self._measure = measure
        self._memories: dict[ObjectKey, Memory] = {}
        self._on_checked: OnChecked | None = None

    def subscribe(self, on_checked: OnChecked) -> None:
        """Await ``on_checked`` after each check of an open wait, also after the last."""
        self._on_checked = on_checked

    def doing(self, key: ObjectKey) -> tuple[str, str]:
        """The step that runs now or ran last, in words, and the revision of the running attempt, if known."""
        memory = self._memories.get(key)
        if memory is None:
            return PREPARING.what, ""
        return memory.step.what, memory.course.attempt.revision if memory.course is not None else ""

    def open_waits(self) -> list[tuple[ObjectKey, Waiting]]:
        """The attempts that wait for objects, without a worker."""
        return [(key, each.open) for key, each in self._memories.items() if each.open is not None]

    async def reconcile(self, key: ObjectKey, triggers: tuple[Trigger, ...]) -> Outcome:
        """Do what is possible now for the Kustomization; the :class:`Outcome` says when the next call is due."""
        memory = self._memories.setdefault(key, Memory())
        memory.step = PREPARING
        memory.postponement.cancel()
        obj = self._store.kustomization(key)
        if obj is None:
            self._close(memory)
            del self._memories[key]
            self._settled.drop(key)
            self._finalizer.forget(key)
            await self._targets.release(key)
            return GONE
        if obj["metadata"].get("deletionTimestamp"):
            self._close(memory)
            memory.step = DELETING
            return await self._finalizer.finalize(key, obj)
        held = await finalizers.add(self._client, obj, KUSTOMIZE_STATUS)
        if held is None:
            return NOTHING_MORE
        obj = held
        self._store.put_kustomization(obj)
        session = self._session(obj)
        requested = labels.requested_at(obj)
        if (obj.get("spec") or {}).get("suspend"):
            self._close(memory)
            self._wakeups.take_drifts(key)
            settle(session, requested)
            await session.write()
            return NOTHING_MORE
        try:
            ks = Kustomization.from_object(obj, self._config.max_list_entries)
        except InvalidSpec as error:
            self._close(memory)
            await self._reporter.invalid(session, requested, str(error))
            return NOTHING_MORE
        depth = max(t.depth for t in triggers)
        if memory.open is not None:
            if depth is Depth.LOOK and self._is_current(memory.open.attempt, obj, requested):
                memory.step = CHECKING_HEALTH
                return self._let_go(memory, await self._continue(memory, memory.open))
            self._interrupt(memory, memory.open.attempt, triggers)
        attempt = Attempt(key, obj, ks, session, requested, time.monotonic(), depth)
        return self._let_go(memory, await self._attempt(memory, attempt))

    async def broke_off(self, key: ObjectKey, error: Exception, times: int) -> None:
        """Report that an attempt ended with an unexpected error, the ``times``-th in a row.

        An error that may pass, such as a restart of the API server, is reported only if the retry fails, too. Raises
        :class:`headgate.kube.ApiError`.
        """
        memory, obj = self._memories.get(key), self._store.kustomization(key)
        if memory is None or obj is None or (times == 1 and is_passing(error)):
            return
        said, revisions = explained(error), dict[str, str]()
        if memory.course is not None:
            attempt = memory.course.attempt
            said = await attempt.masked(said)
            revisions = labels.event_revisions(attempt.revision, attempt.origin)
        await self._reporter.broke_off(
            self._session(obj), labels.requested_at(obj), memory.step, said, revisions
        )

    # The life cycle.

    async def _attempt(self, memory: Memory, attempt: Attempt) -> Outcome:
        """One attempt, from its beginning to its end, or to an open health check."""
        key, reporter, reported = attempt.key, self._reporter, memory.reported
        report_due = memory.postponement.take_due()
        course = memory.course = Course(attempt)
        try:
            budget = self._evaluator.budget(key.namespace)
            located = course.reach(await locate(attempt, self._building.prerequisites, budget))
            prepared = course.reach(
                await prepare(
                    located,
                    self._building,
                    self._targets,
                    budget,
                    no_cross_namespace=self._config.no_cross_namespace_refs,
                )
            )
            if isinstance(prepared, Unaffected):
                await record_unaffected(prepared, reporter, self._measure)
                return Outcome(keep_timer=True)
            self._settled.drop(key)
            memory.step = BUILDING
            gathered = course.reach(
                await gather(prepared, self._builder, self._targets, reporter, self._wakeups)
            )
            built = course.reach(await build(gathered, self._builder, reporter, reported))
            memory.step = APPLYING
            applied = course.reach(
                await apply(
                    built,
                    self._inventories,
                    reporter,
                    reported,
                    self._measure,
                    max_inventory_size=self._config.max_inventory_size,
                )
            )
            memory.step = PRUNING
            in_place = course.reach(await prune(applied, reporter))
            memory.step = CHECKING_HEALTH
            waiting = wait.begin(in_place, reporter)
            if isinstance(waiting, Waiting):
                memory.open = waiting
                return await self._continue(memory, waiting)
            return await self._succeed(waiting)
        except Postponed as postponed:
            attempt.session.abandon()
            if not postponed.silent:
                reporter.postponed(memory.postponement, course.attempt, postponed, report_due)
            again = Trigger(Priority.ROUTINE, "retry", depth=attempt.depth)
            return Outcome(after=postponed.retry_after, trigger=again)
        except Failed as failure:
            return await self._fail(course.attempt, failure)
        except BaseException:
            attempt.session.abandon()
            raise

    async def _continue(self, memory: Memory, waiting: Waiting) -> Outcome:
        """Check an open wait: end it, or continue to wait without a worker."""
        budget = self._evaluator.budget(waiting.attempt.key.namespace)
        verdict = await wait.check(waiting, budget, fail_fast=self._config.fail_fast)
        if self._on_checked is not None:
            await self._on_checked(waiting, verdict)
        if verdict.standing is Standing.WAITING:
            return Outcome(after=waiting.next_check(), trigger=WAKE)
        self._close(memory)
        try:
            healthy = await wait.end(waiting, verdict, self._reporter, self._measure)
        except Failed as failure:
            return await self._fail(waiting.attempt, failure)
        return await self._succeed(healthy)

    async def _succeed(self, healthy: Healthy) -> Outcome:
        # Before the report: it wakes dependents, which check whether a revision concerns this Kustomization.
        self._settled.put(healthy.attempt.key, healthy.settled)
        await succeed(healthy, self._reporter)
        interval = healthy.attempt.ks.spec.interval
        if not interval:
            return NOTHING_MORE  # As in Flux: an interval of zero means no next reconcile.
        return Outcome(after=jittered(interval, self._config.jitter))

    async def _fail(self, attempt: Attempt, failure: Failed) -> Outcome:
        await self._reporter.failed(attempt, failure)
        pause = attempt.ks.retry_interval
        return NOTHING_MORE if failure.stalled or not pause else Outcome(after=pause, trigger=RETRY)

    # Open waits.

    def _is_current(self, attempt: Attempt, obj: Obj, requested: str | None) -> bool:
        """Whether an attempt still has the present spec, revision and request."""
        source = self._store.source(source_of(obj)) or {}
        artifact = (source.get("status") or {}).get("artifact") or {}
        return (
            attempt.uid == obj["metadata"]["uid"]
            and attempt.session.generation == obj["metadata"].get("generation")
            and attempt.requested == requested
            and attempt.revision == artifact.get("revision")
        )

    def _interrupt(self, memory: Memory, attempt: Attempt, triggers: tuple[Trigger, ...]) -> None:
        origin = next((t.origin for t in triggers if t.origin), str(ref_of(attempt.obj)))
        message = f"Health checks canceled due to new reconciliation triggered by {origin}"
        _log.info("%s: %s", attempt.key, message)
        self._reporter.event(attempt, NORMAL, message)
        self._close(memory)

    @staticmethod
    def _close(memory: Memory) -> None:
        if memory.open is not None:
            wait.close(memory.open)
            memory.open = None

    @staticmethod
    def _let_go(memory: Memory, outcome: Outcome) -> Outcome:
        """Drop everything of an ended attempt except what :class:`Memory` names."""
        if memory.open is None:
            memory.course = None
        return outcome

    def _session(self, obj: Obj) -> StatusSession:
        return StatusSession(
            self._client, obj, manager=KUSTOMIZE_STATUS, on_written=self._wakeups.kustomization_written
        )
