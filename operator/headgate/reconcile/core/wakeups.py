"""Which event wakes which object: events come in, keys go into the queues of the two reconcilers.

    watch events ──► Wakeups ──► queue of sources ────────► SourceReconciler
    (handlers.py)       │                                        │ new revision
                        │                                        ▼
                        └───────► queue of Kustomizations ──► KustomizationReconciler
                                    ▲            ▲               │ Ready
                                    │            └── dependents ─┘
                          live objects changed (health)

:class:`Wakeups` is made before every part that reports events, and passed to it. Its rules read what the reconcilers
know from values that are made even earlier: the store, and the records of the reconcilers. Nothing here calls the
cluster.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

from headgate.api import ObjectKey, labels
from headgate.api import conditions as cond
from headgate.api.reasons import READY
from headgate.kube import ObjectRef
from headgate.loop import Background
from headgate.names import GIT_REPOSITORY, KUSTOMIZATION
from headgate.objects import Obj
from headgate.reconcile.core.drift import DriftBackoff
from headgate.reconcile.core.queue import Depth, Priority, Trigger, WorkQueue
from headgate.reconcile.core.store import SourceKey, Store, key_of, source_key_of

_log = logging.getLogger("headgate.wakeups")


@dataclass(frozen=True, slots=True)
class _Seen:
    """The state of an object at the last event that had an effect; an equal one is only Headgate's own status write."""

    uid: str
    generation: int
    requested: str | None
    gate: tuple[str | None, str | None]
    """The annotations that hold revisions of a GitRepository."""
    deleting: bool


class LastBuilds(Protocol):
    """What the last builds of the Kustomizations read."""

    def concerns(self, key: ObjectKey, source: SourceKey) -> bool:
        """Whether the source's present tree can change what the Kustomization applies."""

    async def compare(self, key: ObjectKey, source: SourceKey) -> None:
        """Compare in advance, outside the event loop, what would make :meth:`concerns` slow."""


class RequestRecord(Protocol):
    """Which GitRepositories users have requested."""

    def request(self, key: ObjectKey) -> None:
        """Record that a user created, changed, deleted or requested the GitRepository."""


