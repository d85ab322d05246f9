"""Places for work on the event loop that takes long: a bounded number, which namespaces take in turns.

What works in threads has the places of :mod:`headgate.fairness.pools`; this is for coroutines.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from headgate.fairness.order import FairOrder


class FairPlaces:
    """``most`` of the ``places`` are for one namespace. Used from one event loop."""

    def __init__(self, places: int, most: int) -> None:
        self._order: FairOrder[object] = FairOrder(1, places, most)
        self._waiting: dict[object, tuple[str, asyncio.Future[None]]] = {}

    @asynccontextmanager
    async def taken(self, namespace: str) -> AsyncIterator[None]:
        """Wait for a place, and hold it within."""
        ticket, ready = object(), asyncio.get_running_loop().create_future()
        self._waiting[ticket] = namespace, ready
        self._order.put(ticket, namespace, 0)
        self._hand_out()
        try:
            await ready
            yield
        finally:
            if self._waiting.pop(ticket, None) is not None:
                self._order.drop(ticket)
            elif not ready.cancelled():
                self._order.release(namespace)
            self._hand_out()

    def _hand_out(self) -> None:
        while (ticket := self._order.take()) is not None:
            namespace, ready = self._waiting.pop(ticket)
            if ready.cancelled():
                self._order.release(namespace)
            else:
                ready.set_result(None)
