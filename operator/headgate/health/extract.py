"""Cuts an object down to what its health depends on, so that thousands can be kept in memory.

A Deployment of ten kilobytes, most of it managed fields, becomes a few hundred bytes. Whatever is dropped,
the verdict is that of the whole object: ``compute(essence(obj)) == compute(obj)``.
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
"""Labels and annotations with this prefix say who owns an object and how it wants to be treated."""

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
    """The paths that are kept, as a tree. A leaf is kept when its value is neither mapping nor list."""


def essence(obj: Obj) -> Obj:
    """A small copy: identity, resourceVersion, our labels and annotations, and what the health rules look at.

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
    """The object as a health expression may look at it: all of it but ``metadata.managedFields``.

    What to keep of kinds that :class:`headgate.health.HealthExpressions` judge. It shares all parts with ``obj``.
    """
    meta = {name: value for name, value in obj["metadata"].items() if name != "managedFields"}
    return {**obj, "metadata": meta}


@cache
def _kept(key: GroupKind | None) -> tuple[_Shape, frozenset[str]]:
    """The fields and the types of conditions that are kept of a kind with a rule of its own, or of any other."""
    rule = RULES[key] if key is not None else None
    shape = _Shape()
    for path in (*_IDENTITY, *GENERIC_FIELDS, *(rule.fields if rule else ())):
        node = shape
        for name in path.split("."):
            node = node.setdefault(name, _Shape())
    return shape, frozenset((*GENERIC_CONDITIONS, *(rule.conditions if rule else ())))


def _project(value: Any, shape: _Shape) -> Any:
    """The part of the value that the shape keeps, None when that is nothing."""
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
    """The conditions of these types; what is no list of conditions stays, and so does the verdict on it."""
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
