"""Virtual time: an event loop whose clock jumps to the next timer as soon as nothing is left to do now.

An hour of waiting costs nothing, and a run is the same each time: no thread takes part (what the code gives to a pool
of threads runs at once, in the loop), and nothing is read from the machine's clock. ``time.monotonic`` is the virtual
clock for as long as :func:`run` runs, since the operator measures with it. Other threads keep the machine's.
"""

from __future__ import annotations

import asyncio
import selectors
import threading
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar
from unittest import mock

from headgate.fairness.pools import Pool

T = TypeVar("T")

BEGINNING = datetime(2020, 1, 1, tzinfo=UTC)
"""Wall-clock time at which each world begins. It is in the past: the operator uses the earlier of the server's clock
and the machine's, and that is the server's."""


class Stuck(Exception):
    """Everybody waits, and no timer is set: nothing will ever happen again."""


class _Jump(selectors.SelectSelector):
    """Waits by moving the clock."""

    def __init__(self, loop: VirtualLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[Any]:
        if timeout is None:
            raise Stuck
        if timeout > 0:
            self._loop.now += timeout
        return []


class VirtualLoop(asyncio.SelectorEventLoop):
    """See the module's text."""

    def __init__(self) -> None:
        self.now = 1000.0
        super().__init__(_Jump(self))

    def time(self) -> float:
        return self.now

    @property
    def wall(self) -> datetime:
        """The wall clock."""
        return BEGINNING + timedelta(seconds=self.now)


def run(main: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Run a coroutine in a new world; cancel what still runs afterwards."""
    loop, own = VirtualLoop(), threading.get_ident()
    monotonic, start = time.monotonic, threading.Thread.start

    def now() -> float:
        return loop.now if threading.get_ident() == own else monotonic()

    def start_elsewhere(thread: threading.Thread) -> None:
        assert threading.get_ident() != own, f"{thread.name}: a thread would not know of virtual time"
        start(thread)

    with (
        mock.patch.object(time, "monotonic", now),
        mock.patch.object(Pool, "submit", _at_once),
        mock.patch.object(threading.Thread, "start", start_elsewhere),
    ):
        try:
            return loop.run_until_complete(main())
        finally:
            left = asyncio.all_tasks(loop)
            for task in left:
                task.cancel()
            if left:
                loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
            loop.run_until_complete(loop.shutdown_asyncgens())
            loop.close()


def _at_once(
    pool: Pool, namespace: str, function: Callable[..., T], /, *args: Any, **kwargs: Any
) -> Future[T]:
    future: Future[T] = Future()
    try:
        future.set_result(function(*args, **kwargs))
    except Exception as error:
        future.set_exception(error)
    return future


def timestamp(moment: datetime) -> str:
    """As Kubernetes writes times."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
