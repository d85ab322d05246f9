"""The watches of one cluster: one for each kind with owner labels, and some for single objects.

This module opens, finds and closes them; their events go to the part that opened them
(:class:`headgate.reconcile.target.live.LiveObjects`).
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass

from headgate.api import labels
from headgate.kube import Client, ObjectRef, Reflector
from headgate.objects import Obj

_log = logging.getLogger("headgate.live")


@dataclass(frozen=True, slots=True)
class Scope:
    """What one watch covers."""

    api_version: str
    kind: str
    only: ObjectRef | None = None
    """A single object, watched by name; None: all objects with an owner label."""

    @classmethod
    def of_kind(cls, ref: ObjectRef) -> Scope:
        """The scope of the object's kind."""
        return cls(ref.api_version, ref.kind)

    @classmethod
    def of_one(cls, ref: ObjectRef) -> Scope:
        """The scope of the object alone."""
        return cls(ref.api_version, ref.kind, ref)

    def covers(self, ref: ObjectRef) -> bool:
        """Whether the scope includes the object, provided that it has the label."""
        return ref == self.only if self.only is not None else Scope.of_kind(ref) == self


@dataclass(frozen=True, slots=True)
class ObjectWatch:
    """An open watch."""

    reflector: Reflector[Obj]
    task: asyncio.Task[None]
    started: float
    """On the monotonic clock."""

    @property
    def is_synced(self) -> bool:
        """Whether the watch has reported all that existed when it began."""
        return self.reflector.synced.is_set()


class Watches:
    """The open watches.

    Of a kind's objects, what ``project`` returns is kept, and ``on_change`` is called with object, old and new; of a
    single object only the fact that it changed is reported: ``on_touched``. ``on_synced`` is called with the scope of
    a watch that has reported all that exists, ``on_listed`` with the scope of one that has just listed all objects of
    a kind, and the resource version of the list.
    """

    def __init__(
        self,
        client: Client,
        *,
        project: Callable[[Obj], Obj],
        on_change: Callable[[ObjectRef, Obj | None, Obj | None], None],
        on_touched: Callable[[ObjectRef], None],
        on_synced: Callable[[Scope], None],
        on_listed: Callable[[Scope, str], None],
    ) -> None:
        self._client = client
        self._project, self._on_change, self._on_touched = project, on_change, on_touched
        self._on_synced, self._on_listed = on_synced, on_listed
        self._open: dict[Scope, ObjectWatch] = {}

    def __len__(self) -> int:
        return len(self._open)

    def __contains__(self, scope: Scope) -> bool:
        return scope in self._open

    def get(self, scope: Scope) -> ObjectWatch | None:
        """The watch of a scope; None if there is none."""
        return self._open.get(scope)

    def singles(self) -> list[ObjectRef]:
        """The objects that are watched by name."""
        return [scope.only for scope in self._open if scope.only is not None]

    def start(self, scope: Scope) -> None:
        """Watch the scope, unless a watch is open."""
        if scope in self._open:
            return
        only = scope.only
        reflector: Reflector[Obj] = Reflector(
            self._client,
            scope.api_version,
            scope.kind,
            project=trace if only else self._project,
            on_change=self._on_change if only is None else self._single_changed(only),
            on_listed=(lambda version: self._on_listed(scope, version)) if only is None else None,
            namespace=only.namespace or None if only else None,
            label_selector=None if only else labels.OWNER_NAME,
            field_selector=f"metadata.name={only.name}" if only else None,
        )
        task = asyncio.get_running_loop().create_task(self._mirror(scope, reflector))
        self._open[scope] = ObjectWatch(reflector, task, time.monotonic())

    def stop(self, scope: Scope) -> bool:
        """End the watch of the scope; false if there is none."""
        watch = self._open.pop(scope, None)
        if watch is not None:
            watch.task.cancel()
        return watch is not None

    async def close(self) -> None:
        """End all watches."""
        tasks = [w.task for w in self._open.values()]
        self._open.clear()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _mirror(self, scope: Scope, reflector: Reflector[Obj]) -> None:
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(reflector.run())
                await reflector.synced.wait()
                self._on_synced(scope)
        except Exception:
            # The API server does not follow the protocol. Followers read the object at intervals instead.
            _log.exception(
                "the watch of %s %s on %s ended", scope.api_version, scope.kind, self._client.cluster
            )
            watch = self._open.get(scope)
            if watch is not None and watch.reflector is reflector:
                del self._open[scope]

    def _single_changed(self, ref: ObjectRef) -> Callable[[ObjectRef, Obj | None, Obj | None], None]:
        # The API server may name it differently from its follower: an object without namespace, named with one.
        return lambda _, old, new: self._on_touched(ref)


def trace(obj: Obj) -> Obj:
    """The part of an object that shows whether it changed."""
    meta = obj["metadata"]
    return {"metadata": {"uid": meta["uid"], "resourceVersion": meta["resourceVersion"]}}
