"""Renders pages once for all who may see the same, and limits the time that open pages take from the operator.

All Python code of the process shares one interpreter: what open pages render, reconciling cannot compute. So renderings
for streams together get at most a tenth of the time, apart from a first second; a page that somebody requests is
rendered at once.
"""

from __future__ import annotations

import asyncio
import gzip
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TypeVar

from cachetools import LRUCache

from headgate.page.content import Content, Frame, Query
from headgate.page.events import Event, content_id, morph_event
from headgate.page.knowledge import Snapshot

__all__ = ["Fragment", "Renderings"]

PERIOD = 10.0
"""Seconds in which renderings for streams may take one second."""
ALLOWANCE = 10.0
"""How far ahead of that they may be: the first second of renderings causes no wait."""
MAX_BYTES = 32 * 1024 * 1024
"""Limit for the size of all kept renderings."""
MAX_SCOPES = 32
"""Limit for the snapshots of different scopes that are kept."""
LEVEL = 6

T = TypeVar("T")
Key = tuple[int, frozenset[str] | None, str, tuple[tuple[str, tuple[str, ...]], ...], Frame]


@dataclass(frozen=True, slots=True)
class Fragment:
    """The content of ``<main>`` as an event."""

    id: str
    event: Event = field(repr=False)


@dataclass(frozen=True, slots=True)
class Document:
    """A whole page."""

    plain: bytes
    compressed: bytes = field(repr=False)


class Renderings:
    """All renderings of one page. For one event loop."""

    def __init__(self, content: Content, clock: Callable[[], float] = time.monotonic) -> None:
        self._content, self._clock = content, clock
        self._scopes: LRUCache[tuple[int, frozenset[str] | None], Snapshot] = LRUCache(MAX_SCOPES)
        self._documents: LRUCache[Key, Document] = LRUCache(
            MAX_BYTES, lambda each: len(each.plain) + len(each.compressed)
        )
        self._fragments: LRUCache[Key, Fragment] = LRUCache(
            MAX_BYTES, lambda each: len(each.event.plain) + len(each.event.block)
        )
        self._kinds: tuple[Snapshot | None, Mapping[str, frozenset[str]]] = (None, {})
        self._due = clock()
        self._turn = asyncio.Lock()

    def within(self, snapshot: Snapshot, namespaces: frozenset[str] | None) -> Snapshot:
        """What somebody may see of a snapshot."""
        key = (snapshot.version, namespaces)
        found = self._scopes.get(key)
        if found is None:
            found = self._scopes[key] = snapshot.within(namespaces)
        return found

    def kinds(self, snapshot: Snapshot) -> Mapping[str, frozenset[str]]:
        """The kinds of Kustomizations and sources, by namespace."""
        if self._kinds[0] is not snapshot:
            found: defaultdict[str, set[str]] = defaultdict(set)
            for ref in snapshot.fleet.objects:
                found[ref.namespace].add(ref.kind)
            self._kinds = snapshot, {name: frozenset(kinds) for name, kinds in found.items()}
        return self._kinds[1]

    def document(
        self, snapshot: Snapshot, namespaces: frozenset[str] | None, path: str, query: Query, frame: Frame
    ) -> Document | None:
        """A whole page; None if there is none at this path."""
        key = _key(snapshot, namespaces, path, query, frame)
        if key not in self._documents:
            html = self._content.document(self.within(snapshot, namespaces), path, query, frame)
            found = None if html is None else _document(html)
            _keep(self._documents, key, found)
            return found
        return self._documents[key]

    async def fragment(
        self, snapshot: Snapshot, namespaces: frozenset[str] | None, path: str, query: Query, frame: Frame
    ) -> Fragment | None:
        """The content of ``<main>`` for a stream, after a wait while others have taken too much time."""
        key = _key(snapshot, namespaces, path, query, frame)
        if key in self._fragments:
            return self._fragments[key]
        async with self._turn:
            if key in self._fragments:
                return self._fragments[key]
            wait = self._due - ALLOWANCE - self._clock()
            if wait > 0:
                await asyncio.sleep(wait)
            started = self._clock()
            html = self._content.main(self.within(snapshot, namespaces), path, query, frame)
            found = None if html is None else fragment_of(html)
            _keep(self._fragments, key, found)
            self._due = max(self._due, started) + PERIOD * (self._clock() - started)
            return found


def fragment_of(html: str) -> Fragment:
    """The event for the content of a ``<main>``."""
    id = content_id(html)
    return Fragment(id, morph_event(html, id))


def _document(html: str) -> Document:
    plain = html.encode("utf-8", "replace")
    return Document(plain, gzip.compress(plain, LEVEL, mtime=0))


def _keep(cache: LRUCache[Key, T], key: Key, value: T | None) -> None:
    # A path without a page costs nothing to find again, and has no size that would limit how many are kept.
    if value is None:
        return
    # What is larger than the cache is not kept.
    with suppress(ValueError):
        cache[key] = value


def _key(snapshot: Snapshot, namespaces: frozenset[str] | None, path: str, query: Query, frame: Frame) -> Key:
    values = tuple(sorted((name, tuple(given)) for name, given in query.items()))
    return snapshot.version, namespaces, path, values, frame
