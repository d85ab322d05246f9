"""Whether a revision has arrived: which Kustomizations run it, which are on the way, and which will not get there."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from enum import Enum

from headgate.api.reasons import READY
from headgate.insight.classify import is_about_present_spec
from headgate.insight.fields import condition
from headgate.insight.fleet import Fleet
from headgate.insight.values import Ref, Report, State, Verdict

__all__ = ["Arrival", "Arriving", "arrivals", "has_arrived", "is_hopeless"]

Matches = Callable[[str], bool]
"""Whether a revision (``main@sha1:…``) is the wanted one, or contains it."""


class Arriving(Enum):
    """How far a revision is in one object."""

    THERE = "there"
    """It is applied, or the artifact of a source; the object is Ready for its present spec."""
    ON_THE_WAY = "on-the-way"
    FAILED = "failed"
    """The last attempt failed, or something that it needs does; it is tried again."""
    STUCK = "stuck"
    """Nobody tries again: suspended, or stalled, or the object does not exist."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """How far a revision is in one object."""

    ref: Ref
    state: Arriving
    revision: str
    """What it has now."""
    message: str


def arrivals(
    fleet: Fleet, report: Report, refs: Collection[Ref], matches: Matches | None
) -> tuple[Arrival, ...]:
    """Return how far a revision is in each of the objects; without ``matches`` any revision will do.

    Without ``refs``: in all Kustomizations whose source has the revision or something after it. None if no source does.
    """
    verdicts = {each.ref: each for each in report.verdicts}
    chosen = sorted(refs) if refs else sorted(_users(verdicts, fleet, matches))
    return tuple(_arrival(ref, verdicts.get(ref), fleet, matches) for ref in chosen)


def has_arrived(found: Iterable[Arrival]) -> bool:
    """Whether there are objects, and all have it."""
    states = [each.state for each in found]
    return bool(states) and all(each is Arriving.THERE for each in states)


def is_hopeless(found: Iterable[Arrival], *, fail_fast: bool = False) -> bool:
    """Whether waiting longer is in vain; ``fail_fast``: also if something fails that is tried again."""
    bad = {Arriving.STUCK, Arriving.FAILED} if fail_fast else {Arriving.STUCK}
    return any(each.state in bad for each in found)


def _users(verdicts: Mapping[Ref, Verdict], fleet: Fleet, matches: Matches | None) -> Iterable[Ref]:
    for ref in verdicts:
        source = fleet.source_of(ref)
        if source is not None and _has(verdicts.get(source), matches):
            yield ref


def _has(verdict: Verdict | None, matches: Matches | None) -> bool:
    """Whether an object has the wanted revision."""
    return matches is None or (verdict is not None and bool(verdict.revision) and matches(verdict.revision))


def _arrival(ref: Ref, verdict: Verdict | None, fleet: Fleet, matches: Matches | None) -> Arrival:
    if verdict is None:
        return Arrival(ref, Arriving.STUCK, "", f"{ref} does not exist")
    revision = verdict.revision
    here = _has(verdict, matches)
    obj = fleet.objects[ref]
    if here and verdict.ready and is_about_present_spec(obj, condition(obj, READY)):
        return Arrival(ref, Arriving.THERE, revision, verdict.message)
    if verdict.state in (State.SUSPENDED, State.STALLED):
        note = f": {verdict.note}" if verdict.note else ""
        message = f"it is suspended{note}" if verdict.state is State.SUSPENDED else verdict.message
        return Arrival(ref, Arriving.STUCK, revision, message)
    if verdict.state in (State.FAILED, State.BLOCKED):
        return Arrival(ref, Arriving.FAILED, revision, verdict.message)
    return Arrival(ref, Arriving.ON_THE_WAY, revision, verdict.message)
