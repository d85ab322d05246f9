"""Workers: each takes a key from the queue, calls the reconciler with it, and schedules what comes next.

A reconciler is an ``async`` function that works on the newest state of one object and returns when it has
nothing to do *now*. It never sleeps until something happens: it says in its :class:`Outcome` when to be
called again at the latest, and an event calls it earlier. That is why a few workers serve any number of
objects, and why those that wait or fail never hold up the others.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from headgate.reconcile.queue import Depth, Priority, Trigger, WorkQueue

K = TypeVar("K", bound=Hashable)

BACKOFF_BASE = 0.75
"""Seconds before the first retry of an unexpected error (Flux: ``--min-retry-delay``)."""
BACKOFF_MAX = 900.0
"""Seconds between retries at the most (Flux: ``--max-retry-delay``)."""

INTERVAL = Trigger(Priority.ROUTINE, "interval", depth=Depth.VERIFY)
WAKE = Trigger(Priority.ROUTINE, "timer")
RETRY = Trigger(Priority.ROUTINE, "retry after an error", depth=Depth.APPLY)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a reconcile leaves behind."""

    after: float | None = None
    """Seconds until the object is looked at again, if nothing happens before; None: only on an event."""
    trigger: Trigger = INTERVAL
    """What the key is then woken with."""
    keep_timer: bool = False
    """Leave the timer that is set as it is (``after`` is then ignored)."""


NOTHING_MORE = Outcome()


class Observer(Protocol):
    """What a controller tells of its work; the metrics implement it."""

    def waited(self, controller: str, seconds: float) -> None: ...

    def worked(self, controller: str, seconds: float, result: str) -> None: ...


class Backoff(Generic[K]):
    """Exponential delays with jitter for objects whose reconcile broke off with an unexpected error."""

    def __init__(self, base: float = BACKOFF_BASE, limit: float = BACKOFF_MAX) -> None:
        self._base, self._limit = base, limit
        self._failures: dict[K, int] = {}

    def next(self, key: K) -> float:
        """Seconds to wait now; each call for a key that was not reset doubles it."""
        n = self._failures.get(key, 0)
        self._failures[key] = n + 1
        delay: float = min(self._limit, self._base * 2 ** min(n, 20))
        return delay * random.uniform(0.8, 1.2)  # noqa: S311 - spreads load, guards nothing

    def reset(self, key: K) -> None:
        """The object was reconciled without an unexpected error."""
        self._failures.pop(key, None)


class Controller(Generic[K]):
    """A queue, its workers and the reconciler they call."""

    def __init__(
        self,
        name: str,
        reconcile: Callable[[K, tuple[Trigger, ...]], Awaitable[Outcome]],
        *,
        workers: int,
        observer: Observer | None = None,
    ) -> None:
        self.name = name
        self.queue: WorkQueue[K] = WorkQueue()
        self._reconcile = reconcile
        self._workers = workers
        self._observer = observer
        self._backoff: Backoff[K] = Backoff()
        self._log = logging.getLogger(f"headgate.{name}")

    async def run(self) -> None:
        """Work until cancelled."""
        async with asyncio.TaskGroup() as group:
            for n in range(self._workers):
                group.create_task(self._work(), name=f"{self.name} worker {n}")

    def forget(self, key: K) -> None:
        """The object is gone: drop its wait, its timer and its back-off."""
        self.queue.forget(key)
        self._backoff.reset(key)

    async def _work(self) -> None:
        while True:
            key, triggers, waited = await self.queue.get()
            started = time.monotonic()
            result = "success"
            try:
                outcome = await self._reconcile(key, triggers)
                self._backoff.reset(key)
            except Exception as error:
                # The border: whatever one object brings about must not stop the others.
                result = "error"
                outcome = Outcome(after=self._backoff.next(key), trigger=RETRY)
                self._log.exception(
                    "reconciling %s broke off, next try in %.1fs: %s", key, outcome.after, error
                )
            finally:
                self.queue.done(key)
            if outcome.keep_timer:
                pass
            elif outcome.after is None:
                self.queue.unschedule(key)
            else:
                self.queue.schedule(key, outcome.after, outcome.trigger)
            if self._observer is not None:
                self._observer.waited(self.name, waited)
                self._observer.worked(self.name, time.monotonic() - started, result)
