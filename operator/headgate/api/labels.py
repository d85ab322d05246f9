"""Names of the labels, annotations and finalizers, and functions that read them. The same as Flux's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from headgate.names import KUSTOMIZE_GROUP

GROUP: Final = KUSTOMIZE_GROUP
"""Prefix of the keys on managed objects, and of those of events about Kustomizations."""

FINALIZER: Final = "finalizers.fluxcd.io"
"""On both custom resources."""

OWNER_NAME: Final = f"{GROUP}/name"
"""Label of a managed object: the name of its Kustomization."""
OWNER_NAMESPACE: Final = f"{GROUP}/namespace"
"""Label of a managed object: the namespace of its Kustomization."""

REQUESTED_AT: Final = "reconcile.fluxcd.io/requestedAt"
"""Annotation of a custom resource: a change of its value requests a reconcile."""
WATCH: Final = "reconcile.fluxcd.io/watch"
"""Label of a ConfigMap or Secret (``Enabled``): a change of it reconciles the objects that refer to it."""

# On managed objects, as a label or an annotation.
PRUNE: Final = f"{GROUP}/prune"
"""``disabled``: the object is never deleted."""
SSA: Final = f"{GROUP}/ssa"
"""``Merge``, ``IfNotPresent`` or ``Ignore``."""
FORCE: Final = f"{GROUP}/force"
"""``enabled``: the object is recreated when an immutable field changes."""
RECONCILE: Final = f"{GROUP}/reconcile"
"""``disabled``: the object is neither applied nor deleted."""
SUBSTITUTE: Final = f"{GROUP}/substitute"
"""``disabled``: no substitution."""
DECRYPT: Final = f"{GROUP}/decrypt"
"""``disabled``: no decryption."""
CHECKSUM: Final = f"{GROUP}/checksum"
"""Set by Flux before 0.22; removed from managed objects."""

ENABLED: Final = "enabled"
DISABLED: Final = "disabled"
MERGE: Final = "Merge"
IF_NOT_PRESENT: Final = "IfNotPresent"
IGNORE: Final = "Ignore"

# Annotations of events.
EVENT_REVISION: Final = "revision"
EVENT_ORIGIN_REVISION: Final = "originRevision"
EVENT_DIGEST: Final = "digest"
EVENT_COMMIT_STATUS: Final = "commit_status"
EVENT_COMMIT_STATUS_UPDATE: Final = "update"
"""Keys, prefixed with the group of the event's object, and the value of ``commit_status``."""


def owner_labels(namespace: str, name: str) -> dict[str, str]:
    """The labels that mark an object as managed by the Kustomization ``namespace/name``."""
    return {OWNER_NAME: name, OWNER_NAMESPACE: namespace}


def is_set(obj: Mapping[str, Any], key: str, value: str) -> bool:
    """Whether a label or annotation of the object has the value, in any letter case, as in Flux."""
    meta = obj.get("metadata") or {}
    wanted = value.lower()
    for place in ("labels", "annotations"):
        found = (meta.get(place) or {}).get(key)
        if isinstance(found, str) and found.lower() == wanted:
            return True
    return False


def requested_at(obj: Mapping[str, Any]) -> str | None:
    """The value of the annotation that requests a reconcile of a raw custom resource; None if it has none."""
    value: str | None = (obj["metadata"].get("annotations") or {}).get(REQUESTED_AT)
    return value


def is_owned_by(obj: Mapping[str, Any], namespace: str, name: str) -> bool:
    """Whether the object has the owner labels of the Kustomization ``namespace/name``."""
    found = (obj.get("metadata") or {}).get("labels") or {}
    return found.get(OWNER_NAME) == name and found.get(OWNER_NAMESPACE) == namespace
