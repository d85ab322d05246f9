"""What the API server does with an object as such: defaults, patches, selectors. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from tests.model.kinds import CRDS, NAMESPACES, Kind, Target

Obj = dict[str, Any]


def copied(obj: Any) -> Any:
    """A copy that shares nothing."""
    return orjson.loads(orjson.dumps(obj))


def selected(obj: Obj, query: Mapping[str, str]) -> bool:
    """Whether the label and field selectors of a query hold for an object: ``key``, ``key=value``, ``path=value``."""
    labels = obj["metadata"].get("labels") or {}
    for term in filter(None, query.get("labelSelector", "").split(",")):
        key, equals, wanted = term.partition("=")
        if key not in labels or (equals and labels[key] != wanted):
            return False
    for term in filter(None, query.get("fieldSelector", "").split(",")):
        path, _, wanted = term.partition("=")
        value: Any = obj
        for name in path.split("."):
            value = value.get(name) if isinstance(value, dict) else None
        if value != wanted:
            return False
    return True


def in_scope(target: Target, live: Obj, new: Obj) -> Obj:
    """What of a write counts: the status, or all but the status."""
    if not target.kind.status:
        return new
    if target.subresource:
        return {**live, **({"status": new["status"]} if "status" in new else {})}
    return {
        **{k: v for k, v in new.items() if k != "status"},
        **({"status": live["status"]} if "status" in live else {}),
    }


def merge_patched(obj: Any, patch: Any) -> Any:
    """The object after a JSON merge patch (RFC 7386)."""
    if not isinstance(patch, dict):
        return patch
    result = dict(obj) if isinstance(obj, dict) else {}
    for key, wanted in patch.items():
        if wanted is None:
            result.pop(key, None)
        else:
            result[key] = merge_patched(result.get(key), wanted)
    return result


def spec(obj: Obj) -> Obj:
    """What the generation counts changes of."""
    return {k: v for k, v in obj.items() if k not in ("metadata", "status", "apiVersion")}


def bare(obj: Obj) -> Obj:
    """What two states differ in, if one is a write of the other."""
    meta = {k: v for k, v in obj["metadata"].items() if k != "resourceVersion"}
    return {**{k: v for k, v in obj.items() if k != "apiVersion"}, "metadata": meta}


def defaulted(kind: Kind, obj: Obj) -> Obj:
    """The object with what the API server fills in."""
    if kind.store == NAMESPACES:
        labels = {
            **(obj["metadata"].get("labels") or {}),
            "kubernetes.io/metadata.name": obj["metadata"]["name"],
        }
        spec = {"finalizers": ["kubernetes"], **(obj.get("spec") or {})}
        status = obj.get("status") or {"phase": "Active"}
        return {**obj, "metadata": {**obj["metadata"], "labels": labels}, "spec": spec, "status": status}
    if kind.store == CRDS:
        names = obj["spec"]["names"]
        names = {"singular": names["kind"].lower(), "listKind": f"{names['kind']}List", **names}
        stored = [v["name"] for v in obj["spec"]["versions"] if v["storage"]]
        status = obj.get("status") or {"acceptedNames": {"kind": "", "plural": ""}, "conditions": []}
        known = status.get("storedVersions") or []
        status = {**status, "storedVersions": known + [v for v in stored if v not in known]}
        return {
            **obj,
            "spec": {"conversion": {"strategy": "None"}, **obj["spec"], "names": names},
            "status": status,
        }
    return obj
