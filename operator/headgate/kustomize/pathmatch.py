"""All the places a replacement's ``fieldPaths`` entry leads to, created where that is asked for.

The notation is that of :mod:`.fieldpath` with two additions: ``*`` stands for every entry of a list, and the value in
``[field=value]`` is a regular expression that may match anywhere in the entry's field.
"""

from __future__ import annotations

from typing import Any

from headgate.kustomize.errors import ReferenceFault
from headgate.kustomize.fieldpath import is_entry, is_index, split_entry
from headgate.kustomize.patterns import BadPattern, searcher
from headgate.kustomize.yaml.scalars import Quoted, resolve_v3, scalar_text

# A container and the key of the field in it.
Slot = tuple[Any, Any]


class _Created:
    """The value of a field that was created and not written yet."""

    def __repr__(self) -> str:
        return "CREATED"


CREATED: Any = _Created()


def find_slots(root: Any, path: list[str], create: Any) -> list[Slot]:
    """Return the fields a path leads to; raises ReferenceFault when the path does not fit the object.

    ``create`` is what missing fields hold at first; None creates nothing.
    """
    return _find(([root], 0), path, create)


def _find(slot: Slot, path: list[str], create: Any) -> list[Slot]:
    if not path:
        return [slot]
    segment = path[0]
    node = slot[0][slot[1]]
    if is_index(segment):
        return _at_index(node, path, create)
    if is_entry(segment):
        return _matching(node, path, create)
    if segment == "*":
        items = _items(node, segment)
        return [found for index in range(len(items)) for found in _find((items, index), path[1:], create)]
    return _field(node, path, create)


def _field(node: Any, path: list[str], create: Any) -> list[Slot]:
    name = path[0]
    if node is None:
        return []
    if not isinstance(node, dict):
        raise ReferenceFault(f"the segment {name!r} of the path needs a map, but something else is there")
    if name not in node:
        if create is None:
            return []
        node[name] = _blank(path, create)
    child = node[name]
    if len(path) > 1 and child is not None and not isinstance(child, (dict, list)):
        raise ReferenceFault(f"the path leads into {name!r}, which is a scalar")
    return _find((node, name), path[1:], create)


def _at_index(node: Any, path: list[str], create: Any) -> list[Slot]:
    items, index = _items(node, path[0]), int(path[0])
    if index == len(items) and create is not None and node is not None:
        items.append(_blank(path, create))
    if index >= len(items):
        raise ReferenceFault(f"the index {index} is out of bounds: the list has {len(items)} entries")
    return _find((items, index), path[1:], create)


def _matching(node: Any, path: list[str], create: Any) -> list[Slot]:
    field, pattern = split_entry(path[0])
    try:
        matches = searcher(pattern)
    except BadPattern as error:
        raise ReferenceFault(str(error)) from None
    items = _items(node, path[0])
    found = _search(items, field, matches, path, create)
    if found or create is None or node is None:
        return found
    items.append({field: resolve_v3(pattern)} if field else resolve_v3(pattern))
    found = _search(items, field, matches, path, create)
    if not found:
        raise ReferenceFault(f"an entry for {path[0]!r} cannot be created, as it would not match itself")
    return found


def _search(items: list[Any], field: str, matches: Any, path: list[str], create: Any) -> list[Slot]:
    found: list[Slot] = []
    for index, item in enumerate(items):
        if not field:
            # kustomize ends the path here, whatever follows.
            if matches(_written(item)):
                found.append((items, index))
        elif isinstance(item, dict) and field in item and matches(_written(item[field])):
            found.extend(_find((items, index), path[1:], create))
    return found


def _written(value: Any) -> str:
    """Return a scalar as it stands in YAML, quotes included, for that is what kustomize matches."""
    return f'"{value}"' if isinstance(value, Quoted) else scalar_text(value)


def _items(node: Any, segment: str) -> list[Any]:
    if node is None:
        return []
    if not isinstance(node, list):
        raise ReferenceFault(f"the segment {segment!r} of the path needs a list, but something else is there")
    return node


def _blank(path: list[str], create: Any) -> Any:
    """Return what a created node holds, which depends on what the path does with it next."""
    if len(path) == 1:
        return type(create)() if isinstance(create, (dict, list)) else create
    following = path[1]
    if not following:
        return type(create)() if isinstance(create, (dict, list)) else create
    return [] if is_entry(following) or is_index(following) else {}
