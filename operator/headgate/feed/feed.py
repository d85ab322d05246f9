"""The part of the program that hands over to the page what has changed.

A change costs the event loop a note of its key. A few times a second, the notes become one batch: what it has of an
object is what somebody else keeps anyway, so that its cost is proportional to what has changed.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from headgate import __version__
from headgate.api import ObjectKey
from headgate.feed.contact import Contact
from headgate.feed.evidence import EvidenceReader
from headgate.feed.memory import WEIGHT, Memory
from headgate.feed.watched import WatchedHealth
from headgate.feed.work import Clock, custom_resource, work_of
from headgate.insight.fields import mapping, ref_of
from headgate.insight.texts import message_text
from headgate.kube import ObjectRef
from headgate.names import GIT_REPOSITORY, KUSTOMIZATION
from headgate.objects import Obj
from headgate.page.knowledge import Board, Environment, OperatorState, Work
from headgate.page.knowledge.updates import Batch, Notes, Update
from headgate.reconcile.core.controller import Controller
from headgate.reconcile.core.election import Election
from headgate.reconcile.core.store import SourceKey, Store
from headgate.reconcile.environment.reporter import Pushed
from headgate.reconcile.kustomization.reconciler import KustomizationReconciler
from headgate.reconcile.kustomization.settled import SettledBuilds
from headgate.reconcile.kustomization.steps.wait import Waiting
from headgate.reconcile.kustomization.waiting import Standing, WaitResult
from headgate.reconcile.reporting.events import EventRecorder
from headgate.reconcile.target.targets import Targets

__all__ = ["Feed", "FeedParts"]

_log = logging.getLogger("headgate.feed")

GATHER = 0.15
"""Seconds during which changes join one batch."""
BUSY = 1.0
"""Seconds between two batches while anything is at work, as steps and queues change without a change of an object."""
AT_ONCE = 200
"""Objects of one batch; the others follow after other tasks of the loop had their turn."""

_Key = tuple[str, str, str]
"""Kind, namespace and name."""


@dataclass(frozen=True, slots=True)
class FeedParts:
    """Who knows what the page shows."""

    store: Store
    kustomizations: Controller[ObjectKey]
    sources: Controller[ObjectKey]
    reconciler: KustomizationReconciler
    settled: SettledBuilds
    events: EventRecorder
    targets: Targets
    election: Election | None = None
    contact: Contact | None = None
    synced: Callable[[], bool] = lambda: True
    """Whether the watches have delivered all that exists."""
    pushed: Callable[[], Pushed | None] = lambda: None
    """What became of the last report about the environment."""


class Feed:
    """Notes what changes, and hands it over to the board."""

    def __init__(self, board: Board, parts: FeedParts, memory: Memory) -> None:
        self._board, self._parts, self._memory = board, parts, memory
        self._changed: dict[_Key, None] = {}
        self._wake = asyncio.Event()
        self._started = datetime.now(UTC)
        self._clock = Clock(time.monotonic(), self._started)
        self._queue_seconds: float | None = None
        self._others: tuple[Work, OperatorState, tuple[Environment, ...]] | None = None
        """What the last batch had besides objects."""
        self._evidence = EvidenceReader(memory)
        self._health = WatchedHealth(parts.targets.home, memory, self._is_limited)
        self._controllers: Sequence[tuple[str, Controller[ObjectKey]]] = (
            (KUSTOMIZATION, parts.kustomizations),
            (GIT_REPOSITORY, parts.sources),
        )
        parts.store.subscribe(
            on_kustomization=lambda key, old, new: self._note(KUSTOMIZATION, key.namespace, key.name),
            on_source=lambda key: self._note(key.kind, key.namespace, key.name),
            on_source_dropped=lambda key: self._note(key.kind, key.namespace, key.name),
        )
        for kind, controller in self._controllers:
            controller.subscribe(self._worker_of(kind, controller))
        parts.events.subscribe(memory.sent)
        parts.reconciler.subscribe(self._checked)
        memory.on_change = self._note
        parts.targets.home.subscribe(self._seen)
        if parts.contact is not None:
            parts.contact.on_change = self._stand
        self._stand()

    async def run(self) -> None:
        """Hand over changes until cancelled; no failure ends it, as the page must not stop the operator."""
        reading = asyncio.create_task(self._evidence.run(), name="evidence")
        try:
            while True:
                try:
                    self.hand_over()
                except Exception as error:
                    _log.exception("nothing is handed over to the status page: %s", error)
                await asyncio.sleep(GATHER)
                await self._change()
        finally:
            reading.cancel()

    def hand_over(self) -> None:
        """Hand over what has changed."""
        if self._health.judge():
            self._wake.set()
        keys = list(self._changed)[:AT_ONCE]
        for key in keys:
            del self._changed[key]
        clock = self._clock = self._clock.set_to(time.monotonic(), datetime.now(UTC))
        updates = tuple(self._updates(keys, clock))
        if self._changed:
            self._wake.set()
        work = work_of(self._controllers, self._parts.reconciler, self._memory, clock, self._queue_seconds)
        others = work, self._state(), self._environments()
        if updates or others != self._others:
            # Otherwise all open pages would be made again, and be the same.
            self._others = others
            self._board.accept(Batch(datetime.now(UTC), updates, *others))

    def _stand(self) -> None:
        """Hand over how the operator stands, also on standby, when :meth:`run` does not run."""
        self._board.accept(Batch(at=datetime.now(UTC), operator=self._state()))

    async def _change(self) -> None:
        busy = any(len(each.queue) or each.at_work() for _, each in self._controllers)
        waits = not self._parts.synced()
        try:
            async with asyncio.timeout(BUSY if busy or waits else None):
                await self._wake.wait()
        except TimeoutError:
            pass
        self._wake.clear()

    # Notes.

    def _note(self, kind: str, namespace: str, name: str) -> None:
        self._changed[kind, namespace, name] = None
        self._wake.set()

    def _seen(self, key: ObjectKey, ref: ObjectRef) -> None:
        self._health.seen(key, ref)
        self._wake.set()

    def _is_limited(self, key: ObjectKey) -> bool:
        obj = self._parts.store.kustomization(key)
        if obj is None or self._parts.targets.has_default_account:
            return True
        return bool(mapping(obj, "spec").get("serviceAccountName"))

    def _worker_of(self, kind: str, controller: Controller[ObjectKey]) -> Callable[[ObjectKey], None]:
        def noted(key: ObjectKey) -> None:
            began = next((each for each in controller.at_work() if each.key == key), None)
            if began is not None:
                before = self._queue_seconds if self._queue_seconds is not None else began.waited
                self._queue_seconds = before + WEIGHT * (began.waited - before)
                self._wake.set()
            else:
                # The next reconcile is due at another time.
                self._note(kind, key.namespace, key.name)

        return noted

    async def _checked(self, waiting: Waiting, verdict: WaitResult) -> None:
        try:
            await self._memory.judged(waiting)
            self._evidence.checked(waiting, failed=verdict.standing is Standing.FAILED)
        except Exception as error:
            _log.exception("%s: no verdicts for the status page: %s", waiting.attempt.key, error)

    # Values.

    def _updates(self, keys: Iterable[_Key], clock: Clock) -> Iterator[Update]:
        for kind, namespace, name in keys:
            try:
                yield self._update(kind, ObjectKey(namespace, name), clock)
            except Exception as error:
                # One object must not hide all others.
                _log.exception("%s %s/%s is not handed over to the page: %s", kind, namespace, name, error)

    def _update(self, kind: str, key: ObjectKey, clock: Clock) -> Update:
        obj = self._object(kind, key)
        if obj is None:
            self._memory.forget(kind, key.namespace, key.name)
            if kind == KUSTOMIZATION:
                self._evidence.forget(key)
            return Update(custom_resource(kind, key), None)
        known = self._memory.of(kind, key.namespace, key.name)
        settled = self._parts.settled.get(key) if kind == KUSTOMIZATION else None
        controller = next((each for own, each in self._controllers if own == kind), None)
        due = controller.queue.due(key) if controller is not None else None
        return Update(
            ref_of(obj),
            obj,
            Notes(
                verdicts=known.verdicts,
                live=known.live,
                events=known.events,
                drifts=known.drifts,
                inputs=settled.inputs if settled is not None else None,
                skipped_builds=known.skipped_builds,
                steps=known.steps,
                next_at=clock.at(due[0]) if due is not None else None,
                next_reason=due[1].reason if due is not None else "",
                evidence=known.evidence,
            ),
        )

    def _object(self, kind: str, key: ObjectKey) -> Obj | None:
        if kind == KUSTOMIZATION:
            return self._parts.store.kustomization(key)
        return self._parts.store.source(SourceKey(kind, key.namespace, key.name))

    def _environments(self) -> tuple[Environment, ...]:
        pushed = self._parts.pushed()
        if pushed is None:
            return ()
        source = custom_resource(GIT_REPOSITORY, pushed.source)
        return (Environment(pushed.environment, source, pushed.at, message_text(pushed.problem)),)

    def _state(self) -> OperatorState:
        election, contact = self._parts.election, self._parts.contact
        return OperatorState(
            version=__version__,
            started=self._started,
            connected=contact is None or contact.connected,
            connected_since=contact.since if contact is not None else self._started,
            leads=election is None or election.leads,
            leader=election.leader if election is not None else "",
            synced=self._parts.synced(),
        )
