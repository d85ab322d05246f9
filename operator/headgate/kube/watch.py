"""A watch: the API server's stream of changes, decoded.

One JSON object a line. ``BOOKMARK`` events carry nothing but a resource version to resume from, and since the
server sends one a minute, a watch that stays silent for :data:`SILENCE` seconds is broken whatever TCP
thinks; it ends with :class:`~headgate.kube.errors.ServerTimeout`. An ``ERROR`` event is raised as the error
it tells.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import orjson

from headgate.kube.errors import Unreachable, from_status

SILENCE = 180.0
"""Seconds without a byte after which a watch counts as broken."""


@dataclass(frozen=True, slots=True)
class WatchEvent:
    """One line of a watch: ``ADDED``, ``MODIFIED``, ``DELETED`` or ``BOOKMARK``."""

    type: str
    object: dict[str, Any]

    @property
    def resource_version(self) -> str:
        """Where to resume after this event."""
        return str(self.object["metadata"]["resourceVersion"])


async def watch(pieces: AsyncIterator[bytes]) -> AsyncIterator[WatchEvent]:
    """Decode a watch's bytes as they come. Raises what an ``ERROR`` event tells."""
    waiting: list[bytes] = []
    async for piece in pieces:
        head, newline, rest = piece.partition(b"\n")
        waiting.append(head)
        while newline:
            line = b"".join(waiting) if len(waiting) > 1 else waiting[0]
            if line:
                yield _decode(line)
            head, newline, rest = rest.partition(b"\n")
            waiting = [head]


def _decode(line: bytes) -> WatchEvent:
    try:
        event = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise Unreachable(f"the watch broke off in the middle of a line: {line[:100]!r}") from error
    if event["type"] == "ERROR":
        raise from_status(500, event["object"])
    return WatchEvent(event["type"], event["object"])
