"""Pauses within a long computation on the event loop, in which other tasks run."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterable
from typing import Final, TypeVar

T = TypeVar("T")

STRETCH: Final = 0.01
"""Seconds of work between two pauses."""


class Pauses:
    """For one computation: ``await pauses.here()`` in each of its steps, each of which must be short.

    The data that the computation reads may change in a pause.
    """

    __slots__ = ("_clock", "_since", "_stretch")

    def __init__(self, stretch: float = STRETCH, clock: Callable[[], float] = time.monotonic) -> None:
        self._stretch, self._clock = stretch, clock
        self._since = clock()

    async def here(self) -> None:
        """Let other tasks run, if the last pause was long ago."""
        if self._clock() - self._since >= self._stretch:
            await asyncio.sleep(0)
            self._since = self._clock()

    async def between(self, items: Iterable[T]) -> AsyncIterator[T]:
        """Yield the items, with pauses between them."""
        for item in items:
            yield item
            await self.here()
