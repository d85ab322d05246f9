"""Server-sent events as bytes, plain and compressed. Pure.

A page follows changes by one stream of events (``text/event-stream``):

| event | data | when |
|---|---|---|
| ``state`` | a JSON object, see :func:`state_event` | first, and at each change of it |
| ``beat`` | nothing | after a while without others |
| ``morph`` | the new HTML of ``<main>`` | first, and when it changes, unless the client has it |

The id of an event ``morph`` names its content. After a lost connection, the browser sends it back (``Last-Event-ID``),
and the server sends only what the client does not have; this works across a restart of the operator, too.
"""

from __future__ import annotations

import hashlib
import zlib
from dataclasses import dataclass, field

import orjson

__all__ = ["HEARTBEAT", "Compressor", "Event", "content_id", "morph_event", "retry_event", "state_event"]

LEVEL = 1
_RAW = -zlib.MAX_WBITS
_GZIP_HEAD = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"
_LAST_BLOCK = b"\x03\x00"
_SMALL = 256


@dataclass(frozen=True, slots=True)
class Event:
    """One event, or several, as bytes."""

    plain: bytes
    block: bytes = field(repr=False)
    """The same as deflate blocks that refer to nothing before them, so that all streams can send them."""

    @classmethod
    def of(cls, plain: bytes) -> Event:
        """Compress the bytes."""
        compressor = zlib.compressobj(LEVEL if len(plain) > _SMALL else 0, zlib.DEFLATED, _RAW)
        return cls(plain, compressor.compress(plain) + compressor.flush(zlib.Z_FULL_FLUSH))


class Compressor:
    """The gzip format around events of one stream (RFC 1952)."""

    def __init__(self) -> None:
        self._checksum = self._size = 0
        self._has_begun = False

    def add(self, event: Event) -> bytes:
        """The next bytes of the stream."""
        self._checksum = zlib.crc32(event.plain, self._checksum)
        self._size += len(event.plain)
        head, self._has_begun = b"" if self._has_begun else _GZIP_HEAD, True
        return head + event.block

    def end(self) -> bytes:
        """The last bytes of the stream."""
        size = self._size & 0xFFFFFFFF
        return _LAST_BLOCK + self._checksum.to_bytes(4, "little") + size.to_bytes(4, "little")


def content_id(html: str) -> str:
    """The id of an event with this HTML. It reveals nothing about what others see."""
    return hashlib.blake2b(html.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def morph_event(html: str, id: str) -> Event:
    """The new content of the page."""
    data = html.replace("\r\n", "\n").replace("\r", "\n").replace("\n", "\ndata: ")
    return Event.of(f"event: morph\nid: {id}\ndata: {data}\n\n".encode("utf-8", "replace"))


def state_event(state: dict[str, object]) -> Event:
    """How the page stands apart from its content.

    ``state`` is ``ok``, ``connecting``, ``disconnected``, ``standby``, ``login``, ``refused`` or ``stopping``;
    ``message`` is a text for people; ``build`` changes when the page must be loaded again, because its assets have
    changed.
    """
    return Event.of(b"event: state\ndata: " + orjson.dumps(state) + b"\n\n")


def retry_event(seconds: float) -> Event:
    """After how long the browser connects again."""
    return Event.of(f"retry: {round(seconds * 1000)}\n\n".encode())


HEARTBEAT = Event.of(b"event: beat\ndata: 1\n\n")
"""Keeps proxies from closing the connection, and shows the page that it is not lost."""
