"""What Headgate requests from a forge, as values and one protocol."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

__all__ = ["MAX_TITLE", "CommitStatus", "Forge", "PullRequest"]

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
    is_open: bool
    merge_commit: str = ""
    """Empty until it is merged."""


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


class Forge(Protocol):
    """One repository at a forge. Every method raises :class:`headgate.promotion.errors.ForgeError`."""

    max_body: int
    """Characters that a comment or the body of a pull request may have."""

    def pull_request(self, head: str, base: str) -> PullRequest | None:
        """Return the open pull request from branch ``head`` of this repository to branch ``base``."""
        ...

    def open_pull_request(self, head: str, base: str, title: str, body: str) -> PullRequest:
        """Open one, or update the open one in place: a second call with the same arguments changes nothing."""
        ...

    def comment(self, number: int, marker: str, body: str) -> str:
        """Post a comment on a pull request, or update our own that begins with ``marker``; return its address.

        The comment is ``marker``, an empty line and ``body``. Comments of others are never changed.
        """
        ...

    def commit_statuses(self, commit: str) -> dict[str, CommitStatus]:
        """Return the newest status of each context of a commit."""
        ...
