"""A state of the repository: which commit each ref selects. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from headgate.api import ObjectKey
from headgate.git.refs.reference import HEADS, Refs
from headgate.promotion.clone.trees import WORK_TREE

__all__ = ["WORK_TREE", "RefState"]


@dataclass(frozen=True, slots=True)
class RefState:
    """Which commit each ref selects. Values: what would change a state returns another one."""

    refs: Refs
    """The refs of the remote."""
    default_branch: str
    """Where the cluster folder is looked for first."""
    moved: Mapping[ObjectKey, str] = field(default_factory=dict)
    """The commits of GitRepositories that select these whatever they follow."""

    @property
    def default_commit(self) -> str:
        """The commit of the default branch; empty if there is none."""
        return self.refs.ids.get(HEADS + self.default_branch, "")

    def with_branch(self, branch: str, commit: str) -> RefState:
        """The state after a merge: the branch is at ``commit``, all else stays."""
        return replace(self, refs=Refs({**self.refs.ids, HEADS + branch: commit}, self.refs.peeled))

    def with_source(self, source: ObjectKey, commit: str) -> RefState:
        """The state after a promotion: a GitRepository selects ``commit``, all else stays."""
        return replace(self, moved={**self.moved, source: commit})
