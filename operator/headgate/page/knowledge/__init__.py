"""What the operator knows, as immutable values, on the page's side.

model    the values: one snapshot has everything that the page shows
objects  raw custom resources, reduced to what a page may show
"""

from __future__ import annotations

from headgate.page.knowledge.model import (
    AppliedRevision,
    AwaitedObject,
    BuildFiles,
    Details,
    DriftedObject,
    Environment,
    ManagedObject,
    OperatorState,
    QueuedKey,
    ReportedEvent,
    RunningKey,
    Snapshot,
    StepTime,
    WaitingKey,
    Work,
)

__all__ = [
    "AppliedRevision",
    "AwaitedObject",
    "BuildFiles",
    "Details",
    "DriftedObject",
    "Environment",
    "ManagedObject",
    "OperatorState",
    "QueuedKey",
    "ReportedEvent",
    "RunningKey",
    "Snapshot",
    "StepTime",
    "WaitingKey",
    "Work",
]
