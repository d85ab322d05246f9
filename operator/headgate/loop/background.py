"""Work on the event loop that nobody waits for, and that must be done all the same."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from itertools import count

from headgate.backoff import Doubling

PAUSES = Doubling(0.5, 30.0)
"""Before work that broke off is begun anew."""

_log = logging.getLogger("headgate.loop")


class Background:
    """Begins such work, reports what broke off, and begins that anew until it is done."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def begin(self, what: str, work: Callable[[], Awaitable[None]]) -> None:
        """Do it as a task of its own; ``what`` names it in the log."""
        task = asyncio.get_running_loop().create_task(_do(what, work), name=what)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def idle(self) -> None:
        """Wait until all of it is done."""
        while self._tasks:
            await asyncio.wait(self._tasks)


async def _do(what: str, work: Callable[[], Awaitable[None]]) -> None:
    for failures in count(1):
        try:
            await work()
        except Exception as error:
            pause = PAUSES.after(failures)
            _log.exception("%s: broke off, next try in %.1fs: %s", what, pause, error)
        else:
            return
        await asyncio.sleep(pause)
