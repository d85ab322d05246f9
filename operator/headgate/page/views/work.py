"""What the operator does now, and what waits for what."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from headgate.insight import Ref, State
from headgate.page.knowledge import Snapshot
from headgate.page.views.causes import Names
from headgate.page.views.values import Named, moment
from headgate.page.views.words import counted, health_badge, seconds_words, short_revision

__all__ = ["WorkView", "work_view"]

MAX_ROWS = 200
_PRIORITIES = {
    "requested": "somebody asked for it",
    "unblocked": "what it waited for is there",
    "changed": "something it uses has changed",
    "routine": "its time has come",
}


@dataclass(frozen=True, slots=True)
class Running:
    """An object that a worker has."""

    what: Named
    step: str
    since: datetime
    why: str
    revision: str


@dataclass(frozen=True, slots=True)
class Queued:
    """An object that waits for a worker."""

    what: Named
    since: datetime
    why: str


@dataclass(frozen=True, slots=True)
class Open:
    """A health check in progress."""

    what: Named
    revision: str
    since: datetime
    deadline: datetime
    words: str
    objects: tuple[Named, ...]
    more: int


@dataclass(frozen=True, slots=True)
class Waiting:
    """An object that waits for another one."""

    what: Named
    root: Named | None
    since: datetime | None


@dataclass(frozen=True, slots=True)
class WorkView:
    """The page."""

    template: ClassVar[str] = "work.html"

    running: tuple[Running, ...]
    queued: tuple[Queued, ...]
    queued_count: int
    queued_by_namespace: tuple[tuple[str, int], ...]
    open: tuple[Open, ...]
    open_count: int
    waiting: tuple[Waiting, ...]
    waiting_count: int
    measures: tuple[tuple[str, str], ...]


def work_view(snapshot: Snapshot) -> WorkView:
    """Return what is at work."""
    work, report = snapshot.work, snapshot.report
    verdicts = {each.ref: each for each in report.verdicts}
    names = Names(snapshot.fleet, verdicts)
    root_of: dict[Ref, Ref] = {
        ref: cause.root for cause in report.causes for ref in (*cause.blocked, *cause.cycle)
    }
    waiting = [each for each in report.verdicts if each.state in (State.WAITING, State.BLOCKED)]
    measures: list[tuple[str, str]] = []
    if work.queue_seconds is not None:
        measures.append(("Wait for a worker", seconds_words(work.queue_seconds)))
    measures += [(name.capitalize(), seconds_words(value)) for name, value in work.step_seconds.items()]
    if work.skipped_builds is not None:
        measures.append(("Builds skipped since the start", f"{work.skipped_builds:,}"))
    return WorkView(
        running=tuple(
            Running(
                names.named(each.ref),
                each.step,
                each.since,
                ", ".join(each.triggers),
                short_revision(each.revision),
            )
            for each in work.running
        ),
        queued=tuple(
            Queued(names.named(each.ref), each.since, _PRIORITIES.get(each.priority, each.priority))
            for each in work.queued[:MAX_ROWS]
        ),
        queued_count=work.queued_count,
        queued_by_namespace=tuple(
            sorted(work.queued_by_namespace.items(), key=lambda each: (-each[1], each[0]))
        ),
        open=tuple(
            Open(
                names.named(each.ref),
                short_revision(each.revision),
                each.since,
                each.deadline,
                f"{each.awaited:,} of {counted(each.total, 'object')} not healthy",
                tuple(Named(other.ref, "", health_badge(other.health)) for other in each.objects[:5]),
                max(0, each.awaited - len(each.objects[:5])),
            )
            for each in work.waiting[:MAX_ROWS]
        ),
        open_count=len(work.waiting),
        waiting=tuple(
            Waiting(
                names.named(each.ref),
                names.named(root_of[each.ref]) if each.ref in root_of else None,
                moment(each.since),
            )
            for each in waiting[:MAX_ROWS]
        ),
        waiting_count=len(waiting),
        measures=tuple(measures),
    )
