"""The record of what was done to which object: every verb of this package returns it, and events and the inventory
are made from it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum

from headgate.kube.refs import ObjectRef


class Action(Enum):
    """What was done to an object, in Flux's words."""

    CREATED = "created"
    CONFIGURED = "configured"
    UNCHANGED = "unchanged"
    DELETED = "deleted"
    SKIPPED = "skipped"
    """Unchanged because the object, in Git or on the cluster, asks for it, or because it belongs to somebody else."""
    UNKNOWN = "unknown"
    """A request failed, so the outcome is unknown."""

    def __str__(self) -> str:
        return self.value


CHANGES = frozenset((Action.CREATED, Action.CONFIGURED, Action.DELETED))


@dataclass(frozen=True, slots=True)
class Change:
    """One object and what was done to it, printed as in Flux's events: ``Deployment/staging/web created``."""

    ref: ObjectRef
    action: Action
    why: str = ""
    """The reason, where Flux would have acted differently."""

    def __str__(self) -> str:
        return f"{self.ref} {self.action}" + (f": {self.why}" if self.why else "")


@dataclass(slots=True)
class ChangeSet:
    """Changes in chronological order."""

    entries: list[Change] = field(default_factory=list)

    def changed(self) -> ChangeSet:
        """Only the changes that modified the cluster."""
        return ChangeSet([c for c in self.entries if c.action in CHANGES])

    def __iter__(self) -> Iterator[Change]:
        return iter(self.entries)

    def __len__(self) -> int:
        return len(self.entries)

    def __str__(self) -> str:
        return "\n".join(str(c) for c in self.entries)
