"""Errors that cross a border: attributes say what the layers above need to know.

At a border, the operator meets what it does not control. Each has one tree of errors, drawn in its module:

    Git remotes, artifacts        :mod:`headgate.git.errors`                 GitError
    what a source refers to       :mod:`headgate.reconcile.source.errors`    SourceError
    the cluster of a target       :mod:`headgate.reconcile.target.errors`    TargetError
    objects that are applied      :mod:`headgate.apply.errors`               ApplyError
    API servers                   :mod:`headgate.kube.errors`                ApiError, AccessFailed
    users' CEL expressions        :mod:`headgate.cel.errors`                 CelError

The first four end a reconcile and derive from :class:`BorderError`, so that a reconciler needs one ``except`` and no
``isinstance``. The base of a tree ends in ``Error``; the others are named by what went wrong, subject first:
``RefNotFound``, ``CacheDamaged``.
"""

from __future__ import annotations

from enum import Enum, auto

__all__ = ["BorderError", "Retry"]


class Retry(Enum):
    """When to repeat a failed reconcile, unless an event starts it earlier."""

    BACK_OFF = auto()
    """With exponential delays, up to the object's own interval."""
    SOON = auto()
    """With exponential delays, up to ``--requeue-dependency``."""
    DEPENDENCY = auto()
    """Every ``--requeue-dependency``: the reconcile waits for another object. Not reported as a warning."""
    ON_CHANGE = auto()
    """Only after an event: the object is stalled until it changes, or an object that it refers to."""


class BorderError(Exception):
    """A reconcile cannot continue; ``str(error)`` is one sentence for the user.

    Classes set the attributes; an error that differs from its class sets its own.
    """

    reason: str
    """The reason of the condition that reports the error."""
    retry: Retry = Retry.BACK_OFF
    retry_after: float | None = None
    """Seconds before the next attempt, if the other side set them."""
    silent: bool = False
    """Not reported, because the error resolves itself."""

    @property
    def message(self) -> str:
        """The message of the condition and the event."""
        return str(self)
