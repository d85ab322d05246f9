"""Field managers: which of them owns which field, and taking fields over from managers that may not own any. Pure.

A user who changes an object with ``kubectl`` becomes a field manager. As long as that manager has an entry, a field
that it added stays although Git does not have it. Flux renames such managers to its own, so that the next apply removes
what Git does not have; Headgate does the same. The names are Flux's, the format of ``managedFields`` is that of
https://kubernetes.io/docs/reference/using-api/server-side-apply/#field-management.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from headgate.api.labels import CHECKSUM
from headgate.objects import Obj

APPLY, UPDATE = "Apply", "Update"


@dataclass(frozen=True, slots=True)
class FieldManager:
    """Managers whose name starts with ``prefix`` and that used this operation."""

    prefix: str
    operation: str

    def matches(self, entry: Obj) -> bool:
        """Whether an entry of ``managedFields`` belongs to this manager; entries of subresources never do."""
        return (
            entry.get("operation") == self.operation
            and not entry.get("subresource")
            and str(entry.get("manager") or "").startswith(self.prefix)
        )


def overridden(own: str, disallowed: Iterable[str] = ()) -> tuple[FieldManager, ...]:
    """The managers whose fields an apply takes over: Flux's list, and those that the admin disallows by name."""
    result = [
        FieldManager("kubectl", APPLY),
        FieldManager("kubectl", UPDATE),
        FieldManager("before-first-apply", UPDATE),
        FieldManager(own, UPDATE),
    ]
    for name in disallowed:
        result += [FieldManager(name, APPLY), FieldManager(name, UPDATE)]
    return tuple(result)


ANNOTATIONS = (
    "kubectl.kubernetes.io/last-applied-configuration",
    CHECKSUM,
    "fluxcd.io/sync-checksum",
)
"""Annotations of other tools and old versions of Flux; an apply removes them."""
LABELS = ("fluxcd.io/sync-gc-mark",)


def entries_of(obj: Obj) -> list[Obj]:
    """``metadata.managedFields``."""
    return (obj.get("metadata") or {}).get("managedFields") or []


def needs_takeover(live: Obj, managers: Sequence[FieldManager]) -> bool:
    """Whether :func:`takeover_patch` would do anything."""
    meta = live["metadata"]
    return (
        any(m.matches(e) for e in entries_of(live) for m in managers)
        or any(k in (meta.get("annotations") or ()) for k in ANNOTATIONS)
        or any(k in (meta.get("labels") or ()) for k in LABELS)
    )


def takeover_patch(live: Obj, managers: Sequence[FieldManager], own: str) -> list[Obj]:
    """A JSON patch (RFC 6902) that makes ``own`` the owner of what ``managers`` own; empty if nothing has to change.

    It holds the object's resource version, so that it fails if the object changes in the meantime.
    """
    meta = live["metadata"]
    patch: list[Obj] = [
        {"op": "remove", "path": f"/metadata/{where}/{_escaped(key)}"}
        for where, keys in (("annotations", ANNOTATIONS), ("labels", LABELS))
        for key in keys
        if key in (meta.get(where) or ())
    ]
    entries = entries_of(live)
    taken = [e for e in entries if any(m.matches(e) for m in managers)]
    if taken:
        ours = next((e for e in entries if _is_ours(e, own)), None)
        fields: Any = ours.get("fieldsV1") if ours else None
        for entry in taken:
            fields = union(fields, entry.get("fieldsV1"))
        merged = {**(ours or taken[0]), "manager": own, "operation": APPLY, "fieldsV1": fields or {}}
        rest = [e for e in entries if e is not ours and e not in taken]
        patch.append({"op": "replace", "path": "/metadata/managedFields", "value": [*rest, merged]})
    if patch:
        version = meta["resourceVersion"]
        patch.append({"op": "replace", "path": "/metadata/resourceVersion", "value": version})
    return patch


def migration_patch(live: Obj, api_version: str) -> list[Obj]:
    """A JSON patch that brings all entries of ``managedFields`` to an API version; empty if they have it already.

    It holds the object's resource version, so that it fails if the object changes in the meantime.
    """
    entries = entries_of(live)
    if all(e.get("apiVersion") == api_version for e in entries):
        return []
    return [
        {
            "op": "replace",
            "path": "/metadata/managedFields",
            "value": [{**e, "apiVersion": api_version} for e in entries],
        },
        {
            "op": "replace",
            "path": "/metadata/resourceVersion",
            "value": live["metadata"]["resourceVersion"],
        },
    ]


def union(one: Any, other: Any) -> Any:
    """The union of two sets in the ``fieldsV1`` format.

    An empty object is a member without children; a ``.`` key marks a member that also has children.
    """
    if one is None or other is None:
        return other if one is None else one
    if not one or not other:
        whole = one or other
        return {".": {}, **whole} if whole else whole
    return {
        k: union(one[k], other[k]) if k in one and k in other else one.get(k, other.get(k))
        for k in (*one, *(k for k in other if k not in one))
    }


def ours(obj: Obj, own: str) -> Obj | None:
    """Headgate's own entry of ``managedFields``; None if there is none."""
    return next((e for e in entries_of(obj) if _is_ours(e, own)), None)


def _is_ours(entry: Obj, own: str) -> bool:
    return bool(
        entry.get("manager") == own and entry.get("operation") == APPLY and not entry.get("subresource")
    )


def _escaped(key: str) -> str:
    return key.replace("~", "~0").replace("/", "~1")
