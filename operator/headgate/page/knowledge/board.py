"""Takes in what the operator hands over, and makes snapshots of it, on the event loop of the page.

The operator's event loop calls :meth:`Board.accept`, which only notes. When somebody looks, the page's thread evaluates
what has changed and nothing else, except for causes, which depend on all objects: they are found a few times a second
at most. It pauses in between, because both threads share one interpreter lock.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime

from headgate.insight import Fleet, Link, Ref, explain
from headgate.insight.fleet import Need
from headgate.insight.values import Verdict
from headgate.objects import Obj
from headgate.page.knowledge.details import DetailsByRef
from headgate.page.knowledge.failing import failing_objects
from headgate.page.knowledge.model import Environment, OperatorState, Snapshot, Work, with_evidence
from headgate.page.knowledge.objects import reduced
from headgate.page.knowledge.updates import Batch, Notes, Update

__all__ = ["Board"]

SETTLE = 0.03
"""Seconds after a change during which further ones join it."""
PAUSE = 0.2
"""Seconds between two snapshots at least."""
LONGEST_PAUSE = 0.6
"""The same at most, unless one snapshot takes so long that this is too often."""
SHARE, LARGEST_SHARE = 0.1, 0.3
"""The part of a processor that snapshots may take, and the same when the pauses would become too long."""
PIECE = 0.004
"""Seconds of work between two rests."""
REST = 0.002
"""Seconds of a rest, in which the operator's event loop has the interpreter."""


class Board:
    """What the operator knows. Any thread may call :meth:`accept`; all else is for the event loop of the page."""

    def __init__(
        self, clock: Callable[[], float] = time.monotonic, spent: Callable[[], float] = time.thread_time
    ) -> None:
        """``spent``: seconds of processor time that the thread has used."""
        self._clock, self._spent = clock, spent
        self._lock = threading.Lock()
        self._inbox: dict[Ref, Update] = {}
        self._left: dict[Ref, Update] = {}
        """What was fetched from the inbox and not evaluated yet."""
        self._rest: Batch | None = None
        """The newest of all that is not about one object."""
        self._loop: asyncio.AbstractEventLoop | None = None
        self._arrived = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._objects: dict[Ref, Obj] = {}
        self._own: dict[Ref, Verdict] = {}
        self._needs: dict[Ref, tuple[Need, ...]] = {}
        self._notes: dict[Ref, Notes] = {}
        self._failing: dict[Ref, tuple[Link, ...]] = {}
        self._at, self._work, self._operator = datetime.now(UTC), Work(), OperatorState(synced=False)
        self._environments: tuple[Environment, ...] = ()
        self._is_stale = False
        self._next_at = float("-inf")
        """When the next snapshot may be made, on the clock."""
        self._timer: asyncio.TimerHandle | None = None
        self._waiting: set[asyncio.Future[None]] = set()
        self._newest = Snapshot.of((), version=1, at=self._at, operator=self._operator)

    def accept(self, batch: Batch) -> None:
        """Take over what has changed; never blocks."""
        with self._lock:
            self._inbox.update((each.ref, each) for each in batch.updates)
            self._rest = replace(_newest(self._rest, batch), updates=())
            loop = self._loop if self._waiting else None
        if loop is not None:
            # The page's loop may have ended meanwhile.
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(self._arrived.set)

    def open(self) -> None:
        """Take in what arrives, from now on. The other methods do it, too, at their first call."""
        if self._task is None:
            loop = asyncio.get_running_loop()
            with self._lock:
                self._loop = loop
            self._task = loop.create_task(self._run(), name="board")

    async def close(self) -> None:
        """Take in nothing more."""
        with self._lock:
            self._loop = None
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def snapshot(self) -> Snapshot:
        """Return the newest snapshot."""
        self.open()
        if self._clock() >= self._next_at:
            self._fetch()
            while self._left:
                self._take_in(self._left.popitem()[1])
            if self._is_stale:
                self._make()
        return self._newest

    async def newer(self, version: int) -> Snapshot:
        """Wait for a snapshot after this version; a burst of changes is one."""
        self.open()
        while self._newest.version <= version:
            waiter = asyncio.get_running_loop().create_future()
            with self._lock:
                self._waiting.add(waiter)
            self._arrived.set()
            try:
                await waiter
            finally:
                with self._lock:
                    self._waiting.discard(waiter)
        return self._newest

    # What arrives.

    async def _run(self) -> None:
        while True:
            await self._arrived.wait()
            self._arrived.clear()
            self._fetch()
            since = self._clock()
            while self._left:
                self._take_in(self._left.popitem()[1])
                if self._clock() - since >= PIECE:
                    await asyncio.sleep(REST)
                    since = self._clock()
            self._plan()

    def _fetch(self) -> None:
        """Fetch what has arrived since the last call."""
        with self._lock:
            inbox, self._inbox = self._inbox, {}
            rest, self._rest = self._rest, None
        self._left |= inbox
        if rest is not None:
            self._at = rest.at
            self._work = rest.work if rest.work is not None else self._work
            self._operator = rest.operator if rest.operator is not None else self._operator
            if rest.environments is not None:
                self._environments = rest.environments
        self._is_stale = self._is_stale or rest is not None

    def _take_in(self, update: Update) -> None:
        ref = update.ref
        for known in (self._objects, self._own, self._needs, self._notes, self._failing):
            known.pop(ref, None)
        self._is_stale = True
        if update.obj is None:
            return
        one = Fleet.of([reduced(update.obj)])
        self._objects.update(one.objects)
        self._own.update(one.own)
        self._needs.update(one.needs)
        self._notes[ref] = update.notes
        if ref in one.own and not one.own[ref].state.is_good:
            links = failing_objects(one.objects[ref], update.notes)
            if links:
                self._failing[ref] = links

    # Snapshots.

    def _plan(self) -> None:
        """Make a snapshot soon if somebody waits for one and something has changed."""
        if self._waiting and self._is_stale and self._timer is None:
            delay = max(SETTLE, self._next_at - self._clock())
            self._timer = asyncio.get_running_loop().call_later(delay, self._publish)

    def _publish(self) -> None:
        self._timer = None
        if self._is_stale:
            self._make()

    def _make(self) -> None:
        before = self._spent()
        fleet = Fleet(dict(self._objects), dict(self._own), dict(self._needs))
        self._newest = Snapshot(
            version=self._newest.version + 1,
            at=self._at,
            fleet=fleet,
            report=with_evidence(explain(fleet), self._failing),
            details=DetailsByRef(fleet.objects, dict(self._notes)),
            work=self._work,
            environments=self._environments,
            operator=self._operator,
            evidence=dict(self._failing),
        )
        self._is_stale = False
        spent = self._spent() - before
        longest = max(LONGEST_PAUSE, spent / LARGEST_SHARE)
        self._next_at = self._clock() + min(max(PAUSE, spent / SHARE), longest)
        for waiter in self._waiting:
            if not waiter.done():
                waiter.set_result(None)


def _newest(before: Batch | None, batch: Batch) -> Batch:
    """Both batches as one, without their updates of objects."""
    if before is None:
        return batch
    return Batch(
        at=batch.at,
        work=batch.work if batch.work is not None else before.work,
        operator=batch.operator if batch.operator is not None else before.operator,
        environments=batch.environments if batch.environments is not None else before.environments,
    )
