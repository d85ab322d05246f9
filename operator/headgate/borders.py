"""Errors that cross a border: what the layers above need to know of one is an attribute of it.

A border is where the operator meets what it does not control. Each has one tree of errors, drawn in its module:

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
    """When a reconcile that failed is repeated, if no event starts it before."""

    BACK_OFF = auto()
    """With exponential delays, up to the object's own interval."""
    SOON = auto()
    """With exponential delays, up to ``--requeue-dependency``."""
    DEPENDENCY = auto()
    """Every ``--requeue-dependency``: it waits for another object. That is no warning."""
    ON_CHANGE = auto()
    """Not before an event: the object is stalled until it, or what it refers to, changes."""


class BorderError(Exception):
    """A reconcile cannot go on; ``str(error)`` is one sentence for the user.

    A class gives the attributes their values; an error whose case differs has its own.
    """

    reason: str
    """Of the condition that reports it."""
    retry: Retry = Retry.BACK_OFF
    retry_after: float | None = None
    """Seconds that must pass before the next try, where the other side said so."""
    silent: bool = False
    """Reported nowhere, because it passes by itself."""

    @property
    def message(self) -> str:
        """What the condition and the event say."""
        return str(self)