class Wakeups:
    """Takes events, updates the store, fills the queues. Used from the event loop only."""

    def __init__(
        self,
        store: Store,
        kustomization_queue: WorkQueue[ObjectKey],
        source_queue: WorkQueue[ObjectKey],
        builds: LastBuilds,
        requests: RequestRecord,
        *,
        correct_drift: bool = True,
    ) -> None:
        """``correct_drift``: correct drift when a watch reports it; otherwise at the next interval."""
        self._store, self._builds, self._requests = store, builds, requests
        self._kustomization_queue, self._source_queue = kustomization_queue, source_queue
        self._correct_drift = correct_drift
        self._seen: dict[tuple[str, ObjectKey], _Seen] = {}
        self._revisions: dict[SourceKey, tuple[str, str]] = {}
        self._ready: dict[ObjectKey, tuple[bool, int, str]] = {}
        self._versions: dict[ObjectKey, str] = {}
        self._announcing: set[SourceKey] = set()
        self._background = Background()
        self._drift = DriftBackoff()
        self._drifted: dict[tuple[ObjectKey, ObjectRef], str] = {}
        """The last change of each object whose correction is scheduled."""
        self._drifts: dict[ObjectKey, dict[ObjectRef, str]] = {}
        """The changes that the next attempt corrects."""

    # Events of the watches.

    def seen_kustomization(self, obj: Obj) -> None:
        self._store.put_kustomization(obj)

    def seen_source(self, obj: Obj) -> None:
        self._store.put_source(obj)

    def kustomization_event(self, obj: Obj, *, deleted: bool) -> None:
        key = key_of(obj)
        if deleted and _is_other(self._store.kustomization(key), obj):
            return
        if deleted:
            self._kustomization_queue.add(key, Trigger(Priority.REQUESTED, "deleted"))
            self._wake_dependents(key, "dependency deleted")
            self._seen.pop((KUSTOMIZATION, key), None)
            self._ready.pop(key, None)
            self._versions.pop(key, None)
            self._drifts.pop(key, None)
            self._store.drop_kustomization(key)
            return
        self.kustomization_written(obj)
        self._act_on_change(KUSTOMIZATION, obj, lambda trigger: self._kustomization_queue.add(key, trigger))

    def source_event(self, obj: Obj, *, deleted: bool) -> None:
        key = source_key_of(obj)
        if deleted and _is_other(self._store.source(key), obj):
            return
        if deleted:
            if key.kind == GIT_REPOSITORY:
                self._source_queue.add(key.object, Trigger(Priority.REQUESTED, "deleted"))
            self._wake_consumers(key, Trigger(Priority.CHANGED, "source deleted", str(key)))
            self._seen.pop((key.kind, key.object), None)
            self._revisions.pop(key, None)
            self._store.drop_source(key)
            return
        self.source_written(obj)
        if key.kind == GIT_REPOSITORY:
            self._act_on_change(key.kind, obj, lambda trigger: self._wake_source(key.object, trigger))

    def _wake_source(self, key: ObjectKey, trigger: Trigger) -> None:
        if trigger.priority is not Priority.ROUTINE:
            self._requests.request(key)
        self._source_queue.add(key, trigger)

    # Changes through Headgate's own writes, and changes of live objects.

    def source_written(self, obj: Obj) -> None:
        """Store the present state of a source, from a watch or from the response to a write."""
        self._store.put_source(obj)
        key = source_key_of(obj)
        if self._revisions.get(key) != _revision(obj) and key not in self._announcing:
            self._announcing.add(key)
            self._background.begin(f"announcing {key}", lambda: self._announce(key))

    async def _announce(self, key: SourceKey) -> None:
        """Announce the source's revision to its consumers, and repeat that if a newer one has arrived meanwhile."""
        while (obj := self._store.source(key)) is not None and (
            (current := _revision(obj)) != self._revisions.get(key)
        ):
            changed = Trigger(Priority.CHANGED, f"revision {current[0]}", str(key))
            bookkeeping = replace(changed, priority=Priority.ROUTINE)
            async for consumer in self._store.consumers(key):
                # Those that the revision does not concern only record it, after all others.
                concerned = await self._is_concerned(consumer, key)
                self._kustomization_queue.add(consumer, changed if concerned else bookkeeping)
            for source in self._store.including(key):
                self._source_queue.add(source.object, changed)
            self._revisions[key] = current
        self._announcing.discard(key)

    async def _is_concerned(self, consumer: ObjectKey, source: SourceKey) -> bool:
        try:
            await self._builds.compare(consumer, source)
            return self._builds.concerns(consumer, source)
        except Exception as error:
            # A failed comparison must not keep the revision from the others.
            _log.exception("%s: cannot determine whether %s affects it: %s", consumer, source, error)
            return True

    async def idle(self) -> None:
        """Wait until every revision that has arrived so far is announced."""
        await self._background.idle()

    def source_available(self, key: SourceKey) -> None:
        """Wake the consumers: the source's tree is readable (again), even if its revision has not changed."""
        self._wake_consumers(key, Trigger(Priority.ROUTINE, "source available", str(key)))

    def kustomization_written(self, obj: Obj) -> None:
        """Store the present state of a Kustomization.

        Wakes its dependents when it becomes Ready with something new; those with a ``readyExpr``, which may read any of
        its fields, after every change.
        """
        if not self._store.put_kustomization(obj):
            return
        key = key_of(obj)
        version = obj["metadata"]["resourceVersion"]
        status = obj.get("status") or {}
        ready = cond.is_true(status.get("conditions") or (), READY)
        now = (ready, int(status.get("observedGeneration") or 0), str(status.get("lastAppliedRevision")))
        if ready and self._ready.get(key) != now:
            self._wake_dependents(key, "dependency ready")
        elif self._versions.get(key) != version:
            self._wake_dependents(key, "dependency changed", by_expression=True)
        self._ready[key], self._versions[key] = now, version

    def is_source_pending(self, key: SourceKey) -> bool:
        """Whether a GitRepository is queued or with a worker, so that the end of its reconcile wakes the consumers."""
        return key.kind == GIT_REPOSITORY and self._source_queue.is_pending(key.object)

    def live_changed(self, key: ObjectKey, ref: ObjectRef) -> None:
        """Wake the Kustomization: an object that it follows has changed."""
        self._kustomization_queue.add(key, Trigger(Priority.UNBLOCKED, "live object changed"))

    def cluster_answered(self, key: ObjectKey) -> None:
        """Wake the Kustomization: the check whether its remote cluster is reachable has ended."""
        self._kustomization_queue.add(
            key, Trigger(Priority.UNBLOCKED, "cluster answered", depth=Depth.VERIFY)
        )

    def object_given(self, key: ObjectKey, ref: ObjectRef) -> None:
        """Wake the Kustomization: another one released or deleted an object that this one has in its inventory too."""
        if self._store.kustomization(key) is not None:
            trigger = Trigger(
                Priority.CHANGED, f"{ref} released by another Kustomization", str(ref), Depth.APPLY
            )
            self._kustomization_queue.add(key, trigger)

    def live_drifted(self, key: ObjectKey, ref: ObjectRef, what: str) -> None:
        """Schedule a correction: somebody changed or deleted a managed object; a repetition soon after has to wait."""
        if not self._correct_drift or self._store.kustomization(key) is None:
            return
        is_due = (key, ref) in self._drifted
        self._drifted[key, ref] = what
        if is_due:
            return  # The scheduled correction covers this change too: one event and one pass for all of them.
        delay = self._drift.delay((key, ref))
        if delay:
            asyncio.get_running_loop().call_later(delay, self._correct, key, ref)
        else:
            self._correct(key, ref)

    def _correct(self, key: ObjectKey, ref: ObjectRef) -> None:
        what = self._drifted.pop((key, ref))
        if self._store.kustomization(key) is None:
            return
        self._drifts.setdefault(key, {})[ref] = what
        self._kustomization_queue.add(
            key, Trigger(Priority.CHANGED, f"drift of {ref}", str(ref), Depth.APPLY)
        )

    def take_drifts(self, key: ObjectKey) -> dict[ObjectRef, str]:
        """The changes of managed objects that drifted since the last call."""
        return self._drifts.pop(key, {})

    def config_changed(self, ref: ObjectRef) -> None:
        """Wake the users of a watched ConfigMap or Secret that was created, changed or deleted."""
        trigger = Trigger(Priority.CHANGED, "configuration changed", str(ref))
        kustomizations, sources = self._store.users(ref)
        for key in kustomizations:
            self._kustomization_queue.add(key, replace(trigger, depth=Depth.APPLY))
        for source in sources:
            self._source_queue.add(source.object, trigger)

    # Rules for waking.

    def _wake_consumers(self, key: SourceKey, trigger: Trigger) -> None:
        async def wake() -> None:
            async for consumer in self._store.consumers(key):
                self._kustomization_queue.add(consumer, trigger)

        self._background.begin(f"{trigger.reason}: {key}", wake)

    def _wake_dependents(self, key: ObjectKey, reason: str, *, by_expression: bool = False) -> None:
        trigger = Trigger(Priority.UNBLOCKED, reason, f"Kustomization/{key}")
        for dependent in self._store.dependents(key, by_expression=by_expression):
            self._kustomization_queue.add(dependent, trigger)

    def _act_on_change(self, kind: str, obj: Obj, act: Callable[[Trigger], None]) -> None:
        """Call ``act`` if something about the object is new; record the object as seen afterwards."""
        meta = obj["metadata"]
        now = _Seen(
            uid=meta.get("uid", ""),
            generation=meta.get("generation", 0),
            requested=labels.requested_at(obj),
            gate=labels.gate(obj) if kind == GIT_REPOSITORY else (None, None),
            deleting=bool(meta.get("deletionTimestamp")),
        )
        before = self._seen.get((kind, key_of(obj)))
        if now != before:
            act(_trigger(kind, obj, before, now))
            self._seen[kind, key_of(obj)] = now


