"""The types of objects: how their lists are merged, and which kinds have a namespace.

    schema = Schema.builtin()
    node = schema.node("apps/v1", "Deployment")
    containers = node.field("spec").field("template").field("spec").field("containers")
    containers.merge_keys  # ("name",)
    schema.is_namespaced("v1", "Namespace")  # False

The built-in types are in ``builtin.json``, which ``hack/gen-schema.py`` extracts from the OpenAPI document of
Kubernetes v1.21.2, the version that kustomize v5 uses for merges; later kinds have no schema there and so none here.
:mod:`.openapi` extracts it, and the documents that a kustomization file names. Kubernetes' OpenAPI document, and so the
data, is under the Apache License 2.0, copyright The Kubernetes Authors.
"""

from __future__ import annotations

import enum
import functools
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from headgate.kustomize.schema.openapi import Table

__all__ = ["Layer", "Schema", "SchemaNode"]

_UNKNOWN: Any = object()


class Layer(enum.Enum):
    """How an OpenAPI document combines with the built-in types: it replaces them, or goes over or under them."""

    ALONE = enum.auto()
    OVER = enum.auto()
    UNDER = enum.auto()


class SchemaNode:
    """The schema of a mapping or a list; scalars have none.

    ``strategy`` is the patch strategy (``""``, ``merge``, ``replace``, ``retainKeys`` or ``merge,retainKeys``),
    ``merges`` says whether a list merges element by element, ``merge_keys`` are the fields that identify an element,
    empty for scalar elements.
    """

    __slots__ = ("_children", "_others", "_raw", "_schema", "merge_keys", "merges", "strategy")

    def __init__(self, raw: dict[str, Any], schema: Schema) -> None:
        self._raw = raw
        self._schema = schema
        self._children: dict[str, SchemaNode | None] = {}
        self._others: Any = _UNKNOWN
        self.strategy: str = raw.get("p", "")
        self.merges: bool = "merge" in self.strategy.split(",")
        self.merge_keys: tuple[str, ...] = tuple(raw.get("k", ()))

    def field(self, name: str) -> SchemaNode | None:
        """Return the node of a field, or of a map's value; None without a schema, or for a scalar."""
        try:
            return self._children[name]
        except KeyError:
            pass
        index = self._raw.get("f", {}).get(name)
        if index is None:
            if self._others is _UNKNOWN:
                self._others = self._schema._node(self._raw.get("a"))
            # Not cached by name: users choose the names, so their number has no limit.
            other: SchemaNode | None = self._others
            return other
        child = self._children[name] = self._schema._node(index)
        return child

    def elements(self) -> SchemaNode | None:
        """Return the node of a list's elements; None without a schema, or for scalars."""
        return self._schema._node(self._raw.get("e"))


class Schema:
    """The types that one build knows. Immutable; nodes are created on first use."""

    def __init__(self, table: Table, namespaced: Mapping[str, bool] | None = None) -> None:
        self._table = table
        self._raw: list[dict[str, Any]] = table["nodes"]
        self._kinds: dict[str, int] = table["kinds"]
        self._namespaced: dict[str, bool] = {**table["namespaced"], **(namespaced or {})}
        self._nodes: list[SchemaNode | None] = [None] * len(self._raw)

    @classmethod
    def builtin(cls) -> Schema:
        """Return the schema of Kubernetes' own types, which is loaded once."""
        return _builtin()

    def with_openapi(self, document: Mapping[str, Any], layer: Layer) -> Schema:
        """Return the schema for the OpenAPI document (Swagger 2.0) of a kustomization file.

        It keeps which of the built-in kinds are namespaced, whatever happens to their types.
        """
        from headgate.kustomize.schema.openapi import distil

        base = None if layer is Layer.ALONE else self._table
        table = distil(document, base, over=layer is Layer.OVER)
        return Schema(table, {**table["namespaced"], **self._namespaced})

    def is_namespaced(self, api_version: str, kind: str) -> bool | None:
        """Return whether the kind is namespaced; None when the kind is unknown."""
        return self._namespaced.get(f"{api_version}/{kind}")

    def node(self, api_version: str, kind: str) -> SchemaNode | None:
        """Return the schema of a kind's objects, None when the kind is unknown."""
        return self._node(self._kinds.get(f"{api_version}/{kind}"))

    def _node(self, index: int | None) -> SchemaNode | None:
        if index is None:
            return None
        node = self._nodes[index]
        if node is None:
            node = self._nodes[index] = SchemaNode(self._raw[index], self)
        return node


@functools.cache
def _builtin() -> Schema:
    data = Path(__file__).with_name("builtin.json").read_bytes()
    return Schema(json.loads(data))
