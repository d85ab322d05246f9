"""Artifacts, and the fields of any source that a Kustomization needs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from headgate.api import conditions as cond
from headgate.api.errors import InvalidStatus
from headgate.api.meta import ObjectKey
from headgate.api.reasons import READY, STALLED
from headgate.objects import Obj

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


@dataclass(frozen=True, slots=True)
class Source:
    """A source of any kind, with the fields that its consumers read."""

    kind: str
    key: ObjectKey
    generation: int
    suspended: bool
    ready: bool
    stalled: bool
    message: str
    """Of the Ready condition."""
    artifact: Artifact | None

    @classmethod
    def from_object(cls, obj: Obj) -> Source:
        """From a raw object; raises :class:`InvalidStatus` when its artifact is malformed."""
        meta = obj["metadata"]
        conditions = cond.of(obj)
        ready = cond.get(conditions, READY) or {}
        artifact = (obj.get("status") or {}).get("artifact")
        return cls(
            kind=obj["kind"],
            key=ObjectKey(meta.get("namespace") or "", meta["name"]),
            generation=int(meta.get("generation") or 0),
            suspended=bool((obj.get("spec") or {}).get("suspend")),
            ready=ready.get("status") == "True",
            stalled=cond.is_true(conditions, STALLED),
            message=ready.get("message") or "",
            artifact=Artifact.parse(artifact) if artifact else None,
        )
