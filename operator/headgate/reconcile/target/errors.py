"""The cluster that a Kustomization is applied to, or its account there, cannot be used: one small tree of exceptions.

    TargetError
    ├── AccountMissing    the account, or what describes the way to the cluster, does not exist (any more)
    └── TargetPending     it is being found out whether the cluster answers; those who asked are woken then

Each carries what its report needs (:mod:`headgate.borders`). What an API server answers is an
:class:`headgate.kube.ApiError`.
"""

from __future__ import annotations

from headgate.api import reasons
from headgate.borders import BorderError, Retry

__all__ = ["AccountMissing", "TargetError", "TargetPending"]


class TargetError(BorderError):
    """The cluster of a Kustomization, or its account there, cannot be used."""

    reason = reasons.RECONCILIATION_FAILED


class AccountMissing(TargetError):
    """What was acted as, or the way to the cluster, does not exist (any more)."""


class TargetPending(TargetError):
    """It is being found out whether the cluster answers; those who asked are woken then."""

    retry = Retry.ON_CHANGE
    silent = True

    def __init__(self, message: str, *, retry_after: float) -> None:
        """``retry_after``: seconds until the next attempt, if nobody is woken before."""
        super().__init__(message)
        self.retry_after: float = retry_after
