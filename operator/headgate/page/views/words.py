"""States, conditions, causes and measurements in plain English."""

from __future__ import annotations

import re

from headgate.api import reasons
from headgate.health import HealthStatus
from headgate.insight import Cause, RootType, State
from headgate.insight.causes import MISSING, UNKNOWN
from headgate.insight.values import Relation
from headgate.page.views.values import Badge
from headgate.visible import visible

__all__ = [
    "BADGES",
    "badge",
    "condition_words",
    "counted",
    "first_line",
    "headline",
    "health_badge",
    "relation_words",
    "seconds_words",
    "short_revision",
]

BADGES = {each.value: Badge(each.value, each.value.capitalize()) for each in State} | {
    MISSING: Badge("missing", "Missing"),
    UNKNOWN: Badge("unknown", "Unknown"),
}
"""By state."""

_HEALTH = {
    HealthStatus.CURRENT.value: Badge("ready", "Healthy"),
    HealthStatus.IN_PROGRESS.value: Badge("progressing", "In progress"),
    HealthStatus.FAILED.value: Badge("failed", "Failed"),
    HealthStatus.TERMINATING.value: Badge("waiting", "Being deleted"),
    HealthStatus.NOT_FOUND.value: Badge("missing", "Missing"),
    HealthStatus.UNKNOWN.value: Badge("unknown", "Unknown"),
    "Refused": Badge("failed", "Refused"),
}

_CONDITIONS = {
    (reasons.READY, "True"): "It is as its spec says.",
    (reasons.READY, "False"): "It is not as its spec says.",
    (reasons.READY, "Unknown"): "An attempt is in progress.",
    (reasons.RECONCILING, "True"): "The operator works on it, or will retry.",
    (reasons.STALLED, "True"): "The operator does not retry until the spec changes.",
    (reasons.HEALTHY, "True"): "All objects that it checks are healthy.",
    (reasons.HEALTHY, "False"): "An object that it checks is not healthy.",
    (reasons.HEALTHY, "Unknown"): "It waits until the objects that it checks are healthy.",
    (reasons.ARTIFACT_IN_STORAGE, "True"): "The artifact can be downloaded.",
    (reasons.ARTIFACT_IN_STORAGE, "False"): "No artifact can be downloaded.",
    (reasons.ARTIFACT_OUTDATED, "True"): "The remote has something newer than the artifact.",
    (reasons.FETCH_FAILED, "True"): "The remote could not be fetched.",
    (reasons.STORAGE_OPERATION_FAILED, "True"): "The operator could not use its storage.",
    (reasons.INCLUDE_UNAVAILABLE, "True"): "An included repository is not available.",
    (reasons.SOURCE_VERIFIED, "True"): "The signatures are verified.",
    (reasons.SOURCE_VERIFIED, "False"): "The signatures could not be verified.",
    (reasons.REVISION_HELD, "True"): "An annotation keeps a newer revision out; what runs stays.",
}

_RELATIONS = {
    Relation.SELF: "",
    Relation.SOURCE: "has the source",
    Relation.DEPENDENCY: "depends on",
    Relation.INCLUDE: "includes",
    Relation.OBJECT: "applies",
    Relation.POD: "runs",
}
_HASH = re.compile(r"[0-9a-f]{12,}")
_FIRST_LINE = 200


def badge(state: str) -> Badge:
    """Return the badge of a state, ``missing``, ``unknown`` or the health of a managed object."""
    return BADGES.get(state) or health_badge(state)


def health_badge(health: str) -> Badge:
    """Return the badge of a health, in the words of kstatus; an empty text means that nobody has a verdict."""
    return _HEALTH.get(health) or Badge("unknown", first_line(health) or "No verdict")


def condition_words(type: str, status: str) -> str:
    """Return what a condition means; empty if it is not one of Flux's or Headgate's."""
    return _CONDITIONS.get((type, status), "")


def relation_words(relation: Relation) -> str:
    """Return how an object leads to the next one of a chain."""
    return _RELATIONS[relation]


def headline(cause: Cause) -> str:
    """Return what is wrong with the root of a cause, as the end of a sentence that begins with the root."""
    if cause.type is RootType.CYCLE:
        return "waits for itself"
    if cause.type is RootType.MISSING:
        return "does not exist"
    if cause.type is RootType.UNKNOWN:
        return "cannot be read"
    return {
        State.FAILED.value: "fails",
        State.STALLED.value: "fails, and is not retried",
        State.SUSPENDED.value: "is suspended",
        State.HELD.value: "keeps a revision out",
        State.PROGRESSING.value: "is in progress",
    }.get(cause.state, f"is {cause.state}")


def counted(number: int, one: str, many: str = "") -> str:
    """Return a number with its noun.

    >>> counted(1, "object"), counted(1200, "object")
    ('1 object', '1,200 objects')
    """
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def first_line(text: str, limit: int = _FIRST_LINE) -> str:
    """Return the first line of a text, without hidden characters, cut to a limit."""
    line = text.strip().partition("\n")[0].strip()
    return visible(line if len(line) <= limit else f"{line[: limit - 1]}…")


def short_revision(revision: str) -> str:
    """Return a revision with its hash cut to eight digits and without the algorithm.

    >>> short_revision("main@sha1:5394cb7f48332b2de7c17dd8b8384bbc84b7e738")
    'main@5394cb7f'
    """
    pointer, at, digest = revision.rpartition("@")
    name = digest.rpartition(":")[2]
    if not _HASH.fullmatch(name):
        return first_line(revision, 80)
    return f"{first_line(pointer, 60)}{at}{name[:8]}"


def seconds_words(seconds: float) -> str:
    """Return a duration, rounded to what matters.

    >>> seconds_words(0.0123), seconds_words(1.26), seconds_words(95), seconds_words(7300)
    ('12 ms', '1.3 s', '1 min 35 s', '2 h 1 min')
    """
    if seconds < 1:
        return f"{max(0, round(seconds * 1000))} ms"
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if minutes else f"{hours} h"
