"""The connections to one address, with limits on their number, their idle time and the time for an answer.

Any client that reaches a port can open connections, so each has limits on memory, descriptors and time:

* until a request's head is complete, and between two requests, a connection lasts ``timeout`` seconds;
* a handler has ``REQUEST_TIMEOUTS`` times that, and its answer the same plus the time for its size at ``SLOWEST`` bytes
  per second: a client that does not read is disconnected like one that does not write. A handler whose answer has no
  end calls :func:`lift_deadline`, and limits the time of each piece itself;
* there are at most ``connections``, and at most ``per_peer`` from one address. At the limit, a new connection replaces
  one without a request: the longest idle one of the peer with the most connections. If every connection has a request,
  the new one is refused.

aiohttp limits pipelined requests and the size of a head.
"""

from __future__ import annotations

import asyncio
import ipaddress
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Protocol

from aiohttp import web

__all__ = [
    "SIZE",
    "UNWATCHED",
    "ConnectionLimits",
    "Connections",
    "Watch",
    "lift_deadline",
    "lost",
    "peer_of",
]

REQUEST_TIMEOUTS = 4
"""The time of a handler, and of an answer in addition to the time for its size, in timeouts."""
SLOWEST = 64 * 1024
"""Minimum bytes per second at which a client must read a large answer."""

SIZE = web.RequestKey("size", int)
"""The request key under which a handler stores the bytes of a large answer."""

_DEADLINE = web.RequestKey("deadline", asyncio.Timeout)
_LOST = web.RequestKey("lost", asyncio.Event)

