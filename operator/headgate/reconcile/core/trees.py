"""The source trees of the current revisions, ready for builds.

A source's reconciler puts the tree of a new revision here before it announces the revision; a Kustomization's
reconciler takes the tree from here. Trees hold an open repository, so the previous one is closed when the last
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
    """A tree that holds resources until it is closed."""

    @property
    def weight(self) -> int:
        """The number of its files and directories."""

    def close(self) -> None:
        """Release the resources; nobody may read the tree afterwards."""


@dataclass(slots=True)
class _Held:
    revision: str
    tree: ClosableTree
    users: int = 0
    replaced: bool = False


TREES = 16
"""The limit for all trees together, as a multiple of the largest allowed tree."""


class SourceTrees:
    """At most one current tree per source. Only the event loop uses it; threads read the trees.

    All trees together have a limit, and each namespace a quota that leaves room for others.
    """

    def __init__(self, max_entries: int = TREES * DEFAULT_LIMITS.entries) -> None:
        """``max_entries``: the limit for files and directories of all trees."""
        self._held: dict[SourceKey, _Held] = {}
        self._entries = Shares(max_entries)

    @property
    def weight(self) -> int:
        """The number of files and directories of all current trees."""
        return self._entries.total

    def put(self, key: SourceKey, revision: str, tree: ClosableTree) -> None:
        """Make ``tree`` the current one of the source.

        Raises :class:`SourceTooLarge`, closes the tree and keeps the previous one, if the trees of its namespace
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
                f"the sources of namespace '{key.namespace}' together have {wanted} files and directories, more than "
                f"its present quota of {share}; exclude what is not needed with spec.ignore, or raise the operator's "
                "--max-source-entries"
            )
        self.drop(key)
        self._entries.add(key.namespace, tree.weight)
        self._held[key] = _Held(revision, tree)

    def has(self, key: SourceKey, revision: str) -> bool:
        """Whether the source's current tree is that of ``revision``."""
        held = self._held.get(key)
        return held is not None and held.revision == revision

    def current(self, key: SourceKey) -> Tree | None:
        """The source's current tree; valid only until control returns to the event loop."""
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
        """The tree of that revision for as long as the block runs; None if that is not the current revision."""
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
        """Close the source's tree after its last use: the source is gone, or its tree is replaced."""
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
