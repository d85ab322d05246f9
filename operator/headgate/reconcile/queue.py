"""The work queue: keys wait here, once each, until a worker takes them.

What flows through it is only a *key* (which object) with the *triggers* that woke it (why). A worker
always looks at the newest state of the object, so ten events for one object while it waits are one
piece of work, and an event that comes while the object is being worked on makes it wait once more.

Guarantees:

* a key is handed to one worker at a time;
* of the keys that wait, the one with the most urgent priority goes first, the oldest first among equals;
* one timer per key: what a reconcile asked for last (its interval, its retry, its deadline) is what counts.

Nothing here holds a thread or a task per key: a thousand Kustomizations that wait for their interval are
a thousand timer handles of the event loop.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections.abc import Hashable
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)


class Priority(IntEnum):
    """How urgent a piece of work is; the smaller goes first."""

    REQUESTED = 0
    """A user asked for it, changed the object or deleted it."""
    UNBLOCKED = 1
    """What it waited for has come: a dependency is Ready, a managed object is healthy."""
    CHANGED = 2
    """Its input changed: a new revision of the source."""
    ROUTINE = 3
    """The interval, a retry, a first look after start-up."""


class Depth(IntEnum):
    """How much of the work has to be done even if the source and the spec are as before."""

    LOOK = 0
    """None of it: only see whether something is to be done."""
    APPLY = 1
    """Build, and apply what is not known to be in place."""
    VERIFY = 2
    """Build, and ask the API server about every object."""


@dataclass(frozen=True, slots=True)
class Trigger:
    """Why a key is in the queue: decides what is done, and is named by logs and by the events of interrupted waits."""

    priority: Priority
    reason: str
    """What happened, e.g. ``new revision``."""
    origin: str = ""
    """The object it came from as ``Kind/namespace/name``, where there is one."""
    depth: Depth = Depth.LOOK


@dataclass(slots=True)
class _Waiting(Generic[K]):
    triggers: list[Trigger] = field(default_factory=list)
    since: float = 0.0
    ticket: int = -1


class WorkQueue(Generic[K]):
    """A de-duplicating priority queue with timers. Not thread-safe: use it from one event loop."""

    def __init__(self) -> None:
        self._waiting: dict[K, _Waiting[K]] = {}
        self._heap: list[tuple[int, int, K]] = []
        self._tickets = itertools.count()
        self._active: set[K] = set()
        self._timers: dict[K, asyncio.TimerHandle] = {}
        self._wakeup = asyncio.Event()
        self._closed = False

    def __len__(self) -> int:
        """How many keys wait for a worker."""
        return len(self._waiting)

    def active(self) -> int:
        """How many keys are with a worker."""
        return len(self._active)

    def is_pending(self, key: K) -> bool:
        """Whether the key waits or is being worked on."""
        return key in self._waiting or key in self._active

    def is_waiting(self, key: K) -> bool:
        """Whether newer work for the key waits, perhaps while an older piece is under way."""
        return key in self._waiting

    def waiting_triggers(self, key: K) -> tuple[Trigger, ...]:
        """Why the key waits; empty when it does not."""
        entry = self._waiting.get(key)
        return tuple(entry.triggers) if entry else ()

    def add(self, key: K, trigger: Trigger) -> None:
        """Put the key in the queue, or add the trigger (and its urgency) to the wait it is in."""
        if self._closed:
            return
        entry = self._waiting.get(key)
        if entry is None:
            entry = self._waiting[key] = _Waiting(since=asyncio.get_running_loop().time())
        elif trigger in entry.triggers:
            return
        before = min((t.priority for t in entry.triggers), default=None)
        entry.triggers.append(trigger)
        if key in self._active:
            return
        if before is None or trigger.priority < before:
            self._push(key, entry, trigger.priority)

    def schedule(self, key: K, delay: float, trigger: Trigger) -> None:
        """Add the key after ``delay`` seconds, in place of what was scheduled for it before."""
        self.unschedule(key)
        if self._closed:
            return
        loop = asyncio.get_running_loop()
        self._timers[key] = loop.call_later(max(delay, 0.0), self._fire, key, trigger)

    def unschedule(self, key: K) -> None:
        """Drop the key's timer, if it has one."""
        handle = self._timers.pop(key, None)
        if handle is not None:
            handle.cancel()

    def forget(self, key: K) -> None:
        """Drop the key's timer and its wait: the object is gone."""
        self.unschedule(key)
        self._waiting.pop(key, None)

    async def get(self) -> tuple[K, tuple[Trigger, ...], float]:
        """The most urgent key, why it waited and for how many seconds; call :meth:`done` afterwards.

        Raises :class:`asyncio.CancelledError` when the waiting task is cancelled; the key stays queued.
        """
        while True:
            while self._heap:
                _, ticket, key = heapq.heappop(self._heap)
                entry = self._waiting.get(key)
                if entry is None or entry.ticket != ticket or key in self._active:
                    continue
                del self._waiting[key]
                self._active.add(key)
                waited = asyncio.get_running_loop().time() - entry.since
                return key, tuple(entry.triggers), waited
            self._wakeup.clear()
            await self._wakeup.wait()

    def done(self, key: K) -> None:
        """The worker is finished with the key; what came for it meanwhile is queued now."""
        self._active.discard(key)
        entry = self._waiting.get(key)
        if entry is not None:
            self._push(key, entry, min(t.priority for t in entry.triggers))

    def close(self) -> None:
        """Take no more keys and stop all timers; :meth:`get` then never returns a new one."""
        self._closed = True
        for handle in self._timers.values():
            handle.cancel()
        self._timers.clear()
        self._waiting.clear()
        self._heap.clear()

    def _fire(self, key: K, trigger: Trigger) -> None:
        self._timers.pop(key, None)
        self.add(key, trigger)

    def _push(self, key: K, entry: _Waiting[K], priority: Priority) -> None:
        # An older heap entry of the same key stays where it is; its ticket no longer matches.
        entry.ticket = next(self._tickets)
        heapq.heappush(self._heap, (priority, entry.ticket, key))
        self._wakeup.set()
