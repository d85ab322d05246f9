"""The page of one source: what it has, and who uses it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from headgate.insight import Ref, State, chain_of
from headgate.insight.fields import entries, mapping, text
from headgate.insight.values import Relation
from headgate.objects import Obj
from headgate.page.knowledge import Details, Snapshot
from headgate.page.views.causes import CauseView, Names, Step, cause_view, steps
from headgate.page.views.kustomization import state_sentence
from headgate.page.views.links import why_address
from headgate.page.views.objects import (
    ConditionView,
    EventView,
    Fact,
    conditions,
    events,
    steps_of,
)
from headgate.page.views.values import Named, moment
from headgate.page.views.words import short_revision

__all__ = ["SourceView", "source_view"]

MAX_USERS = 500
_REFERENCES = ("branch", "tag", "semver", "name", "commit", "digest")


@dataclass(frozen=True, slots=True)
class User:
    """An object that uses the source."""

    what: Named
    revision: str
    full_revision: str
    current: bool
    """Whether it has the revision of the source."""
    relation: str


@dataclass(frozen=True, slots=True)
class SourceView:
    """One source."""

    template: ClassVar[str] = "source.html"

    me: Named
    verdict: str
    note: str
    facts: tuple[Fact, ...]
    chain: tuple[Step, ...]
    cause: CauseView | None
    conditions: tuple[ConditionView, ...]
    users: tuple[User, ...]
    users_count: int
    behind: int
    """How many of all users have another revision."""
    events: tuple[EventView, ...]
    json: str


def source_view(snapshot: Snapshot, ref: Ref) -> SourceView | None:
    """Return the page of a source; None if it is not in the snapshot."""
    obj = snapshot.fleet.objects.get(ref)
    if obj is None:
        return None
    report = snapshot.report
    verdicts = {each.ref: each for each in report.verdicts}
    verdict = verdicts[ref]
    names = Names(snapshot.fleet, verdicts)
    cause = None if verdict.state in (State.READY, State.HELD) else report.cause_of(ref)
    users = _users(snapshot, ref, names, verdict.revision)
    details = snapshot.details.get(ref, Details())
    return SourceView(
        me=names.named(ref),
        verdict=state_sentence(verdict, cause),
        note=verdict.note,
        facts=_facts(obj, verdict.revision, verdict.since, details),
        chain=steps(chain_of(snapshot.fleet, report, ref), names),
        cause=cause_view(cause, names) if cause is not None else None,
        conditions=conditions(obj),
        users=users[:MAX_USERS],
        users_count=len(users),
        behind=sum(not each.current for each in users),
        events=events(details.events),
        json=why_address(ref),
    )


def _users(snapshot: Snapshot, ref: Ref, names: Names, revision: str) -> tuple[User, ...]:
    found = []
    for user, needs in snapshot.fleet.needs.items():
        need = next((each for each in needs if each.ref == ref), None)
        if need is None:
            continue
        included = need.relation is Relation.INCLUDE
        has = "" if included else names.verdicts[user].revision
        found.append(
            User(
                names.named(user),
                short_revision(has),
                has,
                included or has == revision,
                "includes it" if included else "",
            )
        )
    return tuple(sorted(found, key=lambda each: (each.current, each.what.ref)))


def _facts(obj: Obj, revision: str, since: str, details: Details) -> tuple[Fact, ...]:
    spec, artifact = mapping(obj, "spec"), mapping(obj, "status", "artifact")
    updated = moment(text(artifact.get("lastUpdateTime")))
    include = [text(mapping(each, "repository").get("name")) for each in entries(spec.get("include"))]
    facts = [
        Fact("Address", text(spec.get("url")) or text(spec.get("endpoint")), code=True),
        Fact("Bucket", text(spec.get("bucketName")), code=True),
        Fact("Follows", _reference(spec), code=True),
        Fact("Revision", short_revision(revision) or "nothing yet", revision, code=bool(revision)),
        Fact("Stored", at=updated) if updated is not None else None,
        Fact("Since", at=moment(since)) if moment(since) is not None else None,
        Fact("Interval", text(spec.get("interval"))),
        Fact("Next", details.next_reason, at=details.next_at) if details.next_at is not None else None,
        *(Fact(f"Last {name}", took) for name, took in steps_of(details)),
        Fact("Includes", ", ".join(filter(None, include)), code=True),
    ]
    return tuple(each for each in facts if each is not None and (each.value or each.at is not None))


def _reference(spec: Obj) -> str:
    found = mapping(spec, "ref")
    return ", ".join(f"{name} {found[name]}" for name in _REFERENCES if text(found.get(name)))
