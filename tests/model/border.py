"""The line between the operator and the API server: it takes time, and things go wrong on it.

:class:`Line` is the operator's real transport with the socket taken out: its retries, its limits and its counting are
the product's, only the exchange of bytes goes to the server in memory. Faults are armed by :class:`Faults`: the n-th
request of a sort from now is refused, or its answer is lost, or the operator dies at it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from random import Random
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import orjson

from headgate.kube import Answer, Unreachable
from headgate.kube.access import Endpoint
from headgate.kube.errors import from_status
from headgate.kube.transport import RequestLabel, Transport
from tests.model import kinds
from tests.model.apiserver import ApiServer
from tests.model.clock import VirtualLoop
from tests.model.store import Reply, Request
from tests.model.watches import TooOld, Watch

SORTS = ("any", "apply", "dry run", "delete", "status", "get", "discovery")
"""Sorts of requests that a fault may be armed for."""
MISHAPS = (
    "lost answer",
    "reset",
    "409",
    "429",
    "500",
    "503",
    "504",
    "504 but done",
    "kill before",
    "kill after",
)
CHANGING = ("apply", "delete", "status")
IN_DOUBT = ("lost answer", "504 but done", "kill before", "kill after")
"""Mishaps after which nobody knows whether it was done."""
_REASONS = {
    409: "Conflict", 429: "TooManyRequests", 500: "InternalError", 503: "ServiceUnavailable", 504: "Timeout",
}  # fmt: skip


def sort_of(request: Request) -> str:
    """The sort of a request; empty for those that no fault is armed for."""
    if request.path in ("/api", "/apis"):
        return "discovery"
    if request.path.endswith("/events") or "/events/" in request.path:
        return ""
    if request.method == "PATCH" and request.path.endswith("/status"):
        return "status"
    if request.method == "PATCH":
        return "dry run" if request.dry_run else "apply"
    return {"DELETE": "delete", "GET": "get"}.get(request.method, "")


@dataclass
class Fault:
    """At the ``at``-th request of the sort from now, and for ``times`` tries in a row of the same request."""

    sort: str
    at: int
    mishap: str
    times: int = 1
    path: str = ""
    """The path of the first request that fails; its repetitions fail as well."""

    def meets(self, request: Request) -> bool:
        """Whether this request fails; counts down."""
        sort = sort_of(request)
        if not sort or self.times < 1 or self.sort not in ("any", sort):
            return False
        if not self.path:
            self.at -= 1
            if self.at > 0:
                return False
            self.path = request.path
        if self.path != request.path:
            return False
        self.times -= 1
        return True


class _Access:
    """Nobody asks who we are."""

    async def authorization(self) -> None:
        return None

    async def renew(self, refused: str | None) -> bool:
        return False


class Line(Transport):
    """See the module's text. ``on_death`` is called when a fault says so; nothing reaches the server after that."""

    def __init__(self, server: ApiServer, loop: VirtualLoop, random: Random, faults: list[Fault]) -> None:
        access: Any = _Access()
        endpoint = Endpoint("http://model", None, None, None)
        super().__init__(access, endpoint, user_agent="model")
        self._api, self._loop, self._random, self._faults = server, loop, random, faults
        self.dead = False
        self.on_death: Callable[[], None] = lambda: None
        self.watching: set[asyncio.Event] = set()
        self.forgotten = 0
        """Watches of versions before this one are too old."""
        self.log: list[str] = []
        server.observers.append(self._changed)

    def cut(self) -> None:
        """All watches break."""
        for event in self.watching:
            event.cut = True  # type: ignore[attr-defined]
            event.set()

    def die(self) -> None:
        """From now on nothing reaches the server, and no answer comes."""
        self.dead = True
        self.on_death()

    async def close(self) -> None:
        self._api.observers.remove(self._changed)
        await super().close()

    async def _once(
        self,
        method: str,
        path: str,
        label: RequestLabel,
        headers: Mapping[str, str],
        body: bytes | None,
        within: float,
        authorization: str | None,
    ) -> Answer:
        async with self._slots:
            parts = urlsplit(path)
            content_type = headers.get("Content-Type", "")
            request = Request(
                method,
                parts.path,
                dict(parse_qsl(parts.query)),
                orjson.loads(body) if body else None,
                content_type,
            )
            await self._pause()
            reply = self._exchange(request)
            await self._pause()
        if reply.status >= 300:
            text = reply.body if isinstance(reply.body, str) else ""
            parsed = None if text else reply.body
            raise from_status(
                reply.status, parsed, text=text, retry_after=1.0 if reply.status == 429 else None
            )
        return Answer(
            reply.status, reply.body, {"Date": self._loop.wall.strftime("%a, %d %b %Y %H:%M:%S GMT")}
        )

    def _exchange(self, request: Request) -> Reply:
        if self.dead:
            raise asyncio.CancelledError
        fault = next((f for f in self._faults if f.meets(request)), None)
        mishap = fault.mishap if fault else ""
        if mishap == "kill before":
            self.die()
            raise asyncio.CancelledError
        if mishap == "reset":
            self._note(request, mishap)
            raise Unreachable("cannot reach the API server: connection reset")
        if mishap.isdigit():
            self._note(request, mishap)
            return _refusal(int(mishap))
        reply = self._api.handle(request)
        self._note(request, f"{reply.status} {mishap}")
        if mishap == "kill after":
            self.die()
            raise asyncio.CancelledError
        if mishap == "lost answer":
            raise Unreachable("cannot reach the API server: connection reset before the answer")
        return _refusal(504) if mishap == "504 but done" else reply

    @asynccontextmanager
    async def stream(
        self, path: str, *, label: RequestLabel, headers: Mapping[str, str], silence: float
    ) -> AsyncIterator[AsyncIterator[bytes]]:
        await self._pause()
        if self.dead:
            raise asyncio.CancelledError
        parts = urlsplit(path)
        target = kinds.find(self._api.served, parts.path)
        if target is None:
            raise from_status(404, None, text="404 page not found")
        try:
            watch = Watch(self._api, target, dict(parse_qsl(parts.query)), forgotten=self.forgotten)
        except TooOld:
            raise from_status(410, None, text="too old resource version") from None
        changed = asyncio.Event()
        changed.cut = False  # type: ignore[attr-defined]
        changed.set()
        self.watching.add(changed)
        try:
            yield self._lines(watch, changed)
        finally:
            self.watching.discard(changed)

    async def _lines(self, watch: Watch, changed: asyncio.Event) -> AsyncIterator[bytes]:
        while True:
            await changed.wait()
            changed.clear()
            await self._pause()
            if changed.cut:  # type: ignore[attr-defined]
                raise Unreachable("the watch broke")
            for line in watch.take():
                if self.dead:
                    raise asyncio.CancelledError
                yield line

    def _changed(self, change: Any) -> None:
        for event in self.watching:
            event.set()

    async def _pause(self) -> None:
        await asyncio.sleep(self._random.choice((0.001, 0.001, 0.002, 0.003, 0.004, 0.006, 0.02, 0.15)))

    def _note(self, request: Request, outcome: str) -> None:
        if "/events" in request.path:
            return
        dry = " (dry run)" if request.dry_run else ""
        self.log.append(f"{self._loop.now:9.3f} {request.method} {request.path}{dry}: {outcome}")


def _refusal(status: int) -> Reply:
    reason = _REASONS[status]
    body = {
        "kind": "Status",
        "status": "Failure",
        "message": f"injected: {reason}",
        "reason": reason,
        "code": status,
    }
    return Reply(status, body)