Peer = str


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """The limits of one address."""

    connections: int = 256
    timeout: float = 15.0
    """Seconds."""
    share: int = 4
    """One client gets at most this fraction of the connections, so that it leaves room for others: a quarter. 1 where
    all clients come through one proxy.
    """

    @property
    def per_peer(self) -> int:
        """How many connections one client may have."""
        return max(1, self.connections // self.share)


class Watch(Protocol):
    """Receives the events of connections; the metrics implement it."""

    def connected(self, site: str, count: int) -> None:
        """``count`` connections are open now."""

    def disconnected(self, site: str, reason: str) -> None:
        """The server closed or refused a connection: ``refused``, ``displaced``, ``idle`` or ``slow``."""


class _Unwatched:
    def connected(self, site: str, count: int) -> None:
        pass

    def disconnected(self, site: str, reason: str) -> None:
        pass


UNWATCHED = _Unwatched()


class Connections:
    """Creates the protocol of each connection to a site; :meth:`middleware` is the outermost of its application."""

    def __init__(self, site: str, limits: ConnectionLimits, watch: Watch = UNWATCHED) -> None:
        self.site, self.limits, self.watch = site, limits, watch
        self._make: Callable[[], asyncio.Protocol] | None = None
        self._all: dict[object, _Connection] = {}
        """By aiohttp's protocol; the most recently idle ones come last."""
        self._peers: Counter[Peer] = Counter()

    def __len__(self) -> int:
        return len(self._all)

    def wrap(self, make: Callable[[], asyncio.Protocol]) -> Callable[[], asyncio.Protocol]:
        """The factory for ``create_server``, around aiohttp's."""
        return lambda: _Connection(self, make())

    @web.middleware
    async def middleware(
        self, request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        """Answer within the time limit."""
        connection = self._all.get(request.protocol)
        if connection is None:  # The connection was lost just now.
            return await handler(request)
        connection.begin()
        request[_LOST] = connection.lost
        timeout = REQUEST_TIMEOUTS * self.limits.timeout
        raised: web.HTTPException | None = None
        try:
            async with asyncio.timeout(timeout) as deadline:
                request[_DEADLINE] = deadline
                try:
                    response = await handler(request)
                except web.HTTPException as error:
                    response = raised = error
            size = response.content_length or request.get(SIZE, 0)
            async with asyncio.timeout(timeout + size / SLOWEST):
                await response.prepare(request)
                await response.write_eof()
        except TimeoutError:
            connection.cut("slow")
            raise
        finally:
            connection.end()
        if raised is not None:
            raise raised
        return response

    # For connections.

    def enter(self, connection: _Connection) -> bool:
        """Admit a new connection; False at the limit."""
        limits, peer = self.limits, connection.peer
        if self._peers[peer] >= limits.per_peer:
            displaced = self._oldest_idle(peer)
        elif len(self._all) >= limits.connections:
            (most, _), *_ = self._peers.most_common(1)
            displaced = self._oldest_idle(most) or self._oldest_idle(None)
        else:
            displaced = None
            self._add(connection)
            return True
        if displaced is None:
            self.watch.disconnected(self.site, "refused")
            return False
        displaced.cut("displaced")
        self.leave(displaced)
        self._add(connection)
        return True

    def leave(self, connection: _Connection) -> None:
        """Remove a closed connection."""
        if self._all.pop(connection.inner, None) is None:
            return
        self._peers[connection.peer] -= 1
        if self._peers[connection.peer] <= 0:
            del self._peers[connection.peer]
        self.watch.connected(self.site, len(self._all))

    def became_idle(self, connection: _Connection) -> None:
        """Record that the request of a connection has been answered."""
        if self._all.pop(connection.inner, None) is not None:
            self._all[connection.inner] = connection

    def _add(self, connection: _Connection) -> None:
        self._all[connection.inner] = connection
        self._peers[connection.peer] += 1
        self.watch.connected(self.site, len(self._all))

    def _oldest_idle(self, peer: Peer | None) -> _Connection | None:
        for connection in self._all.values():
            if not connection.busy and peer in (None, connection.peer):
                return connection
        return None


class _Connection(asyncio.Protocol):
    """Between a transport and aiohttp's protocol: counts the connection, and closes it after a timeout."""

    def __init__(self, site: Connections, inner: asyncio.Protocol) -> None:
        self._site, self.inner = site, inner
        self.busy = False
        self.peer: Peer = ""
        self._transport: asyncio.Transport | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._is_in = False
        self.lost = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport, self.peer = transport, _peer(transport.get_extra_info("peername"))
        self._is_in = self._site.enter(self)
        if not self._is_in:
            transport.abort()
            return
        self.inner.connection_made(transport)
        self.end()

    def connection_lost(self, exc: Exception | None) -> None:
        self._disarm()
        self._transport = None
        self.lost.set()
        if self._is_in:
            self._site.leave(self)
            self.inner.connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._is_in:
            self.inner.data_received(data)

    def eof_received(self) -> bool | None:
        return self.inner.eof_received() if self._is_in else None

    def pause_writing(self) -> None:
        self.inner.pause_writing()

    def resume_writing(self) -> None:
        self.inner.resume_writing()

    def begin(self) -> None:
        """The head of a request has arrived; the middleware limits its time."""
        self._disarm()
        self.busy = True

    def end(self) -> None:
        """The connection has no request: it waits for one, or for the client to read the last bytes of an answer."""
        self.busy = False
        self._site.became_idle(self)
        self._disarm()
        if self._transport is not None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(self._site.limits.timeout, self.cut, "idle")

    def cut(self, reason: str) -> None:
        """Close the connection at once, without writing what remains."""
        if self._transport is not None:
            self._site.watch.disconnected(self._site.site, reason)
            self._transport.abort()
            self._transport = None
        self._disarm()

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def lift_deadline(request: web.Request) -> None:
    """Give the handler of this request time without limit."""
    deadline = request.get(_DEADLINE)
    if deadline is not None:
        deadline.reschedule(None)


def lost(request: web.Request) -> asyncio.Event:
    """Set when the connection of a request has ended: a handler that only waits learns it from nothing else."""
    return request.get(_LOST) or asyncio.Event()


def peer_of(request: web.BaseRequest) -> Peer:
    """The client of a request, as limits count it."""
    return _peer(request.transport.get_extra_info("peername") if request.transport is not None else None)


def _peer(name: Any) -> Peer:
    """The peer: an IPv4 address, or the /64 network of an IPv6 address, which one host may own completely."""
    try:
        address = ipaddress.ip_address(str(name[0]).partition("%")[0])
    except (TypeError, IndexError, ValueError):
        return ""
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return str(address.ipv4_mapped)
        return str(ipaddress.IPv6Network((address, 64), strict=False))
    return str(address)
