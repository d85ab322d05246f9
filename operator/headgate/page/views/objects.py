"""What the pages of Kustomizations and sources share: facts, conditions, history, events."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from headgate.api.reasons import RECONCILIATION_SUCCEEDED
from headgate.insight.fields import entries, mapping, text
from headgate.insight.remedies import meaning
from headgate.objects import Obj
from headgate.page.knowledge import AppliedRevision, Details, ReportedEvent
from headgate.page.views.links import help_address
from headgate.page.views.values import Badge, Named, moment
from headgate.page.views.words import condition_words, seconds_words, short_revision

__all__ = [
    "Action",
    "ConditionView",
    "EventView",
    "Fact",
    "Outcome",
    "actions",
    "conditions",
    "events",
    "history",
    "steps_of",
]

MAX_CONDITIONS = 30
_SUCCEEDED, _FAILED = Badge("ready", "Succeeded"), Badge("failed", "Failed")
_ABNORMAL = frozenset(
    (
        "Stalled",
        "FetchFailed",
        "ArtifactOutdated",
        "StorageOperationFailed",
        "IncludeUnavailable",
        "RevisionHeld",
    )
)
"""Conditions that are bad while they are True."""


@dataclass(frozen=True, slots=True)
class Fact:
    """One line of what an object is."""

    label: str
    value: str = ""
    full: str = ""
    """The value without abbreviation, if it has one."""
    what: Named | None = None
    at: datetime | None = None
    code: bool = False
    """Whether the value is an identifier, a path or an address."""


@dataclass(frozen=True, slots=True)
class ConditionView:
    """A condition in words."""

    type: str
    status: str
    badge: Badge
    words: str
    """What type and status mean; empty for those of other projects."""
    reason: str
    meaning: str
    """What the reason means, from the guide."""
    help: str
    message: str
    since: datetime | None


@dataclass(frozen=True, slots=True)
class Outcome:
    """One entry of the history."""

    badge: Badge
    reason: str
    revision: str
    full_revision: str
    last: datetime | None
    first: datetime | None
    duration: str
    times: int


@dataclass(frozen=True, slots=True)
class EventView:
    """An event."""

    at: datetime
    is_warning: bool
    reason: str
    help: str
    message: str
    revision: str
    count: int


@dataclass(frozen=True, slots=True)
class Action:
    """A button."""

    title: str
    url: str
    asks_reason: bool = False


def conditions(obj: Obj) -> tuple[ConditionView, ...]:
    """Return the conditions of a raw object, Ready first."""
    found = [*entries(mapping(obj, "status").get("conditions"))][:MAX_CONDITIONS]
    found.sort(key=lambda each: each.get("type") != "Ready")
    return tuple(_condition(text(obj.get("kind")), each) for each in found)


def _condition(kind: str, raw: Obj) -> ConditionView:
    type, status, reason = text(raw.get("type")), text(raw.get("status")), text(raw.get("reason"))
    message = text(raw.get("message"))
    words = condition_words(type, status)
    if type == "Reconciling":
        look = "progressing"
    elif type in _ABNORMAL:
        look = {"True": "failed", "False": "ready"}.get(status, "unknown")
    else:
        look = {"True": "ready", "False": "failed", "Unknown": "progressing"}.get(status, "unknown")
    if type == "RevisionHeld" and status == "True":
        look = "held"
    return ConditionView(
        type,
        status,
        Badge(look, status),
        words,
        reason,
        meaning(kind, reason, message).removeprefix(f"on {type}: ") if words else "",
        help_address(reason),
        message,
        moment(text(raw.get("lastTransitionTime"))),
    )


def history(found: tuple[AppliedRevision, ...]) -> tuple[Outcome, ...]:
    """Return the history of a Kustomization, the newest first."""
    return tuple(
        Outcome(
            _SUCCEEDED if each.outcome == RECONCILIATION_SUCCEEDED else _FAILED,
            each.outcome,
            short_revision(each.revision),
            each.revision,
            moment(each.last),
            moment(each.first),
            each.duration,
            each.times,
        )
        for each in found
    )


def events(found: tuple[ReportedEvent, ...]) -> tuple[EventView, ...]:
    """Return the events of an object, the newest first."""
    return tuple(
        EventView(
            each.at,
            each.type == "Warning",
            each.reason,
            help_address(each.reason),
            each.message,
            short_revision(each.revision),
            each.count,
        )
        for each in found
    )


def steps_of(details: Details) -> tuple[tuple[str, str], ...]:
    """Return how long each step took when it last ran."""
    return tuple(
        (each.step, f"{seconds_words(each.seconds)}{' (failed)' if each.failed else ''}")
        for each in details.steps
    )


def actions(page: str, *, suspended: bool) -> tuple[Action, ...]:
    """Return the buttons of an object. ``page``: the address of its page."""
    found = [Action("Resume", f"{page}/resume")] if suspended else [Action("Reconcile", f"{page}/reconcile")]
    if not suspended:
        found.append(Action("Suspend", f"{page}/suspend", asks_reason=True))
    return tuple(found)
