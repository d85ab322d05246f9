"""Threads for work that would hold up the event loop: one pool for each kind of waiting, shared fairly.

What waits for a network must not take the place of what computes, and what one namespace waits for must not take the
place of another's. So each kind of work has a pool of its own, and in each pool a namespace may hold places only as
long as enough of them are left for others:

    tree = await STORAGE.run(key.namespace, check_out, cache, commit)

Nothing runs on asyncio's default executor, which has a few threads for everything. Threads start when they are needed,
end when they are idle, and never keep the process from ending.
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
"""The namespace of what the operator does for itself."""


@dataclass(slots=True, eq=False)
class _Job:
    namespace: str
    future: Future[Any]
    call: Callable[[], Any]


class Pool:
    """A bounded number of threads for one kind of work. Thread-safe, and good for any event loop.

    ``left`` is how many places a namespace leaves to others for each that it has (:mod:`headgate.fairness.order`).
    """

    def __init__(self, name: str, places: int, *, left: int = 1) -> None:
        self.name = name
        self._order: FairOrder[_Job] = FairOrder(1, places, left=left)
        """Used with the lock of ``_changed`` held."""
        self._changed = threading.Condition()
        self._idle = self._threads = 0

    @property
    def places(self) -> int:
        """How many calls may run at once."""
        return self._order.workers

    @property
    def running(self) -> int:
        """How many places are taken."""
        with self._changed:
            return self._order.held

    @property
    def waiting(self) -> int:
        """How many calls wait for a place."""
        with self._changed:
            return len(self._order)

    def resize(self, places: int) -> None:
        """Set how many calls may run at once; those under way are not affected."""
        with self._changed:
            self._order.workers = places
            self._start()

    async def run(self, namespace: str, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Call ``function`` in a thread, for a namespace, and return or raise what it does.

        Cancelled while it waits for a place, it is not called; once called it keeps its place until it returns.
        """
        return await asyncio.wrap_future(self.submit(namespace, function, *args, **kwargs))

    def submit(
        self, namespace: str, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs
    ) -> Future[T]:
        """Have ``function`` called in a thread, for a namespace; may be called from any thread."""
        context = contextvars.copy_context()
        future: Future[T] = Future()
        job = _Job(namespace, future, lambda: context.run(function, *args, **kwargs))
        with self._changed:
            self._order.put(job, namespace, 0)
            self._start()
        return future

    def _start(self) -> None:
        """Call a thread for the next job, if there is one that may run now; with the lock held."""
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
                    # Before the answer, so that whoever hears of it finds the place free.
                    self._release(job)
                    job.future.set_exception(error)
                else:
                    self._release(job)
                    job.future.set_result(result)
            else:
                self._release(job)
            # What it holds must not live until the next job comes.
            del job

    def _take(self) -> _Job | None:
        """Wait for a job that may run, and take its place; None when there was none for a while."""
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
                # A job that came at the very end of the time has notified nobody, so it is looked for once more.
                wait = self._changed.wait(IDLE)
                self._idle -= 1

    def _release(self, job: _Job) -> None:
        with self._changed:
            self._order.release(job.namespace)
            self._start()


SMALL = 200
"""Things that are looked at on the event loop: a thread for so few would cost more than it spares."""


async def aside(namespace: str, size: int, function: Callable[[], T]) -> T:
    """Compute something about so many things: here where they are few, else in a thread, beside the event loop.

    What the function looks at must not change meanwhile.
    """
    return function() if size < SMALL else await BUILDS.run(namespace, function)


NETWORK = Pool("network", 32, left=3)
"""What waits for servers of others: Git, clouds. Silent ones hold a place until their time is over, so there are
many, and one namespace gets a quarter of them."""
BUILDS = Pool("build", (os.cpu_count() or 1) + 4)
"""Builds, which compute."""
REMOTE_BUILDS = Pool("remote-build", 16)
"""Builds that may wait for others: for key services, and for bases named by URL."""
STORAGE = Pool("storage", 8, left=2)
"""Listing commits, packing and unpacking artifacts, deleting."""
OTHERS = Pool("other", 4)
"""All else that may take a moment: reading configuration, evaluating filters, writing metrics."""
ALL = (NETWORK, BUILDS, REMOTE_BUILDS, STORAGE, OTHERS)
