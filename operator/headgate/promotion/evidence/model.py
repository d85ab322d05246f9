"""What an environment runs, as values. All times are UTC, aware."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from headgate.api import ObjectKey

__all__ = ["STALE_AFTER", "Evidence", "Origin", "RunningKustomization"]

STALE_AFTER = 600.0
"""Seconds after which evidence proves nothing any more."""


class Origin(Enum):
    """Where evidence comes from; the first that has any counts."""

    CONTEXT = "context"
    """The objects of a cluster, read now."""
    REPORT = "report"
    """A signed commit on ``refs/headgate/env/<name>`` that the environment's operator pushed."""
    COMMIT_STATUS = "commit status"
    """What Flux's notification-controller wrote to the forge."""


@dataclass(frozen=True, slots=True)
class RunningKustomization:
    """One Kustomization of an environment, as its status says."""

    key: ObjectKey
    ready: bool
    commit: str
    """Of ``status.lastAppliedRevision``; empty if it never succeeded."""
    attempted: str
    """The commit of ``status.lastAttemptedRevision``."""
    since: datetime | None
    """Since when it has been Ready without a break, at any revision; None if it is not Ready."""
    digest: str = ""
    """``status.history[0].digest``: equal for two revisions that build the same objects."""
    digest_since: datetime | None = None
    """Since when this digest has run, from ``status.history``."""
    suspended: bool = False
    reason: str = ""
    message: str = ""
    source: ObjectKey | None = None


@dataclass(frozen=True, slots=True)
class Evidence:
    """What one environment runs."""

    environment: str
    origin: Origin
    detail: str
    """Such as the name of the context or the ref."""
    at: datetime
    """When the environment was observed."""
    sources: Mapping[ObjectKey, str]
    """The commit of each GitRepository's artifact."""
    kustomizations: tuple[RunningKustomization, ...]
    held: Mapping[ObjectKey, str]
    """GitRepositories with a held revision, and why."""
    problem: str = ""
    """Why some of it is not known."""

    @property
    def ready(self) -> int:
        """How many Kustomizations are Ready."""
        return sum(each.ready for each in self.kustomizations)

    def is_stale(self, now: datetime) -> bool:
        """Whether it is too old to prove anything, or from the future."""
        return not 0 <= (now - self.at).total_seconds() + 60 <= STALE_AFTER + 60
