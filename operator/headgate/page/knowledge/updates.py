"""What the operator hands over to the page when something changes.

All values are immutable. They are cheap to make, because the operator's event loop makes them: whatever takes time,
such as reading an inventory, happens in the thread of the page (:mod:`.details`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from headgate.documents.tree import Inputs
from headgate.insight import Link, Ref
from headgate.kube.refs import ObjectRef
from headgate.objects import Obj
from headgate.page.knowledge.model import Environment, OperatorState, ReportedEvent, StepTime, Work

__all__ = ["Batch", "Drift", "Identity", "Notes", "Update", "Verdicts"]


Identity = tuple[str, str, str]
"""Kind, namespace and name of a managed object."""


@dataclass(frozen=True, slots=True)
class Verdicts:
    """The reconciler's verdicts on the objects that an attempt waited for, or waits for."""

    at: datetime
    targets: tuple[ObjectRef, ...]
    unhealthy: Mapping[ObjectRef, tuple[str, str]]
    """The health and message of those that are not healthy."""


@dataclass(frozen=True, slots=True)
class Drift:
    """A managed object that somebody else changed or deleted; ``what`` is in words, without values."""

    ref: ObjectRef
    at: datetime
    what: str


@dataclass(frozen=True, slots=True)
class Notes:
    """What the reconciler knows of one object, besides the object itself."""

    verdicts: Verdicts | None = None
    live: Mapping[ObjectRef, tuple[str, str]] = field(default_factory=dict)
    """Health and message of applied objects, as the operator's watches show them; newer than the verdicts."""
    events: tuple[ReportedEvent, ...] = ()
    """The newest first."""
    drifts: tuple[Drift, ...] = ()
    """The newest first."""
    inputs: Inputs | None = None
    """What the last successful build read."""
    skipped_builds: int = 0
    steps: tuple[StepTime, ...] = ()
    next_at: datetime | None = None
    next_reason: str = ""
    evidence: Mapping[Identity, tuple[Link, ...]] = field(default_factory=dict)
    """Failing managed objects, each followed by its pods, as the account of the Kustomization has read them."""


@dataclass(frozen=True, slots=True)
class Update:
    """The new state of one Kustomization or source."""

    ref: Ref
    obj: Obj | None
    """Raw, and nobody changes it; None if it no longer exists."""
    notes: Notes = Notes()


@dataclass(frozen=True, slots=True)
class Batch:
    """All that has changed since the last batch."""

    at: datetime
    updates: tuple[Update, ...] = ()
    work: Work | None = None
    """None: as before."""
    operator: OperatorState | None = None
    environments: tuple[Environment, ...] | None = None
