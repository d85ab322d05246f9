"""What the reconcilers report about an object and nobody else keeps: events, drift, verdicts, times of steps.

Bounded for each object and each namespace. Its values are replaced, never changed, so the page's thread may keep them.
Used from the event loop only.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from headgate.api import ObjectKey, labels
from headgate.fairness.backlog import NamespaceCache
from headgate.health import HealthStatus
from headgate.insight import Link
from headgate.kube import ObjectRef
from headgate.names import KUSTOMIZATION
from headgate.page.knowledge import ReportedEvent, StepTime
from headgate.page.knowledge.updates import Drift, Identity, Verdicts
from headgate.reconcile.kustomization.steps.wait import Waiting
from headgate.reconcile.reporting.events import Event
from headgate.reconcile.reporting.measure import Measure
from headgate.subject import Subject, current_subject

__all__ = ["Known", "Memory", "NotedSteps"]

EVENTS_EACH, DRIFTS_EACH, UNHEALTHY_EACH, LIVE_EACH = 12, 20, 500, 1_000
"""Limits for one object."""
OBJECTS_OF_ONE, OBJECTS = 5_000, 10_000
"""How many objects of one namespace, and of all, are remembered; those with the oldest reports are forgotten."""
LONGEST = 1_000
"""The limit for characters of a text."""
WEIGHT = 0.1
"""The weight of the newest measurement in an average."""
_MASKED = 20 * LONGEST
"""Characters of a text in which values of secrets are searched."""
_DRIFT = "drift detected: "


@dataclass(frozen=True, slots=True)
class Known:
    """What is remembered of one object."""

    events: tuple[ReportedEvent, ...] = ()
    drifts: tuple[Drift, ...] = ()
    verdicts: Verdicts | None = None
    live: Mapping[ObjectRef, tuple[str, str]] = field(default_factory=dict)
    """The health of applied objects as the watches show them; with a message where it cannot quote a secret."""
    evidence: Mapping[Identity, tuple[Link, ...]] = field(default_factory=dict)
    steps: tuple[StepTime, ...] = ()
    skipped_builds: int = 0


class Memory:
    """The memory of all objects; calls ``on_change`` with kind, namespace and name."""

    def __init__(self, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._now = now
        self._known: NamespaceCache[tuple[str, str], Known] = NamespaceCache(OBJECTS_OF_ONE, OBJECTS)
        self.on_change: Callable[[str, str, str], None] = lambda kind, namespace, name: None
        self.skipped_builds = 0
        self.averages: dict[str, float] = {}
        """Seconds of each step, recently."""

    def of(self, kind: str, namespace: str, name: str) -> Known:
        """What is remembered of an object."""
        known = self._known.pop(namespace, (kind, name))
        if known is None:
            return Known()
        self._known.put(namespace, (kind, name), known)
        return known

    def forget(self, kind: str, namespace: str, name: str) -> None:
        """Forget an object that is gone."""
        self._known.pop(namespace, (kind, name))

    def sent(self, event: Event) -> None:
        """Remember an event that was sent."""
        meta, kind = event.about["metadata"], str(event.about["kind"])
        namespace, name = str(meta.get("namespace") or ""), str(meta["name"])
        known, now = self.of(kind, namespace, name), self._now()
        revision = next(
            (v for k, v in event.annotations.items() if k.endswith(f"/{labels.EVENT_REVISION}")), ""
        )
        said = ReportedEvent(now, event.type, event.reason, _cut(event.message), _cut(revision))
        events, drifts = known.events, known.drifts
        if events and replace(events[0], at=now, count=1) == said:
            said, events = replace(said, count=events[0].count + 1), events[1:]
        if event.managed is not None:
            what = event.message.removeprefix(f"{_DRIFT}{event.managed}").removeprefix(": ")
            drifts = (Drift(event.managed, now, _cut(what)), *drifts)[:DRIFTS_EACH]
        self._put(kind, namespace, name, replace(known, events=(said, *events)[:EVENTS_EACH], drifts=drifts))

    async def judged(self, waiting: Waiting) -> None:
        """Remember how the objects stand that an attempt waits for."""
        attempt, ttl = waiting.attempt, waiting.wait.jobs_with_ttl
        targets: list[ObjectRef] = []
        unhealthy: dict[ObjectRef, tuple[str, str]] = {}
        for ref in waiting.wait.targets:
            health = waiting.reads.health(ref)
            is_bad = health.status is not HealthStatus.CURRENT
            if is_bad and health.status is HealthStatus.NOT_FOUND and ref in ttl:
                is_bad = False
            if is_bad and len(unhealthy) >= UNHEALTHY_EACH:
                continue
            targets.append(ref)
            if is_bad:
                unhealthy[ref] = (health.status.value, health.message[:_MASKED])
        if any(message for _, message in unhealthy.values()):
            # A condition of an object may quote what the object was given. Cut later: a part of a secret has no mask.
            texts = await attempt.masked("\0".join(message for _, message in unhealthy.values()))
            masked = texts.split("\0")
            if len(masked) == len(unhealthy):
                said = zip((status for status, _ in unhealthy.values()), map(_cut, masked), strict=True)
                unhealthy = dict(zip(unhealthy, said, strict=True))
            else:
                unhealthy = {ref: (status, "") for ref, (status, _) in unhealthy.items()}
        key = attempt.key
        known = self.of(KUSTOMIZATION, key.namespace, key.name)
        kept = waiting.wait.targets if len(targets) == len(waiting.wait.targets) else tuple(targets)
        verdicts = Verdicts(self._now(), kept, unhealthy)
        wanted = {(ref.kind, ref.namespace, ref.name) for ref in unhealthy}
        evidence = {at: links for at, links in known.evidence.items() if at in wanted}
        self._put(
            KUSTOMIZATION,
            key.namespace,
            key.name,
            replace(known, verdicts=verdicts, evidence=evidence),
        )

    def saw(self, key: ObjectKey, health: Mapping[ObjectRef, tuple[str, str] | None]) -> None:
        """Remember the health of applied objects; None for one that is gone, or that another one has now."""
        known = self.of(KUSTOMIZATION, key.namespace, key.name)
        live = {**known.live, **health}
        kept = {ref: said for ref, said in live.items() if said is not None}
        while len(kept) > LIVE_EACH:
            del kept[next(iter(kept))]
        if kept != known.live:
            self._put(KUSTOMIZATION, key.namespace, key.name, replace(known, live=kept))

    def found(self, namespace: str, name: str, evidence: Mapping[Identity, tuple[Link, ...]]) -> None:
        """Remember what failing objects of a Kustomization and their pods say."""
        known = self.of(KUSTOMIZATION, namespace, name)
        self._put(KUSTOMIZATION, namespace, name, replace(known, evidence=evidence))

    def took(self, subject: Subject | None, step: str, seconds: float, *, failed: bool) -> None:
        """Remember how long a step took."""
        before = self.averages.get(step, seconds)
        self.averages[step] = before + WEIGHT * (seconds - before)
        if subject is not None:
            known = self.of(subject.kind, subject.namespace, subject.name)
            others = tuple(each for each in known.steps if each.step != step)
            self._put(
                subject.kind,
                subject.namespace,
                subject.name,
                replace(known, steps=(*others, StepTime(step, seconds, failed))),
            )

    def skipped(self, subject: Subject | None) -> None:
        """Remember that a revision needed no build."""
        self.skipped_builds += 1
        if subject is not None:
            known = self.of(subject.kind, subject.namespace, subject.name)
            self._put(
                subject.kind,
                subject.namespace,
                subject.name,
                replace(known, skipped_builds=known.skipped_builds + 1),
            )

    def _put(self, kind: str, namespace: str, name: str, known: Known) -> None:
        self._known.put(namespace, (kind, name), known)
        self.on_change(kind, namespace, name)


class NotedSteps:
    """Passes measurements on, and reports to the memory which object they are about."""

    def __init__(self, measure: Measure, memory: Memory) -> None:
        self._measure, self._memory = measure, memory

    def took(self, step: str, seconds: float, *, failed: bool) -> None:
        self._measure.took(step, seconds, failed=failed)
        self._memory.took(current_subject(), step, seconds, failed=failed)

    def build_skipped(self) -> None:
        self._measure.build_skipped()
        self._memory.skipped(current_subject())

    def inventory_refused(self) -> None:
        self._measure.inventory_refused()

    def refs_wanted(self, *, asked: bool) -> None:
        self._measure.refs_wanted(asked=asked)


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
