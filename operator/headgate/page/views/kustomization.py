"""The page of one Kustomization: the root cause first, then all that the operator knows of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from headgate.health import HealthStatus
from headgate.insight import Cause, Ref, State, Verdict, chain_of
from headgate.insight.fields import mapping, text
from headgate.objects import Obj
from headgate.page.knowledge import Details, DriftedObject, ManagedObject, Snapshot, WaitingKey
from headgate.page.views.causes import CauseView, Names, Step, cause_view, steps
from headgate.page.views.graph import GraphView, graph_view
from headgate.page.views.links import address, diff_address, why_address
from headgate.page.views.objects import (
    Action,
    ConditionView,
    EventView,
    Fact,
    Outcome,
    actions,
    conditions,
    events,
    history,
    steps_of,
)
from headgate.page.views.values import Badge, Named, Viewer, moment
from headgate.page.views.words import counted, health_badge, short_revision

__all__ = ["Inventory", "KustomizationView", "kustomization_view"]

MAX_OBJECTS = 500
_CIRCLE = "It waits for itself: dependencies form a circle."
_HEALTHY = HealthStatus.CURRENT.value
_UNHEALTHY_FIRST = (
    HealthStatus.FAILED.value,
    HealthStatus.NOT_FOUND.value,
    HealthStatus.TERMINATING.value,
    HealthStatus.IN_PROGRESS.value,
    HealthStatus.UNKNOWN.value,
    _HEALTHY,
    "",
)


@dataclass(frozen=True, slots=True)
class ObjectRow:
    """A managed object."""

    what: Named
    group: str
    message: str


@dataclass(frozen=True, slots=True)
class Inventory:
    """The managed objects, those that are not healthy first."""

    rows: tuple[ObjectRow, ...]
    count: int
    omitted: int
    totals: tuple[tuple[Badge, int], ...]
    """How many of the rows have each health."""
    checked: datetime | None
    """When the operator last judged their health."""


@dataclass(frozen=True, slots=True)
class Drift:
    """A managed object that somebody else changed."""

    what: Named
    at: datetime
    words: str


@dataclass(frozen=True, slots=True)
class OpenWait:
    """A health check in progress."""

    since: datetime
    deadline: datetime
    words: str
    objects: tuple[ObjectRow, ...]


@dataclass(frozen=True, slots=True)
class KustomizationView:
    """One Kustomization."""

    template: ClassVar[str] = "kustomization.html"

    me: Named
    verdict: str
    """What the state means, in one sentence."""
    note: str
    facts: tuple[Fact, ...]
    chain: tuple[Step, ...]
    cause: CauseView | None
    doing: str
    """What the operator does with it now; empty if nothing."""
    doing_since: datetime | None
    wait: OpenWait | None
    conditions: tuple[ConditionView, ...]
    inventory: Inventory
    graph: GraphView
    history: tuple[Outcome, ...]
    events: tuple[EventView, ...]
    drifts: tuple[Drift, ...]
    files: tuple[str, ...]
    files_count: int
    steps: tuple[tuple[str, str], ...]
    actions: tuple[Action, ...]
    diff: str
    """The address of the live diff; empty if the viewer has none."""
    json: str


def kustomization_view(snapshot: Snapshot, ref: Ref, viewer: Viewer) -> KustomizationView | None:
    """Return the page of a Kustomization; None if it is not in the snapshot."""
    obj = snapshot.fleet.objects.get(ref)
    if obj is None:
        return None
    report = snapshot.report
    verdicts = {each.ref: each for each in report.verdicts}
    verdict = verdicts[ref]
    names = Names(snapshot.fleet, verdicts)
    details = snapshot.details.get(ref, Details())
    cause = None if verdict.state in (State.READY, State.HELD) else report.cause_of(ref)
    chain = chain_of(snapshot.fleet, report, ref)
    running = next((each for each in snapshot.work.running if each.ref == ref), None)
    waiting = next((each for each in snapshot.work.waiting if each.ref == ref), None)
    page = address(ref)
    return KustomizationView(
        me=names.named(ref),
        verdict=state_sentence(verdict, cause),
        note=verdict.note,
        facts=_facts(obj, verdict, details, names),
        chain=steps(chain, names),
        cause=cause_view(cause, names) if cause is not None else None,
        doing=running.step if running is not None else "",
        doing_since=running.since if running is not None else None,
        wait=_wait(waiting) if waiting is not None else None,
        conditions=conditions(obj),
        inventory=_inventory(details),
        graph=graph_view(snapshot, ref, chain),
        history=history(details.history),
        events=events(details.events),
        drifts=tuple(map(_drift, details.drifts)),
        files=details.files.files,
        files_count=details.files.count,
        steps=steps_of(details),
        actions=actions(page, suspended=verdict.state is State.SUSPENDED) if viewer.can_act else (),
        diff=diff_address(ref) if viewer.can_diff else "",
        json=why_address(ref),
    )


def state_sentence(verdict: Verdict, cause: Cause | None) -> str:
    """Return what the state of an object means."""
    match verdict.state:
        case State.READY:
            return "Its last attempt succeeded."
        case State.SUSPENDED:
            return "Nobody reconciles it while it is suspended."
        case State.HELD:
            return "An annotation keeps a new revision out; what runs is reconciled."
        case State.STALLED:
            return "It failed, and is not retried until its spec changes."
        case State.FAILED:
            return "Its last attempt failed; the operator retries."
        case State.BLOCKED:
            circle = cause is not None and verdict.ref in cause.cycle
            return _CIRCLE if circle else "It needs something that is not as it should be."
        case State.WAITING:
            return "It waits for something that is in progress."
        case State.PROGRESSING:
            return "An attempt is in progress, or has not begun."


def _facts(obj: Obj, verdict: Verdict, details: Details, names: Names) -> tuple[Fact, ...]:
    spec, status = mapping(obj, "spec"), mapping(obj, "status")
    source = names.fleet.source_of(verdict.ref)
    attempted = text(status.get("lastAttemptedRevision"))
    facts = [
        Fact("Source", what=names.named(source)) if source is not None else None,
        Fact("Path", text(spec.get("path")) or "./", code=True),
        _applied(verdict.revision),
        Fact("Attempted", short_revision(attempted), attempted, code=True)
        if attempted and attempted != verdict.revision
        else None,
        Fact("Since", at=moment(verdict.since)) if moment(verdict.since) else None,
        Fact("Interval", text(spec.get("interval"))),
        Fact("Next", details.next_reason, at=details.next_at) if details.next_at is not None else None,
        Fact("Account", text(spec.get("serviceAccountName")), code=True),
        Fact("Cluster", "another one, through spec.kubeConfig") if spec.get("kubeConfig") else None,
        Fact("Prune", "yes" if spec.get("prune") is True else "no"),
        Fact("Waits for health", _health_checks(spec)),
        Fact("Namespace of objects", text(spec.get("targetNamespace")), code=True),
        Fact("Skipped builds", f"{details.skipped_builds:,}") if details.skipped_builds else None,
    ]
    return tuple(
        each
        for each in facts
        if each is not None and (each.value or each.what is not None or each.at is not None)
    )


def _applied(revision: str) -> Fact:
    return Fact("Applied", short_revision(revision) or "nothing yet", revision, code=bool(revision))


def _health_checks(spec: Obj) -> str:
    timeout = text(spec.get("timeout"))
    limit = f", for {timeout} at most" if timeout else ""
    if spec.get("wait") is True:
        return f"of all its objects{limit}"
    checks = spec.get("healthChecks")
    return f"of {counted(len(checks), 'object')}{limit}" if isinstance(checks, list) and checks else ""


def _inventory(details: Details) -> Inventory:
    found = sorted(details.inventory, key=_urgency)
    shown = found[:MAX_OBJECTS]
    counts: dict[Badge, int] = {}
    for each in found:
        counts[health_badge(each.health)] = counts.get(health_badge(each.health), 0) + 1
    count = max(details.inventory_count, len(found))
    return Inventory(
        tuple(map(_object, shown)), count, count - len(shown), tuple(counts.items()), details.checked
    )


def _urgency(managed: ManagedObject) -> tuple[int, Ref]:
    known = managed.health in _UNHEALTHY_FIRST
    return _UNHEALTHY_FIRST.index(managed.health) if known else 0, managed.ref


def _object(managed: ManagedObject) -> ObjectRow:
    what = Named(managed.ref, address(managed.ref), health_badge(managed.health))
    return ObjectRow(what, managed.ref.group, managed.message if managed.health != _HEALTHY else "")


def _wait(waiting: WaitingKey) -> OpenWait:
    rows = tuple(
        ObjectRow(Named(each.ref, "", health_badge(each.health)), each.ref.group, each.message)
        for each in waiting.objects
    )
    words = f"{waiting.awaited:,} of {counted(waiting.total, 'object')} not healthy yet"
    return OpenWait(waiting.since, waiting.deadline, words, rows)


def _drift(drifted: DriftedObject) -> Drift:
    return Drift(Named(drifted.ref, ""), drifted.at, drifted.what)
