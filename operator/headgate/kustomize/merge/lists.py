"""Merges lists element by element, for lists to which the schema gives a merge strategy.

Most lists are regular: mappings, each with its own key. This module merges those. All others (elements without the key,
two with the same key, incomplete keys, scalars) go to :mod:`.irregular`, which follows kustomize step by step.

The order is kustomize's: elements that the patch names come first, in the patch's order, then the others. With several
keys per element (ports: number and protocol), existing elements keep their positions.
"""

from __future__ import annotations

from typing import Any

from headgate.documents.yaml.scalars import scalar_text
from headgate.kustomize.merge import irregular
from headgate.kustomize.merge.directives import MISSING, Directive, list_directive, map_directive
from headgate.kustomize.merge.merger import Merger
from headgate.kustomize.schema import SchemaNode

__all__ = ["added", "kept", "merged"]


def merged(merger: Merger, target: list[Any], patch: list[Any], node: SchemaNode) -> Any:
    """Merge two lists; MISSING when the patch deletes the list."""
    directive, patch = list_directive(patch)
    if directive is Directive.DELETE:
        return MISSING
    if directive is Directive.REPLACE:
        return _alone(merger, patch, node, from_patch=True)
    merger.passed += 2 * (len(target) + len(patch))
    keys = _keys_in_use(node.merge_keys, target, patch)
    old = None if keys is None else _by_key(target, keys)
    new = None if old is None or keys is None else _by_key(patch, keys)
    if keys is None or old is None or new is None:
        return irregular.merge(merger, target, patch, node)
    elements = node.elements()
    first: list[Any] = []
    rest: dict[Any, Any] = dict(old)
    for key, change in new.items():
        element = old.get(key, MISSING)
        if element is MISSING:
            value = merger.added(change, elements, strict=False)
            if value is not MISSING and value != {}:
                first.append(value)
            continue
        directive, fields = map_directive(change, strict=True)
        if directive is Directive.DELETE:
            del rest[key]
            continue
        # The replacement creates a new element, which the old one then replaces.
        value = element
        if directive is Directive.MERGE:
            value = merger.merged(element, fields, elements)
            if not value:
                del rest[key]
                continue
        elif not merger.added(fields, elements, strict=True):
            del rest[key]
            continue
        if len(keys) == 1:
            first.append(value)
            del rest[key]
        else:
            rest[key] = value
    if new:
        for key, element in rest.items():
            if key not in new:
                rest[key] = merger.kept(element, elements)
    else:
        return kept(merger, target, node)
    return first + list(rest.values())


def added(merger: Merger, patch: list[Any], node: SchemaNode, *, strict: bool) -> Any:
    """Return a list that comes from the patch alone; MISSING when it deletes itself."""
    if strict:
        directive, patch = list_directive(patch)
        if directive is Directive.DELETE:
            return MISSING
    return _alone(merger, patch, node, from_patch=True)


def kept(merger: Merger, target: list[Any], node: SchemaNode) -> list[Any]:
    """Return a list that the patch does not change."""
    return _alone(merger, target, node, from_patch=False)


def _alone(merger: Merger, elements: list[Any], node: SchemaNode, *, from_patch: bool) -> list[Any]:
    if not elements:
        return elements
    merger.passed += 2 * len(elements)
    keys = _keys_in_use(node.merge_keys, elements)
    if keys is None or _by_key(elements, keys) is None:
        return irregular.alone(merger, elements, node, from_patch=from_patch)
    schema = node.elements()
    if from_patch:
        values = [merger.added(element, schema, strict=True) for element in elements]
        return [value for value in values if value is not MISSING and value != {}]
    values = [merger.kept(element, schema) for element in elements]
    return elements if all(map(_same, values, elements)) else values


def _same(left: Any, right: Any) -> bool:
    return left is right


def _keys_in_use(keys: tuple[str, ...], *several: list[Any]) -> tuple[str, ...] | None:
    """Return the keys that all elements have; None if elements have different keys, or one is not a mapping."""
    if not keys:
        return None
    if len(keys) == 1:
        return keys
    used: tuple[str, ...] | None = None
    for elements in several:
        for element in elements:
            if type(element) is not dict:
                return None
            here = tuple([key for key in keys if key in element])
            if used is None:
                used = here
            elif here != used:
                return None
    return used or None


def _by_key(elements: list[Any], keys: tuple[str, ...]) -> dict[Any, Any] | None:
    """Return the elements by the text of their keys; None if a key is missing or not unique."""
    found: dict[Any, Any] = {}
    if len(keys) == 1:
        (key,) = keys
        for element in elements:
            if type(element) is not dict:
                return None
            text = scalar_text(element.get(key))
            if not text:
                return None
            found[text] = element
    else:
        for element in elements:
            texts = tuple([scalar_text(element.get(key)) for key in keys])
            if "" in texts:
                return None
            found[texts] = element
    return found if len(found) == len(elements) else None
