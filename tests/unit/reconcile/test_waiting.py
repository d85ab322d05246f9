"""The verdict on a health wait: healthy, failed for good, out of time, or still waiting."""

from __future__ import annotations

import pytest

from headgate.health import Health, HealthStatus
from headgate.kube import ObjectRef
from headgate.reconcile.kustomization.waiting import HealthWait, Standing, judge

WEB = ObjectRef("apps/v1", "Deployment", "web", "ns")
JOB = ObjectRef("batch/v1", "Job", "migrate", "ns")

CURRENT = Health(HealthStatus.CURRENT)
PROGRESS = Health(HealthStatus.IN_PROGRESS, "1 of 3 replicas are ready")
FAILED = Health(HealthStatus.FAILED, "Progress deadline exceeded")
GONE = Health(HealthStatus.NOT_FOUND, "no such object")


def wait(*, ttl: bool = False) -> HealthWait:
    jobs = frozenset({JOB}) if ttl else frozenset[ObjectRef]()
    return HealthWait((WEB, JOB), jobs, started=0, deadline=10)


@pytest.mark.parametrize(
    ("web", "job", "now", "standing", "message"),
    [
        (CURRENT, CURRENT, 0, Standing.HEALTHY, ""),
        (CURRENT, CURRENT, 11, Standing.HEALTHY, ""),
        (PROGRESS, CURRENT, 9, Standing.WAITING, ""),
        (
            PROGRESS,
            CURRENT,
            10,
            Standing.FAILED,
            "timeout waiting for: [Deployment/ns/web status: 'InProgress': 1 of 3 replicas are ready]",
        ),
        (
            FAILED,
            PROGRESS,
            1,
            Standing.FAILED,
            "failed early due to stalled resources: [Deployment/ns/web status: 'Failed': Progress deadline exceeded]",
        ),
        (
            CURRENT,
            GONE,
            10,
            Standing.FAILED,
            "timeout waiting for: [Job/ns/migrate status: 'NotFound': no such object]",
        ),
    ],
)
def test_verdicts(web: Health, job: Health, now: float, standing: Standing, message: str) -> None:
    states = {WEB: web, JOB: job}
    verdict = judge(wait(), states.__getitem__, now)
    assert (verdict.standing, verdict.message) == (standing, message)


def test_without_fail_fast_a_failure_waits_for_the_others() -> None:
    states = {WEB: FAILED, JOB: PROGRESS}
    assert judge(wait(), states.__getitem__, 1, fail_fast=False).standing is Standing.WAITING
    states[JOB] = CURRENT
    assert judge(wait(), states.__getitem__, 1, fail_fast=False).standing is Standing.FAILED


def test_a_job_with_a_time_to_live_may_be_gone() -> None:
    states = {WEB: CURRENT, JOB: GONE}
    assert judge(wait(ttl=True), states.__getitem__, 1).standing is Standing.HEALTHY
