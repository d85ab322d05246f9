"""An API server's objects in memory, for unit tests of what watches them: lists, watches, and who may read.

It implements only the methods of :class:`headgate.kube.Client` that watches and health checks call; the tests in
tests/e2e use a real API server.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator
from typing import Any

from headgate.kube import ApiError, Forbidden, NoMatch, NotFound, ObjectRef
from headgate.kube.client import OnSeen
from headgate.kube.watch import WatchEvent

Obj = dict[str, Any]


class MemoryApi:
    """Replaces a client; ``reads`` and ``watches`` list the requests."""

    cluster = "https://memory"
    kept = None
    """Nothing bounds what reflectors keep of it."""

    def __init__(self) -> None:
        self.objects: dict[ObjectRef, Obj] = {}
        self.kinds = {("v1", "ConfigMap"), ("v1", "Secret")}
        self.refused: dict[str, ApiError] = {}
        """Names of objects that impersonated users may not read, and the answer."""
        self.reads: list[ObjectRef] = []
        self.watches: list[str] = []
        """Open ones: kind, and the name where it is of a single object."""
        self._queues: list[tuple[str, asyncio.Queue[WatchEvent]]] = []
        self._versions = itertools.count(10)
        self._on_seen: OnSeen | None = None
        self._user = ""

    def impersonate(self, user: str, *, on_seen: OnSeen | None = None) -> MemoryApi:
        """The same objects as another user."""
        other = object.__new__(MemoryApi)
        other.__dict__ = {**self.__dict__, "_on_seen": on_seen, "_user": user}
        return other

    def put(self, ref: ObjectRef, *, uid: str = "u", **fields: Any) -> Obj:
        """Write an object, and tell the watches."""
        labels = fields.pop("labels", {})
        version = str(next(self._versions))
        meta = {"name": ref.name, "namespace": ref.namespace, "uid": uid, "resourceVersion": version}
        obj = {
            "apiVersion": ref.api_version,
            "kind": ref.kind,
            "metadata": {**meta, "labels": labels},
            **fields,
        }
        event = "MODIFIED" if ref in self.objects else "ADDED"
        self.objects[ref] = obj
        self._notify(event, obj)
        return obj

    def remove(self, ref: ObjectRef) -> None:
        """Delete an object, and tell the watches."""
        gone = self.objects.pop(ref)
        meta = {**gone["metadata"], "resourceVersion": str(next(self._versions))}
        self._notify("DELETED", {**gone, "metadata": meta})

    async def get(self, ref: ObjectRef) -> Obj:
        """As the client's."""
        self.reads.append(ref)
        await asyncio.sleep(0)
        if (ref.api_version, ref.kind) not in self.kinds:
            raise NoMatch(ref.api_version, ref.kind)
        if self._user and ref.name in self.refused:
            raise self.refused[ref.name]
        if ref not in self.objects:
            raise NotFound(f'"{ref.name}" not found', status=404)
        obj = self.objects[ref]
        if self._on_seen is not None:
            self._on_seen(ref, obj)
        return obj

    async def list_pages(self, api_version: str, kind: str, **selectors: Any) -> AsyncIterator[Obj]:
        """As the client's, for the selectors that watches of managed objects use."""
        if (api_version, kind) not in self.kinds:
            raise NoMatch(api_version, kind)
        items = [
            dict(obj)
            for ref, obj in self.objects.items()
            if (ref.api_version, ref.kind) == (api_version, kind) and _selected(obj, selectors)
        ]
        yield {"metadata": {"resourceVersion": str(next(self._versions))}, "items": items}

    async def watch(self, api_version: str, kind: str, **options: Any) -> AsyncIterator[WatchEvent]:
        """As the client's."""
        name = str(options.get("field_selector") or "").removeprefix("metadata.name=")
        label = f"{kind}/{name}" if name else kind
        queue: asyncio.Queue[WatchEvent] = asyncio.Queue()
        entry = (label, queue)
        self._queues.append(entry)
        self.watches.append(label)
        try:
            while True:
                event = await queue.get()
                if event.object["kind"] == kind and _selected(event.object, options):
                    yield WatchEvent(event.type, dict(event.object))
        finally:
            self._queues.remove(entry)
            self.watches.remove(label)

    def _notify(self, event: str, obj: Obj) -> None:
        for _, queue in self._queues:
            queue.put_nowait(WatchEvent(event, obj))


def forbidden(name: str) -> Forbidden:
    """What the API server says to who may not read an object."""
    return Forbidden(f'"{name}" is forbidden: User cannot get resource', status=403)


def _selected(obj: Obj, selectors: dict[str, Any]) -> bool:
    meta = obj["metadata"]
    label, field = selectors.get("label_selector"), selectors.get("field_selector")
    if label and label not in (meta.get("labels") or {}):
        return False
    return not field or field == f"metadata.name={meta['name']}"


async def settled(condition: Any, patience: float = 60.0) -> None:
    """Let the event loop work until the condition holds."""
    async with asyncio.timeout(patience):
        while not condition():  # noqa: ASYNC110 - conditions of any kind
            await asyncio.sleep(0.005)
