"""How the API server compares the fields of a kind: which lists have keys, which fields never change. Pure.

Built-in kinds have the schema that :mod:`headgate.kustomize.schema` knows, in a neighboring version if need be; custom
kinds have that of their CustomResourceDefinition, if the environment itself renders it
(``x-kubernetes-list-type``, ``x-kubernetes-list-map-keys``, ``x-kubernetes-validations``).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from headgate.apply.objects.definitions import is_crd
from headgate.kustomize.schema import Schema, SchemaNode
from headgate.objects import Obj

__all__ = ["ListKind", "Shape", "Shapes"]


class ListKind(Enum):
    """What identifies the elements of a list."""

    KEYED = "map"
    """By the fields of :attr:`Shape.keys`."""
    SET = "set"
    """By their values."""
    ATOMIC = "atomic"
    """By their positions."""
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Shape:
    """The schema of one value, as far as a comparison needs it."""

    list_kind: ListKind = ListKind.UNKNOWN
    keys: tuple[str, ...] = ()
    immutable: bool = False
    """Whether the definition forbids each change (``self == oldSelf``)."""
    _builtin: SchemaNode | None = field(default=None, repr=False)
    _custom: Mapping[str, Any] | None = field(default=None, repr=False)

    def field(self, name: str) -> Shape:
        """The shape of a field, or of a map's value."""
        if self._builtin is not None:
            return _of_node(self._builtin.field(name))
        if self._custom is not None:
            properties = _mapping(self._custom.get("properties"))
            return _of_schema(properties.get(name, self._custom.get("additionalProperties")))
        return NOTHING

    def elements(self) -> Shape:
        """The shape of a list's elements."""
        if self._builtin is not None:
            return _of_node(self._builtin.elements())
        if self._custom is not None:
            return _of_schema(self._custom.get("items"))
        return NOTHING


NOTHING = Shape()


class Shapes:
    """The shapes of all kinds of two renderings."""

    def __init__(self, objects: Iterable[Obj] = ()) -> None:
        """Learn the custom kinds from the definitions among ``objects``; of several, the last one counts."""
        self._custom: dict[tuple[str, str, str], Shape] = {}
        self._found: dict[tuple[str, str], Shape] = {}
        for obj in objects:
            if is_crd(obj):
                self._learn(_mapping(obj.get("spec")))

    def of(self, api_version: str, kind: str) -> Shape:
        """The shape of a kind's objects."""
        found = self._found.get((api_version, kind))
        if found is None:
            found = self._found[api_version, kind] = self._find(api_version, kind)
        return found

    def _find(self, api_version: str, kind: str) -> Shape:
        group, slash, version = api_version.rpartition("/")
        custom = self._custom.get((group, version, kind))
        if custom is not None:
            return custom
        schema = Schema.builtin()
        for each in dict.fromkeys((version, "v1", "v2", "v1beta1", "v2beta2")):
            node = schema.node(f"{group}/{each}" if slash else each, kind)
            if node is not None:
                return _of_node(node)
        return NOTHING

    def _learn(self, spec: Mapping[str, Any]) -> None:
        group, kind = spec.get("group"), _mapping(spec.get("names")).get("kind")
        versions = spec.get("versions")
        if not isinstance(group, str) or not isinstance(kind, str) or not isinstance(versions, list):
            return
        for version in versions:
            name = _mapping(version).get("name")
            schema = _mapping(_mapping(version).get("schema")).get("openAPIV3Schema")
            if isinstance(name, str) and isinstance(schema, Mapping):
                self._custom[group, name, kind] = _of_schema(schema)


def _of_node(node: SchemaNode | None) -> Shape:
    if node is None:
        return NOTHING
    if node.merges:
        kind = ListKind.KEYED if node.merge_keys else ListKind.SET
    else:
        kind = ListKind.ATOMIC
    return Shape(kind, node.merge_keys, _builtin=node)


_LIST_KINDS = {"map": ListKind.KEYED, "set": ListKind.SET, "atomic": ListKind.ATOMIC}


def _of_schema(schema: Any) -> Shape:
    if not isinstance(schema, Mapping):
        return NOTHING
    keys = schema.get("x-kubernetes-list-map-keys")
    names = tuple(k for k in keys if isinstance(k, str)) if isinstance(keys, list) else ()
    # Lists without a type are atomic.
    kind = _LIST_KINDS.get(str(schema.get("x-kubernetes-list-type")), ListKind.ATOMIC)
    if kind is ListKind.KEYED and not names:
        kind = ListKind.ATOMIC
    return Shape(kind, names, _is_immutable(schema), _custom=schema)


def _is_immutable(schema: Mapping[str, Any]) -> bool:
    rules = schema.get("x-kubernetes-validations")
    return isinstance(rules, list) and any(
        "".join(str(_mapping(rule).get("rule")).split()) in ("self==oldSelf", "oldSelf==self")
        for rule in rules
    )


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
