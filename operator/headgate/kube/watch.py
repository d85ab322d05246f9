"""A watch: the API server's stream of changes, decoded.

Each line is one JSON object. ``BOOKMARK`` events contain only a resource version to resume from. Because the server
sends one each minute, a watch without data for :data:`SILENCE` seconds is broken, even if TCP reports no error; it ends
with :class:`~headgate.kube.errors.ServerTimeout`. An ``ERROR`` event raises its error.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

import orjson

from headgate.api.quantity import format_bytes
from headgate.kube.errors import AnswerTooLarge, Unreachable, from_status
from headgate.kube.transport import MAX_BODY
from headgate.objects import Obj, version_of

SILENCE = 180.0
"""Seconds without data after which a watch counts as broken."""


@dataclass(frozen=True, slots=True)
class WatchEvent:
    """One line of a watch: ``ADDED``, ``MODIFIED``, ``DELETED`` or ``BOOKMARK``."""

    type: str
    object: Obj

    @property
    def resource_version(self) -> str:
        """The resource version to resume from after this event."""
        return version_of(self.object)


async def watch(pieces: AsyncIterator[bytes], max_line: int = MAX_BODY) -> AsyncIterator[WatchEvent]:
    """Decode a watch's bytes as they arrive.

    Raises the error of an ``ERROR`` event, and :class:`AnswerTooLarge` for a line that is too long.
    """
    waiting: list[bytes] = []
    size = 0
    async for piece in pieces:
        head, newline, rest = piece.partition(b"\n")
        waiting.append(head)
        size = size + len(head) if len(waiting) > 1 else len(head)
        if size > max_line:
            raise AnswerTooLarge(f"an event of a watch is larger than {format_bytes(max_line)}")
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
        raise Unreachable("the watch ended in the middle of a line") from error
    try:
        type, obj = event["type"], event["object"]
        if type == "ERROR":
            raise from_status(500, obj)
        if not isinstance(obj["metadata"]["resourceVersion"], str):
            raise TypeError
    except (KeyError, TypeError) as error:
        raise Unreachable("the watch sent something that is not an event") from error
    return WatchEvent(type, obj)
