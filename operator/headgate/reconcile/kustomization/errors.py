"""The ways in which an attempt ends without success: one small tree of exceptions.

    AttemptEnded               reason and message of the Ready condition
    ├── Postponed              something that it needs is missing; retried when it may have arrived
    └── Failed                 retried after the retry interval
        ├── InputsMissing      an object of the cluster that the build needs cannot be read
        └── Stalled            not retried until the spec changes
            └── SpecExpressionInvalid   a CEL expression of the spec that can never be evaluated

Each error holds all that the reconciler and the report need. :class:`InputsMissing` is in
:mod:`headgate.reconcile.kustomization.build.inputs`; :mod:`headgate.reconcile.kustomization.build.errors` converts an
error of the build into a :class:`Failed`. Every other exception is unexpected: the controller reports it and retries.
"""

from __future__ import annotations

from typing import ClassVar

from headgate.api import reasons

__all__ = ["AttemptEnded", "Failed", "Postponed", "SpecExpressionInvalid", "Stalled"]


class AttemptEnded(Exception):
    """An attempt ended before it reached its goal."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason, self.message = reason, message


class Postponed(AttemptEnded):
    """Something that the Kustomization needs is missing."""

    def __init__(
        self,
        reason: str,
        message: str,
        *,
        retry_after: float | None,
        event: str = "",
        silent: bool = False,
    ) -> None:
        """``retry_after``: seconds until the next attempt, unless an event starts it earlier; None: only an event does.

        ``event``: message of the event, by default that of the condition. ``silent``: reported nowhere, because what is
        missing arrives without any action in a moment.
        """
        super().__init__(reason, message)
        self.retry_after, self.silent = retry_after, silent
        self.event = event or message


class Failed(AttemptEnded):
    """The attempt failed; the next one begins after the retry interval."""

    stalled: ClassVar[bool] = False
    """Whether only a change of the spec helps."""
    is_observed: ClassVar[bool] = False
    """Whether ``status.observedGeneration`` moves although the attempt failed, as in Flux."""


class Stalled(Failed):
    """The spec cannot be carried out in its present form."""

    stalled = True


class SpecExpressionInvalid(Stalled):
    """A CEL expression of the spec does not compile, or uses a function that it may not use."""

    is_observed = True

    def __init__(self, cause: str) -> None:
        message = f"Reconciliation failed terminally due to configuration error: {cause}"
        super().__init__(reasons.INVALID_CEL_EXPRESSION, message)
