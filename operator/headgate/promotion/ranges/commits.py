"""The two ends of a range of commits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from headgate.git.refs.reference import HEADS
from headgate.promotion.errors import CloneError
from headgate.promotion.fleet import WORK_TREE, Fleet

__all__ = ["Range"]

WORKING_TREE = "."
"""As a revision: the files of the work tree, committed or not."""


@dataclass(frozen=True, slots=True)
class Range:
    """The default branch moves from ``base_commit`` to ``head_commit``."""

    base: str
    """As the user wrote it; empty if the clusters take its place."""
    base_commit: str
    head: str
    head_commit: str
    """:data:`WORK_TREE` for the working tree."""

    @classmethod
    def of(cls, fleet: Fleet, base: str = "", head: str = "") -> Self:
        """Return the range; without ``head`` up to ``HEAD``, without ``base`` from where it left the default branch.

        Raises :class:`CloneError`.
        """
        clone = fleet.clone
        head = head or "HEAD"
        tip = cls._tip(fleet, head)
        if base:
            start = clone.resolve(base)
        else:
            branch = fleet.options.default_branch or clone.default_branch()
            base = f"merge base with {branch}"
            start = cls._merge_base(fleet, branch, tip)
        return cls(base, start, head, WORK_TREE if head == WORKING_TREE else tip)

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader must know of it."""
        if self.base_commit != self.head_commit:
            return ()
        return (f"Base and head are one commit, {self.head_commit[:12]}: name another base to compare.",)

    @classmethod
    def up_to(cls, fleet: Fleet, head: str = "") -> Self:
        """Return a range without a base; raises :class:`CloneError`."""
        head = head or "HEAD"
        tip = cls._tip(fleet, head)
        return cls("", "", head, WORK_TREE if head == WORKING_TREE else tip)

    @staticmethod
    def _tip(fleet: Fleet, head: str) -> str:
        return fleet.clone.resolve("HEAD" if head == WORKING_TREE else head)

    @staticmethod
    def _merge_base(fleet: Fleet, branch: str, tip: str) -> str:
        commit = fleet.clone.refs().ids.get(HEADS + branch)
        if commit is None:
            raise CloneError(
                f"the clone has no branch '{branch}' of the remote: fetch it, or name the base with --base"
            )
        found = fleet.clone.merge_base(commit, tip)
        if found is None:
            raise CloneError(f"'{branch}' and {tip[:12]} have no commit in common: name the base with --base")
        return found
