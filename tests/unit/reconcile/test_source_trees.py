"""The trees of all sources together are bounded, and shared fairly between namespaces."""

from __future__ import annotations

import pytest

from headgate.documents.tree import MemoryTree
from headgate.git.errors import SourceTooLarge
from headgate.names import GIT_REPOSITORY
from headgate.reconcile.core.store import SourceKey
from headgate.reconcile.core.trees import SourceTrees


class Tree(MemoryTree):
    def __init__(self, weight: int) -> None:
        super().__init__({})
        self.weight, self.closed = weight, False

    def close(self) -> None:
        self.closed = True


def key(namespace: str, name: str = "a") -> SourceKey:
    return SourceKey(GIT_REPOSITORY, namespace, name)


def test_a_namespace_may_take_what_it_leaves_to_others() -> None:
    trees = SourceTrees(100)
    trees.put(key("large"), "1", Tree(50))
    with pytest.raises(SourceTooLarge, match=r"namespace 'large' together have 51 files.* quota of 50"):
        trees.put(key("large", "b"), "1", Tree(1))
    trees.put(key("other"), "1", Tree(25))
    with pytest.raises(SourceTooLarge, match=r"namespace 'third' together have 13 files.* quota of 12"):
        trees.put(key("third"), "1", Tree(13))
    assert trees.weight == 75


def test_a_tree_that_is_refused_is_closed_and_the_one_before_stays() -> None:
    trees = SourceTrees(100)
    before, after = Tree(20), Tree(51)
    trees.put(key("team"), "1", before)
    with pytest.raises(SourceTooLarge):
        trees.put(key("team"), "2", after)
    assert (before.closed, after.closed) == (False, True)
    assert trees.has(key("team"), "1")


def test_what_is_replaced_or_dropped_counts_no_more() -> None:
    trees = SourceTrees(100)
    for revision in "123":
        trees.put(key("team"), revision, Tree(50))
    assert trees.weight == 50
    trees.drop(key("team"))
    assert trees.weight == 0
    trees.put(key("team", "b"), "1", Tree(50))
