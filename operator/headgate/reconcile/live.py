"""What the managed objects look like now: one watch per kind, kept as small as the health rules allow.

The API server tells us of every change of an object that carries an owner label, so nothing is ever polled:
a Deployment that becomes healthy wakes the Kustomization that waits for it. An object without an owner label
that a ``healthChecks`` entry names is watched on its own, for as long as somebody follows it.

Our own writes are put in with :meth:`LiveObjects.observe` as their answers come, so that a verdict is never
given on a state older than the last apply.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from headgate.api import ObjectKey, labels
from headgate.apply import KnownObjects, News
from headgate.apply.options import FIELD_MANAGER
from headgate.cel import Budget
from headgate.health import Health, HealthExpressions, HealthStatus, compute, essence, whole
from headgate.kube import Client, ObjectRef, Reflector, ref_of
from headgate.reconcile.drift import describe

Obj = dict[str, Any]


@dataclass(frozen=True, slots=True)
class _Scope:
    """What one watch covers."""

    api_version: str
    kind: str
    only: ObjectRef | None = None
    """A single object, watched by name; None: all that carry an owner label."""


@dataclass(frozen=True, slots=True)
class _Watch:
    reflector: Reflector[Obj]
    task: asyncio.Task[None]


class LiveObjects:
    """The newest known state of the managed objects of one cluster.

    ``on_change`` is called with the key of every follower of an object that changed, ``on_drift`` with the key of the
    owner, the object and a description when somebody changed or deleted what we applied.
    """

    def __init__(
        self,
        client: Client,
        known: KnownObjects,
        *,
        on_change: Callable[[ObjectKey, ObjectRef], None],
        on_drift: Callable[[ObjectKey, ObjectRef, str], None],
    ) -> None:
        self._client, self._known = client, known
        self._on_change, self._on_drift = on_change, on_drift
        self._objects: dict[ObjectRef, Obj] = {}
        self._watches: dict[_Scope, _Watch] = {}
        self._followers: defaultdict[ObjectRef, set[ObjectKey]] = defaultdict(set)
        self._followed: dict[ObjectKey, tuple[ObjectRef, ...]] = {}
        self._whole: set[tuple[str, str]] = set()
        """Kinds that users' expressions look at: of their objects nothing may be left out."""

    def follow(
        self, key: ObjectKey, refs: Iterable[ObjectRef], expressions: HealthExpressions | None = None
    ) -> None:
        """Wake ``key`` whenever one of these objects changes, in place of those it followed before.

        ``expressions`` are those that :meth:`health` will be asked to judge them by.
        """
        self.unfollow(key)
        self._followed[key] = wanted = tuple(refs)
        if expressions:
            self._keep_whole(
                {(r.api_version, r.kind) for r in wanted if expressions.cover(r.api_version, r.kind)}
            )
        for ref in wanted:
            self._followers[ref].add(key)
        self.watch((r.api_version, r.kind) for r in wanted)
        for ref in wanted:
            self._look_closer(ref)

    def unfollow(self, key: ObjectKey) -> None:
        """Stop waking ``key``."""
        for ref in self._followed.pop(key, ()):
            self._followers[ref].discard(key)
            if not self._followers[ref]:
                del self._followers[ref]
                self._stop(_Scope(ref.api_version, ref.kind, ref))

    def watch(self, kinds: Iterable[tuple[str, str]]) -> None:
        """Keep the owned objects of these kinds (API version, kind) in view from now on."""
        for api_version, kind in set(kinds):
            self._start(_Scope(api_version, kind))

    def health(self, ref: ObjectRef, expressions: HealthExpressions | None = None) -> Health:
        """The health of an object that is followed, by the built-in rules where no expression covers its kind.

        Where one does, :meth:`evaluate` finds it out.
        """
        obj = self._objects.get(ref)
        if obj is not None:
            known = expressions.known(obj) if expressions else compute(obj)
            return known or Health(HealthStatus.UNKNOWN, "its expressions are not evaluated yet")
        if self._is_known(ref):
            return Health(HealthStatus.NOT_FOUND, "no such object")
        return Health(HealthStatus.UNKNOWN, "its state is not known yet")

    async def evaluate(
        self, refs: Iterable[ObjectRef], expressions: HealthExpressions, budget: Budget
    ) -> None:
        """Evaluate the expressions on those objects that changed since they were evaluated.

        Raises :class:`headgate.cel.OverBudget`; what was evaluated until then is kept.
        """
        for ref in refs:
            obj = self._objects.get(ref)
            if obj is not None:
                await expressions.evaluate(obj, budget)

    def exists(self, ref: ObjectRef) -> bool:
        """Whether an object that is followed is there, as far as is known."""
        return ref in self._objects or not self._is_known(ref)

    def observe(self, obj: Obj) -> None:
        """Take over an object as the API server just returned it to us."""
        self._put(ref_of(obj), self._kept(obj))

    def __len__(self) -> int:
        """How many objects are kept."""
        return len(self._objects)

    async def close(self) -> None:
        """Stop all watches."""
        tasks = [w.task for w in self._watches.values()]
        self._watches.clear()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _start(self, scope: _Scope) -> None:
        if scope in self._watches:
            return
        only = scope.only
        reflector: Reflector[Obj] = Reflector(
            self._client,
            scope.api_version,
            scope.kind,
            project=self._kept if only else self._take_in,
            on_change=self._changed,
            namespace=only.namespace or None if only else None,
            label_selector=None if only else labels.OWNER_NAME,
            field_selector=f"metadata.name={only.name}" if only else None,
        )
        task = asyncio.get_running_loop().create_task(self._mirror(scope, reflector))
        self._watches[scope] = _Watch(reflector, task)

    def _stop(self, scope: _Scope) -> None:
        watch = self._watches.pop(scope, None)
        if watch is None:
            return
        watch.task.cancel()
        for ref, _ in watch.reflector.items():
            self._objects.pop(ref, None)

    async def _mirror(self, scope: _Scope, reflector: Reflector[Obj]) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(reflector.run())
            await reflector.synced.wait()
            for ref in [
                r for r in self._followers if (r.api_version, r.kind) == (scope.api_version, scope.kind)
            ]:
                self._look_closer(ref)
                self._tell(ref)

    def _keep_whole(self, kinds: set[tuple[str, str]]) -> None:
        new = kinds - self._whole
        self._whole |= new
        # Also of those that our own writes brought, which a watch would show in the same version.
        for ref in [r for r in self._objects if (r.api_version, r.kind) in new]:
            del self._objects[ref]
        for scope in [s for s in self._watches if (s.api_version, s.kind) in new]:
            # What is kept of the objects seen so far is too little: look at them again.
            self._stop(scope)
            self._start(scope)

    def _kept(self, obj: Obj) -> Obj:
        return whole(obj) if (obj["apiVersion"], obj["kind"]) in self._whole else essence(obj)

    def _take_in(self, obj: Obj) -> Obj:
        """A watched object, whole: is it still as we applied it? What is kept of it is its essence."""
        small = self._kept(obj)
        ref = ref_of(obj)
        if self._known.observe(self._client.cluster, ref, obj) is News.DRIFTED:
            self._drifted(ref, small, describe(obj, FIELD_MANAGER))
        return small

    def _drifted(self, ref: ObjectRef, obj: Obj, what: str) -> None:
        marks = obj["metadata"].get("labels") or {}
        name, namespace = marks.get(labels.OWNER_NAME), marks.get(labels.OWNER_NAMESPACE)
        if name and namespace:
            self._on_drift(ObjectKey(namespace, name), ref, what)

    def _look_closer(self, ref: ObjectRef) -> None:
        """An object that the watch of its kind does not show may be there without our label."""
        if ref not in self._followers:
            return
        kind = self._watches.get(_Scope(ref.api_version, ref.kind))
        if ref not in self._objects and kind is not None and kind.reflector.synced.is_set():
            self._start(_Scope(ref.api_version, ref.kind, ref))

    def _is_known(self, ref: ObjectRef) -> bool:
        watch = self._watches.get(_Scope(ref.api_version, ref.kind, ref))
        return watch is not None and watch.reflector.synced.is_set()

    def _changed(self, ref: ObjectRef, old: Obj | None, new: Obj | None) -> None:
        if new is not None:
            self._put(ref, new)
            return
        if old is not None:
            gone = self._known.observe_gone(self._client.cluster, ref, old["metadata"]["uid"])
            if gone is News.GONE:
                self._drifted(ref, old, "it was deleted, or lost its owner labels")
        # A late word of the end of a former object of this name says nothing about the present one.
        present = self._objects.get(ref)
        if present is not None and old is not None and present["metadata"]["uid"] == old["metadata"]["uid"]:
            del self._objects[ref]
            self._look_closer(ref)
            self._tell(ref)

    def _put(self, ref: ObjectRef, obj: Obj) -> None:
        present = self._objects.get(ref)
        if present is not None and _version(present) >= _version(obj):
            return
        self._objects[ref] = obj
        self._tell(ref)

    def _tell(self, ref: ObjectRef) -> None:
        for key in tuple(self._followers.get(ref, ())):
            self._on_change(key, ref)


def _version(obj: Obj) -> int:
    return int(obj["metadata"]["resourceVersion"])
