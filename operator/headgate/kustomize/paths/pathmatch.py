"""All the places a replacement's ``fieldPaths`` entry leads to, created where that is asked for.

The notation is that of :mod:`.fieldpath` with two additions: ``*`` stands for every entry of a list, and the value in
``[field=value]`` is a regular expression that may match anywhere in the entry's field.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from headgate.documents.budget import GLANCE, NODE, charge
from headgate.documents.yaml.nodes import Kind
from headgate.documents.yaml.scalars import Quoted, resolve_v3, scalar_text
from headgate.kustomize.errors import ReferenceFault
from headgate.kustomize.paths.fieldpath import entry_pattern, is_entry, is_index
from headgate.kustomize.paths.nodepath import find_within

# A container and the key of the field in it.
Slot = tuple[Any, Any]


class _Created:
    """The value of a field that was created and not written yet."""

    def __repr__(self) -> str:
        return "CREATED"


CREATED: Any = _Created()


def kind_of(create: Any) -> Kind | None:
    """Return what a node is that is created to hold such a value; None creates nothing."""
    if create is None:
        return None
    return (
        Kind.MAPPING
        if isinstance(create, dict)
        else Kind.SEQUENCE
        if isinstance(create, list)
        else Kind.SCALAR
    )


def find_slots(root: Any, path: list[str], create: Any, blanks: Sequence[Slot] = ()) -> list[Slot]:
    """Return the fields a path leads to; raises ReferenceFault when the path does not fit the object.

    ``create`` is what missing fields hold at first; None creates nothing. ``blanks`` are the nulls that are not
    written at all: nothing can be created in them. What is created in a null that is written out never shows, as
    kustomize goes on printing the null.
    """
    return _Search(create, blanks).find(([root], 0), path)


class _Search:
    """One search, with what is the same on all of its way."""

    def __init__(self, create: Any, blanks: Sequence[Slot]) -> None:
        self._create = create
        self._blanks = blanks

    def find(self, slot: Slot, path: list[str]) -> list[Slot]:
        if not path:
            return [slot]
        segment = path[0]
        node = slot[0][slot[1]]
        if node is None and self._is_lost(slot, segment):
            return [([self._fresh()], 0)]
        if is_index(segment):
            return self._at_index(node, path)
        if is_entry(segment):
            return self._matching(node, path)
        if segment == "*":
            items = _items(node, segment)
            charge(NODE * len(items))
            return [found for index in range(len(items)) for found in self.find((items, index), path[1:])]
        return self._field(node, path)

    def _is_lost(self, slot: Slot, segment: str) -> bool:
        """Tell whether what is created in a null will never show."""
        if self._create is None or segment == "*" or (is_index(segment) and int(segment) > 0):
            return False
        return not any(box is slot[0] and key == slot[1] for box, key in self._blanks)

    def _field(self, node: Any, path: list[str]) -> list[Slot]:
        name = path[0]
        if node is None:
            return []
        if not isinstance(node, dict):
            raise ReferenceFault(f"the segment {name!r} of the path needs a map, but something else is there")
        if name not in node:
            if self._create is None:
                return []
            node[name] = self._blank(path)
        child = node[name]
        if len(path) > 1 and child is not None and not isinstance(child, (dict, list)):
            return self._within(name, child, path[1:])
        return self.find((node, name), path[1:])

    def _within(self, name: str, scalar: Any, path: list[str]) -> list[Slot]:
        """Look into a text that is a document; kustomize writes into what it finds, but not into the text."""
        nodes = find_within(scalar_text(scalar), path, kind_of(self._create))
        if nodes is None:
            raise ReferenceFault(f"the path leads into {name!r}, which is a scalar")
        return [([Quoted() if node.kind is Kind.SCALAR else {}], 0) for node in nodes]

    def _at_index(self, node: Any, path: list[str]) -> list[Slot]:
        items, index = _items(node, path[0]), int(path[0])
        if index == len(items) and self._create is not None and node is not None:
            items.append(self._blank(path))
        if index >= len(items):
            raise ReferenceFault(f"the index {index} is out of bounds: the list has {len(items)} entries")
        return self.find((items, index), path[1:])

    def _matching(self, node: Any, path: list[str]) -> list[Slot]:
        field, pattern, matches = entry_pattern(path[0])
        items = _items(node, path[0])
        found = self._among(items, field, matches, path)
        if found or self._create is None or node is None:
            return found
        items.append({field: resolve_v3(pattern)} if field else resolve_v3(pattern))
        # None of the others leads anywhere, as has just been seen.
        found = self._among(items, field, matches, path, len(items) - 1)
        if not found:
            raise ReferenceFault(f"an entry for {path[0]!r} cannot be created, as it would not match itself")
        return found

    def _among(
        self, items: list[Any], field: str, matches: Any, path: list[str], start: int = 0
    ) -> list[Slot]:
        found: list[Slot] = []
        charge(2 * GLANCE * (len(items) - start))
        for index in range(start, len(items)):
            item = items[index]
            if not field:
                # kustomize ends the path here, whatever follows.
                if matches(_written(item)):
                    found.append((items, index))
            elif isinstance(item, dict) and field in item and matches(_written(item[field])):
                found.extend(self.find((items, index), path[1:]))
        return found

    def _blank(self, path: list[str]) -> Any:
        """Return what a created node holds, which depends on what the path does with it next."""
        if len(path) == 1 or not path[1]:
            return self._fresh()
        return [] if is_entry(path[1]) or is_index(path[1]) else {}

    def _fresh(self) -> Any:
        """Return what a created field holds."""
        return type(self._create)() if isinstance(self._create, (dict, list)) else self._create


def _written(value: Any) -> str:
    """Return a scalar as it stands in YAML, quotes included, for that is what kustomize matches."""
    return f'"{value}"' if isinstance(value, Quoted) else scalar_text(value)


def _items(node: Any, segment: str) -> list[Any]:
    if node is None:
        return []
    if not isinstance(node, list):
        raise ReferenceFault(f"the segment {segment!r} of the path needs a list, but something else is there")
    return node
