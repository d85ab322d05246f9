"""What Headgate requests from a forge, as values."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

__all__ = ["MAX_TITLE", "CommitStatus", "PullRequest"]

MAX_TITLE = 255
"""Characters in the title of a pull request: GitLab and Gitea take no more, GitHub takes one more."""


@dataclass(frozen=True, slots=True)
class PullRequest:
    """A pull request, or a merge request of GitLab."""

    number: int
    url: str
    head: str
    """The branch that it wants to merge."""
    base: str
    title: str
    body: str


@dataclass(frozen=True, slots=True)
class CommitStatus:
    """The newest status of one context of a commit."""

    state: str
    """``success``, ``failure``, ``error`` or ``pending``, in GitHub's words for every forge."""
    description: str
    at: datetime
    """When it was written, UTC."""
    author: str = ""
    """The login of the account that wrote it; empty if the forge does not say."""
