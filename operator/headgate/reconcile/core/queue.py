"""The work queue: keys wait here, once each, until a worker takes them.

An entry is only a *key* (which object) with the *triggers* that woke it (why). A worker always reads the newest
state of the object. So ten events for one object while it waits cause one reconcile, and an event that arrives
while a worker has the object makes it wait once more.

Guarantees:

* a key is with one worker at a time;
* of the keys of a namespace, the one with the most urgent priority goes first, the oldest first among equals;
* namespaces share the workers fairly, however many keys they have (:mod:`headgate.fairness.order`);
* a key that is requested without pause waits between its turns (:mod:`headgate.fairness.pace`);
* each key has one timer: what the last reconcile asked for (interval, retry, deadline) counts.

Nothing here holds a thread or a task per key: a thousand Kustomizations that wait for their interval are
a thousand timer handles of the event loop.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Generic, NamedTuple, TypeVar

from headgate.fairness.order import FairOrder
from headgate.fairness.pace import Pace

K = TypeVar("K", bound=Hashable)


REQUESTS_AT_ONCE, REQUEST_EVERY = 5, 1.0
"""Turns that a key has at once when users request or change it, and seconds until it has one more."""


class Priority(IntEnum):
    """How urgent a reconcile is; the smaller number goes first."""

    REQUESTED = 0
    """A user requested the reconcile, or changed or deleted the object."""
    UNBLOCKED = 1
    """What the object waited for has happened: a dependency is Ready, a managed object is healthy."""
    CHANGED = 2
    """An input changed: a new revision of the source."""
    ROUTINE = 3
    """The interval, a retry, the first reconcile after start-up."""


class Depth(IntEnum):
    """How much of the work is necessary even if the source and the spec are unchanged."""

    LOOK = 0
    """Nothing: only check whether something has changed."""
    APPLY = 1
    """Build, and apply every object that may not be in place."""
    VERIFY = 2
    """Build, and send every object to the API server."""


@dataclass(frozen=True, slots=True)
class Trigger:
    """Why a key is in the queue. Decides the work; logs and the events of interrupted waits name it."""

    priority: Priority
    reason: str
    """What happened, e.g. ``new revision``."""
    origin: str = ""
    """The object that caused it as ``Kind/namespace/name``, if there is one."""
    depth: Depth = Depth.LOOK


MOST_TRIGGERS = 100
"""How many of a key's triggers are kept apart while it waits; later ones merge into ``more events``."""


@dataclass(slots=True)
class _Waiting:
    triggers: dict[Trigger, None] = field(default_factory=dict)
    """In the order of their arrival."""
    since: float = 0.0
    queued: Priority | None = None
    """The priority with which the key is in line; None: not, as a worker has it, or its turn is not due."""

    @property
    def priority(self) -> Priority:
        return min(trigger.priority for trigger in self.triggers)

    def priority_without_requests(self) -> Priority | None:
        others = (t.priority for t in self.triggers if t.priority is not Priority.REQUESTED)
        return min(others, default=None)

    def add(self, trigger: Trigger) -> None:
        if len(self.triggers) >= MOST_TRIGGERS and trigger not in self.triggers:
            trigger = Trigger(trigger.priority, "more events", depth=trigger.depth)
        self.triggers[trigger] = None


@dataclass(frozen=True, slots=True)
class InLine(Generic[K]):
    """A key that waits for a worker."""

    key: K
    since: float
    """On the clock of the event loop."""
    priority: Priority
    triggers: tuple[Trigger, ...]


class _Timer(NamedTuple):
    handle: asyncio.TimerHandle
    trigger: Trigger


