"""Slots for long work on the event loop: a limited number, for which namespaces take turns.

This is for coroutines; work in threads uses the slots of :mod:`headgate.fairness.pools`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from headgate.fairness.order import FairOrder


class FairPlaces:
    """One namespace may hold ``most`` of the ``places`` slots. For use on one event loop."""

    def __init__(self, places: int, most: int) -> None:
        self._order: FairOrder[object] = FairOrder(1, places, most)
        self._waiting: dict[object, tuple[str, asyncio.Future[None]]] = {}

    @asynccontextmanager
    async def taken(self, namespace: str) -> AsyncIterator[None]:
        """Wait for a slot, and hold it inside the context."""
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
