"""Deletes a Kustomization: first its objects, according to its deletion policy, then its finalizer.

A deletion never waits for the impossible: kinds that no longer exist and objects that are gone count as deleted. The
condition and the event report what the API server refuses to delete, and the deletion is retried. With
``WaitForTermination``, the wait for the end of the objects follows their watch and ends at the timeout.
"""

from __future__ import annotations

import logging
import time
from contextlib import suppress
from dataclasses import dataclass

from headgate.api import InvalidSpec, Kustomization, ObjectKey, labels, reasons
from headgate.api import conditions as cond
from headgate.api import inventory as inv
from headgate.backoff import Backoff
from headgate.fairness.pools import aside
from headgate.health import HealthStatus
from headgate.kube import Client, ObjectRef
from headgate.names import KUSTOMIZE_CONTROLLER, KUSTOMIZE_STATUS
from headgate.objects import Obj
from headgate.reconcile.core import finalizers
from headgate.reconcile.core.controller import NOTHING_MORE, RETRIES, RETRY, WAKE, Outcome
from headgate.reconcile.core.inventories import Inventories
from headgate.reconcile.core.store import Store
from headgate.reconcile.kustomization.health import HealthReads, ReadDenied
from headgate.reconcile.kustomization.report import applied_revisions
from headgate.reconcile.reporting.events import NORMAL, WARNING, Event, EventRecorder
from headgate.reconcile.reporting.status import StatusSession
from headgate.reconcile.target.errors import AccountMissing, TargetError, TargetPending
from headgate.reconcile.target.live import LiveObjects
from headgate.reconcile.target.targets import ClusterTarget, Targets

_log = logging.getLogger("headgate.finalize")


@dataclass(frozen=True, slots=True)
class Termination:
    """A wait for the end of deleted objects."""

    uid: str
    """The UID of the Kustomization: another one with the same name has its own objects."""
    refs: tuple[ObjectRef, ...]
    deadline: float
    live: LiveObjects
    reads: HealthReads


