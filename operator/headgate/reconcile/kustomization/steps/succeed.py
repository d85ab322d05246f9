"""Step 6: report the success, if it adds anything to the status."""

from __future__ import annotations

import logging

from headgate.api import reasons
from headgate.reconcile.core.queue import Depth
from headgate.reconcile.kustomization.report import Reporter, adds_to_status
from headgate.reconcile.kustomization.steps.prepare import Unaffected
from headgate.reconcile.kustomization.steps.wait import Healthy
from headgate.reconcile.reporting.measure import Measure

_log = logging.getLogger("headgate.kustomization")


async def succeed(healthy: Healthy, reporter: Reporter) -> None:
    """Write Ready and the event. Raises :class:`headgate.kube.ApiError`."""
    attempt = healthy.attempt
    if adds_to_status(attempt, changed=healthy.changed):
        await reporter.succeeded(attempt)
        return
    # A routine check with everything in place needs no report on the cluster.
    attempt.session.revert()
    if attempt.depth is Depth.VERIFY:
        reporter.verified(attempt)
    _log.debug("%s: everything is in place", attempt.key)


async def record_unaffected(unaffected: Unaffected, reporter: Reporter, measure: Measure) -> None:
    """Record a revision that changes nothing, with this request only and no build.

    Raises :class:`headgate.kube.ApiError`.
    """
    attempt = unaffected.attempt
    session, status = attempt.session, attempt.session.status
    if attempt.revision == status.get("lastAppliedRevision") and session.is_true(reasons.READY):
        return
    measure.build_skipped()
    status["lastAttemptedRevision"] = attempt.revision
    await reporter.succeeded(attempt)
