"""JSON pointers (RFC 6901) into objects and into their ``managedFields``. Pure.

A pointer is a tuple of its unescaped steps. Functions never change their arguments: results share all parts that no
pointer leads through. A pointer to a missing value selects nothing. Functions that take many pointers read each part of
an object once: their time grows with the size of the object plus the number of pointers, not with the product.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final

from headgate.caching import LONGEST

Pointer = tuple[str, ...]


class _Missing:
    """The type of :data:`MISSING`."""

    def __repr__(self) -> str:
        return "MISSING"


MISSING: Final = _Missing()
"""The result for a pointer that selects nothing."""

MOST_STEPS: Final = 200
LONGEST_KEPT: Final = 16 * LONGEST
"""The limit for characters of all cached pointers: they are used for every object."""


def parse(text: str) -> Pointer:
    """The steps of a pointer; raises :class:`ValueError` if the text is malformed, selects the whole or is too long."""
    if not text.startswith("/"):
        raise ValueError(
            f"'{text}' is not a JSON pointer to a field: it must begin with /, as in /spec/replicas"
        )
    steps = tuple(step.replace("~1", "/").replace("~0", "~") for step in text[1:].split("/"))
    if len(steps) > MOST_STEPS:
        raise ValueError(f"'{text[:100]}...' has {len(steps)} steps, more than {MOST_STEPS}")
    return steps


def find(value: Any, pointer: Pointer) -> Any:
    """The selected value, or :data:`MISSING`."""
    for step in pointer:
        if isinstance(value, Mapping):
            value = value.get(step, MISSING)
        elif isinstance(value, list) and (index := _index(value, step)) is not None:
            value = value[index]
        else:
            return MISSING
    return value


@dataclass(slots=True)
class _Tree:
    """Pointers by their steps; ``end`` marks the end of one."""

    below: dict[str, _Tree] = field(default_factory=dict)
    end: bool = False


def _tree(pointers: tuple[Pointer, ...]) -> _Tree:
    size = sum(len(step) for pointer in pointers for step in pointer)
    return _kept_tree(pointers) if size <= LONGEST_KEPT else _made_tree(pointers)


def _made_tree(pointers: tuple[Pointer, ...]) -> _Tree:
    root = _Tree()
    for pointer in pointers:
        node = root
        for step in pointer:
            node = node.below.setdefault(step, _Tree())
        node.end = True
    return root


_kept_tree = lru_cache(64)(_made_tree)


def without(value: Any, pointers: Iterable[Pointer]) -> Any:
    """``value`` without what the pointers select; indices refer to the list before any removal."""
    kept = _without(value, _tree(tuple(pointers)))
    return value if kept is MISSING else kept


def _without(value: Any, tree: _Tree) -> Any:
    if tree.end:
        return MISSING
    if isinstance(value, Mapping):
        changed = {
            step: kept
            for step, below in _common(value, tree.below)
            if (kept := _without(value[step], below)) is not value[step]
        }
        if not changed:
            return value
        return {k: v for k, old in value.items() if (v := changed.get(k, old)) is not MISSING}
    if isinstance(value, list):
        items = list(value)
        for step, below in tree.below.items():
            if (index := _index(value, step)) is not None and items[index] is not MISSING:
                items[index] = _without(items[index], below)
        return [v for v in items if v is not MISSING]
    return value


def _common(names: Mapping[str, Any], below: dict[str, _Tree]) -> Iterator[tuple[str, _Tree]]:
    """The steps that exist on both sides, in time proportional to the smaller side."""
    if len(below) <= len(names):
        yield from ((step, tree) for step, tree in below.items() if step in names)
    else:
        yield from ((name, below[name]) for name in names if name in below)


def placed(value: Any, places: Iterable[tuple[Pointer, Any]]) -> Any:
    """``value`` with a new value wherever a pointer leads, one after the other.

    Creates missing maps on the way. Ignores pointers through a missing list item or a scalar.
    """
    holder: dict[str, Any] = {"": value}
    # The copies that may change; kept alive, so that no other object ever has the same identity.
    ours: dict[int, Any] = {}
    for pointer, new in places:
        steps = ("", *pointer)
        if not _leads_on(holder, steps):
            continue
        node: Any = holder
        for step in steps[:-1]:
            at = _place(node, step)
            child = node.get(at, MISSING) if isinstance(node, dict) else node[at]
            if id(child) not in ours:
                child = {} if child is MISSING else list(child) if isinstance(child, list) else dict(child)
                ours[id(child)] = child
                node[at] = child
            node = child
        node[_place(node, steps[-1])] = new
    return holder[""]


def _place(node: Any, step: str) -> Any:
    return _index(node, step) if isinstance(node, list) else step


def _leads_on(value: Any, steps: Pointer) -> bool:
    for step in steps:
        if isinstance(value, list):
            index = _index(value, step)
            if index is None:
                return False
            value = value[index]
        elif isinstance(value, Mapping):
            value = value.get(step, MISSING)
        else:
            return value is MISSING
    return True


class Owned:
    """A set of fields (``fieldsV1``) of an object, for tests of many pointers."""

    def __init__(self, fields: Mapping[str, Any], obj: Any) -> None:
        self._fields, self._obj = fields, obj
        self._members: dict[int, _Members] = {}

    def holds(self, pointer: Pointer) -> bool:
        """Whether the set holds what the pointer selects, or a part of it."""
        node: Any = self._fields
        obj = self._obj
        for step in pointer:
            if not isinstance(node, Mapping):
                return False
            if id(node) not in self._members:
                self._members[id(node)] = _Members(node, obj)
            key = self._members[id(node)].of(step)
            if key is None:
                return False
            node, obj = node[key], find(obj, (step,))
        return True


def disowned(fields: Any, pointers: Iterable[Pointer], obj: Any, *, wholes: bool = False) -> Any:
    """A set of fields (``fieldsV1``) without what the pointers select in ``obj``.

    The result is the same whether the set held a selected field or never did. ``wholes``: also without fields that are
    owned as a whole and that a pointer leads into.
    """
    tree = _tree(tuple(pointers))
    if not tree.below and not tree.end:
        return fields
    left = _disowned(fields, tree, obj, wholes)
    return {} if left is MISSING else left


def _disowned(node: Any, tree: _Tree, obj: Any, wholes: bool) -> Any:
    """What remains of a member: :data:`MISSING` if it is selected, or existed for selected fields only."""
    if tree.end or (wholes and not node):
        return MISSING
    if not isinstance(node, Mapping):
        return node
    kept, gone = dict(node), False
    for key, step, below in _selected(node, tree.below, obj):
        if key not in kept:
            continue
        inner = _disowned(kept[key], below, find(obj, (step,)), wholes)
        if inner is MISSING:
            del kept[key]
            gone = True
        else:
            kept[key] = inner
    if not gone or any(key != "." for key in kept):
        return kept
    # Without its children, a member that is itself in the set becomes an empty object; any other disappears.
    return {} if kept and not wholes else MISSING


def _selected(node: Mapping[str, Any], below: dict[str, _Tree], obj: Any) -> Iterator[tuple[str, str, _Tree]]:
    """The members to which steps lead, as key, step and subtree."""
    if isinstance(obj, list):
        members = _Members(node, obj)
        for step, tree in below.items():
            if (key := members.of(step)) is not None:
                yield key, step, tree
    elif len(below) <= len(node):
        yield from ((key, step, tree) for step, tree in below.items() if (key := f"f:{step}") in node)
    else:
        for key in node:
            if key.startswith("f:") and key[2:] in below:
                yield key, key[2:], below[key[2:]]


class _Members:
    """The keys that a set of fields uses for the steps into an object."""

    def __init__(self, node: Mapping[str, Any], obj: Any) -> None:
        self._node, self._items = node, obj if isinstance(obj, list) else None
        self._by_place: dict[str, str] = {}
        self._by_value: dict[Any, str] = {}
        self._by_keys: dict[tuple[str, ...], dict[Any, str]] = {}
        if self._items is not None:
            for key in node:
                self._note(key)

    def of(self, step: str) -> str | None:
        """The key of one step; None if the set does not have it."""
        if self._items is None:
            return key if (key := f"f:{step}") in self._node else None
        index = _index(self._items, step)
        if index is None:
            return None
        item = self._items[index]
        if isinstance(item, Mapping):
            for names, keys in self._by_keys.items():
                if all(name in item for name in names):
                    found = keys.get(_hashable([item[name] for name in names]))
                    if found is not None:
                        return found
        found = self._by_value.get(_hashable(item))
        return found if found is not None else self._by_place.get(str(index))

    def _note(self, key: str) -> None:
        """A list item is known by its keys, its value or its index."""
        kind, _, text = key.partition(":")
        try:
            if kind == "k":
                wanted = json.loads(text)
                keys = self._by_keys.setdefault(tuple(wanted), {})
                keys.setdefault(_hashable(list(wanted.values())), key)
            elif kind == "v":
                self._by_value.setdefault(_hashable(json.loads(text)), key)
            elif kind == "i":
                self._by_place.setdefault(text, key)
        except (ValueError, AttributeError):
            return  # The API server never writes this: it selects nothing.


def _hashable(value: Any) -> Any:
    """A hashable value that is equal for equal values only."""
    if isinstance(value, Mapping):
        return ("map", frozenset((k, _hashable(v)) for k, v in value.items()))
    if isinstance(value, list):
        return ("list", *map(_hashable, value))
    return value


def _index(items: list[Any], step: str) -> int | None:
    """The index of an existing item; negative numbers count from the end, as in Flux."""
    digits = step.removeprefix("-")
    if not (digits.isascii() and digits.isdigit()):
        return None
    index = int(step)
    index += len(items) if index < 0 else 0
    return index if 0 <= index < len(items) else None
