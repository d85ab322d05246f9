"""Which commits are rollbacks. A message is what its author wrote, so that it decides nothing by itself.

The commit of a rollback has the tree of the good commit, and its parent has the tree of the bad one. Where the policy
names who may promote, one of them must also have signed it, or the version that names it.
"""

from __future__ import annotations

from collections.abc import Iterable

from headgate.git.refs.reference import TAGS
from headgate.promotion.clone import Clone
from headgate.promotion.plans.history import BadMark, bad_commits, known_commit
from headgate.promotion.plans.trailers import ENVIRONMENT, ROLLBACK_OF, ROLLBACK_TO, trailers_of
from headgate.promotion.plans.world import World

__all__ = ["counted", "follows_again", "is_proven", "is_told_by_tag", "is_true", "rollback_of"]

MAX_TAG = 256 * 1024
"""Bytes of a tag that is read."""


def rollback_of(clone: Clone, commit: str) -> BadMark | None:
    """Return what the message of a commit says of a rollback, if its tree and that of its parent agree.

    Only ids count: by the names of refs, commits could name each other in a circle.
    """
    said = trailers_of(clone.commit(commit).message)
    bad, good = said.get(ROLLBACK_OF, ""), said.get(ROLLBACK_TO, "")
    if not (known_commit(clone, bad) and known_commit(clone, good)):
        return None
    mark = BadMark(commit, bad, good, said.get(ENVIRONMENT, ""))
    return mark if is_true(clone, mark) else None


def is_true(clone: Clone, mark: BadMark) -> bool:
    """Whether the trees are those of a rollback."""
    parents = clone.commit(mark.commit).parents
    if not mark.good or not parents or not known_commit(clone, mark.bad):
        return False
    left, tree = clone.id_of_tree(parents[0]), clone.id_of_tree(mark.commit)
    return tree == clone.id_of_tree(mark.good) and left == clone.id_of_tree(mark.bad) and left != tree


def is_told_by_tag(world: World, mark: BadMark, *, signed: bool) -> bool:
    """Whether a tag names the rollback's commit and says the same, ``signed``: by one of the promoters.

    Whoever rolls back writes it into the tag. The author of a commit that is promoted writes no tag.
    """
    clone, wanted = world.clone, {ROLLBACK_OF: mark.bad, ROLLBACK_TO: mark.good}
    for name, identity in world.refs.ids.items():
        if not name.startswith(TAGS) or world.refs.commit(name) != mark.commit or identity == mark.commit:
            continue
        content = clone.git.read("cat-file", "tag", identity, max_output=MAX_TAG).decode("utf-8", "replace")
        if wanted.items() <= trailers_of(content).items():
            signer = (
                world.promoters.of_tag(name.removeprefix(TAGS), identity, mark.commit)[0] if signed else ""
            )
            if signer or not signed:
                return True
    return False


def is_proven(world: World, mark: BadMark) -> bool:
    """Whether a mark may decide something in favor of a promotion or rollback."""
    if not is_true(world.clone, mark):
        return False
    if world.promoters.are_named:
        return bool(world.promoters.of_commit(mark.commit)[0]) or is_told_by_tag(world, mark, signed=True)
    # What is on the default branch may be anybody's commit that was merged.
    tip = world.clone.tip(world.default_branch)
    return not world.clone.is_ancestor(mark.commit, tip) or is_told_by_tag(world, mark, signed=False)


def counted(world: World, found: Iterable[BadMark], base: str) -> list[BadMark]:
    """Return the marks that may refuse a promotion: all, or, where promoters are named, those that somebody accepted.

    These are theirs, and those in the history of the default branch or of ``base``, which the target follows.
    """
    known = base, world.clone.tip(world.default_branch)
    return [
        mark
        for mark in found
        if not world.promoters.are_named
        or any(world.clone.is_ancestor(mark.commit, each) for each in known)
        or is_proven(world, mark)
    ]


def follows_again(world: World, environment: str, base: str, bad: str, found: Iterable[BadMark]) -> bool:
    """Whether a target follows a bad commit again, at ``base``, after it was rolled back there.

    So somebody has decided it, and the next promotion does not bring the commit back. The next rollback ends it.
    """
    clone, found = world.clone, list(found)
    mine = (mark for mark in found if (mark.bad, mark.environment) == (bad, environment))
    if not any(is_proven(world, mark) for mark in mine):
        return False
    if not any(each.commit == bad and not each.reverted for each in bad_commits(clone, base, found)):
        return False
    return not any(
        clone.is_ancestor(mark.commit, base)
        and clone.is_ancestor(bad, mark.commit)
        and not (mark.good and clone.is_ancestor(bad, mark.good))
        for mark in found
    )
