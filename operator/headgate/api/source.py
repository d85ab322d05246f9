"""Artifacts, and the fields of any source that a Kustomization needs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from headgate.api.errors import InvalidStatus

SOURCE_KINDS = ("OCIRepository", "GitRepository", "Bucket", "ExternalArtifact")
"""Kinds that a Kustomization may refer to."""

ORIGIN_REVISION = "org.opencontainers.image.revision"
"""The key of the origin revision in an artifact's metadata."""


@dataclass(frozen=True, slots=True)
class Artifact:
    """The artifact of a source: what its consumers need of ``status.artifact``."""

    revision: str
    digest: str
    url: str

    @classmethod
    def parse(cls, raw: Mapping[str, Any]) -> Artifact:
        """From the raw mapping; raises :class:`InvalidStatus` when it has no revision or URL."""
        for name in ("revision", "url"):
            if not isinstance(raw.get(name), str) or not raw[name]:
                raise InvalidStatus(f"status.artifact.{name}", "is required")
        return cls(raw["revision"], raw.get("digest") or "", raw["url"])
