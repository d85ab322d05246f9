"""When it is reported that a Kustomization waits: not at once, since what it waits for often comes in a moment."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any


class PostponementReport:
    """The report that one Kustomization's attempts are postponed, which the next attempt calls off.

    However often attempts begin anew, one report comes when it is due: whoever asks for attempts in quick succession
    must not keep everybody from learning why none goes ahead. Used from the event loop only.
    """

    def __init__(self) -> None:
        self._timer: asyncio.TimerHandle | None = None
        self._due: float | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    def cancel(self) -> None:
        """The next attempt begins; what is due remains due."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def take_due(self) -> float | None:
        """Time of the event loop by which a report was due that was called off, for :meth:`schedule`; else None.

        An attempt takes it when it begins, so that one that is not postponed ends the row.
        """
        due, self._due = self._due, None
        return due

    def schedule(
        self, report: Callable[[], Coroutine[Any, Any, None]], due: float | None, delay: float
    ) -> None:
        """Report when ``due``, or where nothing was due before, after ``delay`` seconds."""
        loop = asyncio.get_running_loop()
        self._due = loop.time() + delay if due is None else due

        def start() -> None:
            self._due = None
            task = loop.create_task(report())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

        if self._due <= loop.time():
            start()
        else:
            self._timer = loop.call_at(self._due, start)
