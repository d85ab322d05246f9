"""The present state of the managed objects: one watch per kind, kept as small as the health rules allow.

The API server sends every change of an object that has an owner label, so Headgate never polls: a Deployment that
becomes healthy wakes the Kustomization that waits for it. An object that a Kustomization waits for and that has no
owner label gets a watch of its name, for as long as somebody follows it.

These watches use the operator's rights, and see everything. They do not show who applied an object: anybody can write
labels. Headgate knows this only of objects that it applied itself (:class:`~headgate.apply.KnownObjects`), and keeps
only those and the ones that somebody follows. A watch ends when nobody needs it: the watch of a kind with the last
Kustomization that has applied objects of it, the watch of a single object with its last follower.

The responses to Headgate's own writes enter through :meth:`LiveObjects.observe` as they arrive, so that no health
check evaluates a state older than the last apply.
"""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Final

from headgate.api import ObjectKey, labels
from headgate.apply import KnownObjects, Observation, Owner
from headgate.health import essence
from headgate.kube import Client, ObjectRef
from headgate.kube.refs import ref_of
from headgate.names import KUSTOMIZE_CONTROLLER
from headgate.objects import Obj, is_newer, version_number, version_of
from headgate.reconcile.target.drift import describe
from headgate.reconcile.target.watches import Scope, Watches, trace

SINGLE_WATCHES_EACH: Final = 20
"""The limit for objects that are watched by name for one follower; further ones are read at intervals."""
READS: Final = 16
"""The limit for simultaneous reads of objects of one cluster that Kustomizations wait for."""
LOST: Final = "it was deleted, or lost its owner labels"
"""What is reported about an object that the watch of its kind no longer shows."""
SYNC_TIMEOUT: Final = 5.0
"""Seconds after which nobody waits for a watch that has not reported anything yet."""


