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

from headgate.documents.tree import Tree
from headgate.fairness.shares import Shares
from headgate.git.errors import SourceTooLarge
from headgate.git.limits import DEFAULT_LIMITS
from headgate.reconcile.core.store import SourceKey


class ClosableTree(Tree, Protocol):
    """A tree with resources of its own."""

    @property
    def weight(self) -> int:
        """How many files and directories it has."""

    def close(self) -> None:
        """Release them; the tree is not read afterwards."""


@dataclass(slots=True)
class _Held:
    revision: str
    tree: ClosableTree
    users: int = 0
    replaced: bool = False


TREES = 16
"""How often the largest allowed tree fits into what all trees may take together."""


class SourceTrees:
    """At most one current tree per source. Used from the event loop only; the trees are read in threads.

    All trees together are bounded, and no namespace may take more than it leaves to others.
    """

    def __init__(self, max_entries: int = TREES * DEFAULT_LIMITS.entries) -> None:
        """``max_entries``: files and directories of all trees."""
        self._held: dict[SourceKey, _Held] = {}
        self._entries = Shares(max_entries)

    @property
    def weight(self) -> int:
        """Files and directories of all current trees."""
        return self._entries.total

    def put(self, key: SourceKey, revision: str, tree: ClosableTree) -> None:
        """Make ``tree`` the current one of the source.

        Raises :class:`SourceTooLarge`, closes the tree and keeps the one before, when the trees of its namespace
        become too large together.
        """
        before = self._held.get(key)
        other_sources = self._entries.amount(key.namespace) - (
            before.tree.weight if before is not None else 0
        )
        wanted = other_sources + tree.weight
        share = self._entries.share(key.namespace)
        if wanted > share:
            tree.close()
            raise SourceTooLarge(
                f"the sources of namespace '{key.namespace}' have {wanted} files and directories together, and with "
                f"the sources of others in mind it may have {share}; leave out what is not needed with spec.ignore, "
                "or raise the operator's --max-source-entries"
            )
        self.drop(key)
        self._entries.add(key.namespace, tree.weight)
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
    def hold(self, key: SourceKey) -> Iterator[Tree | None]:
        """The source's current tree, for as long as the block runs."""
        held = self._held.get(key)
        with self.use(key, held.revision if held is not None else "") as tree:
            yield tree

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
        self._entries.add(key.namespace, -held.tree.weight)
        held.replaced = True
        if not held.users:
            held.tree.close()

    def close(self) -> None:
        """Drop everything."""
        for key in list(self._held):
            self.drop(key)
