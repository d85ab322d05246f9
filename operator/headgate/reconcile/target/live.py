"""What the managed objects look like now: one watch per kind, kept as small as the health rules allow.

The API server tells us of every change of an object that carries an owner label, so nothing is ever polled:
a Deployment that becomes healthy wakes the Kustomization that waits for it. An object that is waited for and carries
no owner label is watched on its own, for as long as somebody follows it.

These watches are the operator's, which sees everything. Whose an object is, they do not tell: labels can be written by
anybody. That is known of what this operator applied itself (:class:`~headgate.apply.KnownObjects`), and only that, and
what somebody follows, is kept. A watch ends when nobody needs it any more: the watch of a kind with the last
Kustomization that has applied objects of it, that of a single object with its last follower.

Our own writes are put in with :meth:`LiveObjects.observe` as their answers come, so that a verdict is never
given on a state older than the last apply.
"""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Final

from headgate.api import ObjectKey, labels
from headgate.apply import KnownObjects, Owner, WatchNews
from headgate.health import essence
from headgate.kube import Client, ObjectRef
from headgate.kube.refs import ref_of
from headgate.names import KUSTOMIZE_CONTROLLER
from headgate.objects import Obj, is_newer, version_number, version_of
from headgate.reconcile.target.drift import describe
from headgate.reconcile.target.watches import Scope, Watches, trace

SINGLE_WATCHES_EACH: Final = 20
"""Objects that are watched on their own for the sake of one follower; more are looked at now and then."""
READS: Final = 16
"""Reads of objects of one cluster that are waited for, at once."""
LOST: Final = "it was deleted, or lost its owner labels"
"""What is told of an object that the watch of its kind shows no more."""
SYNC_PATIENCE: Final = 5.0
"""Seconds after which a watch that has not told anything yet is not counted on."""


