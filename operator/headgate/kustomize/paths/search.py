"""All the places a replacement's ``fieldPaths`` entry leads to, created where that is asked for.

The notation is that of :mod:`.fieldpath` with two additions: ``*`` stands for every entry of a list, and the value in
``[field=value]`` is a regular expression that may match anywhere in the entry's field. Objects and the nodes of an
embedded text are searched alike: :mod:`.pathmatch` and :mod:`.nodepath` say what a place is in either.

Reference: ``PathMatcher`` of kyaml.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Generic, TypeVar

from headgate.documents.budget import GLANCE, NODE, Budget
from headgate.documents.yaml.nodes import Kind
from headgate.kustomize.errors import ReferenceFault
from headgate.kustomize.paths.fieldpath import entry_pattern, is_entry, is_index

__all__ = ["Search"]

Place = TypeVar("Place")


class Search(ABC, Generic[Place]):
    """One search, with what is the same on all of its way; ``create`` is what missing fields hold, None for no such.

    What a subclass adds are the single steps from place to place.
    """

    def __init__(self, create: Kind | None, budget: Budget) -> None:
        self.create = create
        self.budget = budget

    def find(self, place: Place, path: list[str]) -> list[Place]:
        """Return the places a path leads to from one; raises ReferenceFault when it does not fit what is there."""
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
        # None of the others leads anywhere, as has just been seen.
        found = self._among(added, field, matches, path)
        if added and not found:
            raise ReferenceFault(f"an entry for {path[0]!r} cannot be created, as it would not match itself")
        return found

    def _among(
        self, items: list[Place], field: str, matches: Callable[[str], bool], path: list[str]
    ) -> list[Place]:
        found: list[Place] = []
        self.budget.charge(2 * GLANCE * len(items))
        for item in items:
            if not field:
                # kustomize ends the path here, whatever follows.
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
    def _blank(path: list[str], create: Kind) -> Kind:
        """Return what a created place holds, which depends on what the path does with it next."""
        following = path[1] if len(path) > 1 else ""
        if not following:
            return create
        return Kind.SEQUENCE if is_entry(following) or is_index(following) else Kind.MAPPING

    # Single steps

    @abstractmethod
    def member(self, place: Place, name: str) -> Place | None:
        """Return the place of a field, None when what is there has none of the name or is no map."""

    @abstractmethod
    def may_have(self, place: Place, name: str) -> bool:
        """Tell whether what is there is a map that a field of the name may be in, or null."""

    @abstractmethod
    def add_member(self, place: Place, name: str, kind: Kind) -> Place | None:
        """Create a field and return its place; None when nothing can be created there."""

    @abstractmethod
    def items(self, place: Place) -> list[Place] | None:
        """Return the places of the entries of a list in a list of their own; None when there is no list or null."""

    @abstractmethod
    def add_entry(self, place: Place, kind: Kind) -> list[Place]:
        """Create an entry at the end of a list and return its place; none when nothing can be created there."""

    @abstractmethod
    def add_matching(self, place: Place, field: str, text: str) -> list[Place]:
        """Create an entry that has a text in a field or, if that is "", is that text; else like :meth:`add_entry`."""

    @abstractmethod
    def written(self, place: Place) -> str:
        """Return a scalar as it stands in YAML, quotes included, for that is what kustomize matches."""

    @abstractmethod
    def text(self, place: Place) -> str | None:
        """Return the text of a scalar, None for what the path can go on in."""

    @abstractmethod
    def find_within(self, text: str, path: list[str]) -> list[Place] | None:
        """Return what a path leads to in a text that is a document; None when it is nothing but text."""

    def elsewhere(self, place: Place, segment: str) -> list[Place]:
        """Return a place that takes what is written and shows it nowhere, where kustomize loses it; else none."""
        return []
