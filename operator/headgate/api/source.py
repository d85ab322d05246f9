"""Artifacts, and the fields of any source that a Kustomization needs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
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
    """The artifact of a source: ``status.artifact``."""

    revision: str
    digest: str
    url: str
    path: str
    last_update_time: str
    size: int | None = None
    """In bytes."""
    metadata: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def parse(cls, raw: Mapping[str, Any]) -> Artifact:
        """From the raw mapping; raises :class:`InvalidStatus` when it has no revision or URL."""
        for name in ("revision", "url"):
            if not isinstance(raw.get(name), str) or not raw[name]:
                raise InvalidStatus(f"status.artifact.{name}", "is required")
        return cls(
            revision=raw["revision"],
            digest=raw.get("digest") or "",
            url=raw["url"],
            path=raw.get("path") or "",
            last_update_time=raw.get("lastUpdateTime") or "",
            size=raw.get("size"),
            metadata=dict(raw.get("metadata") or {}),
        )

    def to_object(self) -> Obj:
        """The raw mapping."""
        raw: Obj = {
            "digest": self.digest,
            "lastUpdateTime": self.last_update_time,
            "path": self.path,
            "revision": self.revision,
            "url": self.url,
        }
        if self.size is not None:
            raw["size"] = self.size
        if self.metadata:
            raw["metadata"] = dict(self.metadata)
        return raw

    @property
    def origin_revision(self) -> str:
        """The origin revision; empty without one."""
        return self.metadata.get(ORIGIN_REVISION, "")


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
