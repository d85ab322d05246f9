"""The commit on the default branch that undoes what a bad promotion brought, whatever merges it consisted of.

It is a three-way merge of trees: what the bad commit has and the good one has not goes, and everything that the
default branch has received since stays. This is what ``git revert`` of each single commit would give, without the
question which parent of a merge counts.
"""

from __future__ import annotations

from collections.abc import Collection

from headgate.promotion.clone import Clone
from headgate.promotion.clone.making import make_commit, mixed_tree
from headgate.promotion.errors import PromotionError

__all__ = ["RevertConflicts", "reverted_tree"]

SHOWN = 10


class RevertConflicts(PromotionError):
    """Later commits changed the same lines, so that a person must decide."""


def reverted_tree(
    clone: Clone, branch: str, tip: str, bad: str, good: str, paths: Collection[str] | None = None
) -> str | None:
    """Return the tree of a branch's ``tip`` without what lies between ``good`` and ``bad``; None if it has none of it.

    ``paths`` are the files that an environment reads: others stay as they are. None: every file counts. Raises
    :class:`RevertConflicts`, which says what to do.
    """
    if paths is not None:
        changed = clone.changed_paths(bad, good) & set(paths)
        if not changed:
            return None
        good_tree = mixed_tree(clone, bad, good, changed)
    else:
        good_tree = good

    def alone(commit: str, *parents: str) -> str:
        return make_commit(clone, commit, parents, "merge\n", sign=False)

    # Commits that share no history but this, so that the merge base is the bad one.
    base = alone(bad)
    ours, theirs = alone(tip, base), alone(good_tree, base)
    if ours == theirs:
        return None
    merged = clone.git.local("merge-tree", "--write-tree", "--name-only", "--no-messages", "-z", ours, theirs)
    if merged.status not in (0, 1):
        raise PromotionError("the revert could not be computed: Git 2.38 or newer is needed")
    tree, *files = merged.output.decode("utf-8", "replace").rstrip("\0").split("\0")
    if merged.status == 0:
        return None if tree == clone.id_of_tree(tip) else tree
    names = ", ".join(files[:SHOWN]) + (f" and {len(files) - SHOWN} more" if len(files) > SHOWN else "")
    raise RevertConflicts(
        f"what {bad[:12]} brought cannot be reverted on '{branch}' by itself: later commits changed the same lines of "
        f"{names}. Revert it by hand: git switch -c revert-{bad[:8]} {branch} && git revert --no-commit "
        f"{good[:12]}..{bad[:12]} (with -m 1 for a merge), resolve the conflicts, and put the line "
        f"'Headgate-Reverts: {bad}' at the end of the message"
    )
