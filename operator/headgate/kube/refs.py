"""References to objects: their identity without their content.

The text is that of Flux's events and conditions: ``Deployment/staging/web``, and ``Namespace/staging`` for a
cluster-scoped object.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from headgate.objects import Obj


@dataclass(frozen=True, slots=True)
class ObjectRef:
    """One object of a cluster. Equal when API version, kind, name and namespace are equal."""

    api_version: str
    kind: str
    name: str
    namespace: str = ""
    """Empty for a cluster-scoped object."""

    @property
    def group(self) -> str:
        """The API group; empty for the core group."""
        group, slash, _ = self.api_version.partition("/")
        return group if slash else ""

    @property
    def version(self) -> str:
        """The version without the group."""
        return self.api_version.rpartition("/")[2]

    def __str__(self) -> str:
        if self.namespace:
            return f"{self.kind}/{self.namespace}/{self.name}"
        return f"{self.kind}/{self.name}"


def ref_of(obj: Obj) -> ObjectRef:
    """The reference to an object. Fields that are missing or not text count as empty."""
    meta = obj.get("metadata")
    if not isinstance(meta, dict):
        meta = {}
    return ObjectRef(
        _text(obj.get("apiVersion")),
        _text(obj.get("kind")),
        _text(meta.get("name")),
        _text(meta.get("namespace")),
    )


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
