"""Reconciles one Kustomization: source, dependencies, build, apply, prune, health, Ready.

:meth:`KustomizationReconciler.reconcile` is the documented life cycle from top to bottom. Each step either goes
on, or ends the attempt by raising one of two things: :class:`Postponed`, when something it needs is not there
yet, or :class:`Failed`. Neither keeps a worker: the attempt is over, and an event or a timer starts the next.

Only the wait for health spans several calls. It lives in the object's :class:`Memory` as an open
:class:`Attempt`; a change of a watched object, or the deadline, wakes the key and :meth:`_continue` looks again.
A new revision, a new spec or a user's request makes the open attempt stale; it is dropped and a new one begins.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Sequence

from headgate.api import (
    InvalidSpec,
    Kustomization,
    ObjectKey,
    format_duration,
    labels,
    reasons,
)
from headgate.api import inventory as inv
from headgate.apply import Action, ApplyError, ObjectError, Owner
from headgate.backoff import jittered
from headgate.cel import Budget, BudgetExceeded, Evaluator
from headgate.fairness.pools import aside
from headgate.health import HealthExpressions, InvalidHealthExpressions
from headgate.kube import ApiError, Client, ObjectRef, ref_of
from headgate.names import KUSTOMIZATION_VERSION
from headgate.objects import Obj
from headgate.reconcile.core import finalizers
from headgate.reconcile.core.controller import GONE, NOTHING_MORE, RETRY, WAKE, Outcome
from headgate.reconcile.core.inventories import Inventories
from headgate.reconcile.core.queue import Depth, Priority, Trigger
from headgate.reconcile.core.store import KUSTOMIZATION, Store, source_of
from headgate.reconcile.core.wakeups import Wakeups
from headgate.reconcile.kustomization.attempt import (
    APPLYING,
    BUILDING,
    CHECKING_HEALTH,
    DELETING,
    PREPARING,
    PRUNING,
    Attempt,
    Failed,
    Memory,
    Postponed,
)
from headgate.reconcile.kustomization.build.building import BUILDING as BUILDING_MANIFESTS
from headgate.reconcile.kustomization.build.building import Builder
from headgate.reconcile.kustomization.build.builds import Built
from headgate.reconcile.kustomization.dependencies import foreign_judged_by_expression
from headgate.reconcile.kustomization.finalize import Finalizer
from headgate.reconcile.kustomization.health import Looks, NoSight
from headgate.reconcile.kustomization.prerequisites import Prerequisites, misconfigured
from headgate.reconcile.kustomization.report import Reporter, is_news, settle
from headgate.reconcile.kustomization.settled import Settled, SettledBuilds
from headgate.reconcile.kustomization.waiting import HealthWait, Standing, Verdict, jobs_with_ttl, judge
from headgate.reconcile.reporting.events import NORMAL
from headgate.reconcile.reporting.measure import APPLY, HEALTH, UNMEASURED, Measure, timed
from headgate.reconcile.reporting.status import StatusSession
from headgate.reconcile.reporting.unexpected import explained, is_passing, is_too_large
from headgate.reconcile.target.errors import TargetError, TargetPending
from headgate.reconcile.target.live import LOST
from headgate.reconcile.target.targets import Target, Targets
from headgate.settings import KustomizationSettings

_log = logging.getLogger("headgate.kustomization")

STATUS_MANAGER = "gotk-kustomize-controller"
"""Field manager of the Kustomizations' status and finalizers."""


