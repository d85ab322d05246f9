"""The target cluster of a Kustomization, or its account there, cannot be used: one small tree of exceptions.

    TargetError
    ├── AccountMissing    the account, or the description of the access to the cluster, does not (or no longer) exist
    └── TargetPending     the check whether the cluster answers is running; those that wait are woken at its end

Each has what its report needs (:mod:`headgate.borders`). An error response of an API server is an
:class:`headgate.kube.ApiError`.
"""

from __future__ import annotations

from headgate.api import reasons
from headgate.borders import BorderError, Retry

__all__ = ["AccountMissing", "TargetError", "TargetPending"]


class TargetError(BorderError):
    """The target cluster of a Kustomization, or its account there, cannot be used."""

    reason = reasons.RECONCILIATION_FAILED


class AccountMissing(TargetError):
    """The account, or the description of the access to the cluster, does not (or no longer) exist."""


class TargetPending(TargetError):
    """The check whether the cluster answers is running; those that wait are woken at its end."""

    retry = Retry.ON_CHANGE
    silent = True

    def __init__(self, message: str, *, retry_after: float) -> None:
        """``retry_after``: seconds until the next attempt, unless the Kustomization is woken earlier."""
        super().__init__(message)
        self.retry_after: float = retry_after
