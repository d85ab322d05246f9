"""The trees of the sources' current revisions, ready to be built from.

A source's reconciler puts the tree of a new revision here before it tells anybody of the revision; a
Kustomization's reconciler takes it. Trees hold an open repository, so the previous one is closed when the last
build that reads from it has ended.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

from headgate.kustomize.tree import Tree
from headgate.reconcile.store import SourceKey


class ClosableTree(Tree, Protocol):
    """A tree with resources of its own."""

    def close(self) -> None:
        """Release them; the tree is not read afterwards."""


@dataclass(slots=True)
class _Held:
    revision: str
    tree: ClosableTree
    users: int = 0
    replaced: bool = False


class SourceTrees:
    """At most one current tree per source. Used from the event loop only; the trees are read in threads."""

    def __init__(self) -> None:
        self._held: dict[SourceKey, _Held] = {}

    def put(self, key: SourceKey, revision: str, tree: ClosableTree) -> None:
        """Make ``tree`` the current one of the source."""
        self.drop(key)
        self._held[key] = _Held(revision, tree)

    def has(self, key: SourceKey, revision: str) -> bool:
        """Whether the source's current tree is that of ``revision``."""
        held = self._held.get(key)
        return held is not None and held.revision == revision

    def current(self, key: SourceKey) -> Tree | None:
        """The source's current tree, to be looked at before control returns to the event loop."""
        held = self._held.get(key)
        return held.tree if held is not None else None

    @contextmanager
    def use(self, key: SourceKey, revision: str) -> Iterator[Tree | None]:
        """The tree of that revision for as long as the block runs; None when it is not (or no longer) there."""
        held = self._held.get(key)
        if held is None or held.revision != revision:
            yield None
            return
        held.users += 1
        try:
            yield held.tree
        finally:
            held.users -= 1
            if held.replaced and not held.users:
                held.tree.close()

    def drop(self, key: SourceKey) -> None:
        """The source is gone, or its tree is replaced."""
        held = self._held.pop(key, None)
        if held is None:
            return
        held.replaced = True
        if not held.users:
            held.tree.close()

    def close(self) -> None:
        """Drop everything."""
        for key in list(self._held):
            self.drop(key)
