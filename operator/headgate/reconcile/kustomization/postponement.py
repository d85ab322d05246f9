"""When to report that a Kustomization waits: after a delay, as what it waits for often arrives in a moment."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any


class PostponementReport:
    """The report that one Kustomization's attempts are postponed; the next attempt cancels it.

    However often attempts start, one report is sent when it is due: a user who requests attempts in quick succession
    must not keep others from learning why none proceeds. Used from the event loop only.
    """

    def __init__(self) -> None:
        self._timer: asyncio.TimerHandle | None = None
        self._due: float | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    def cancel(self) -> None:
        """Cancel the report, as the next attempt begins; what is due remains due."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def take_due(self) -> float | None:
        """The time of the event loop at which a cancelled report was due, for :meth:`schedule`; else None.

        An attempt takes it at its start, so that an attempt without postponement ends the series.
        """
        due, self._due = self._due, None
        return due

    def schedule(
        self, report: Callable[[], Coroutine[Any, Any, None]], due: float | None, delay: float
    ) -> None:
        """Report at ``due``; if that is None, after ``delay`` seconds."""
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
