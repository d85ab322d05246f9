"""Reads raw objects whose fields may have any type: a CRD may be older than the objects, or not from Flux."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from headgate.api.errors import InvalidStatus
from headgate.api.inventory import Entry
from headgate.api.labels import OWNER_NAME, OWNER_NAMESPACE
from headgate.insight.values import Ref
from headgate.names import KUSTOMIZATION, KUSTOMIZE_GROUP, SOURCE_GROUP
from headgate.objects import Obj

__all__ = [
    "condition",
    "entries",
    "group_of",
    "inventory_of",
    "mapping",
    "number",
    "owner_of",
    "ref_of",
    "text",
]


def mapping(value: Any, *path: str) -> Obj:
    """The mapping at a path below a value; empty if there is none."""
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value if isinstance(value, dict) else {}


def entries(value: Any) -> Iterator[Obj]:
    """The mappings of a list."""
    return (each for each in (value if isinstance(value, list) else ()) if isinstance(each, dict))


def text(value: Any) -> str:
    """The value if it is text; otherwise the empty text."""
    return value if isinstance(value, str) else ""


def number(value: Any) -> int | None:
    """The value if it is an integer."""
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def condition(obj: Obj, type: str) -> Obj:
    """The condition of that type; empty if there is none."""
    return next((c for c in entries(mapping(obj, "status").get("conditions")) if c.get("type") == type), {})


def inventory_of(obj: Obj | None) -> Iterator[Entry]:
    """The entries of a Kustomization's inventory, without malformed ones."""
    for each in entries(mapping(obj, "status", "inventory").get("entries")):
        try:
            entry = Entry.parse(text(each.get("id")), text(each.get("v")))
        except InvalidStatus:
            continue
        yield entry


def group_of(kind: str) -> str:
    """The API group of a custom resource by its kind."""
    return KUSTOMIZE_GROUP if kind == KUSTOMIZATION else SOURCE_GROUP


def owner_of(obj: Obj) -> Ref | None:
    """The Kustomization that the owner labels of an object name; None without them."""
    labels = mapping(obj, "metadata", "labels")
    name, namespace = text(labels.get(OWNER_NAME)), text(labels.get(OWNER_NAMESPACE))
    return Ref(KUSTOMIZATION, namespace, name, KUSTOMIZE_GROUP) if name and namespace else None


def ref_of(obj: Obj) -> Ref:
    """The reference to a raw object of any kind."""
    meta = mapping(obj, "metadata")
    group, slash, _ = text(obj.get("apiVersion")).partition("/")
    return Ref(
        text(obj.get("kind")), text(meta.get("namespace")), text(meta.get("name")), group if slash else ""
    )