class LiveObjects:
    """The newest known state of the managed objects of one cluster.

    ``on_change`` is called with the key of every follower of an object that changed, ``on_drift`` with the key of the
    Kustomization that applied it, the object and a description when somebody changed or deleted what we applied.
    ``single_watches`` is how many objects are watched on their own at once, for all followers.
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
        """For reads of objects that are waited for: those of all who wait, together."""
        self._objects: dict[ObjectRef, Obj] = {}
        self._watches = Watches(
            client,
            project=self._take_in,
            on_change=self._changed,
            on_touched=self._tell,
            on_synced=self._synced,
            on_listed=self._listed,
        )
        self._followers: defaultdict[ObjectRef, set[ObjectKey]] = defaultdict(set)
        self._followed: dict[ObjectKey, frozenset[ObjectRef]] = {}
        self._applied: dict[ObjectKey, frozenset[Scope]] = {}
        self._appliers: defaultdict[Scope, set[ObjectKey]] = defaultdict(set)

    # Who needs what.

    def watch(self, key: ObjectKey) -> None:
        """Keep in view, from now on, all that is known to be applied by the Kustomization, and no more for its sake."""
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
        """Wake ``key`` whenever a watch tells that one of these objects changed, in place of those before."""
        self.unfollow(key)
        self._followed[key] = wanted = frozenset(refs)
        for ref in wanted:
            self._followers[ref].add(key)

    def look_closer(self, ref: ObjectRef) -> None:
        """Watch an object that is followed and exists, or may come to exist, on its own, if no other watch shows it."""
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
        """The Kustomization is gone, or has gone to another cluster: nothing is kept for it."""
        owner = Owner(key.name, key.namespace)
        owned = self._known.owned(self._client.cluster, owner)
        self._known.forget_owner(self._client.cluster, owner)
        self.unfollow(key)
        self.watch(key)
        for ref in owned:
            self._let_go(ref)

    # What is known.

    def state(self, ref: ObjectRef) -> Obj | None:
        """What is kept of an object (see :func:`headgate.health.essence`); None where nothing is."""
        return self._objects.get(ref)

    def uid(self, key: ObjectKey, ref: ObjectRef) -> str:
        """The UID of an object that the Kustomization is known to have applied; empty for any other."""
        known = self._known.get(self._client.cluster, ref)
        return known.uid if known is not None and known.owner == Owner(key.name, key.namespace) else ""

    def sees(self, ref: ObjectRef) -> bool:
        """Whether the next change of the object will be told by a watch."""
        single = self._watches.get(Scope.of_one(ref))
        if single is not None and single.is_synced:
            return True
        kind = self._watches.get(Scope.of_kind(ref))
        if kind is None:
            return False
        if kind.is_synced:
            return kind.reflector.get(ref) is not None or self._is_labelled(ref)
        return self._is_labelled(ref) and time.monotonic() - kind.started < SYNC_PATIENCE

    def is_synced(self, ref: ObjectRef) -> bool:
        """Whether the watch of the object's kind has told all there is."""
        kind = self._watches.get(Scope.of_kind(ref))
        return kind is not None and kind.is_synced

    def is_newer(self, ref: ObjectRef, version: str) -> bool:
        """Whether a watch has told of another state than this resource version (empty: that it is not there)."""
        single = self._watches.get(Scope.of_one(ref))
        kind = self._watches.get(Scope.of_kind(ref))
        shown = [self._objects.get(ref), kind.reflector.get(ref) if kind is not None else None]
        shown += [kept for _, kept in single.reflector.items()] if single is not None else []
        versions = [version_number(version_of(obj)) for obj in shown if obj is not None]
        if not version or not versions:
            return bool(version) != bool(versions)
        return max(versions) > version_number(version)

    def observe(self, obj: Obj) -> None:
        """Take over an object as the API server just returned it to us, or as it was shown while we wrote it."""
        kept = self._take_in(obj)
        if "kind" in kept:
            self._put(ref_of(obj), kept)

    def __len__(self) -> int:
        """How many objects are kept."""
        return len(self._objects)

    def open_watches(self) -> int:
        """How many watches are open."""
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
            self._tell(ref)

    def _listed(self, scope: Scope, version: str) -> None:
        """All objects of a kind were told. What we applied before and is not among them went while nobody watched."""
        watch = self._watches.get(scope)
        if watch is None:
            return
        for ref, known in self._known.of_kind(self._client.cluster, scope.api_version, scope.kind):
            if watch.reflector.get(ref) is None and version_number(known.resource_version) <= version_number(
                version
            ):
                self._gone(ref, known.uid)

    def _take_in(self, obj: Obj) -> Obj:
        """A labelled object, whole: is it still as we applied it? Of a stranger's nothing is kept."""
        ref = ref_of(obj)
        news = self._known.observe(self._client.cluster, ref, obj)
        if news is WatchNews.DRIFTED:
            owner = self._owner(ref)
            self._drifted(ref, owner, describe(obj, KUSTOMIZE_CONTROLLER, owner))
        elif news is WatchNews.GONE:
            self._gone(ref, obj["metadata"]["uid"])
            return trace(obj)
        return trace(obj) if news is WatchNews.UNTRACKED and ref not in self._followers else essence(obj)

    def _owner(self, ref: ObjectRef) -> Owner | None:
        known = self._known.get(self._client.cluster, ref)
        return known.owner if known is not None else None

    def _gone(self, ref: ObjectRef, uid: str) -> None:
        owner = self._owner(ref)
        if self._known.observe_gone(self._client.cluster, ref, uid) is WatchNews.GONE:
            self._drifted(ref, owner, LOST)

    def _drifted(self, ref: ObjectRef, owner: Owner | None, what: str) -> None:
        if owner is not None:
            self._on_drift(ObjectKey(owner.namespace, owner.name), ref, what)

    def _changed(self, ref: ObjectRef, old: Obj | None, new: Obj | None) -> None:
        if new is not None:
            if self._is_kept(ref) and "kind" in new:
                self._put(ref, new)
            elif self._is_kept(ref):
                # It was a stranger's when the list that it is in began.
                self._objects.pop(ref, None)
                self._tell(ref)
            return
        if old is not None:
            self._gone(ref, old["metadata"]["uid"])
        # A late word of the end of a former object of this name says nothing about the present one.
        present = self._objects.get(ref)
        if present is not None and old is not None and present["metadata"]["uid"] == old["metadata"]["uid"]:
            del self._objects[ref]
            self._tell(ref)

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
        self._tell(ref)

    def _tell(self, ref: ObjectRef) -> None:
        for key in tuple(self._followers.get(ref, ())):
            self._on_change(key, ref)
