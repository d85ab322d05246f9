"""Each error that ends an attempt says what becomes of it."""

from __future__ import annotations

from headgate.api import reasons
from headgate.reconcile.kustomization.errors import (
    AttemptEnded,
    Failed,
    Postponed,
    SpecExpressionInvalid,
    Stalled,
)


def test_each_error_says_what_becomes_of_the_attempt() -> None:
    stalled = SpecExpressionInvalid("it does not parse")
    assert isinstance(stalled, Stalled)
    assert (stalled.reason, stalled.stalled, stalled.is_observed) == (
        reasons.INVALID_CEL_EXPRESSION,
        True,
        True,
    )
    assert str(stalled) == ("Reconciliation failed terminally due to configuration error: it does not parse")
    failed = Failed(reasons.PRUNE_FAILED, "no")
    assert (failed.stalled, failed.is_observed, str(failed)) == (False, False, "no")
    assert not Stalled(reasons.ACCESS_DENIED, "no").is_observed
    postponed = Postponed(reasons.ARTIFACT_FAILED, "later", retry_after=3)
    assert (postponed.event, postponed.retry_after, postponed.silent) == ("later", 3, False)
    assert all(isinstance(error, AttemptEnded) for error in (stalled, failed, postponed))
