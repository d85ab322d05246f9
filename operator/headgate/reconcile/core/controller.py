"""Workers: each takes a key from the queue, calls the reconciler with it, and schedules the next run.

A reconciler is an ``async`` function that works on the newest state of one object and returns when it has
nothing to do *now*. It never sleeps until something happens: its :class:`Outcome` says when it must run again
at the latest, and an event wakes it earlier. So a few workers serve any number of objects, and objects that
wait or fail never delay the others.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from headgate.api import ObjectKey
from headgate.backoff import Backoff, Doubling
from headgate.panics import contained
from headgate.reconcile.core.queue import Depth, Priority, Trigger, WorkQueue
from headgate.subject import Subject, reconciling

K = TypeVar("K", bound=Hashable)

BACKOFF_BASE = 0.75
"""Seconds before the first retry of an unexpected error (Flux: ``--min-retry-delay``)."""
BACKOFF_MAX = 900.0
"""The longest time between retries, in seconds (Flux: ``--max-retry-delay``)."""
RETRIES = Doubling(BACKOFF_BASE, BACKOFF_MAX, jitter=0.2)
"""The delays after unexpected errors."""

LEAST_PAUSE = 1.0
"""The shortest time, in seconds, between two reconciles that an object's own intervals ask for."""

INTERVAL = Trigger(Priority.ROUTINE, "interval", depth=Depth.VERIFY)
WAKE = Trigger(Priority.ROUTINE, "timer")
RETRY = Trigger(Priority.ROUTINE, "retry after an error", depth=Depth.APPLY)


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of a reconcile."""

    after: float | None = None
    """Seconds until the next reconcile unless something happens earlier; None: only after an event."""
    trigger: Trigger = INTERVAL
    """The trigger of that reconcile."""
    keep_timer: bool = False
    """Leave the current timer as it is (``after`` is then ignored)."""
    failed: bool = False
    """The reconcile failed: it counts as an error, and the next one as a retry."""
    gone: bool = False
    """The object no longer exists, and the controller forgets it."""


NOTHING_MORE = Outcome()
GONE = Outcome(gone=True)


@dataclass(frozen=True, slots=True)
class AtWork(Generic[K]):
    """A key that a worker has."""

    key: K
    since: float
    """When the worker took it, on the monotonic clock."""
    triggers: tuple[Trigger, ...]
    """Why."""
    waited: float
    """Seconds that it waited for the worker."""


class Observer(Protocol):
    """Receives what a controller does; the metrics implement it."""

    def added(self, controller: str, *, retry: bool = False) -> None: ...

    def waited(self, controller: str, seconds: float) -> None: ...

    def worked(self, controller: str, seconds: float, result: str) -> None: ...

    def reconciled(self, kind: str, namespace: str, name: str, seconds: float) -> None: ...

    def forget(self, kind: str, namespace: str, name: str) -> None: ...


OnUnexpectedError = Callable[[K, Exception, int], Awaitable[None]]
"""Reports an unexpected error of a key; the number counts such errors in a row."""


class Controller(Generic[K]):
    """The workers of a queue, and the reconciler that they call."""

    def __init__(
        self,
        name: str,
        queue: WorkQueue[K],
        reconcile: Callable[[K, tuple[Trigger, ...]], Awaitable[Outcome]],
        *,
        kind: str = "",
        observer: Observer | None = None,
        on_unexpected_error: OnUnexpectedError[K] | None = None,
    ) -> None:
        """The controller has as many workers as its ``queue`` serves.

        ``kind`` is the kind of the objects, for the observer and the log.

        ``on_unexpected_error`` reports an unexpected error of a reconcile to the users of the object.
        """
        self.name, self.queue, self.workers = name, queue, queue.workers
        self._reconcile = reconcile
        self._kind = kind
        self._observer = observer
        self._on_unexpected_error = on_unexpected_error
        self._running: dict[K, AtWork[K]] = {}
        self._on_work: Callable[[K], None] | None = None
        self._failed: set[K] = set()
        self._backoff: Backoff[K] = Backoff(RETRIES)
        self._log = logging.getLogger(f"headgate.{name}")

    def subscribe(self, on_work: Callable[[K], None]) -> None:
        """Call ``on_work`` with each key when a worker takes it, and when it has finished; it must not raise."""
        self._on_work = on_work

    async def run(self) -> None:
        """Work until cancelled."""
        async with asyncio.TaskGroup() as group:
            for n in range(self.workers):
                group.create_task(self._work(), name=f"{self.name} worker {n}")

    def depth(self) -> int:
        """The number of keys that wait for a worker."""
        return len(self.queue)

    def running(self) -> list[float]:
        """For each key with a worker: the seconds since the worker took it."""
        now = time.monotonic()
        return [now - each.since for each in list(self._running.values())]

    def at_work(self) -> list[AtWork[K]]:
        """The keys that workers have, the longest first."""
        return list(self._running.values())

    async def _work(self) -> None:
        task = asyncio.current_task()
        assert task is not None
        while True:
            key, triggers, waited = await self.queue.get()
            # The tasks that the reconciler starts inherit the name, and the watchdog reports it.
            task.set_name(f"{self.name} {key}")
            started = time.monotonic()
            self._running[key] = AtWork(key, started, triggers, waited)
            self._tell(key)
            try:
                with reconciling(self._subject(key)):
                    outcome = await self._outcome(key, triggers)
            finally:
                self.queue.done(key)
                del self._running[key]
            if outcome.keep_timer:
                pass
            elif outcome.after is None:
                self.queue.unschedule(key)
            else:
                least = 0.0 if outcome.trigger is WAKE else LEAST_PAUSE
                self.queue.schedule(key, max(least, outcome.after), outcome.trigger)
            self._tell(key)
            if self._observer is not None:
                self._observe(self._observer, key, waited, time.monotonic() - started, outcome)

    def _tell(self, key: K) -> None:
        if self._on_work is not None:
            self._on_work(key)

    async def _outcome(self, key: K, triggers: tuple[Trigger, ...]) -> Outcome:
        try:
            with contained():
                outcome = await self._reconcile(key, triggers)
        except Exception as error:
            # The border: no failure of one object may stop the others.
            outcome = Outcome(after=self._backoff.next(key), trigger=RETRY, failed=True)
            self._log.exception(
                "reconciling %s failed unexpectedly, next attempt in %.1fs: %s", key, outcome.after, error
            )
            await self._report(key, error)
            return outcome
        self._backoff.reset(key)
        return outcome

    def _subject(self, key: K) -> Subject | None:
        return Subject(self.name, self._kind, key.namespace, key.name) if isinstance(key, ObjectKey) else None

    async def _report(self, key: K, error: Exception) -> None:
        if self._on_unexpected_error is None:
            return
        try:
            await self._on_unexpected_error(key, error, self._backoff.failures(key))
        except Exception as cause:
            # The API server is probably unavailable; the next attempt shows whether it still is.
            self._log.error("the unexpected failure of %s is not reported: %s", key, cause)

    def _observe(self, observer: Observer, key: K, waited: float, seconds: float, outcome: Outcome) -> None:
        observer.added(self.name, retry=key in self._failed)
        observer.waited(self.name, waited)
        again = outcome.after is not None or outcome.keep_timer
        result = "error" if outcome.failed else "requeue_after" if again else "success"
        observer.worked(self.name, seconds, result)
        self._failed.discard(key)
        if outcome.failed:
            self._failed.add(key)
        if self._kind and isinstance(key, ObjectKey):
            if outcome.gone:
                observer.forget(self._kind, key.namespace, key.name)
            else:
                observer.reconciled(self._kind, key.namespace, key.name, seconds)
