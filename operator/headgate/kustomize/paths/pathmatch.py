"""Finds the fields of an object at a replacement's path (:mod:`.search`)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from headgate.documents.budget import Budget
from headgate.documents.yaml.nodes import NodeKind
from headgate.documents.yaml.scalars import Quoted, resolve_v3, scalar_text
from headgate.kustomize.paths.fieldpath import is_index
from headgate.kustomize.paths.nodepath import find_within
from headgate.kustomize.paths.search import Search

__all__ = ["CREATED", "Slot", "find_slots"]

# A container and the key of the field in it.
Slot = tuple[Any, Any]


class _Created:
    """The value of a created field that is not written yet."""

    def __repr__(self) -> str:
        return "CREATED"


CREATED: Any = _Created()

_FRESH: dict[NodeKind, Callable[[], Any]] = {
    NodeKind.MAPPING: dict,
    NodeKind.SEQUENCE: list,
    NodeKind.SCALAR: lambda: CREATED,
}


def find_slots(
    root: Any, path: list[str], create: NodeKind | None, budget: Budget, blanks: Sequence[Slot] = ()
) -> list[Slot]:
    """Return the fields at a path; raises ReferenceFault when the path does not fit the object.

    ``create`` is the initial kind of missing fields, CREATED for scalars; None creates nothing. ``blanks`` are the
    blank nulls, in which nothing can be created. What is created in an explicit null is never printed, because
    kustomize still prints the null.
    """
    return _SlotSearch(create, budget, blanks).find(([root], 0), path)


class _SlotSearch(Search[Slot]):
    def __init__(self, create: NodeKind | None, budget: Budget, blanks: Sequence[Slot]) -> None:
        super().__init__(create, budget)
        self._blanks = blanks

    def member(self, place: Slot, name: str) -> Slot | None:
        node = place[0][place[1]]
        return (node, name) if isinstance(node, dict) and name in node else None

    def may_have(self, place: Slot, name: str) -> bool:
        node = place[0][place[1]]
        return node is None or isinstance(node, dict)

    def add_member(self, place: Slot, name: str, kind: NodeKind) -> Slot | None:
        node = place[0][place[1]]
        if node is None:
            return None
        node[name] = _FRESH[kind]()
        return node, name

    def items(self, place: Slot) -> list[Slot] | None:
        node = place[0][place[1]]
        if isinstance(node, list):
            return [(node, index) for index in range(len(node))]
        return [] if node is None else None

    def add_entry(self, place: Slot, kind: NodeKind) -> list[Slot]:
        return _appended(place, _FRESH[kind]())

    def add_matching(self, place: Slot, field: str, text: str) -> list[Slot]:
        return _appended(place, {field: resolve_v3(text)} if field else resolve_v3(text))

    def written(self, place: Slot) -> str:
        value = place[0][place[1]]
        return f'"{value}"' if isinstance(value, Quoted) else scalar_text(value)

    def text(self, place: Slot) -> str | None:
        value = place[0][place[1]]
        return None if value is None or isinstance(value, (dict, list)) else scalar_text(value)

    def find_within(self, text: str, path: list[str]) -> list[Slot] | None:
        """kustomize changes the values it finds in the text, but not the text itself."""
        nodes = find_within(text, path, self.create, self.budget)
        return (
            None
            if nodes is None
            else [([Quoted() if node.kind is NodeKind.SCALAR else {}], 0) for node in nodes]
        )

    def elsewhere(self, place: Slot, segment: str) -> list[Slot]:
        box, key = place
        if box[key] is not None or self.create is None:
            return []
        if segment == "*" or (is_index(segment) and int(segment) > 0):
            return []
        if any(box is other and key == at for other, at in self._blanks):
            return []
        return [([_FRESH[self.create]()], 0)]


def _appended(place: Slot, value: Any) -> list[Slot]:
    items = place[0][place[1]]
    if items is None:
        return []
    items.append(value)
    return [(items, len(items) - 1)]