def _trigger(kind: str, obj: Obj, before: _Seen | None, now: _Seen) -> Trigger:
    origin = f"{kind}/{key_of(obj)}"
    if before is None or before.uid != now.uid:
        handled = (obj.get("status") or {}).get("lastHandledReconcileAt")
        asked = now.deleting or (now.requested is not None and now.requested != handled)
        done = (obj.get("status") or {}).get("observedGeneration") == now.generation
        priority = Priority.REQUESTED if asked else Priority.ROUTINE if done else Priority.CHANGED
        return Trigger(priority, "first seen", origin, Depth.APPLY)
    if now.deleting:
        reason = "deleted"
    elif before.generation != now.generation:
        reason = "spec changed"
    else:
        reason = "requested" if before.requested != now.requested else "hold or windows changed"
    return Trigger(Priority.REQUESTED, reason, origin, Depth.VERIFY)


def _is_other(stored: Obj | None, gone: Obj) -> bool:
    """Whether the deleted object is not the stored one: an object of the same name may be there by now."""
    uid = gone["metadata"].get("uid")
    return stored is None or (uid is not None and stored["metadata"].get("uid") not in (None, uid))


def _revision(source: Obj) -> tuple[str, str]:
    artifact = (source.get("status") or {}).get("artifact") or {}
    return artifact.get("revision", ""), artifact.get("digest", "")