class KustomizationReconciler:
    """See the module's text. Shared by all workers; an object is with one worker at a time."""

    def __init__(
        self,
        config: KustomizationSettings,
        client: Client,
        store: Store,
        settled: SettledBuilds,
        targets: Targets,
        prerequisites: Prerequisites,
        builder: Builder,
        evaluator: Evaluator,
        finalizer: Finalizer,
        reporter: Reporter,
        inventories: Inventories,
        wakeups: Wakeups,
        measure: Measure = UNMEASURED,
    ) -> None:
        self._config, self._client, self._store, self._settled = config, client, store, settled
        self._targets, self._prerequisites, self._builder = targets, prerequisites, builder
        self._finalizer, self._reporter, self._evaluator = finalizer, reporter, evaluator
        self._inventories = inventories
        self._wakeups, self._measure = wakeups, measure
        self._memories: dict[ObjectKey, Memory] = {}

    async def reconcile(self, key: ObjectKey, triggers: tuple[Trigger, ...]) -> Outcome:
        """Do what can be done now for the Kustomization; see :class:`Outcome` for what comes next."""
        memory = self._memories.setdefault(key, Memory())
        memory.doing = PREPARING
        self._cancel_report(memory)
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
            memory.doing = DELETING
            return await self._finalizer.finalize(key, obj)
        held = await finalizers.add(self._client, obj, STATUS_MANAGER)
        if held is None:
            return NOTHING_MORE
        obj = held
        self._store.put_kustomization(obj)
        session = StatusSession(
            self._client, obj, manager=STATUS_MANAGER, written=self._wakeups.kustomization_written
        )
        requested = (obj["metadata"].get("annotations") or {}).get(labels.REQUESTED_AT)
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
            if depth is Depth.LOOK and self._is_current(memory.open, obj, requested):
                memory.doing = CHECKING_HEALTH
                return self._let_go(memory, await self._continue(memory, memory.open))
            self._interrupt(memory, memory.open, triggers)
        attempt = memory.last = Attempt(key, obj, ks, session, requested, time.monotonic(), depth=depth)
        return self._let_go(memory, await self._attempt(memory, attempt))

    @staticmethod
    def _let_go(memory: Memory, outcome: Outcome) -> Outcome:
        """An attempt that is over is not kept: it holds all objects that were built."""
        if memory.open is None:
            memory.last = None
        return outcome

    async def broke_off(self, key: ObjectKey, error: Exception, times: int) -> None:
        """Report that an attempt ended with an error that nobody foresaw, the ``times``-th time in a row.

        What passes by itself, such as a restart of the API server, is reported only when the next try meets it, too.
        Raises :class:`headgate.kube.ApiError`.
        """
        memory, obj = self._memories.get(key), self._store.kustomization(key)
        if memory is None or obj is None or (times == 1 and is_passing(error)):
            return
        last, said = memory.last, explained(error)
        if last is not None:
            said = await last.masked(said)
        session = StatusSession(
            self._client, obj, manager=STATUS_MANAGER, written=self._wakeups.kustomization_written
        )
        requested = (obj["metadata"].get("annotations") or {}).get(labels.REQUESTED_AT)
        revision = last.revision if last is not None else ""
        await self._reporter.broke_off(session, requested, memory.doing, said, revision)

    # The life cycle.

    async def _attempt(self, memory: Memory, attempt: Attempt) -> Outcome:
        due, memory.report_due = memory.report_due, None
        try:
            budget = self._evaluator.budget(attempt.key.namespace)
            attempt.expressions = await _health_expressions(attempt, budget)
            source = self._prerequisites.source(attempt)
            await self._settled.compare(attempt.key, source)
            hidden = await self._hidden(attempt)
            await self._prerequisites.dependencies(
                attempt, lambda key: not self._settled.concerns(key, source), budget, hidden
            )
            if attempt.depth is Depth.LOOK and not self._settled.concerns(attempt.key, source):
                await self._builder.read_inputs(attempt)
                settled = self._settled.get(attempt.key)
                assert settled is not None
                assert attempt.inputs is not None
                if attempt.inputs.version == settled.cluster_inputs:
                    return await self._take_note(attempt, settled)
            self._settled.drop(attempt.key)
            self._reporter.progress(attempt, "Fetching manifests")
            memory.doing = BUILDING
            self._builder.begin(attempt, source)
            attempt.target = await self._target(attempt)
            await self._tell_drifts(attempt)
            await self._builder.build(attempt, source)
            await self._reporter.warned(memory, attempt)
            memory.doing = APPLYING
            await self._apply(attempt)
            await self._reporter.noted(memory, attempt)
            memory.doing = PRUNING
            await self._prune(attempt)
            memory.doing = CHECKING_HEALTH
            if await self._start_health_wait(memory, attempt):
                return await self._continue(memory, attempt)
            return await self._succeed(attempt)
        except Postponed as wait:
            attempt.session.abandon()
            if not wait.silent:
                self._reporter.postponed(memory, attempt, wait, due)
            again = Trigger(Priority.ROUTINE, "retry", depth=attempt.depth)
            return Outcome(after=wait.after, trigger=again)
        except Failed as failure:
            return await self._fail(attempt, failure)
        except BaseException:
            attempt.session.abandon()
            raise

    async def _hidden(self, attempt: Attempt) -> frozenset[ObjectKey]:
        """The dependencies of which the Kustomization may see no more than how they are."""
        foreign = foreign_judged_by_expression(attempt.obj)
        if not foreign:
            return frozenset()
        try:
            sight = self._targets.sight_here(attempt.ks)
        except TargetError as error:
            raise Failed(error.reason, error.message) from error
        if not sight.is_limited:
            return frozenset(foreign) if self._config.no_cross_namespace_refs else frozenset()
        refs = {
            key: ObjectRef(KUSTOMIZATION_VERSION, KUSTOMIZATION, key.name, key.namespace) for key in foreign
        }
        visible = await sight.visible(refs.values())
        return frozenset(key for key, ref in refs.items() if ref not in visible)

    async def _target(self, attempt: Attempt) -> Target:
        try:
            return await self._targets.of(attempt.ks)
        except TargetPending as error:
            raise Postponed(
                error.reason, error.message, after=error.retry_after, silent=error.silent
            ) from error
        except TargetError as error:
            self._reporter.progress(attempt, BUILDING_MANIFESTS)
            raise Failed(error.reason, error.message) from error

    async def _tell_drifts(self, attempt: Attempt) -> None:
        """Tell which objects are no longer as they were applied; of those that may be read, who did what to them."""
        drifts = self._wakeups.take_drifts(attempt.key)
        if not drifts:
            return
        assert attempt.target is not None
        seen = await attempt.target.sight.visible(drifts)
        for ref, what in drifts.items():
            self._reporter.drifted(attempt.obj, ref, what if what == LOST or ref in seen else "")

    async def _apply(self, attempt: Attempt) -> None:
        assert attempt.built is not None
        assert attempt.target is not None
        session, target = attempt.session, attempt.target
        self._reporter.progress(attempt, "Detecting drift")
        before, objects = await _inventory(attempt), attempt.built.objects
        intended = await aside(attempt.key.namespace, len(objects), lambda: inv.of_objects(objects))
        if not intended <= before:
            await self._check_size(attempt, intended | before, len(before - intended))
        self._inventories.keep(attempt.key)
        try:
            with timed(self._measure, APPLY):
                result = await target.applier.apply(
                    attempt.ks,
                    attempt.built.objects,
                    full=attempt.depth is Depth.VERIFY,
                    record=lambda refs: self._record(attempt, refs),
                )
        except ApplyError as error:
            changes, unsure = error.changes, error.unsure
            await _keep_inventory(
                attempt,
                lambda: target.applier.resolved(inv.of_changes(changes) | inv.of_refs(unsure) | before),
            )
            if not session.status["inventory"]["entries"]:
                del session.status["inventory"]
            changed = "\n".join(str(c) for c in error.changes.changed())
            said = f"{_with_places(error.errors, attempt.built)}\n{changed}" if error.errors else str(error)
            raise Failed(error.reason, said) from error
        finally:
            target.live.watch(attempt.key)
        changed = "\n".join(str(c) for c in result.changes.changed())
        attempt.result, attempt.drifted = result, bool(changed)
        if changed:
            self._reporter.tell(attempt, NORMAL, changed)
        size = len(result.changes) + len(before)
        after, attempt.stale = await aside(
            attempt.key.namespace,
            size,
            lambda: (
                after := inv.of_changes(result.changes),
                target.applier.resolved(before) - after,
            ),
        )
        target.applier.moved(Owner(attempt.ks.name, attempt.ks.namespace), before, after)
        self._inventories.accepted(attempt.key, attempt.obj, result.answered)
        self._inventories.let_go(attempt.key, attempt.stale)
        if not attempt.ks.spec.prune:
            self._inventories.left(attempt.obj, attempt.stale)
        # What is to be pruned stays recorded until it is: progress may be written, and we may end, at any moment.
        await _keep_inventory(attempt, lambda: after | attempt.stale if attempt.ks.spec.prune else after)

    async def _check_size(self, attempt: Attempt, entries: frozenset[inv.Entry], going: int = 0) -> int:
        """The bytes that an inventory takes; raises :class:`Failed` for more than may be stored.

        ``going`` of the entries are only there until their objects are deleted.
        """
        size = await aside(attempt.key.namespace, len(entries), lambda: inv.size_of(entries))
        limit = self._config.max_inventory_size
        if size > limit:
            self._measure.inventory_refused()
            why = f"the limit is {limit / MIB:.1f} MiB, see --max-inventory-size"
            if going:
                why += f"; {going} of the objects are to be deleted, which may be done in a commit before"
            raise Failed(reasons.RECONCILIATION_FAILED, _too_large(len(entries), size, why))
        return size

    async def _record(self, attempt: Attempt, refs: Sequence[ObjectRef]) -> None:
        """Store the names of objects that are about to be written, so that nothing is there that nobody knows of.

        Raises :class:`Failed` when there is no room for them.
        """
        session = attempt.session
        former = session.status.get("inventory")
        noted = await _inventory(attempt)
        new = await aside(attempt.key.namespace, len(refs), lambda: inv.of_refs(refs))
        if new <= noted:
            return
        entries = new | noted
        size = await self._check_size(attempt, entries)
        await _keep_inventory(attempt, lambda: entries)
        try:
            is_there = await session.write()
        except ApiError as error:
            if not is_too_large(error):
                raise
            # As it was, or the report of this failure would be refused for the same reason.
            session.status.pop("inventory")
            if former is not None:
                session.status["inventory"] = former
            self._measure.inventory_refused()
            why = (
                "the API server refuses it with the rest of the object; etcd's limit is 1.5 MiB for an object"
            )
            raise Failed(reasons.RECONCILIATION_FAILED, _too_large(len(entries), size, why)) from error
        if not is_there:
            raise Postponed(reasons.RECONCILIATION_FAILED, "it is gone", after=None, silent=True)

    async def _prune(self, attempt: Attempt) -> None:
        if not attempt.stale or not attempt.ks.spec.prune:
            return
        assert attempt.target is not None
        assert attempt.result is not None
        pruned = await attempt.target.applier.prune(
            attempt.ks, attempt.obj, attempt.stale, attempt.result.uids
        )
        attempt.target.live.watch(attempt.key)
        inv.to_status(attempt.session.status, inv.of_changes(attempt.result.changes) | pruned.survivors)
        if len(pruned.changes):
            self._reporter.tell(attempt, NORMAL, str(pruned.changes))
        if pruned.errors:
            raise Failed(reasons.PRUNE_FAILED, "\n".join(pruned.errors))

    # Waiting for health.

    async def _start_health_wait(self, memory: Memory, attempt: Attempt) -> bool:
        """Open the wait; False when there is nothing to wait for."""
        assert attempt.result is not None
        session = attempt.session
        targets = self._health_targets(attempt)
        if not targets:
            session.unmark(reasons.HEALTHY)
            return False
        attempt.was_healthy = session.is_true(reasons.HEALTHY)
        message = self._reporter.progress(attempt, "Running health checks")
        session.mark(reasons.HEALTHY, "Unknown", reasons.PROGRESSING, message)
        now = time.monotonic()
        attempt.wait = HealthWait(
            uid=attempt.obj["metadata"]["uid"],
            generation=session.generation,
            revision=attempt.revision,
            targets=targets,
            jobs_with_ttl=jobs_with_ttl(attempt.built.objects if attempt.built else ()),
            started=now,
            deadline=now + attempt.ks.timeout,
        )
        memory.open = attempt
        assert attempt.target is not None
        target, uids = attempt.target, self._own(attempt, targets)
        target.live.follow(attempt.key, targets)
        attempt.looks = Looks(target.sight, target.live, targets, uids, attempt.expressions)
        return True

    def _own(self, attempt: Attempt, targets: Iterable[ObjectRef]) -> dict[ObjectRef, str]:
        """The UIDs of those objects that the attempt applied or found in place: what the watches show is theirs.

        Where the spec names objects, the API server must have shown them to the account in this very attempt.
        """
        assert attempt.target is not None
        live, sight = attempt.target.live, attempt.target.sight
        found = {ref: uid for ref in targets if (uid := live.uid(attempt.key, ref))}
        if attempt.ks.spec.wait or not sight.is_limited:
            return found
        return {ref: uid for ref, uid in found.items() if sight.is_fresh(ref, uid)}

    def _health_targets(self, attempt: Attempt) -> tuple[ObjectRef, ...]:
        spec = attempt.ks.spec
        assert attempt.result is not None
        if spec.wait:
            # Skipped objects were chosen to be left alone; a Kustomization does not wait for itself.
            refs = [c.ref for c in attempt.result.changes.entries if c.action is not Action.SKIPPED]
        else:
            refs = [ObjectRef(h.api_version, h.kind, h.name, h.namespace) for h in spec.health_checks]
        own = ref_of(attempt.obj)
        return tuple(r for r in refs if (r.kind, r.namespace, r.name) != (own.kind, own.namespace, own.name))

    async def _continue(self, memory: Memory, attempt: Attempt) -> Outcome:
        """Look at an open wait: end it, or go on waiting without a worker."""
        wait, looks = attempt.wait, attempt.looks
        assert wait is not None
        assert looks is not None
        begun = time.monotonic()
        try:
            verdict = await self._judge(attempt, begun)
        except NoSight as error:
            verdict = Verdict(Standing.FAILED, str(error))
        now = time.monotonic()
        if verdict.standing is Standing.WAITING:
            if looks.over_budget:
                attempt.session.mark(reasons.HEALTHY, "Unknown", reasons.PROGRESSING, looks.over_budget)
            attempt.session.write_soon()
            return Outcome(after=max(0.0, min(wait.deadline - now, looks.next_look(now))), trigger=WAKE)
        self._close(memory)
        self._measure.took(HEALTH, now - wait.started, failed=verdict.standing is Standing.FAILED)
        elapsed = format_duration(now - wait.started)
        if verdict.standing is Standing.FAILED:
            said = await attempt.masked(verdict.message)
            attempt.session.mark(reasons.HEALTHY, "False", reasons.HEALTH_CHECK_FAILED, said)
            message = f"health check failed after {elapsed}: {said}"
            return await self._fail(attempt, Failed(reasons.HEALTH_CHECK_FAILED, message))
        message = f"Health check passed in {elapsed}"
        new_revision = attempt.session.status.get("lastAppliedRevision") != attempt.revision
        if not attempt.was_healthy or (new_revision and attempt.drifted):
            self._reporter.tell(attempt, NORMAL, message)
        attempt.session.mark(reasons.HEALTHY, "True", reasons.SUCCEEDED, message)
        return await self._succeed(attempt)

    async def _judge(self, attempt: Attempt, now: float) -> Verdict:
        """How the wait stands, by what may be told now. Raises :class:`NoSight`."""
        wait, looks, fail_fast = attempt.wait, attempt.looks, self._config.fail_fast
        assert wait is not None
        assert looks is not None
        budget = self._evaluator.budget(attempt.key.namespace)
        await looks.refresh(budget)
        verdict = judge(wait, looks.health, now, fail_fast=fail_fast)
        if verdict.standing is Standing.WAITING:
            return verdict
        await looks.confirm(now, budget, failed=verdict.standing is Standing.FAILED)
        return judge(wait, looks.health, now, fail_fast=fail_fast)

    def _is_current(self, attempt: Attempt, obj: Obj, requested: str | None) -> bool:
        """Whether an open attempt is still for what is wanted now."""
        source = self._store.source(source_of(obj)) or {}
        artifact = (source.get("status") or {}).get("artifact") or {}
        return (
            attempt.obj["metadata"]["uid"] == obj["metadata"]["uid"]
            and attempt.session.generation == obj["metadata"].get("generation")
            and attempt.requested == requested
            and attempt.revision == artifact.get("revision")
        )

    def _interrupt(self, memory: Memory, attempt: Attempt, triggers: tuple[Trigger, ...]) -> None:
        origin = next((t.origin for t in triggers if t.origin), str(ref_of(attempt.obj)))
        message = f"Health checks canceled due to new reconciliation triggered by {origin}"
        _log.info("%s: %s", attempt.key, message)
        self._reporter.tell(attempt, NORMAL, message)
        self._close(memory)

    def _close(self, memory: Memory) -> None:
        if memory.open is not None:
            memory.open.session.abandon()
            if memory.open.target is not None:
                memory.open.target.live.unfollow(memory.open.key)
            memory.open = None

    # How an attempt ends.

    async def _succeed(self, attempt: Attempt) -> Outcome:
        session, ks, built = attempt.session, attempt.ks, attempt.built
        assert built is not None
        settled = Settled(
            attempt.obj["metadata"]["uid"],
            session.generation,
            built.digest,
            built.inputs,
            attempt.inputs.version if attempt.inputs is not None else "",
        )
        self._settled.put(attempt.key, settled)
        if not is_news(attempt):
            # A routine look at what is all in place: nobody needs to hear of it.
            session.revert()
            _log.debug("%s: everything is in place", attempt.key)
            return self._at_interval(ks)
        await self._reporter.succeeded(attempt, built.digest)
        return self._at_interval(ks)

    async def _take_note(self, attempt: Attempt, settled: Settled) -> Outcome:
        """A new revision that changes nothing here is noted, with no build and no request but this."""
        status = attempt.session.status
        if attempt.revision == status.get("lastAppliedRevision") and attempt.session.is_true(reasons.READY):
            return Outcome(keep_timer=True)
        self._measure.build_skipped()
        status["lastAttemptedRevision"] = attempt.revision
        await self._reporter.succeeded(attempt, settled.digest)
        return Outcome(keep_timer=True)

    def _at_interval(self, ks: Kustomization) -> Outcome:
        if not ks.spec.interval:
            return NOTHING_MORE  # As in Flux: no time, no visit.
        return Outcome(after=jittered(ks.spec.interval, self._config.jitter))

    async def _fail(self, attempt: Attempt, failure: Failed) -> Outcome:
        await self._reporter.failed(attempt, failure)
        pause = attempt.ks.retry_interval
        return NOTHING_MORE if failure.stalled or not pause else Outcome(after=pause, trigger=RETRY)

    def _cancel_report(self, memory: Memory) -> None:
        if memory.report is not None:
            memory.report.cancel()
            memory.report = None


