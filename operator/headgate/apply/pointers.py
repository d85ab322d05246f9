"""JSON pointers (RFC 6901) into objects and into what ``managedFields`` say of them. Pure.

A pointer is a tuple of its unescaped steps. Nothing here changes what it is given: results share all parts that a
pointer does not lead through. A pointer that leads nowhere selects nothing.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, Final

Pointer = tuple[str, ...]


class _Missing:
    """The type of :data:`MISSING`."""

    def __repr__(self) -> str:
        return "MISSING"


MISSING: Final = _Missing()
"""What is found where nothing is."""


def parse(text: str) -> Pointer:
    """The steps of a pointer; raises :class:`ValueError` for a text that is none, or that selects the whole."""
    if not text.startswith("/"):
        raise ValueError(
            f"'{text}' is no JSON pointer to a field: it must begin with /, as in /spec/replicas"
        )
    return tuple(step.replace("~1", "/").replace("~0", "~") for step in text[1:].split("/"))


def find(value: Any, pointer: Pointer) -> Any:
    """What the pointer selects, or :data:`MISSING`."""
    for step in pointer:
        if isinstance(value, Mapping):
            value = value.get(step, MISSING)
        elif isinstance(value, list) and (index := _index(value, step)) is not None:
            value = value[index]
        else:
            return MISSING
    return value


def without(value: Any, pointers: Iterable[Pointer]) -> Any:
    """``value`` without what the pointers select; indices are those of the list as it is given."""
    below: dict[str, list[Pointer]] = {}
    for pointer in pointers:
        below.setdefault(pointer[0], []).append(pointer[1:])
    if isinstance(value, Mapping):
        kept = {k: _without_below(v, below[k]) if k in below else v for k, v in value.items()}
        return {k: v for k, v in kept.items() if v is not MISSING}
    if isinstance(value, list):
        changed = list(value)
        for step, rest in below.items():
            if (index := _index(value, step)) is not None:
                changed[index] = _without_below(changed[index], rest)
        return [v for v in changed if v is not MISSING]
    return value


def _without_below(value: Any, pointers: list[Pointer]) -> Any:
    return MISSING if () in pointers or value is MISSING else without(value, pointers)


def placed(value: Any, pointer: Pointer, new: Any) -> Any:
    """``value`` with ``new`` where the pointer leads.

    Missing maps on the way are made. Where the way leads through a missing list item, ``value`` is returned as it is.
    """
    if not pointer:
        return new
    step, rest = pointer[0], pointer[1:]
    if isinstance(value, list):
        index = _index(value, step)
        if index is None:
            return value
        return [*value[:index], placed(value[index], rest, new), *value[index + 1 :]]
    if value is MISSING or isinstance(value, Mapping):
        present: Mapping[str, Any] = value if isinstance(value, Mapping) else {}
        inner = placed(present.get(step, MISSING), rest, new)
        return value if inner is MISSING else {**present, step: inner}
    return value


def owns(fields: Mapping[str, Any], pointer: Pointer, obj: Any) -> bool:
    """Whether a set of fields (``fieldsV1``) holds what the pointer selects in ``obj``, or a part of it."""
    node: Any = fields
    for step in pointer:
        key = _member(node, step, obj)
        if key is None:
            return False
        node, obj = node[key], find(obj, (step,))
    return True


def disowned(fields: Any, pointers: Iterable[Pointer], obj: Any, *, wholes: bool = False) -> Any:
    """A set of fields (``fieldsV1``) without what the pointers select in ``obj``.

    The result is the same whether the set held a selected field or never did. ``wholes``: also without fields that are
    owned as a whole and that a pointer leads into.
    """
    for pointer in pointers:
        left = _disowned(fields, pointer, obj, wholes)
        fields = {} if left is MISSING else left
    return fields


def _disowned(node: Any, pointer: Pointer, obj: Any, wholes: bool) -> Any:
    """What stays of a member: :data:`MISSING` when it is selected, or was there for the selected field only."""
    if not pointer or (wholes and not node):
        return MISSING
    key = _member(node, pointer[0], obj)
    if key is None:
        return node
    inner = _disowned(node[key], pointer[1:], find(obj, (pointer[0],)), wholes)
    kept = {k: v for k, v in node.items() if k != key}
    if inner is not MISSING:
        return {**kept, key: inner}
    if kept.keys() - {"."}:
        return kept
    # Children gone, a member that is itself in the set is written as an empty object, any other not at all.
    return {} if kept and not wholes else MISSING


def _member(node: Any, step: str, obj: Any) -> str | None:
    """The key by which a set of fields knows one step of a pointer into ``obj``."""
    if not isinstance(node, Mapping):
        return None
    if not isinstance(obj, list):
        return key if (key := f"f:{step}") in node else None
    index = _index(obj, step)
    if index is None:
        return None
    return next((k for k in node if _selects(k, obj[index], index)), None)


def _selects(key: str, item: Any, index: int) -> bool:
    """Whether a member of a set of fields is this list item: by its keys, its value or its place."""
    kind, _, text = key.partition(":")
    if kind == "k" and isinstance(item, Mapping):
        return all(k in item and item[k] == v for k, v in json.loads(text).items())
    if kind == "v":
        return bool(json.loads(text) == item)
    return kind == "i" and text == str(index)


def _index(items: list[Any], step: str) -> int | None:
    """The place of an existing item; negative numbers count from the end, as Flux allows."""
    digits = step.removeprefix("-")
    if not (digits.isascii() and digits.isdigit()):
        return None
    index = int(step)
    index += len(items) if index < 0 else 0
    return index if 0 <= index < len(items) else None
