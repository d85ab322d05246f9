"""Where a commit is: live, on its way, stopped, or held. By the revisions in statuses; history needs a clone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from headgate.api.running import commit_of
from headgate.insight.fleet import Fleet
from headgate.insight.values import Ref, Report, State, Verdict

__all__ = ["Place", "PlaceType", "places_of"]

SHORTEST = 7
"""Digits that identify a commit, as in Git's own abbreviations."""


class PlaceType(Enum):
    """How far a commit has come in one Kustomization."""

    LIVE = "live"
    """It is the last applied revision."""
    ON_THE_WAY = "on-the-way"
    STOPPED = "stopped"
    """The source has it, and the Kustomization does not apply it: see its cause."""


@dataclass(frozen=True, slots=True)
class Place:
    """A Kustomization in which a commit is."""

    ref: Ref
    type: PlaceType
    revision: str
    message: str = ""
    """Of the Kustomization if the commit is not live in it."""


def places_of(
    fleet: Fleet, report: Report, commit: str, contains: Callable[[str], bool] | None = None
) -> tuple[Place, ...]:
    """Return the Kustomizations that run a commit, or whose source has it, sorted; empty if none does.

    ``commit``: at least :data:`SHORTEST` digits of its id. ``contains``: whether a revision has the commit in its
    history; without it, only the commit itself counts. Raises :class:`ValueError`.
    """
    commit = commit.lower()
    if len(commit) < SHORTEST or any(digit not in "0123456789abcdef" for digit in commit):
        raise ValueError(f"'{commit}' is not a commit id of at least {SHORTEST} hexadecimal digits")

    def has(revision: str) -> bool:
        return commit_of(revision).startswith(commit) or (
            bool(revision) and contains is not None and contains(revision)
        )

    found = []
    for verdict in report.verdicts:
        source = fleet.source_of(verdict.ref)
        if source is None:
            continue
        offered = fleet.own[source].revision if source in fleet.own else ""
        if has(verdict.revision):
            found.append(Place(verdict.ref, PlaceType.LIVE, verdict.revision))
        elif has(offered):
            found.append(Place(verdict.ref, _not_live(verdict), offered, verdict.note or verdict.message))
    return tuple(found)


def _not_live(verdict: Verdict) -> PlaceType:
    moving = (State.READY, State.PROGRESSING, State.WAITING)
    return PlaceType.ON_THE_WAY if verdict.state in moving else PlaceType.STOPPED
