"""The output values. All are frozen; texts have a limit and hold no credentials."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Enum

__all__ = ["WORST_FIRST", "Cause", "Link", "Ref", "Relation", "Report", "RootType", "State", "Verdict"]


class State(Enum):
    """How an object stands. Each object has exactly one; the first that applies, in this order."""

    SUSPENDED = "suspended"
    """``spec.suspend`` is set: nobody reconciles it."""
    STALLED = "stalled"
    """It failed, and is not retried until its spec changes."""
    BLOCKED = "blocked"
    """It needs something that fails, is missing, or is suspended."""
    WAITING = "waiting"
    """It needs something that is in progress."""
    FAILED = "failed"
    """Its last attempt failed."""
    PROGRESSING = "progressing"
    """An attempt is in progress, or has not begun."""
    HELD = "held"
    """An annotation keeps a new revision out; what runs is reconciled."""
    READY = "ready"

    @property
    def is_good(self) -> bool:
        """Whether it is as its owners want it."""
        return self in (State.READY, State.HELD, State.SUSPENDED)


WORST_FIRST = (
    State.FAILED,
    State.STALLED,
    State.BLOCKED,
    State.WAITING,
    State.PROGRESSING,
    State.HELD,
    State.SUSPENDED,
    State.READY,
)
"""The order in which people see states."""


class Relation(Enum):
    """How an object leads to the next one of a chain."""

    SELF = "self"
    """The first object of a chain."""
    SOURCE = "source"
    DEPENDENCY = "dependsOn"
    INCLUDE = "include"
    OBJECT = "object"
    """A managed object."""
    POD = "pod"


class RootType(Enum):
    """What a root cause is."""

    OBJECT = "object"
    """An object that fails, or is in progress, by itself."""
    MISSING = "missing"
    """An object that is referred to and does not exist."""
    CYCLE = "cycle"
    """Objects that wait for each other."""
    UNKNOWN = "unknown"
    """An object that the caller may not read."""


@dataclass(frozen=True, slots=True, order=True)
class Ref:
    """An object. Equal when kind, namespace, name and API group are equal."""

    kind: str
    namespace: str
    """Empty for a cluster-scoped object."""
    name: str
    group: str = ""

    def __str__(self) -> str:
        return "/".join(part for part in (self.kind, self.namespace, self.name) if part)


@dataclass(frozen=True, slots=True)
class Verdict:
    """How one object stands, and what it said itself."""

    ref: Ref
    state: State
    reason: str = ""
    """Of its Ready condition, or of the condition that decides; empty if it has none."""
    message: str = ""
    revision: str = ""
    """What it has: the artifact of a source, the last applied revision of a Kustomization."""
    since: str = ""
    """When the condition last changed, as the API server writes times."""
    note: str = ""
    """Why it is suspended, as its annotation says, or which revision is held; empty otherwise."""
    ready: bool = False
    """Whether its Ready condition is True for the present spec, also while it is suspended."""


@dataclass(frozen=True, slots=True)
class Link:
    """One step of the way from an object to its root cause."""

    relation: Relation
    ref: Ref
    state: str
    """A :class:`State`, ``missing``, ``unknown``, or the health of a managed object."""
    reason: str = ""
    message: str = ""


@dataclass(frozen=True, slots=True)
class Cause:
    """A root cause and all that it stops."""

    type: RootType
    root: Ref
    """For a cycle its first member."""
    state: str
    """As in :class:`Link`."""
    reason: str = ""
    message: str = ""
    file: str = ""
    """The file at fault, relative to the source; empty if the message names none."""
    line: int = 0
    """1-based; 0 if it is not known."""
    remedy: str = ""
    cycle: tuple[Ref, ...] = ()
    """The members; the first one is repeated at the end."""
    referrer: Ref | None = None
    """An object that refers to a root that is missing."""
    objects: tuple[Link, ...] = ()
    """The failing managed objects, each followed by its pods."""
    blocked: tuple[Ref, ...] = ()
    """The other objects that are not Ready because of it, sorted."""

    @property
    def is_failure(self) -> bool:
        """Whether it needs somebody who acts; otherwise it may pass by itself."""
        return self.state not in (State.PROGRESSING.value, State.WAITING.value)


@dataclass(frozen=True, slots=True)
class Report:
    """How a fleet stands."""

    verdicts: tuple[Verdict, ...]
    """Sorted by kind, namespace and name."""
    causes: tuple[Cause, ...]
    """Failures first, then by the number of blocked objects."""
    notes: tuple[str, ...] = ()
    """What could not be read, and why."""
    counts: Mapping[State, int] = field(default_factory=dict)

    def verdict(self, ref: Ref) -> Verdict | None:
        """The verdict of an object; None if it is not in the report."""
        return next((each for each in self.verdicts if each.ref == ref), None)

    def cause_of(self, ref: Ref) -> Cause | None:
        """The root cause of an object that is not Ready; None for one that is."""
        return next((c for c in self.causes if c.root == ref or ref in c.blocked or ref in c.cycle), None)

    def within(self, namespace: str | None) -> Report:
        """Return the part of the report about the objects of one namespace, with causes in any; None for all."""
        if namespace is None:
            return self
        verdicts = tuple(each for each in self.verdicts if each.ref.namespace == namespace)
        causes = []
        for cause in self.causes:
            blocked = tuple(each for each in cause.blocked if each.namespace == namespace)
            if blocked or any(each.namespace == namespace for each in (cause.root, *cause.cycle)):
                causes.append(replace(cause, blocked=blocked))
        return Report(verdicts, tuple(causes), self.notes, Counter(each.state for each in verdicts))
