"""Raw custom resources, reduced to what a page may show.

An allow list: what is not named here does not reach the page. So an annotation, a patch or a variable that holds a
secret cannot, whatever a later version of the page shows.
"""

from __future__ import annotations

from typing import Any

from headgate.api.labels import HOLD, OWNER_NAME, OWNER_NAMESPACE, REQUESTED_AT, WINDOWS
from headgate.insight.classify import SUSPEND_REASON
from headgate.insight.fields import entries, mapping, text
from headgate.insight.texts import message_text, short_text
from headgate.objects import Obj

__all__ = ["reduced"]

_METADATA = (
    "name",
    "namespace",
    "uid",
    "generation",
    "resourceVersion",
    "creationTimestamp",
    "deletionTimestamp",
)
_LABELS = (OWNER_NAME, OWNER_NAMESPACE)
_ANNOTATIONS = (HOLD, REQUESTED_AT, SUSPEND_REASON, WINDOWS)
_SPEC = (
    "dependsOn",
    "endpoint",
    "bucketName",
    "force",
    "healthChecks",
    "include",
    "interval",
    "path",
    "provider",
    "prune",
    "recurseSubmodules",
    "ref",
    "retryInterval",
    "serviceAccountName",
    "sourceRef",
    "sparseCheckout",
    "suspend",
    "targetNamespace",
    "timeout",
    "url",
    "wait",
)
_STATUS = (
    "artifact",
    "history",
    "includedArtifacts",
    "lastAppliedRevision",
    "lastAttemptedRevision",
    "lastHandledReconcileAt",
    "observedGeneration",
)
_MAX_DEPTH = 6
_MAX_ITEMS = 1000
"""Limit for the items of one list or mapping."""


def reduced(obj: Obj) -> Obj:
    """Return the parts of a raw Kustomization or source that a page may show.

    Texts have a limit and no userinfo of URLs. The result shares the inventory with ``obj``, which may be long.
    """
    meta, spec, status = mapping(obj, "metadata"), mapping(obj, "spec"), mapping(obj, "status")
    kept: Obj = {
        "apiVersion": text(obj.get("apiVersion")),
        "kind": text(obj.get("kind")),
        "metadata": {name: meta[name] for name in _METADATA if name in meta},
        "spec": {name: _copied(spec[name]) for name in _SPEC if name in spec},
    }
    labels = {name: value for name, value in mapping(meta, "labels").items() if name in _LABELS}
    if labels:
        kept["metadata"]["labels"] = labels
    annotations = {
        name: short_text(text(value))
        for name, value in mapping(meta, "annotations").items()
        if name in _ANNOTATIONS
    }
    if annotations:
        kept["metadata"]["annotations"] = annotations
    if "kubeConfig" in spec:
        # Which Secret has the credentials is nobody's business here; that there is one says where the objects are.
        kept["spec"]["kubeConfig"] = {"elsewhere": True}
    if "status" in obj:
        kept["status"] = {name: _copied(status[name]) for name in _STATUS if name in status}
        if "inventory" in status:
            kept["status"]["inventory"] = status["inventory"]
        if "conditions" in status:
            kept["status"]["conditions"] = [_condition(each) for each in entries(status["conditions"])]
    return kept


def _condition(raw: Obj) -> Obj:
    return {name: message_text(value) if isinstance(value, str) else value for name, value in raw.items()}


def _copied(value: Any, depth: int = 0) -> Any:
    """A copy with limits in depth, length and number; deeper or further values are omitted."""
    if isinstance(value, str):
        return short_text(value)
    if depth >= _MAX_DEPTH:
        return None
    if isinstance(value, dict):
        return {
            short_text(str(name)): _copied(each, depth + 1) for name, each in [*value.items()][:_MAX_ITEMS]
        }
    if isinstance(value, list):
        return [_copied(each, depth + 1) for each in value[:_MAX_ITEMS]]
    return value
