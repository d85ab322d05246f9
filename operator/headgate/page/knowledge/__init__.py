"""What the operator knows, as immutable values, on the page's side.

model    the values: one snapshot has everything that the page shows
board    takes in what the operator hands over, and makes snapshots of it
updates  what the operator hands over when something changes
details  details of one object, made when somebody looks
failing  the failing managed objects of a Kustomization
objects  raw custom resources, reduced to what a page may show
"""

from __future__ import annotations

from headgate.page.knowledge.board import Board
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
    "Board",
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
