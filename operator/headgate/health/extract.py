"""Reduces an object to the fields that determine its health, so that memory can hold thousands of objects.

A Deployment of ten kilobytes, most of it managed fields, becomes a few hundred bytes. The health stays that of the
whole object: ``compute(essence(obj)) == compute(obj)``.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from headgate.health.rule import GroupKind
from headgate.health.verdict import GENERIC_CONDITIONS, GENERIC_FIELDS, RULES, group_kind
from headgate.names import KUSTOMIZE_GROUP
from headgate.objects import Obj

KEPT_PREFIX = f"{KUSTOMIZE_GROUP}/"
"""Labels and annotations with this prefix say which Kustomization owns an object and how to apply it."""

_IDENTITY = (
    "apiVersion",
    "kind",
    "metadata.creationTimestamp",
    "metadata.name",
    "metadata.namespace",
    "metadata.resourceVersion",
    "metadata.uid",
)
_CONDITION = ("type", "status", "reason", "message")


class _Shape(dict[str, "_Shape"]):
    """The paths to keep, as a tree. A leaf is kept when its value is neither a mapping nor a list."""


def essence(obj: Obj) -> Obj:
    """A small copy: identity, resourceVersion, Flux's labels and annotations, and the fields that the health rules
    read.

    It shares no mutable part with ``obj`` unless its conditions are malformed.
    """
    kind = group_kind(obj)
    shape, types = _kept(kind if kind in RULES else None)
    small = _project(obj, shape) or {}
    meta = obj.get("metadata")
    for place in ("labels", "annotations"):
        found = meta.get(place) if isinstance(meta, Mapping) else None
        ours = {k: v for k, v in (found or {}).items() if k.startswith(KEPT_PREFIX)}
        if ours:
            small.setdefault("metadata", {})[place] = ours
    status = obj.get("status")
    conditions = status.get("conditions") if isinstance(status, Mapping) else None
    if conditions is not None:
        small.setdefault("status", {})["conditions"] = _conditions(conditions, types)
    return small


def whole(obj: Obj) -> Obj:
    """The object for health expressions: everything except ``metadata.managedFields``.

    This is kept of kinds with an entry in :class:`headgate.health.HealthExpressions`. It shares all parts with ``obj``.
    """
    meta = {name: value for name, value in obj["metadata"].items() if name != "managedFields"}
    return {**obj, "metadata": meta}


@cache
def _kept(key: GroupKind | None) -> tuple[_Shape, frozenset[str]]:
    """The fields and the types of conditions to keep, of a kind with a separate rule or of any other kind."""
    rule = RULES[key] if key is not None else None
    shape = _Shape()
    for path in (*_IDENTITY, *GENERIC_FIELDS, *(rule.fields if rule else ())):
        node = shape
        for name in path.split("."):
            node = node.setdefault(name, _Shape())
    return shape, frozenset((*GENERIC_CONDITIONS, *(rule.conditions if rule else ())))


def _project(value: Any, shape: _Shape) -> Any:
    """The part of the value that the shape keeps; None without one."""
    if not shape:
        return None if isinstance(value, Mapping | list) else value
    if isinstance(value, list) and "*" in shape:
        entries = [_project(v, shape["*"]) for v in value]
        return [e for e in entries if e is not None]
    if not isinstance(value, Mapping):
        return None
    parts = {name: _project(value.get(name), below) for name, below in shape.items()}
    return {name: part for name, part in parts.items() if part is not None} or None


def _conditions(conditions: Any, types: frozenset[str]) -> Any:
    """The conditions of these types; a malformed list stays unchanged, so that its health stays the same."""
    if not isinstance(conditions, list):
        return conditions
    return [_condition(c) for c in conditions if not isinstance(c, Mapping) or _matters(c, types)]


def _matters(condition: Mapping[str, object], types: frozenset[str]) -> bool:
    malformed = any(not isinstance(condition.get(name), str | None) for name in _CONDITION)
    return malformed or condition.get("type") in types


def _condition(condition: Any) -> Any:
    if not isinstance(condition, Mapping):
        return condition
    return {name: condition[name] for name in _CONDITION if condition.get(name) is not None}
