"""Reads raw objects whose fields may have any type: a CRD may be older than the objects, or not from Flux."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from headgate.insight.values import Ref
from headgate.names import KUSTOMIZATION, KUSTOMIZE_GROUP, SOURCE_GROUP
from headgate.objects import Obj

__all__ = ["condition", "entries", "group_of", "mapping", "number", "ref_of", "text"]


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


def group_of(kind: str) -> str:
    """The API group of a custom resource by its kind."""
    return KUSTOMIZE_GROUP if kind == KUSTOMIZATION else SOURCE_GROUP


def ref_of(obj: Obj) -> Ref:
    """The reference to a raw object of any kind."""
    meta = mapping(obj, "metadata")
    group, slash, _ = text(obj.get("apiVersion")).partition("/")
    return Ref(
        text(obj.get("kind")), text(meta.get("namespace")), text(meta.get("name")), group if slash else ""
    )
