"""Names of the labels, annotations and finalizers, and functions that read them. The same as Flux's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from headgate.names import KUSTOMIZE_GROUP, PROMOTION_GROUP

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

HOLD: Final = f"{PROMOTION_GROUP}/hold"
"""Annotation of a GitRepository: no new revision is let in; the value says why."""
WINDOWS: Final = f"{PROMOTION_GROUP}/windows"
"""Annotation of a GitRepository: new revisions are let in only in these windows (:mod:`headgate.api.windows`)."""

# On managed objects, as a label or an annotation.
PRUNE: Final = f"{GROUP}/prune"
SSA: Final = f"{GROUP}/ssa"
FORCE: Final = f"{GROUP}/force"
RECONCILE: Final = f"{GROUP}/reconcile"
SUBSTITUTE: Final = f"{GROUP}/substitute"
"""``disabled``: no substitution."""
DECRYPT: Final = f"{GROUP}/decrypt"
"""``disabled``: no decryption."""
CHECKSUM: Final = f"{GROUP}/checksum"
"""Set by Flux before 0.22; removed from managed objects."""

# What an object asks for with any of these labels or annotations, see :func:`marked`.
EXCLUDED: Final[Mapping[str, str]] = {RECONCILE: "disabled", SSA: "Ignore"}
"""Never touch the object."""
IF_NOT_PRESENT: Final[Mapping[str, str]] = {SSA: "IfNotPresent"}
"""Create the object if it does not exist; otherwise leave it unchanged."""
MERGED: Final[Mapping[str, str]] = {SSA: "Merge"}
"""Keep fields that others added by hand."""
FORCED: Final[Mapping[str, str]] = {FORCE: "enabled"}
"""Allow to recreate the object when an immutable field changes."""
KEPT: Final[Mapping[str, str]] = {PRUNE: "disabled", **EXCLUDED}
"""Never prune the object."""
RESTRICTING: Final = frozenset((RECONCILE, SSA))
"""All keys that restrict or change applies."""

# Annotations of events.
EVENT_REVISION: Final = "revision"
EVENT_ORIGIN_REVISION: Final = "originRevision"
EVENT_DIGEST: Final = "digest"
EVENT_COMMIT_STATUS: Final = "commit_status"
EVENT_COMMIT_STATUS_UPDATE: Final = "update"
"""Keys, prefixed with the group of the event's object, and the value of ``commit_status``."""


def event_revisions(revision: str, origin: str = "") -> dict[str, str]:
    """The annotations that name the revision of an event about a Kustomization.

    ``origin`` is what the revision was made from, as the artifact names it: for an OCI artifact the commit, without
    which notification-controller does not know whose status it has to set.
    """
    keys = {EVENT_REVISION: revision, EVENT_ORIGIN_REVISION: origin}
    return {f"{GROUP}/{key}": value for key, value in keys.items() if value}


def marked(obj: Mapping[str, Any], marks: Mapping[str, str]) -> bool:
    """Whether a label or annotation sets any of the marks, in whatever case (as Flux compares)."""
    meta = obj.get("metadata") or {}
    for where in (meta.get("labels"), meta.get("annotations")):
        if not isinstance(where, dict):
            continue
        for key, value in marks.items():
            if str(where.get(key) or "").lower() == value.lower():
                return True
    return False


def requested_at(obj: Mapping[str, Any]) -> str | None:
    """The value of the annotation that requests a reconcile of a raw custom resource; None if it has none."""
    value: str | None = (obj["metadata"].get("annotations") or {}).get(REQUESTED_AT)
    return value


def gate(obj: Mapping[str, Any]) -> tuple[str | None, str | None]:
    """The values of :data:`HOLD` and :data:`WINDOWS` of a raw GitRepository; None where it has none."""
    annotations = obj["metadata"].get("annotations") or {}
    return annotations.get(HOLD), annotations.get(WINDOWS)