class WorkQueue(Generic[K]):
    """A de-duplicating priority queue with timers. Not thread-safe: use it from one event loop."""

    def __init__(
        self,
        workers: int = 1 << 30,
        namespace_of: Callable[[K], str] = lambda key: getattr(key, "namespace", ""),
        most: int | None = None,
    ) -> None:
        """``workers``: how many take keys at once; ``most``: how many of them one namespace may use; ``namespace_of``:
        returns the namespace of a key."""
        self.workers = workers
        self._waiting: dict[K, _Waiting] = {}
        self._order: FairOrder[K] = FairOrder(len(Priority), workers, most)
        self._namespace_of = namespace_of
        self._active: set[K] = set()
        self._timers: dict[K, _Timer] = {}
        self._pace: Pace[K] = Pace(REQUESTS_AT_ONCE, REQUEST_EVERY)
        self._paused: dict[K, asyncio.TimerHandle] = {}
        """The keys with a request whose turn is not due yet."""
        self._wakeup = asyncio.Event()
        self._closed = False

    def __len__(self) -> int:
        """The number of keys that wait for a worker."""
        return len(self._waiting)

    def active(self) -> int:
        """The number of keys that are with a worker."""
        return len(self._active)

    def is_pending(self, key: K) -> bool:
        """Whether the key waits or is with a worker."""
        return key in self._waiting or key in self._active

    def waiting(self) -> Iterator[InLine[K]]:
        """All keys that wait for a worker, the oldest first; do not change the queue meanwhile."""
        for key, entry in self._waiting.items():
            yield InLine(key, entry.since, entry.priority, tuple(entry.triggers))

    def due(self, key: K) -> tuple[float, Trigger] | None:
        """When the key's timer ends, on the clock of the event loop, and its trigger; None without a timer."""
        timer = self._timers.get(key)
        return (timer.handle.when(), timer.trigger) if timer is not None else None

    def add(self, key: K, trigger: Trigger) -> None:
        """Put the key into the queue, or add the trigger (and its urgency) if the key waits already."""
        if self._closed:
            return
        entry = self._waiting.get(key)
        if entry is None:
            entry = self._waiting[key] = _Waiting(since=asyncio.get_running_loop().time())
        elif trigger in entry.triggers:
            return
        entry.add(trigger)
        if key not in self._active:
            self._put(key, entry)

    def schedule(self, key: K, delay: float, trigger: Trigger) -> None:
        """Add the key after ``delay`` seconds; replaces the key's earlier timer."""
        self.unschedule(key)
        if self._closed:
            return
        loop = asyncio.get_running_loop()
        self._timers[key] = _Timer(loop.call_later(max(delay, 0.0), self._fire, key, trigger), trigger)

    def unschedule(self, key: K) -> None:
        """Drop the key's timer, if it has one."""
        timer = self._timers.pop(key, None)
        if timer is not None:
            timer.handle.cancel()

    def forget(self, key: K) -> None:
        """Drop the key's timer and its entry: the object is gone."""
        self.unschedule(key)
        self._resume(key)
        self._pace.forget(key)
        self._waiting.pop(key, None)
        self._order.drop(key)

    async def get(self) -> tuple[K, tuple[Trigger, ...], float]:
        """The most urgent key, its triggers and the seconds that it waited; call :meth:`done` afterwards.

        Raises :class:`asyncio.CancelledError` when the waiting task is cancelled; the key stays queued.
        """
        while True:
            key = self._order.take()
            if key is not None:
                entry = self._waiting.pop(key)
                self._active.add(key)
                self._resume(key)
                now = asyncio.get_running_loop().time()
                if entry.priority is Priority.REQUESTED:
                    self._pace.take(key, now)
                waited = now - entry.since
                return key, tuple(entry.triggers), waited
            self._wakeup.clear()
            await self._wakeup.wait()

    def done(self, key: K) -> None:
        """Return the key: the worker has finished. Triggers that arrived in the meantime queue it again."""
        if key in self._active:
            self._active.discard(key)
            self._order.release(self._namespace_of(key))
            # Another key of its namespace may have its turn now, even if nothing new arrived.
            self._wakeup.set()
        entry = self._waiting.get(key)
        if entry is not None:
            self._put(key, entry)

    def close(self) -> None:
        """Take no more keys and stop all timers; :meth:`get` then never returns a new one."""
        self._closed = True
        for handle in [*(timer.handle for timer in self._timers.values()), *self._paused.values()]:
            handle.cancel()
        self._timers.clear()
        self._paused.clear()
        self._waiting.clear()
        self._order.clear()

    def _fire(self, key: K, trigger: Trigger) -> None:
        self._timers.pop(key, None)
        self.add(key, trigger)

    def _put(self, key: K, entry: _Waiting) -> None:
        """Put the key in line with its most urgent trigger; requests count only when their turn is due."""
        priority: Priority | None = entry.priority
        if priority is Priority.REQUESTED:
            loop = asyncio.get_running_loop()
            pause = self._pace.pause(key, loop.time())
            if pause:
                priority = entry.priority_without_requests()
                if key not in self._paused:
                    self._paused[key] = loop.call_later(pause, self._due, key)
        if priority is not None and (entry.queued is None or priority < entry.queued):
            entry.queued = priority
            self._order.put(key, self._namespace_of(key), priority)
            self._wakeup.set()

    def _due(self, key: K) -> None:
        self._resume(key)
        entry = self._waiting.get(key)
        if entry is not None and key not in self._active:
            self._put(key, entry)

    def _resume(self, key: K) -> None:
        handle = self._paused.pop(key, None)
        if handle is not None:
            handle.cancel()
