"""Several HTTP applications, each on its own address, started and stopped together.

Each site has its own limits on connections (:mod:`.connections`), so that one site never blocks another. Addresses have
the form of Flux's flags: ``:9090`` (all interfaces), ``127.0.0.1:0`` (a free port), ``[::1]:8080``; "" or ``0``
disables the application.
"""

from __future__ import annotations

import asyncio
import logging
import re
import socket
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from functools import partial
from types import TracebackType

from aiohttp import web

from headgate.web.connections import UNWATCHED, ConnectionLimits, Connections, Watch

__all__ = ["ANSWERS", "AddressError", "WebServer", "parse_address"]

GRACE = 5.0
"""Seconds that downloads in progress get when a server stops."""
LINGERING = 5.0
"""Seconds for which the server reads and drops the rest of an unread request."""
MAX_LINE, MAX_HEADERS = 8190, 64
"""Limits: bytes of a request's first line and of each header, and number of headers."""

_ADDRESS = re.compile(r"(?:\[(?P<six>[0-9A-Fa-f:.%]+)\]|(?P<host>[^:\[\]]*)):(?P<port>[0-9]{1,5})")

_log = logging.getLogger("headgate.web")


class AddressError(ValueError):
    """An address to listen on is malformed or unavailable."""


def parse_address(text: str) -> tuple[str | None, int] | None:
    """Return host (None: all interfaces) and port; None when the application is disabled.

    Raises :class:`AddressError`.
    """
    if text in ("", "0"):
        return None
    match = _ADDRESS.fullmatch(text)
    if match is None or int(match["port"]) > 65535:
        raise AddressError(f"'{text}' is not an address to listen on: write [host]:port, for example :9090")
    return match["six"] or match["host"] or None, int(match["port"])


Finish = Callable[[web.Request, web.StreamResponse], None]
ANSWERS: web.AppKey[Finish] = web.AppKey("answers")
"""A function of an application that every answer passes before its head is sent, also one that aiohttp gives by itself,
such as to a request that it cannot read. aiohttp logs nothing about requests to such an application.
"""
_AIOHTTP = logging.getLogger("aiohttp.server")
_UNLOGGED = logging.Logger("headgate.web.unlogged")
_UNLOGGED.addHandler(logging.NullHandler())


def _finished(make: Callable[..., web.BaseRequest], finish: Finish) -> Callable[..., web.BaseRequest]:
    class Request(web.Request):
        async def _prepare_hook(self, response: web.StreamResponse) -> None:
            await super()._prepare_hook(response)
            finish(self, response)

    return partial(make, _cls=Request)


class _Site(web.BaseSite):
    """A TCP site that counts its connections."""

    __slots__ = ("_connections", "_host", "_port")

    def __init__(self, runner: web.AppRunner, host: str | None, port: int, connections: Connections) -> None:
        super().__init__(runner)
        self._host, self._port, self._connections = host, port, connections

    @property
    def name(self) -> str:
        return f"http://{self._host or '0.0.0.0'}:{self._port}"  # noqa: S104

    async def start(self) -> None:
        await super().start()
        server = self._runner.server
        assert server is not None
        self._server = await asyncio.get_running_loop().create_server(
            self._connections.wrap(server), self._host, self._port, backlog=self._backlog
        )


class WebServer:
    """Serves applications while its ``async with`` block runs.

    async with WebServer([("artifacts", app, ":9090")]) as server:
        server.port("artifacts")
    """

    def __init__(
        self,
        sites: Sequence[tuple[str, web.Application, str]],
        limits: ConnectionLimits = ConnectionLimits(),  # noqa: B008 - frozen
        watch: Watch = UNWATCHED,
        *,
        grace: float = GRACE,
    ) -> None:
        """``sites``: name for log and metrics, application, address. ``limits`` apply to each. ``grace``: seconds that
        requests in progress get when the server stops.
        """
        self._limits, self._watch, self._grace = limits, watch, grace
        self._sites = [(name, app, parse_address(address)) for name, app, address in sites]
        self._stack = AsyncExitStack()
        self._ports: dict[str, int] = {}

    def port(self, name: str) -> int:
        """Return the port that a site listens on; useful for a free port."""
        return self._ports[name]

    async def start(self) -> None:
        """Listen on all addresses, or on none: raises :class:`AddressError` naming an unavailable one."""
        try:
            for name, app, address in self._sites:
                if address is not None:
                    await self._serve(name, app, *address)
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Stop listening, and let requests in progress end."""
        await self._stack.aclose()

    async def _serve(self, name: str, app: web.Application, host: str | None, port: int) -> None:
        connections = Connections(name, self._limits, self._watch)
        app.middlewares.insert(0, connections.middleware)
        runner = web.AppRunner(
            app,
            access_log=None,
            handle_signals=False,
            shutdown_timeout=self._grace,
            # No expected request is compressed, and a compressed one may be a decompression bomb.
            auto_decompress=False,
            keepalive_timeout=self._limits.timeout,
            lingering_time=LINGERING,
            max_line_size=MAX_LINE,
            max_field_size=MAX_LINE,
            max_headers=MAX_HEADERS,
            logger=_UNLOGGED if ANSWERS in app else _AIOHTTP,
        )
        await runner.setup()
        self._stack.push_async_callback(runner.cleanup)
        if ANSWERS in app and runner.server is not None:
            runner.server.request_factory = _finished(runner.server.request_factory, app[ANSWERS])
        try:
            await _Site(runner, host, port, connections).start()
        except (OSError, socket.gaierror) as error:
            raise AddressError(f"cannot listen on {host or ''}:{port} for {name}: {error.strerror}") from None
        self._ports[name] = int(runner.addresses[0][1])
        _log.info("serving %s on port %d", name, self._ports[name])

    async def __aenter__(self) -> WebServer:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()
