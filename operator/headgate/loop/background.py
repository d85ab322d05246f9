"""Work on the event loop that no caller awaits, but that must succeed."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from itertools import count

from headgate.backoff import Doubling

PAUSES = Doubling(0.5, 30.0)
"""Delays before failed work is repeated."""

_log = logging.getLogger("headgate.loop")


class Background:
    """Starts such work, logs failures, and repeats it until it succeeds."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def begin(self, what: str, work: Callable[[], Awaitable[None]]) -> None:
        """Start the work in a separate task; ``what`` names it in the log."""
        task = asyncio.get_running_loop().create_task(_do(what, work), name=what)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def idle(self) -> None:
        """Wait until all work is done."""
        while self._tasks:
            await asyncio.wait(self._tasks)


async def _do(what: str, work: Callable[[], Awaitable[None]]) -> None:
    for failures in count(1):
        try:
            await work()
        except Exception as error:
            pause = PAUSES.after(failures)
            _log.exception("%s: failed, next attempt in %.1fs: %s", what, pause, error)
        else:
            return
        await asyncio.sleep(pause)