class Finalizer:
    """Carries out deletions; keeps only what a running deletion needs."""

    def __init__(
        self,
        client: Client,
        store: Store,
        targets: Targets,
        events: EventRecorder,
        inventories: Inventories,
    ) -> None:
        self._client, self._store, self._targets, self._events = client, store, targets, events
        self._inventories = inventories
        self._terminations: dict[ObjectKey, Termination] = {}
        self._backoff: Backoff[ObjectKey] = Backoff(RETRIES)

    async def finalize(self, key: ObjectKey, obj: Obj) -> Outcome:
        """Delete the objects according to the deletion policy, then remove the finalizer."""
        if labels.FINALIZER not in (obj["metadata"].get("finalizers") or []):
            return NOTHING_MORE
        wait = self._terminations.get(key)
        if wait is not None and wait.uid != obj["metadata"]["uid"]:
            self.forget(key)
            wait = None
        if wait is not None:
            outcome = await self._still_terminating(key, obj)
        else:
            outcome = await self._begin(key, obj)
        if outcome is not None:
            return outcome
        await finalizers.remove(self._client, obj, KUSTOMIZE_STATUS)
        self._backoff.reset(key)
        return NOTHING_MORE

    def forget(self, key: ObjectKey) -> None:
        """Forget the Kustomization, which is gone: somebody else may have removed the finalizer."""
        self._backoff.reset(key)
        wait = self._terminations.pop(key, None)
        if wait is not None:
            wait.live.unfollow(key)

    async def _begin(self, key: ObjectKey, obj: Obj) -> Outcome | None:
        """Start the deletion; None if the finalizer can be removed."""
        status = obj.get("status") or {}
        size = len((status.get("inventory") or {}).get("entries") or ())
        entries = await aside(key.namespace, size, lambda: inv.from_status(status))
        try:
            ks = Kustomization.for_deletion(obj)
        except InvalidSpec as error:
            return await self._undecided(key, obj, f"unable to prune objects: {error}") if entries else None
        if ks.deletes and entries:
            return await self._delete_as_owner(key, ks, obj, entries)
        self._inventories.left(obj, entries)
        return None

    async def _undecided(self, key: ObjectKey, obj: Obj, message: str) -> Outcome:
        """Report that it is unclear which objects to delete, or where: an edit of the spec helps."""
        _log.error("%s: %s", key, message)
        self._event(obj, WARNING, message)
        session = StatusSession(self._client, obj, manager=KUSTOMIZE_STATUS, on_written=self._keep)
        session.mark(reasons.READY, "False", reasons.PRUNE_FAILED, message)
        await session.write()
        return NOTHING_MORE

    async def _delete_as_owner(
        self, key: ObjectKey, ks: Kustomization, obj: Obj, entries: frozenset[inv.Entry]
    ) -> Outcome | None:
        """Delete under the account that applied the objects; None if the finalizer can be removed."""
        try:
            await self._targets.check_account(ks)
            target = await self._targets.of(ks)
        except AccountMissing as error:
            # As Flux: without the account nobody may delete them, and the Kustomization must not stay forever.
            names = "\n".join(
                "/".join(p for p in (e.kind, e.namespace, e.name) if p) for e in sorted(entries, key=str)
            )
            message = f"unable to prune objects: {error}\n{names}"
            _log.error("%s: %s", key, message)
            self._event(obj, WARNING, message)
            self._inventories.left(obj, entries)
            return None
        except TargetPending as error:
            return Outcome(after=error.retry_after, trigger=WAKE)
        except TargetError as error:
            return await self._report(key, ks, obj, f"pruning for deleted resource failed: {error}", entries)
        return await self._delete(key, ks, obj, entries, target)

    async def _report(
        self, key: ObjectKey, ks: Kustomization, obj: Obj, message: str, left: frozenset[inv.Entry]
    ) -> Outcome:
        _log.error("%s: %s", key, message)
        self._event(obj, WARNING, message)
        session = StatusSession(self._client, obj, manager=KUSTOMIZE_STATUS, on_written=self._keep)
        session.mark(reasons.READY, "False", reasons.PRUNE_FAILED, message)
        session.status |= await aside(key.namespace, len(left), lambda: inv.listed(left))
        await session.write()
        return Outcome(after=min(self._backoff.next(key), ks.retry_interval), trigger=RETRY)

    async def _delete(
        self,
        key: ObjectKey,
        ks: Kustomization,
        obj: Obj,
        entries: frozenset[inv.Entry],
        target: ClusterTarget,
    ) -> Outcome | None:
        pruned = await target.applier.prune(ks, obj, entries)
        if len(pruned.changes):
            self._event(obj, NORMAL, str(pruned.changes))
        if pruned.errors:
            message = "pruning for deleted resource failed: " + "; ".join(pruned.errors)
            return await self._report(key, ks, obj, message, pruned.survivors)
        if ks.deletion_policy != "WaitForTermination":
            return None
        refs = pruned.terminating
        reads = HealthReads(target.access, target.live, refs, {})
        self._terminations[key] = Termination(
            obj["metadata"]["uid"], refs, time.monotonic() + ks.timeout, target.live, reads
        )
        target.live.follow(key, refs)
        return await self._still_terminating(key, obj)

    async def _still_terminating(self, key: ObjectKey, obj: Obj) -> Outcome | None:
        """Check a running wait; None if it has ended, in whatever way."""
        wait = self._terminations[key]
        with suppress(ReadDenied):
            # Without read access, the wait lasts until the timeout.
            await wait.reads.refresh()
        now = time.monotonic()
        left = [r for r in wait.refs if wait.reads.health(r).status is not HealthStatus.NOT_FOUND]
        if left and now < wait.deadline:
            return Outcome(after=min(wait.deadline - now, wait.reads.next_read(now)), trigger=WAKE)
        del self._terminations[key]
        wait.live.unfollow(key)
        if left:
            names = ", ".join(str(r) for r in left)
            message = f"failed to wait for resources termination: {names} still there after the timeout"
            _log.error("%s: %s", key, message)
            self._event(obj, WARNING, message)
        return None

    def _keep(self, obj: Obj) -> None:
        self._store.put_kustomization(obj)

    def _event(self, obj: Obj, type: str, message: str) -> None:
        ready = cond.get(cond.of(obj), reasons.READY)
        reason = ready["reason"] if ready else ("error" if type == WARNING else "info")
        self._events.emit(Event(obj, KUSTOMIZE_CONTROLLER, type, reason, message, applied_revisions(obj)))
