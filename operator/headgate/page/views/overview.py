"""The list of all Kustomizations and sources: what is wrong first, then the objects that a filter leaves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import ClassVar

from headgate.insight import Cause, Ref, State, Verdict
from headgate.insight.values import WORST_FIRST
from headgate.names import KUSTOMIZATION
from headgate.page.knowledge import Snapshot
from headgate.page.views.causes import CauseView, Names, cause_view
from headgate.page.views.links import address, with_query
from headgate.page.views.values import Badge, Choice, Named, moment
from headgate.page.views.words import BADGES, badge, counted, first_line, short_revision

__all__ = ["Filters", "Overview", "Row", "Total", "overview", "summary_of"]

PAGE_SIZE = 100
MAX_CAUSES = 20
MAX_QUERY = 200
"""Limit in characters for what somebody searches."""
NOT_GOOD = "not-good"
"""The filter for all that is not as its owners want it."""


@dataclass(frozen=True, slots=True)
class Total:
    """How many objects have a state, as a link to the filter for it."""

    badge: Badge
    number: int
    href: str
    current: bool


@dataclass(frozen=True, slots=True)
class Filters:
    """What the form shows."""

    search: str
    states: tuple[Choice, ...]
    namespaces: tuple[Choice, ...]
    kinds: tuple[Choice, ...]
    environments: tuple[Choice, ...]
    active: bool
    """Whether anything is filtered."""


@dataclass(frozen=True, slots=True)
class Row:
    """One object of the list."""

    what: Named
    revision: str
    full_revision: str
    note: str
    """The first line of what it says, unless it is Ready."""
    because: Named | None
    """The root cause, unless it is the object itself."""
    since: datetime | None


@dataclass(frozen=True, slots=True)
class Overview:
    """The list."""

    template: ClassVar[str] = "overview.html"

    total: int
    totals: tuple[Total, ...]
    headline: str
    causes: tuple[CauseView, ...]
    causes_omitted: int
    filters: Filters
    rows: tuple[Row, ...]
    found: int
    first: int
    """The number of the first row, from 1."""
    previous: str
    """The address of the page before; empty on the first."""
    following: str
    notes: tuple[str, ...]


@dataclass(frozen=True)
class _Query:
    search: str
    state: str
    namespace: str
    kind: str
    environment: str
    page: int

    @cached_property
    def words(self) -> tuple[str, ...]:
        """What an object must have, each once."""
        return tuple(dict.fromkeys(self.search.casefold().split()))

    @classmethod
    def of(cls, query: Mapping[str, str]) -> _Query:
        page = query.get("page", "")
        return cls(
            search=query.get("q", "").strip()[:MAX_QUERY],
            state=query.get("state", "")[:MAX_QUERY],
            namespace=query.get("namespace", "")[:MAX_QUERY],
            kind=query.get("kind", "")[:MAX_QUERY],
            environment=query.get("env", "")[:MAX_QUERY],
            page=int(page) if page.isascii() and page.isdigit() and len(page) < 6 else 1,
        )

    def address(self, **changed: str) -> str:
        """The list with the same filters, except for some."""
        parts = {
            "q": self.search,
            "state": self.state,
            "namespace": self.namespace,
            "kind": self.kind,
            "env": self.environment,
        }
        return with_query("/", parts | changed)


def overview(snapshot: Snapshot, query: Mapping[str, str]) -> Overview:
    """Return the list that a query asks for; an unknown value of a filter finds nothing."""
    asked = _Query.of(query)
    report = snapshot.report
    verdicts = {each.ref: each for each in report.verdicts}
    names = Names(snapshot.fleet, verdicts)
    cause_of = _causes_by_object(report.causes)
    found = sorted(
        (each for each in report.verdicts if _matches(each, asked, snapshot)),
        key=lambda each: _severity(each, cause_of.get(each.ref)),
    )
    pages = max(1, -(-len(found) // PAGE_SIZE))
    page = min(max(1, asked.page), pages)
    start = (page - 1) * PAGE_SIZE
    chosen = {each.ref for each in found}
    causes = [
        each for each in report.causes if each.is_failure and chosen & {each.root, *each.blocked, *each.cycle}
    ]
    return Overview(
        total=len(report.verdicts),
        totals=tuple(
            Total(
                BADGES[state.value],
                report.counts.get(state, 0),
                asked.address(state="" if asked.state == state.value else state.value),
                asked.state == state.value,
            )
            for state in WORST_FIRST
            if report.counts.get(state, 0) or asked.state == state.value
        ),
        headline=summary_of(snapshot),
        causes=tuple(cause_view(each, names) for each in causes[:MAX_CAUSES]),
        causes_omitted=max(0, len(causes) - MAX_CAUSES),
        filters=_filters(snapshot, asked),
        rows=tuple(_row(each, cause_of.get(each.ref), names) for each in found[start : start + PAGE_SIZE]),
        found=len(found),
        first=start + 1,
        previous=asked.address(page=str(page - 1)) if page > 1 else "",
        following=asked.address(page=str(page + 1)) if page < pages else "",
        notes=report.notes,
    )


def summary_of(snapshot: Snapshot) -> str:
    """Return in one sentence how a fleet stands."""
    report = snapshot.report
    failures = [each for each in report.causes if each.is_failure]
    stopped = sum(1 for each in report.verdicts if each.state in (State.FAILED, State.STALLED, State.BLOCKED))
    total = counted(len(report.verdicts), "object")
    if not report.verdicts:
        return "There is no Kustomization and no source yet."
    if failures:
        verb = "stops" if len(failures) == 1 else "stop"
        return f"{counted(len(failures), 'root cause')} {verb} {stopped:,} of {total}."
    moving = sum(1 for each in report.verdicts if not each.state.is_good)
    if moving:
        return f"Nothing fails; {moving:,} of {total} in progress."
    return f"All {total} as wanted." if len(report.verdicts) > 1 else "The only object is as wanted."


def _matches(verdict: Verdict, asked: _Query, snapshot: Snapshot) -> bool:
    ref = verdict.ref
    if asked.namespace and ref.namespace != asked.namespace:
        return False
    if asked.kind and ref.kind != asked.kind:
        return False
    if asked.state and not (
        verdict.state.value == asked.state or (asked.state == NOT_GOOD and not verdict.state.is_good)
    ):
        return False
    if asked.environment and not _is_in(asked.environment, ref, snapshot):
        return False
    if not asked.words:
        return True
    texts = (str(ref), verdict.revision, verdict.reason, verdict.message, verdict.note)
    folded = "\n".join(texts).casefold()
    return all(word in folded for word in asked.words)


def _is_in(environment: str, ref: Ref, snapshot: Snapshot) -> bool:
    sources = {each.source for each in snapshot.environments if each.name == environment}
    return ref in sources or snapshot.fleet.source_of(ref) in sources


def _severity(verdict: Verdict, cause: Cause | None) -> tuple[int, int, bool, Ref]:
    is_root = cause is not None and (cause.root == verdict.ref or verdict.ref in cause.cycle)
    blocked = len(cause.blocked) if cause is not None and is_root else 0
    return WORST_FIRST.index(verdict.state), -blocked, verdict.ref.kind == KUSTOMIZATION, verdict.ref


def _causes_by_object(causes: tuple[Cause, ...]) -> dict[Ref, Cause]:
    return {ref: cause for cause in causes for ref in (*cause.blocked, *cause.cycle, cause.root)}


def _row(verdict: Verdict, cause: Cause | None, names: Names) -> Row:
    because = cause.root if cause is not None and cause.root != verdict.ref else None
    quiet = verdict.state in (State.READY, State.SUSPENDED, State.HELD)
    said = verdict.note or ("" if quiet else verdict.message)
    return Row(
        what=Named(verdict.ref, address(verdict.ref), badge(verdict.state.value)),
        revision=short_revision(verdict.revision),
        full_revision=verdict.revision,
        note=first_line(said),
        because=names.named(because) if because is not None else None,
        since=moment(verdict.since),
    )


def _filters(snapshot: Snapshot, asked: _Query) -> Filters:
    refs = [each.ref for each in snapshot.report.verdicts]
    states = [(NOT_GOOD, "Needs attention"), *((each.value, each.value.capitalize()) for each in WORST_FIRST)]
    return Filters(
        search=asked.search,
        states=_choices(states, asked.state),
        namespaces=_choices([(each, each) for each in sorted({r.namespace for r in refs})], asked.namespace),
        kinds=_choices([(each, each) for each in sorted({r.kind for r in refs})], asked.kind),
        environments=_choices(
            [(name, name) for name in sorted({each.name for each in snapshot.environments})],
            asked.environment,
        ),
        active=asked.address() != "/",
    )


def _choices(options: list[tuple[str, str]], chosen: str) -> tuple[Choice, ...]:
    return tuple(Choice(value, title, value == chosen) for value, title in options)
