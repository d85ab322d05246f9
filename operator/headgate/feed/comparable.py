"""What the operator would apply now, for a live diff."""

from __future__ import annotations

from dataclasses import dataclass

from headgate.objects import Obj
from headgate.reconcile.kustomization.build.builds import BuildResult

__all__ = ["Comparable"]


@dataclass(frozen=True, slots=True)
class Comparable:
    """What the operator would apply."""

    obj: Obj
    """The raw Kustomization."""
    revision: str
    account: str
    """The service account that it applies with; empty for the operator's own."""
    result: BuildResult
    secrets: frozenset[str]
    """Values of variables from Secrets."""