class LiveObjects:
    """The newest cached state of the managed objects of one cluster.

    Calls ``on_change`` with the key of every follower of an object that changed, and ``on_drift`` with the key of the
    Kustomization that applied it, the object and a description when somebody changed or deleted what Headgate applied.
    ``single_watches`` limits the objects that are watched by name at once, for all followers.
    """

    def __init__(
        self,
        client: Client,
        known: KnownObjects,
        *,
        on_change: Callable[[ObjectKey, ObjectRef], None],
        on_drift: Callable[[ObjectKey, ObjectRef, str], None],
        single_watches: int = 500,
    ) -> None:
        self._client, self._known = client, known
        self._on_change, self._on_drift = on_change, on_drift
        self._single_watches = single_watches
        self.reads = asyncio.Semaphore(READS)
        """The slots for reads of objects that Kustomizations wait for, shared by all of them."""
        self._objects: dict[ObjectRef, Obj] = {}
        self._watches = Watches(
            client,
            project=self._take_in,
            on_change=self._changed,
            on_touched=self._wake_followers,
            on_synced=self._synced,
            on_listed=self._listed,
        )
        self._followers: defaultdict[ObjectRef, set[ObjectKey]] = defaultdict(set)
        self._followed: dict[ObjectKey, frozenset[ObjectRef]] = {}
        self._applied: dict[ObjectKey, frozenset[Scope]] = {}
        self._appliers: defaultdict[Scope, set[ObjectKey]] = defaultdict(set)
        self._on_seen: Callable[[ObjectKey, ObjectRef], None] | None = None

    def subscribe(self, on_seen: Callable[[ObjectKey, ObjectRef], None]) -> None:
        """Call ``on_seen`` with each object that changed, and the Kustomization that applied it; it must not raise."""
        self._on_seen = on_seen

    # Needs of the Kustomizations.

    def watch(self, key: ObjectKey) -> None:
        """Watch the kinds of all objects that the Kustomization has applied, and no others for its sake."""
        owned = self._known.owned(self._client.cluster, Owner(key.name, key.namespace))
        kinds = {(ref.api_version, ref.kind) for ref in owned}
        wanted = frozenset(Scope(api_version, kind) for api_version, kind in kinds)
        before = self._applied.pop(key, frozenset())
        if wanted:
            self._applied[key] = wanted
        for scope in wanted - before:
            self._appliers[scope].add(key)
            self._watches.start(scope)
        for scope in before - wanted:
            self._appliers[scope].discard(key)
            if not self._appliers[scope]:
                del self._appliers[scope]
                self._stop_kind(scope)

    def follow(self, key: ObjectKey, refs: Iterable[ObjectRef]) -> None:
        """Wake ``key`` whenever a watch reports a change of one of these objects; replaces the earlier ones."""
        self.unfollow(key)
        self._followed[key] = wanted = frozenset(refs)
        for ref in wanted:
            self._followers[ref].add(key)

    def watch_by_name(self, ref: ObjectRef) -> None:
        """Watch a followed object that exists, or may be created later, by name, unless another watch covers it."""
        if (
            ref not in self._followers
            or self.sees(ref)
            or len(self._watches.singles()) >= self._single_watches
        ):
            return
        if any(self._singles_of(key) < SINGLE_WATCHES_EACH for key in self._followers[ref]):
            self._watches.start(Scope.of_one(ref))

    def unfollow(self, key: ObjectKey) -> None:
        """Stop waking ``key``."""
        for ref in self._followed.pop(key, ()):
            self._followers[ref].discard(key)
            if not self._followers[ref]:
                del self._followers[ref]
                self._watches.stop(Scope.of_one(ref))
                self._let_go(ref)

    def release(self, key: ObjectKey) -> None:
        """Forget the Kustomization: it is gone, or has another target cluster now."""
        owner = Owner(key.name, key.namespace)
        owned = self._known.owned(self._client.cluster, owner)
        self._known.forget_owner(self._client.cluster, owner)
        self.unfollow(key)
        self.watch(key)
        for ref in owned:
            self._let_go(ref)

    # Cached state.

    def state(self, ref: ObjectRef) -> Obj | None:
        """The cached state of an object (see :func:`headgate.health.essence`); None if there is none."""
        return self._objects.get(ref)

    def uid(self, key: ObjectKey, ref: ObjectRef) -> str:
        """The UID of an object that the Kustomization has applied; empty for any other."""
        known = self._known.get(self._client.cluster, ref)
        return known.uid if known is not None and known.owner == Owner(key.name, key.namespace) else ""

    def sees(self, ref: ObjectRef) -> bool:
        """Whether a watch will report the next change of the object."""
        single = self._watches.get(Scope.of_one(ref))
        if single is not None and single.is_synced:
            return True
        kind = self._watches.get(Scope.of_kind(ref))
        if kind is None:
            return False
        if kind.is_synced:
            return kind.reflector.get(ref) is not None or self._is_labelled(ref)
        return self._is_labelled(ref) and time.monotonic() - kind.started < SYNC_TIMEOUT

    def is_synced(self, ref: ObjectRef) -> bool:
        """Whether the watch of the object's kind has reported all that exists."""
        kind = self._watches.get(Scope.of_kind(ref))
        return kind is not None and kind.is_synced

    def is_newer(self, ref: ObjectRef, version: str) -> bool:
        """Whether a watch has reported another state than this resource version (empty: that it does not exist)."""
        single = self._watches.get(Scope.of_one(ref))
        kind = self._watches.get(Scope.of_kind(ref))
        shown = [self._objects.get(ref), kind.reflector.get(ref) if kind is not None else None]
        shown += [kept for _, kept in single.reflector.items()] if single is not None else []
        versions = [version_number(version_of(obj)) for obj in shown if obj is not None]
        if not version or not versions:
            return bool(version) != bool(versions)
        return max(versions) > version_number(version)

    def observe(self, obj: Obj) -> None:
        """Store an object as the API server returned it to a request, or as a watch showed it during our write."""
        ref, version = ref_of(obj), version_of(obj)
        present, known = self._objects.get(ref), self._known.get(self._client.cluster, ref)
        if (
            present is not None
            and known is not None
            and version_of(present) == version == known.resource_version
        ):
            return
        kept = self._take_in(obj)
        if "kind" in kept:
            self._put(ref, kept)

    def __len__(self) -> int:
        """The number of cached objects."""
        return len(self._objects)

    def open_watches(self) -> int:
        """The number of open watches."""
        return len(self._watches)

    async def close(self) -> None:
        """Stop all watches."""
        await self._watches.close()

    # Watches.

    def _singles_of(self, key: ObjectKey) -> int:
        refs = self._followed.get(key, frozenset())
        return sum(1 for ref in self._watches.singles() if ref in refs)

    def _stop_kind(self, scope: Scope) -> None:
        if self._watches.stop(scope):
            for ref in [r for r in self._objects if scope.covers(r)]:
                self._let_go(ref)

    def _synced(self, scope: Scope) -> None:
        for ref in [r for r in self._followers if scope.covers(r)]:
            self._wake_followers(ref)

    def _listed(self, scope: Scope, version: str) -> None:
        """All objects of a kind are listed. What Headgate applied and the list lacks was deleted without a watch."""
        watch = self._watches.get(scope)
        if watch is None:
            return
        for ref, known in self._known.of_kind(self._client.cluster, scope.api_version, scope.kind):
            if watch.reflector.get(ref) is None and version_number(known.resource_version) <= version_number(
                version
            ):
                self._gone(ref, known.uid)

    def _take_in(self, obj: Obj) -> Obj:
        """Store a labeled object, and report drift; of objects that Headgate has not applied, nothing is kept."""
        ref = ref_of(obj)
        observation = self._known.observe(self._client.cluster, ref, obj)
        if observation is Observation.DRIFTED:
            owner = self._owner(ref)
            self._drifted(ref, owner, describe(obj, KUSTOMIZE_CONTROLLER, owner))
        elif observation is Observation.GONE:
            self._gone(ref, obj["metadata"]["uid"])
            return trace(obj)
        return (
            trace(obj)
            if observation is Observation.UNTRACKED and ref not in self._followers
            else essence(obj)
        )

    def _owner(self, ref: ObjectRef) -> Owner | None:
        known = self._known.get(self._client.cluster, ref)
        return known.owner if known is not None else None

    def _gone(self, ref: ObjectRef, uid: str) -> None:
        owner = self._owner(ref)
        if self._known.observe_gone(self._client.cluster, ref, uid) is Observation.GONE:
            self._drifted(ref, owner, LOST)

    def _drifted(self, ref: ObjectRef, owner: Owner | None, what: str) -> None:
        if owner is not None:
            self._on_drift(ObjectKey(owner.namespace, owner.name), ref, what)

    def _changed(self, ref: ObjectRef, old: Obj | None, new: Obj | None) -> None:
        if new is not None:
            if self._is_kept(ref) and "kind" in new:
                self._put(ref, new)
            elif self._is_kept(ref):
                # Nobody here had applied it when the list that contains it began.
                self._objects.pop(ref, None)
                self._wake_followers(ref)
            return
        if old is not None:
            self._gone(ref, old["metadata"]["uid"])
        # A late report of the end of a former object with this name says nothing about the present one.
        present = self._objects.get(ref)
        if present is not None and old is not None and present["metadata"]["uid"] == old["metadata"]["uid"]:
            del self._objects[ref]
            self._wake_followers(ref)

    # Objects.

    def _is_kept(self, ref: ObjectRef) -> bool:
        return ref in self._followers or self._known.get(self._client.cluster, ref) is not None

    def _is_labelled(self, ref: ObjectRef) -> bool:
        obj = self._objects.get(ref)
        return obj is not None and labels.OWNER_NAME in (obj["metadata"].get("labels") or {})

    def _let_go(self, ref: ObjectRef) -> None:
        kind = Scope.of_kind(ref)
        if ref in self._objects and not (self._is_kept(ref) and kind in self._watches):
            del self._objects[ref]

    def _put(self, ref: ObjectRef, obj: Obj) -> None:
        present = self._objects.get(ref)
        if present is not None and not is_newer(version_of(obj), version_of(present)):
            return
        self._objects[ref] = obj
        self._wake_followers(ref)

    def _wake_followers(self, ref: ObjectRef) -> None:
        if self._on_seen is not None and (owner := self._owner(ref)) is not None:
            self._on_seen(ObjectKey(owner.namespace, owner.name), ref)
        for key in tuple(self._followers.get(ref, ())):
            self._on_change(key, ref)
