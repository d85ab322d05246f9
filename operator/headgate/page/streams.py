"""Streams of events for open pages: what changes appears there without a reload.

A stream says nothing that its caller may not see at that moment: rights are checked at each change, and whenever the
last answer about them has expired. What the caller may no longer see disappears from the open page, too.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

from aiohttp import web

from headgate.page.access.gates import Gate
from headgate.page.access.identity import AccessRefused, Busy, LoginRequired
from headgate.page.content import Content, Frame, Query
from headgate.page.events import HEARTBEAT, Compressor, Event, retry_event, state_event
from headgate.page.knowledge import OperatorState, Snapshot
from headgate.page.reading import takes_gzip
from headgate.page.renderings import Fragment, Renderings, fragment_of
from headgate.web.connections import lift_deadline, lost

__all__ = ["NO_PAGE", "Board", "Slots", "Streams"]

HEARTBEAT_EVERY = 15.0
RETRY = 2.0
"""Seconds after which a browser connects again."""
PAUSE = 0.2
"""Seconds between two events of a stream: changes in quick succession become one."""
RETRY_UNDECIDED = 5.0
"""Seconds after which rights are checked again when the API server did not answer."""
CLOSING = 0.5
"""Seconds for the last event to each client when the operator stops."""
RECHECK = 1.0
"""Seconds between two checks of rights, at least."""
_log = logging.getLogger("headgate.page")

NO_PAGE = "There is no such page, or you may not see it."
SHARE = 4
"""A user of several gets at most a quarter of all streams."""


class Board(Protocol):
    """The newest snapshot."""

    def snapshot(self) -> Snapshot:
        """Return it."""

    async def newer(self, version: int) -> Snapshot:
        """Wait for one with another version."""


class Slots:
    """How many streams may be open, in all and for one client."""

    def __init__(self, most: int, *, shared: bool) -> None:
        """``shared``: several users share them."""
        self._most, self._of_client = most, max(1, most // SHARE) if shared else most
        self._open: Counter[str] = Counter()

    def __len__(self) -> int:
        return self._open.total()

    @contextmanager
    def one(self, client: str) -> Iterator[None]:
        """Raises :class:`Busy` if there is none left."""
        if self._open.total() >= self._most:
            raise Busy("Too many pages follow changes already. Reload this one to see changes.", 30.0)
        if self._open[client] >= self._of_client:
            raise Busy(
                "You have too many pages open that follow changes. Reload this one to see changes.", 30.0
            )
        self._open[client] += 1
        try:
            yield
        finally:
            self._open[client] -= 1
            if not self._open[client]:
                del self._open[client]


class Streams:
    """All streams of one page. For one event loop."""

    def __init__(
        self,
        board: Board,
        gate: Gate,
        renderings: Renderings,
        content: Content,
        slots: Slots,
        *,
        send_timeout: float,
        on_cut: Callable[[], None] = lambda: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """``send_timeout``: seconds after which a client that does not read is disconnected."""
        self._board, self._gate, self._renderings, self._content = board, gate, renderings, content
        self._slots, self._send_timeout, self._on_cut, self._clock = slots, send_timeout, on_cut, clock
        self._closing = asyncio.Event()
        self._wires: set[_Wire] = set()

    def __len__(self) -> int:
        return len(self._slots)

    def close(self) -> None:
        """End all streams soon, also those of clients that do not read."""
        self._closing.set()
        for wire in self._wires:
            wire.hurry(CLOSING)

    async def serve(
        self, request: web.Request, client: str, path: str, query: Query, frame: Frame
    ) -> web.StreamResponse:
        """Answer a request with the stream of a page, until the client or :meth:`close` ends it.

        Raises :class:`AccessRefused` before the answer begins.
        """
        with self._slots.one(client):
            compresses = takes_gzip(request)
            response = web.StreamResponse(
                headers={"Content-Type": "text/event-stream; charset=utf-8", "X-Accel-Buffering": "no"}
            )
            if compresses:
                response.headers["Content-Encoding"] = "gzip"
            await response.prepare(request)
            lift_deadline(request)
            wire = _Wire(response, Compressor() if compresses else None, self._send_timeout)
            self._wires.add(wire)
            try:
                await self._follow(request, wire, path, query, frame)
                await wire.end()
            except TimeoutError:
                if not self._closing.is_set():
                    self._on_cut()
                _abort(request)
            except ConnectionError:
                _abort(request)
            except Exception:
                # The border: the head of the answer is sent already, so nobody above could answer.
                _log.exception("a stream of the page failed unexpectedly")
                _abort(request)
            finally:
                self._wires.discard(wire)
        return response

    async def _follow(self, request: web.Request, wire: _Wire, path: str, query: Query, frame: Frame) -> None:
        known = request.headers.get("Last-Event-ID", "")
        told: dict[str, object] = {}
        gone = lost(request)
        await wire.send(retry_event(RETRY))
        heard = self._clock()
        while not self._closing.is_set() and not gone.is_set():
            snapshot = self._board.snapshot()
            seen = await self._look(request, snapshot, path, query, frame)
            if seen is None:
                continue
            sent = False
            if seen.state != told:
                told, sent = seen.state, True
                await wire.send(state_event(told))
            if seen.fragment.id != known:
                known, sent = seen.fragment.id, True
                await wire.send(seen.fragment.event)
            if seen.is_last:
                return
            if sent:
                heard = self._clock()
                await self._wait(heard + PAUSE, gone.wait())
            now = self._clock()
            until = min(max(seen.until, now + RECHECK), heard + HEARTBEAT_EVERY)
            await self._wait(until, gone.wait(), self._board.newer(snapshot.version))
            # Changes of what this client does not see keep nobody from hearing that the connection works.
            if self._clock() >= heard + HEARTBEAT_EVERY:
                await wire.send(HEARTBEAT)
                heard = self._clock()
        if not gone.is_set():
            await wire.send(state_event({"state": "stopping", "message": "The operator stops."}))

    async def _look(
        self, request: web.Request, snapshot: Snapshot, path: str, query: Query, frame: Frame
    ) -> _Seen | None:
        """What a client may see now; None if its rights have expired meanwhile."""
        started = self._clock()
        try:
            identity = await self._gate.identify(request)
            scope = await self._gate.scope(identity.value, self._renderings.kinds(snapshot))
            until = min(identity.until, scope.until)
            fragment = await self._renderings.fragment(snapshot, scope.namespaces, path, query, frame)
        except AccessRefused as refused:
            return _Seen(
                fragment_of(self._content.problem_main(refused.status, str(refused))),
                {
                    "state": "login" if isinstance(refused, LoginRequired) else "refused",
                    "message": str(refused),
                    "build": self._content.build,
                },
                self._clock() + RETRY_UNDECIDED,
                is_last=isinstance(refused, LoginRequired),
            )
        if until <= self._clock() and self._clock() > started + RECHECK:
            return None
        return _Seen(
            fragment or fragment_of(self._content.problem_main(404, NO_PAGE)),
            {
                **_state(self._renderings.within(snapshot, scope.namespaces).operator),
                "build": self._content.build,
            },
            until,
        )

    async def _wait(self, until: float, *others: Coroutine[Any, Any, object]) -> None:
        """Wait until the time of the clock comes, all streams end, or one of the others happens."""
        tasks = [asyncio.ensure_future(each) for each in (self._closing.wait(), *others)]
        try:
            await asyncio.wait(
                tasks, timeout=max(0.0, until - self._clock()), return_when=asyncio.FIRST_COMPLETED
            )
        finally:
            for each in tasks:
                each.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


@dataclass(frozen=True, slots=True)
class _Seen:
    fragment: Fragment
    state: dict[str, object]
    until: float
    is_last: bool = False


class _Wire:
    """Sends events to one client, each within a time."""

    def __init__(self, response: web.StreamResponse, compressor: Compressor | None, timeout: float) -> None:
        self._response, self._compressor, self._timeout = response, compressor, timeout
        self._sending: asyncio.Timeout | None = None

    async def send(self, event: Event) -> None:
        """Raises TimeoutError if the client does not read, and ConnectionError if it is gone."""
        data = event.plain if self._compressor is None else self._compressor.add(event)
        await self._write(data)

    async def end(self) -> None:
        """Complete the format."""
        if self._compressor is not None:
            await self._write(self._compressor.end())

    def hurry(self, seconds: float) -> None:
        """Take at most this time from now on."""
        self._timeout = min(self._timeout, seconds)
        if self._sending is not None:
            self._sending.reschedule(asyncio.get_running_loop().time() + seconds)

    async def _write(self, data: bytes) -> None:
        async with asyncio.timeout(self._timeout) as self._sending:
            await self._response.write(data)
        self._sending = None


def _abort(request: web.Request) -> None:
    if request.transport is not None:
        request.transport.abort()


def _state(operator: OperatorState) -> dict[str, object]:
    if not operator.leads:
        return {"state": "standby", "message": "This replica is on standby: it knows no objects."}
    if not operator.connected:
        since = operator.connected_since
        return {
            "state": "disconnected",
            "message": operator.problem or "The operator has no connection to its API server.",
            "since": since.isoformat() if since is not None else None,
        }
    if not operator.synced:
        return {"state": "connecting", "message": "The operator has started and reads all objects."}
    return {"state": "ok", "message": ""}
