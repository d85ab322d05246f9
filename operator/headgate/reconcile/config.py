"""How the operator runs, as one frozen value. The command line makes it; everything below reads it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Config:
    """The options of ``headgate run``. Times are in seconds."""

    storage_path: Path
    kubeconfig: str | None = None
    context: str | None = None
    storage_addr: str = ":9090"
    storage_adv_addr: str | None = None
    health_addr: str = ":9440"
    metrics_addr: str = ":8080"
    concurrent: int = 8
    concurrent_ssa: int = 8
    requeue_dependency: float = 30.0
    jitter: float = 0.05
    """Fraction by which an interval is made longer or shorter."""
    no_cross_namespace_refs: bool = False
    retention_ttl: float = 60.0
    retention_records: int = 2
    fail_fast: bool = True
    """End a health wait as soon as an object has failed for good."""
