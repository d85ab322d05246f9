"""Extracts what merges need from an OpenAPI document (Swagger 2.0, as API servers and CRD tools write it).

A document of megabytes becomes a table of small nodes: the fields with further nodes, the elements of a list, and the
keys by which a list merges. Scalars need no node. The table is plain JSON: ``hack/gen-schema.py`` creates the built-in
one ahead of time, others come from ``openapi: {path: ...}`` in a kustomization file.

Table: ``{"nodes": [node, ...], "names": {definition: index}, "kinds": {"apps/v1/Deployment": index},
"namespaced": {"apps/v1/Deployment": true}}``; the index of a definition that is a scalar is null.
Node, each part optional: ``{"f": {field: index}, "a": index of other fields' values, "e": index of elements,
"p": patch strategy, "k": [merge key, ...]}``
Rules: ``kyaml/openapi`` of kustomize; the ``x-kubernetes-*`` extensions are defined by Kubernetes'
API conventions.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["Table", "distil"]

Table = dict[str, Any]

_GVK = "x-kubernetes-group-version-kind"
_STRATEGY = "x-kubernetes-patch-strategy"
_MERGE_KEY = "x-kubernetes-patch-merge-key"
_LIST_KEYS = "x-kubernetes-list-map-keys"
_REF = "#/definitions/"
_SCALARS = frozenset(("string", "integer", "number", "boolean"))


def distil(document: Mapping[str, Any], base: Table | None = None, *, over: bool = True) -> Table:
    """Return the table for a document's ``definitions`` and ``paths``; omits malformed parts.

    With a ``base`` the table contains both, and each may refer to the other's definitions; of duplicate definitions,
    that of the document wins if it lies ``over`` the base, otherwise that of the base.
    """
    definitions = _mapping(document.get("definitions"))
    if base is not None and not over:
        definitions = {name: schema for name, schema in definitions.items() if name not in base["names"]}
    builder = _Builder(definitions, base)
    kinds: dict[str, int] = {}
    for name, definition in definitions.items():
        index = builder.named(name)
        for kind in _kinds(_mapping(definition).get(_GVK)):
            if index is not None:
                kinds[kind] = index
    if base is not None:
        kinds = {**base["kinds"], **kinds} if over else {**kinds, **base["kinds"]}
    return {
        "nodes": builder.nodes,
        "names": builder.names,
        "kinds": kinds,
        "namespaced": _namespaced(_mapping(document.get("paths"))),
    }


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _kinds(entries: Any) -> list[str]:
    found = []
    for entry in entries if isinstance(entries, list) else [entries]:
        entry = _mapping(entry)
        group, version, kind = entry.get("group") or "", entry.get("version"), entry.get("kind")
        if version and kind:
            found.append(f"{group}/{version}/{kind}" if group else f"{version}/{kind}")
    return found


def _namespaced(paths: Mapping[str, Any]) -> dict[str, bool]:
    """Return the namespaced kinds: those that can be read below a namespace (kustomize: ``findNamespaceability``)."""
    found: dict[str, bool] = {}
    for path, methods in paths.items():
        for kind in _kinds(_mapping(_mapping(methods).get("get")).get(_GVK)):
            found[kind] = found.get(kind, False) or "namespaces/{namespace}" in path
    return found


class _Builder:
    """Assigns an index in the table to each definition, and to each inner schema; equal inner ones share theirs."""

    def __init__(self, definitions: Mapping[str, Any], base: Table | None) -> None:
        self.nodes: list[dict[str, Any]] = list(base["nodes"]) if base is not None else []
        self.names: dict[str, int | None] = dict(base["names"]) if base is not None else {}
        self._definitions = definitions
        # A definition that replaces that of the base also takes its index, because others refer to that.
        self._places = {name: self.names.pop(name) for name in definitions if name in self.names}
        self._inner: dict[str, int] = {}

    def named(self, name: str) -> int | None:
        """Return the index of a definition, None when it is a scalar or missing."""
        if name in self.names:
            return self.names[name]
        schema = _mapping(self._definitions.get(name))
        self.names[name] = None
        if isinstance(schema.get("$ref"), str):
            self.names[name] = self._index(schema)
            return self.names[name]
        if not schema or _is_scalar(schema):
            return None
        # Assign the index first, because definitions may refer to themselves.
        place = self._places.get(name)
        index = len(self.nodes) if place is None else place
        self.nodes[index : index + 1] = [{}]
        self.names[name] = index
        self.nodes[index].update(self._node(schema))
        return index

    def _index(self, schema: Any) -> int | None:
        schema = _mapping(schema)
        reference = schema.get("$ref")
        if isinstance(reference, str):
            return self.named(reference.removeprefix(_REF)) if reference.startswith(_REF) else None
        if _is_scalar(schema):
            return None
        node = self._node(schema)
        key = repr(node)
        if key not in self._inner:
            self._inner[key] = len(self.nodes)
            self.nodes.append(node)
        return self._inner[key]

    def _node(self, schema: Mapping[str, Any]) -> dict[str, Any]:
        node: dict[str, Any] = {}
        fields = {}
        for field, value in sorted(_mapping(schema.get("properties")).items()):
            index = self._index(value)
            if index is not None:
                fields[field] = index
        if fields:
            node["f"] = fields
        others = schema.get("additionalProperties")
        if isinstance(others, Mapping):
            index = self._index(others)
            if index is not None:
                node["a"] = index
        if _types(schema) == ["array"] and isinstance(schema.get("items"), Mapping):
            index = self._index(schema["items"])
            if index is not None:
                node["e"] = index
        strategy = schema.get(_STRATEGY)
        if isinstance(strategy, str):
            node["p"] = strategy
            keys = schema.get(_LIST_KEYS)
            if isinstance(keys, list):
                node["k"] = [key for key in keys if isinstance(key, str)]
            elif isinstance(schema.get(_MERGE_KEY), str):
                node["k"] = [schema[_MERGE_KEY]]
        return node


def _types(schema: Mapping[str, Any]) -> list[Any]:
    types = schema.get("type")
    return types if isinstance(types, list) else [types]


def _is_scalar(schema: Mapping[str, Any]) -> bool:
    return len(_types(schema)) == 1 and _types(schema)[0] in _SCALARS and _STRATEGY not in schema
