"""Measures each turn of the event loop.

In a turn the loop calls whatever is ready, and everything else waits until the turn ends: the length of turns is the
delay of any timer, answer or probe. The selector in which the loop waits measures where turns begin and end, so nothing
has to wake an idle loop.
"""

from __future__ import annotations

import asyncio
import selectors
import time
from bisect import bisect_left
from collections.abc import Callable, Coroutine
from typing import Any, Final, TypeVar

T = TypeVar("T")

BUCKETS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)


class LoopTurns:
    """The turns of one loop so far. The loop's thread writes them; any thread may read them."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self.counts = [0] * (len(BUCKETS) + 1)
        """How many turns fell into each of :data:`BUCKETS`, and how many took longer."""
        self.total = 0.0
        """Seconds of all turns."""
        self.number = 0
        """The number of the current turn."""
        self._since: float | None = None

    def begin(self) -> None:
        """Start a turn: the loop has something to do."""
        self.number += 1
        self._since = self._clock()

    def end(self) -> None:
        """End the turn: the loop waits."""
        if self._since is None:
            return
        seconds, self._since = self._clock() - self._since, None
        self.counts[bisect_left(BUCKETS, seconds)] += 1
        self.total += seconds

    def present(self) -> tuple[int, float]:
        """Return the number of the current turn and how many seconds it has lasted; 0 when the loop waits."""
        number, since = self.number, self._since
        return number, 0.0 if since is None else self._clock() - since


class _Selector(selectors.DefaultSelector):
    def __init__(self, turns: LoopTurns) -> None:
        super().__init__()
        self._turns = turns

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        self._turns.end()
        try:
            return super().select(timeout)
        finally:
            self._turns.begin()


def run(main: Coroutine[Any, Any, T], turns: LoopTurns) -> T:
    """Like :func:`asyncio.run`, on a loop whose turns are measured and whose tasks have the names of their objects.

    A task without a name inherits that of the task that created it.
    """

    def make_loop() -> asyncio.AbstractEventLoop:
        loop = asyncio.SelectorEventLoop(_Selector(turns))
        loop.set_task_factory(_make_task)
        return loop

    with asyncio.Runner(loop_factory=make_loop) as runner:
        return runner.run(main)


def _make_task(loop: asyncio.AbstractEventLoop, coro: Any, **options: Any) -> asyncio.Task[Any]:
    task: asyncio.Task[Any] = asyncio.Task(coro, loop=loop, **options)
    parent = asyncio.current_task(loop)
    if parent is not None:
        task.set_name(parent.get_name())
    return task
