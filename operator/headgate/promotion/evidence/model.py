"""What an environment runs, as values. All times are UTC, aware."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from headgate.api import ObjectKey
from headgate.api.running import RunningKustomization, RunningSource

__all__ = ["STALE_AFTER", "Evidence", "EvidenceOrigin", "RunningKustomization", "RunningSource"]

STALE_AFTER = 600.0
"""Seconds after which evidence no longer proves anything."""
AHEAD = 60.0
"""Seconds by which the clock of an environment may be ahead of ours."""


class EvidenceOrigin(Enum):
    """Where evidence comes from; the first that has any counts."""

    CONTEXT = "context"
    """The objects of a cluster, read now."""
    REPORT = "report"
    """A signed commit on ``refs/headgate/env/<name>`` that the environment's operator pushed."""
    COMMIT_STATUS = "commit status"
    """What Flux's notification-controller wrote to the forge."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What one environment runs, or ran while it was observed."""

    environment: str
    origin: EvidenceOrigin
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
    """Why some of it is not known, so that it proves nothing."""
    notes: tuple[str, ...] = ()
    """What a reader should know about it, such as an origin that could not be read."""
    repositories: tuple[RunningSource, ...] = ()
    """The GitRepositories with what they follow; empty where only commits are known."""
    begun: datetime | None = None
    """Since when exactly this has been observed; None: only at :attr:`at`."""
    past: tuple[Evidence, ...] = ()
    """What was observed before, the latest first; empty if nobody kept it."""

    @property
    def ready(self) -> int:
        """How many Kustomizations are Ready."""
        return sum(each.ready for each in self.kustomizations)

    def is_stale(self, now: datetime) -> bool:
        """Whether it is too old to prove anything, or from the future."""
        return not -AHEAD <= (now - self.at).total_seconds() <= STALE_AFTER
