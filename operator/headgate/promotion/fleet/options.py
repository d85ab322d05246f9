"""What a caller of a rendering may choose, and its limits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from headgate.kustomize import RemoteFetcher

__all__ = ["FleetLimits", "FleetOptions"]


@dataclass(frozen=True, slots=True)
class FleetLimits:
    """Limits of one rendering. The limits of a single build are those of the engine."""

    kustomizations: int = 5_000
    objects: int = 200_000
    depth: int = 16
    """How deep Kustomizations may make Kustomizations."""
    seconds: float = 600.0
    """For all renderings of a :class:`~headgate.promotion.fleet.fleet.Fleet` together."""


@dataclass(frozen=True, slots=True)
class FleetOptions:
    """What a caller may choose."""

    default_branch: str = ""
    """Empty: as the clone says."""
    source_urls: tuple[str, ...] = ()
    """Further URLs of this repository, besides those of the clone's remotes."""
    variables: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Values of variables that no rendered ConfigMap or Secret has."""
    age_key: bytes | None = field(default=None, repr=False)
    """Identities of age that decrypt what Kustomizations with ``spec.decryption`` read; None keeps it encrypted."""
    remote_bases: RemoteFetcher | None = None
    """Fetches remote bases; None refuses them."""
    strict_substitutions: bool = True
    """As the operator's feature gate: a variable without value or default is an error."""
    limits: FleetLimits = FleetLimits()
