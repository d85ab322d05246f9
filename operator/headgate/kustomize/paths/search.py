"""Finds all fields at a replacement's ``fieldPaths`` entry, and creates them if requested.

The notation is that of :mod:`.fieldpath` with two additions: ``*`` matches every entry of a list, and the value in
``[field=value]`` is a regular expression that may match anywhere in the entry's field. The search is the same for
objects and for the nodes of an embedded text: :mod:`.pathmatch` and :mod:`.nodepath` define a place in either.

Reference: ``PathMatcher`` of kyaml.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Generic, TypeVar

from headgate.documents.budget import NODE, SCAN, Budget
from headgate.documents.yaml.nodes import NodeKind
from headgate.kustomize.errors import ReferenceFault
from headgate.kustomize.paths.fieldpath import entry_pattern, is_entry, is_index

__all__ = ["Search"]

Place = TypeVar("Place")


class Search(ABC, Generic[Place]):
    """The common algorithm of a search; ``create`` is the kind of missing fields to create, None for no creation.

    Subclasses implement the single steps from place to place.
    """

    def __init__(self, create: NodeKind | None, budget: Budget) -> None:
        self.create = create
        self.budget = budget

    def find(self, place: Place, path: list[str]) -> list[Place]:
        """Return the places at a path from one place; raises ReferenceFault when the path does not fit the values."""
        if not path:
            return [place]
        segment = path[0]
        elsewhere = self.elsewhere(place, segment)
        if elsewhere:
            return elsewhere
        if is_index(segment):
            return self._at_index(place, path)
        if is_entry(segment):
            return self._matching(place, path)
        if segment == "*":
            items = self._items(place, segment)
            self.budget.charge(NODE * len(items))
            return [found for item in items for found in self.find(item, path[1:])]
        return self._field(place, path)

    def _field(self, place: Place, path: list[str]) -> list[Place]:
        name = path[0]
        child = self.member(place, name)
        if child is None:
            if not self.may_have(place, name):
                raise ReferenceFault(
                    f"the segment {name!r} of the path needs a map, but something else is there"
                )
            if self.create is not None:
                child = self.add_member(place, name, self._blank(path, self.create))
            if child is None:
                return []
        text = self.text(child) if len(path) > 1 else None
        if text is None:
            return self.find(child, path[1:])
        found = self.find_within(text, path[1:])
        if found is None:
            raise ReferenceFault(f"the path leads into {name!r}, which is a scalar")
        return found

    def _at_index(self, place: Place, path: list[str]) -> list[Place]:
        items, index = self._items(place, path[0]), int(path[0])
        if index == len(items) and self.create is not None:
            items += self.add_entry(place, self._blank(path, self.create))
        if index >= len(items):
            raise ReferenceFault(f"the index {index} is out of bounds: the list has {len(items)} entries")
        return self.find(items[index], path[1:])

    def _matching(self, place: Place, path: list[str]) -> list[Place]:
        field, pattern, matches = entry_pattern(path[0])
        found = self._among(self._items(place, path[0]), field, matches, path)
        if found or self.create is None:
            return found
        added = self.add_matching(place, field, pattern)
        # The other entries do not match, as the search has just shown.
        found = self._among(added, field, matches, path)
        if added and not found:
            raise ReferenceFault(f"an entry for {path[0]!r} cannot be created, as it would not match itself")
        return found

    def _among(
        self, items: list[Place], field: str, matches: Callable[[str], bool], path: list[str]
    ) -> list[Place]:
        found: list[Place] = []
        self.budget.charge(2 * SCAN * len(items))
        for item in items:
            if not field:
                # kustomize ends the path here and ignores the rest.
                if matches(self.written(item)):
                    found.append(item)
                continue
            value = self.member(item, field)
            if value is not None and matches(self.written(value)):
                found.extend(self.find(item, path[1:]))
        return found

    def _items(self, place: Place, segment: str) -> list[Place]:
        items = self.items(place)
        if items is None:
            raise ReferenceFault(
                f"the segment {segment!r} of the path needs a list, but something else is there"
            )
        return items

    @staticmethod
    def _blank(path: list[str], create: NodeKind) -> NodeKind:
        """Return the kind of a created place, which depends on the next segment of the path."""
        following = path[1] if len(path) > 1 else ""
        if not following:
            return create
        return NodeKind.SEQUENCE if is_entry(following) or is_index(following) else NodeKind.MAPPING

    # Single steps

    @abstractmethod
    def member(self, place: Place, name: str) -> Place | None:
        """Return the place of a field, None when the value has no such field or is not a map."""

    @abstractmethod
    def may_have(self, place: Place, name: str) -> bool:
        """Return whether the value is a map that may contain a field of the name, or null."""

    @abstractmethod
    def add_member(self, place: Place, name: str, kind: NodeKind) -> Place | None:
        """Create a field and return its place; None when nothing can be created there."""

    @abstractmethod
    def items(self, place: Place) -> list[Place] | None:
        """Return the places of a list's entries in a new list; None when the value is neither a list nor null."""

    @abstractmethod
    def add_entry(self, place: Place, kind: NodeKind) -> list[Place]:
        """Create an entry at the end of a list and return its place; empty when nothing can be created there."""

    @abstractmethod
    def add_matching(self, place: Place, field: str, text: str) -> list[Place]:
        """Create an entry with a text in a field (if that is "", the text itself); else like :meth:`add_entry`."""

    @abstractmethod
    def written(self, place: Place) -> str:
        """Return a scalar as written in YAML, quotes included, because kustomize matches that."""

    @abstractmethod
    def text(self, place: Place) -> str | None:
        """Return the text of a scalar, None for a value in which the path can continue."""

    @abstractmethod
    def find_within(self, text: str, path: list[str]) -> list[Place] | None:
        """Return the places at a path in a text that is a document; None when it is not a document."""

    def elsewhere(self, place: Place, segment: str) -> list[Place]:
        """Return a place whose changes are never printed, where kustomize loses them; empty otherwise."""
        return []
