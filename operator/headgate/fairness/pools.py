"""Threads for work that would block the event loop: one pool for each kind of blocking work, shared fairly.

Network waits must not use up the slots of computations, and the waits of one namespace must not use up those of
another. So each kind of work has a separate pool, and in each pool a namespace may take slots only while enough are
left for others:

    tree = await STORAGE.run(key.namespace, check_out, cache, commit)

Nothing runs on asyncio's default executor, which has a few threads for everything. Threads start when needed, end when
idle, and never keep the process from ending.
"""

from __future__ import annotations

import asyncio
import contextvars
import os
import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, ParamSpec, TypeVar

from headgate.fairness.order import FairOrder

__all__ = ["ALL", "BUILDS", "NETWORK", "OTHERS", "OWN", "REMOTE_BUILDS", "STORAGE", "Pool"]

P = ParamSpec("P")
T = TypeVar("T")

IDLE = 10.0
"""Seconds without work after which a thread ends."""
OWN = ""
"""The namespace of the operator's own work."""


@dataclass(slots=True, eq=False)
class _Job:
    namespace: str
    future: Future[Any]
    call: Callable[[], Any]


class Pool:
    """A limited number of threads for one kind of work. Thread-safe, and usable from any event loop.

    ``left`` is how many slots a namespace leaves to others for each one that it has (:mod:`headgate.fairness.order`).
    """

    def __init__(self, name: str, places: int, *, left: int = 1) -> None:
        self.name = name
        self._order: FairOrder[_Job] = FairOrder(1, places, left=left)
        """Needs the lock of ``_changed``."""
        self._changed = threading.Condition()
        self._idle = self._threads = 0

    @property
    def places(self) -> int:
        """How many calls may run at once."""
        return self._order.workers

    @property
    def running(self) -> int:
        """How many calls are running."""
        with self._changed:
            return self._order.held

    @property
    def waiting(self) -> int:
        """How many calls wait for a slot."""
        with self._changed:
            return len(self._order)

    def resize(self, places: int) -> None:
        """Set how many calls may run at once; running calls continue."""
        with self._changed:
            self._order.workers = places
            self._start()

    async def run(self, namespace: str, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Call ``function`` in a thread, for a namespace, and return or raise what it does.

        If cancelled while it waits for a slot, it never starts; once started it keeps its slot until it returns.
        """
        return await asyncio.wrap_future(self.submit(namespace, function, *args, **kwargs))

    def submit(
        self, namespace: str, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs
    ) -> Future[T]:
        """Schedule a call of ``function`` in a thread, for a namespace; any thread may call this."""
        context = contextvars.copy_context()
        future: Future[T] = Future()
        job = _Job(namespace, future, lambda: context.run(function, *args, **kwargs))
        with self._changed:
            self._order.put(job, namespace, 0)
            self._start()
        return future

    def _start(self) -> None:
        """Wake or start a thread for the next job, if one may run now; the caller holds the lock."""
        if not self._order.may_take():
            return
        if self._idle:
            self._changed.notify()
        elif self._threads < self.places:
            self._threads += 1
            threading.Thread(target=self._work, name=self.name, daemon=True).start()

    def _work(self) -> None:
        while (job := self._take()) is not None:
            if job.future.set_running_or_notify_cancel():
                try:
                    result = job.call()
                except BaseException as error:
                    # Before the result, so that its receiver finds the slot free.
                    self._release(job)
                    job.future.set_exception(error)
                else:
                    self._release(job)
                    job.future.set_result(result)
            else:
                self._release(job)
            # Release the job's objects before the wait for the next job.
            del job

    def _take(self) -> _Job | None:
        """Wait for a job that may run, and take its slot; None if there was none for a while."""
        wait = True
        with self._changed:
            while True:
                job = self._order.take()
                if job is not None:
                    self._start()
                    return job
                if not wait:
                    self._threads -= 1
                    return None
                self._idle += 1
                # A job that arrives just as the wait ends notifies nobody, so check once more.
                wait = self._changed.wait(IDLE)
                self._idle -= 1

    def _release(self, job: _Job) -> None:
        with self._changed:
            self._order.release(job.namespace)
            self._start()


SMALL = 200
"""The number of items below which the event loop computes itself: a thread would cost more than it saves."""


async def aside(namespace: str, size: int, function: Callable[[], T]) -> T:
    """Compute something about ``size`` items: here if they are few, otherwise in a thread.

    What the function reads must not change meanwhile.
    """
    return function() if size < SMALL else await BUILDS.run(namespace, function)


NETWORK = Pool("network", 32, left=3)
"""Waits for remote servers: Git, clouds.

Silent servers hold a slot until their timeout, so there are many slots, and one namespace gets a quarter of them.
"""
BUILDS = Pool("build", (os.cpu_count() or 1) + 4)
"""Builds, which only compute."""
REMOTE_BUILDS = Pool("remote-build", 16)
"""Builds that may wait for key services and remote bases."""
STORAGE = Pool("storage", 8, left=2)
"""Listing commits, packing and unpacking artifacts, deletions."""
OTHERS = Pool("other", 4)
"""Other short work: reading configuration, evaluating filters, writing metrics."""
ALL = (NETWORK, BUILDS, REMOTE_BUILDS, STORAGE, OTHERS)
