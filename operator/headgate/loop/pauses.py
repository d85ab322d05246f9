"""Pauses within a long computation on the event loop, so that all else goes on meanwhile."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterable
from typing import Final, TypeVar

T = TypeVar("T")

STRETCH: Final = 0.01
"""Seconds of work between two pauses."""


class Pauses:
    """For one computation: ``await pauses.here()`` in each of its steps, none of which may itself be long.

    What the computation looks at may change in a pause.
    """

    __slots__ = ("_clock", "_since", "_stretch")

    def __init__(self, stretch: float = STRETCH, clock: Callable[[], float] = time.monotonic) -> None:
        self._stretch, self._clock = stretch, clock
        self._since = clock()

    async def here(self) -> None:
        """Let others go on, if it has been long since they did."""
        if self._clock() - self._since >= self._stretch:
            await asyncio.sleep(0)
            self._since = self._clock()

    async def between(self, items: Iterable[T]) -> AsyncIterator[T]:
        """The items, with pauses between them."""
        for item in items:
            yield item
            await self.here()
