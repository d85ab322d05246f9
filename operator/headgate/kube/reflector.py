"""A cache of all objects of one kind (with a selector), from a list and a watch.

    reflector = Reflector(client, "apps/v1", "Deployment", project=essence, on_change=wake)
    task = asyncio.create_task(reflector.run())
    await reflector.synced.wait()
    reflector.get(ref)

The cache holds only what ``project`` returns, so memory depends on the needed fields and not on the size of objects.
Each change calls ``on_change(ref, old, new)``: ``old`` is None for a new object, ``new`` is None for a deleted one,
also if it was deleted while no watch was running (the next list shows that; ``on_listed`` receives the resource version
of each list). After a broken connection, the watch resumes from the last version; a version that is too old (410)
causes a new list; errors cause a back-off of up to half a minute. A kind that the cluster does not serve counts as a
kind without objects, until it serves it.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Generic, TypeVar

from headgate.backoff import Doubling
from headgate.kube.client import PAGE, Client
from headgate.kube.errors import ApiError, Forbidden, Gone, NoMatch, NotFound, ServerTimeout, Unreachable
from headgate.kube.kept import size_of
from headgate.kube.refs import ObjectRef
from headgate.loop import Pauses
from headgate.objects import Obj

T = TypeVar("T")

_log = logging.getLogger("headgate.kube.reflector")

SERVER_TIMEOUT = (290.0, 580.0)
"""The range of seconds after which the server ends a watch; random, so that not all reconnect at once."""
PAUSES = Doubling(0.2, 30.0, jitter=0.3)
"""The back-off after errors."""


class Reflector(Generic[T]):
    """See the module's text. ``project`` gets each object with ``apiVersion`` and ``kind`` filled in."""

    def __init__(
        self,
        client: Client,
        api_version: str,
        kind: str,
        *,
        project: Callable[[Obj], T],
        on_change: Callable[[ObjectRef, T | None, T | None], None] | None = None,
        on_listed: Callable[[str], None] | None = None,
        namespace: str | None = None,
        label_selector: str | None = None,
        field_selector: str | None = None,
        page: int = PAGE,
    ) -> None:
        self.api_version, self.kind = api_version, kind
        self.synced = asyncio.Event()
        """Set when the first list is complete (or the kind does not exist)."""
        self._client = client
        self._project, self._on_change, self._on_listed = project, on_change, on_listed
        self._namespace = namespace
        self._label_selector, self._field_selector = label_selector, field_selector
        self._page = page
        self._store: dict[ObjectRef, tuple[str, T]] = {}
        self._kept = client.kept
        self._sizes: dict[ObjectRef, int] = {}
        """The counted bytes of each object, if there is a limit."""
        self._heard_at = time.monotonic()

    def get(self, ref: ObjectRef) -> T | None:
        """The cached part of an object; None when there is none."""
        entry = self._store.get(ref)
        return None if entry is None else entry[1]

    def items(self) -> Iterator[tuple[ObjectRef, T]]:
        """All cached objects at the time of the call."""
        return iter([(ref, kept) for ref, (_, kept) in self._store.items()])

    def __len__(self) -> int:
        return len(self._store)

    @property
    def age(self) -> float:
        """Seconds since the last sign of the server: bookmarks arrive each minute, so a longer time indicates a
        failure.
        """
        return time.monotonic() - self._heard_at

    async def run(self) -> None:
        """List and watch until cancelled."""
        try:
            await self._mirror()
        finally:
            for ref in list(self._sizes):
                self._count(ref, 0)

    async def _mirror(self) -> None:
        failures = 0
        was_served = False
        version: str | None = None
        while True:
            try:
                if version is None:
                    version = await self._list()
                    was_served = True
                    if self._on_listed is not None:
                        self._on_listed(version)
                    self.synced.set()
                async for seen in self._watch(version):
                    version, failures = seen, 0
                continue
            except Gone:
                version = None
                failures += 1
                if failures == 1:
                    continue
            except ServerTimeout as error:
                _log.info("watch of %s fell silent: %s", self, error)
                failures += 1
            except (NotFound, NoMatch) as error:
                # The cluster no longer serves the kind, or not yet: no objects.
                if was_served:
                    _log.warning(
                        "the cluster no longer serves %s: its objects count as gone; "
                        "the watch begins as soon as it does",
                        self,
                    )
                was_served = False
                await self._replace({})
                self.synced.set()
                version = None
                failures += 1
                if not isinstance(error, NoMatch):
                    self._client.mapper.invalidate()
            except ApiError as error:
                level = logging.WARNING if isinstance(error, Forbidden) or failures > 2 else logging.INFO
                _log.log(level, "watch of %s: %s", self, error)
                failures += 1
            await asyncio.sleep(PAUSES.after(failures))

    async def _list(self) -> str:
        found: dict[ObjectRef, tuple[str, T]] = {}
        version, size, own = "", 0, sum(self._sizes.values())
        async for page in self._client.list_pages(
            self.api_version,
            self.kind,
            namespace=self._namespace,
            label_selector=self._label_selector,
            field_selector=self._field_selector,
            limit=self._page,
        ):
            self._heard_at = time.monotonic()
            version = version or str(page["metadata"].get("resourceVersion") or "")
            async for item in Pauses().between(page["items"]):
                ref, entry = self._entry(item)
                found[ref] = entry
                if self._kept is not None:
                    size += size_of(entry[1])
                    self._kept.check(size - own)
        await self._replace(found)
        return version

    async def _watch(self, version: str) -> AsyncIterator[str]:
        pauses = Pauses()
        async for event in self._client.watch(
            self.api_version,
            self.kind,
            namespace=self._namespace,
            label_selector=self._label_selector,
            field_selector=self._field_selector,
            resource_version=version,
            timeout=random.uniform(*SERVER_TIMEOUT),  # noqa: S311 - spreads load
        ):
            self._heard_at = time.monotonic()
            if event.type != "BOOKMARK":
                ref, entry = self._entry(event.object)
                self._set(ref, None if event.type == "DELETED" else entry)
            yield event.resource_version
            # Many events may have arrived at once.
            await pauses.here()

    def _entry(self, item: Obj) -> tuple[ObjectRef, tuple[str, T]]:
        try:
            item["apiVersion"], item["kind"] = self.api_version, self.kind
            meta = item["metadata"]
            ref = ObjectRef(self.api_version, self.kind, meta["name"], meta.get("namespace", ""))
            int(meta["resourceVersion"])
            return ref, (meta["resourceVersion"], self._project(item))
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            # The server may not be an API server; a real one never sends this.
            raise Unreachable(f"the API server sent something that is not a {self.kind}") from error

    async def _replace(self, found: dict[ObjectRef, tuple[str, T]]) -> None:
        pauses = Pauses()
        async for ref in pauses.between([r for r in self._store if r not in found]):
            self._set(ref, None)
        async for ref, entry in pauses.between(found.items()):
            self._set(ref, entry)

    def _set(self, ref: ObjectRef, entry: tuple[str, T] | None) -> None:
        old = self._store.get(ref)
        self._count(ref, 0 if entry is None or self._kept is None else size_of(entry[1]))
        if entry is None:
            self._store.pop(ref, None)
        else:
            self._store[ref] = entry
        if (old and old[0]) == (entry and entry[0]):
            return
        if self._on_change is not None:
            self._on_change(ref, old and old[1], entry and entry[1])

    def _count(self, ref: ObjectRef, size: int) -> None:
        """Raises AnswerTooLarge above the limit."""
        if self._kept is None:
            return
        more = size - self._sizes.get(ref, 0)
        if more > 0:
            self._kept.check(more)
        self._kept.add(more)
        if size:
            self._sizes[ref] = size
        else:
            self._sizes.pop(ref, None)

    def __str__(self) -> str:
        where = f" in {self._namespace}" if self._namespace else ""
        return f"{self.kind} ({self.api_version}){where}"
