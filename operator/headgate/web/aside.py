"""A web server in a separate thread with its own event loop: it answers even while the main loop is busy."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future
from types import TracebackType

from headgate.web.server import WebServer

__all__ = ["ServerAside"]


class ServerAside:
    """Serves while its ``async with`` block runs. The thread of the server calls the handlers.

    async with ServerAside(lambda: WebServer([("probes", app, ":9440")])) as server:
        server.port("probes")
    """

    def __init__(self, make: Callable[[], WebServer], name: str = "web") -> None:
        """The thread of this name calls ``make``."""
        self._make, self._name = make, name
        self._started: Future[WebServer] = Future()
        self._ended: Future[None] = Future()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None

    def port(self, name: str) -> int:
        """The port that a site listens on."""
        return self._started.result().port(name)

    async def __aenter__(self) -> ServerAside:
        """Raises :class:`headgate.web.server.AddressError`."""
        threading.Thread(target=self._run, name=self._name, daemon=True).start()
        await asyncio.wrap_future(self._started)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._loop is not None
        assert self._stop is not None
        self._loop.call_soon_threadsafe(self._stop.set)
        await asyncio.wrap_future(self._ended)

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as error:
            (self._ended if self._started.done() else self._started).set_exception(error)
        else:
            self._ended.set_result(None)

    async def _serve(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        async with self._make() as server:
            self._started.set_result(server)
            await self._stop.wait()