async def _inventory(attempt: Attempt) -> frozenset[inv.Entry]:
    """The entries of the inventory, which may be many."""
    status = attempt.session.status
    size = len((status.get("inventory") or {}).get("entries") or ())
    return await aside(attempt.key.namespace, size, lambda: inv.from_status(status))


async def _keep_inventory(attempt: Attempt, entries: Callable[[], frozenset[inv.Entry]]) -> None:
    """Put entries, which may be many, into the status."""
    assert attempt.built is not None
    size = len(attempt.built.objects)
    attempt.session.status |= await aside(attempt.key.namespace, size, lambda: inv.listed(entries()))


def _with_places(errors: Sequence[ObjectError], built: Built) -> str:
    """What is wrong with objects, one a line, each with the file it is from, as far as that is known."""
    wanted = {(e.ref.api_version, e.ref.kind, e.ref.name) for e in errors}
    places: dict[tuple[str, str, str, str], str] = {}
    for obj, place in zip(built.objects, built.places, strict=True):
        kind, meta = (obj["apiVersion"], obj["kind"]), obj["metadata"]
        if place and (*kind, meta["name"]) in wanted:
            # What lives in no namespace may have one in its file.
            for namespace in ("", meta.get("namespace") or ""):
                places.setdefault((*kind, namespace, meta["name"]), place)
    lines = []
    for each in errors:
        ref = each.ref
        found = places.get((ref.api_version, ref.kind, ref.namespace, ref.name))
        lines.append(f"{each.message} (from {found})" if found else each.message)
    return "\n".join(lines)


MIB = 1 << 20


def _too_large(count: int, size: int, why: str) -> str:
    return (
        f"inventory of {count} objects is too large to be stored ({size / MIB:.1f} MiB; {why}): "
        "split the Kustomization into several; nothing is applied whose record cannot be stored"
    )


async def _health_expressions(attempt: Attempt, budget: Budget) -> HealthExpressions | None:
    entries = attempt.obj["spec"].get("healthCheckExprs")
    if not entries:
        return None
    try:
        return await HealthExpressions.compile(entries, budget)
    except InvalidHealthExpressions as error:
        raise misconfigured(error) from error
    except BudgetExceeded as error:
        raise Postponed(reasons.RECONCILIATION_FAILED, str(error), after=error.after) from error
