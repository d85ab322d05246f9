"""An object that a GitRepository refers to cannot be used: one small tree of exceptions.

    SourceError
    ├── SecretUnreadable      a Secret that its spec names cannot be read
    ├── IncludeUnavailable    an included repository does not exist, or has no artifact yet
    ├── IncludeUnopened       an included repository's tree has not been opened since the start
    └── PresentUnavailable    a new revision is held, and the artifact that should stay is lost

The conditions and reasons are Flux's (source-controller, ``gitrepository_controller.go``). A reconcile can also end
with a :class:`headgate.git.errors.GitError`; both have what their report needs (:mod:`headgate.borders`).
"""

from __future__ import annotations

from typing import ClassVar

from headgate.api import reasons
from headgate.borders import BorderError, Retry

__all__ = ["IncludeUnavailable", "IncludeUnopened", "PresentUnavailable", "SecretUnreadable", "SourceError"]


class SourceError(BorderError):
    """An object that a source refers to cannot be used."""

    condition: str = reasons.FETCH_FAILED
    """The condition that reports it, in addition to Ready."""
    drops_credentials: ClassVar[bool] = False
    """As in ``GitError``: none of these errors is a server's response to credentials."""


class SecretUnreadable(SourceError):
    """A Secret that the source's spec names cannot be read; ``reason`` and ``condition`` depend on its purpose."""

    def __init__(self, message: str, reason: str, condition: str) -> None:
        super().__init__(message)
        self.reason, self.condition = reason, condition


class IncludeUnavailable(SourceError):
    """An included repository does not exist, or has no artifact yet; ``reason`` says which."""

    condition = reasons.INCLUDE_UNAVAILABLE
    retry = Retry.DEPENDENCY

    def __init__(self, message: str, reason: str) -> None:
        super().__init__(message)
        self.reason = reason


class IncludeUnopened(SourceError):
    """An included repository has an artifact, but its tree has not been opened since the start."""

    reason = reasons.INCLUDE_UNAVAILABLE
    retry = Retry.SOON
    silent = True

    def __init__(self, name: str) -> None:
        super().__init__(f"the tree of include '{name}' has not been opened yet")


class PresentUnavailable(SourceError):
    """A new revision is held, and the artifact that should stay meanwhile is lost."""

    reason = reasons.ARCHIVE_OPERATION_FAILED
    condition = reasons.STORAGE_OPERATION_FAILED
