"""What runs in Pods: success, progress, failure, kind by kind. The messages are kstatus' where it has one."""

from __future__ import annotations

from typing import Any

import pytest

from headgate.health import HealthStatus, compute

CURRENT, IN_PROGRESS, FAILED = HealthStatus.CURRENT, HealthStatus.IN_PROGRESS, HealthStatus.FAILED
Case = tuple[dict[str, Any], dict[str, Any], HealthStatus, str]


def condition(type: str, status: str = "True", reason: str = "", message: str = "") -> dict[str, str]:
    return {"type": type, "status": status, "reason": reason, "message": message}


def check(api_version: str, kind: str, case: Case) -> None:
    spec, status, expected, message = case
    obj = {
        "apiVersion": api_version,
        "kind": kind,
        "metadata": {"name": "x", "generation": 1},
        "spec": spec,
        "status": status,
    }
    health = compute(obj)
    assert (health.status, health.message) == (expected, message)


def replicas(total: int, **counts: int) -> dict[str, Any]:
    return {"replicas": total} | {f"{name}Replicas": n for name, n in counts.items()}


AVAILABLE = condition("Available")
ROLLED_OUT = condition("Progressing", "True", "NewReplicaSetAvailable")
DONE = [AVAILABLE, ROLLED_OUT]


def full(n: int) -> dict[str, Any]:
    return replicas(n, updated=n, ready=n, available=n)


@pytest.mark.parametrize(
    "case",
    [
        pytest.param(case, id=case[3][:40])
        for case in (
            (
                {"replicas": 2},
                full(2) | {"conditions": DONE},
                CURRENT,
                "Deployment is available. Replicas: 2",
            ),
            ({}, full(1) | {"conditions": DONE}, CURRENT, "Deployment is available. Replicas: 1"),
            ({"replicas": 0}, {"conditions": DONE}, CURRENT, "Deployment is available. Replicas: 0"),
            ({"replicas": 2}, {}, IN_PROGRESS, "Replicas: 0/2"),
            ({"replicas": 2}, replicas(2, updated=1), IN_PROGRESS, "Updated: 1/2"),
            ({"replicas": 2}, replicas(3, updated=2), IN_PROGRESS, "Pending termination: 1"),
            ({"replicas": 2}, replicas(2, updated=2, available=1), IN_PROGRESS, "Available: 1/2"),
            ({"replicas": 2}, replicas(2, updated=2, available=2, ready=1), IN_PROGRESS, "Ready: 1/2"),
            (
                {"progressDeadlineSeconds": 600},
                full(1) | {"conditions": [AVAILABLE]},
                IN_PROGRESS,
                "ReplicaSet not Available",
            ),
            (
                {"progressDeadlineSeconds": 600},
                full(1) | {"conditions": [AVAILABLE, condition("Progressing", "True", "ReplicaSetUpdated")]},
                IN_PROGRESS,
                "ReplicaSet not Available",
            ),
            (
                {"progressDeadlineSeconds": 2147483647},
                full(1) | {"conditions": [AVAILABLE]},
                CURRENT,
                "Deployment is available. Replicas: 1",
            ),
            (
                {},
                full(1) | {"conditions": [ROLLED_OUT, condition("Available", "False")]},
                IN_PROGRESS,
                "Deployment not Available",
            ),
            (
                {"replicas": 1},
                {
                    "conditions": [
                        condition("ReplicaFailure", "True", "FailedCreate", "exceeded quota: small")
                    ]
                },
                IN_PROGRESS,
                "Replicas: 0/1: exceeded quota: small",
            ),
            (
                {"replicas": 1},
                full(1)
                | {
                    "conditions": [
                        condition(
                            "Progressing",
                            "False",
                            "ProgressDeadlineExceeded",
                            'ReplicaSet "x-1" has timed out',
                        )
                    ]
                },
                FAILED,
                'Progress deadline exceeded: ReplicaSet "x-1" has timed out',
            ),
        )
    ],
)
@pytest.mark.parametrize("api_version", ["apps/v1", "extensions/v1beta1"])
def test_deployment(api_version: str, case: Case) -> None:
    check(api_version, "Deployment", case)


@pytest.mark.parametrize(
    "case",
    [
        (
            {"replicas": 2},
            replicas(2, fullyLabeled=2, available=2, ready=2),
            CURRENT,
            "ReplicaSet is available. Replicas: 2",
        ),
        ({"replicas": 2}, {}, IN_PROGRESS, "Labelled: 0/2"),
        ({"replicas": 2}, replicas(2, fullyLabeled=2, available=1), IN_PROGRESS, "Available: 1/2"),
        ({"replicas": 2}, replicas(2, fullyLabeled=2, available=2, ready=1), IN_PROGRESS, "Ready: 1/2"),
        (
            {"replicas": 1},
            replicas(2, fullyLabeled=2, available=2, ready=2),
            IN_PROGRESS,
            "Pending termination: 1",
        ),
        (
            {"replicas": 1},
            replicas(1, fullyLabeled=1, available=1, ready=1)
            | {"conditions": [condition("ReplicaFailure", "True", "FailedCreate", "forbidden")]},
            IN_PROGRESS,
            "Replica Failure condition. Check Pods: forbidden",
        ),
    ],
    ids=lambda case: case[3],
)
def test_replica_set(case: Case) -> None:
    check("apps/v1", "ReplicaSet", case)


ROLLING = {"type": "RollingUpdate", "rollingUpdate": {"partition": 1}}


@pytest.mark.parametrize(
    "case",
    [
        (
            {"replicas": 2},
            replicas(2, ready=2, current=2, updated=2) | {"currentRevision": "a", "updateRevision": "a"},
            CURRENT,
            "All replicas scheduled as expected. Replicas: 2",
        ),
        (
            {"updateStrategy": {"type": "OnDelete"}},
            {},
            CURRENT,
            "StatefulSet is using the ondelete update strategy",
        ),
        ({"replicas": 2}, replicas(1), IN_PROGRESS, "Replicas: 1/2"),
        ({"replicas": 2}, replicas(2, ready=1), IN_PROGRESS, "Ready: 1/2"),
        ({"replicas": 2}, replicas(3, ready=3), IN_PROGRESS, "Pending termination: 1"),
        ({"replicas": 2}, replicas(2, ready=2, current=1), IN_PROGRESS, "current: 1/2"),
        (
            {"replicas": 2},
            replicas(2, ready=2, current=2) | {"currentRevision": "a", "updateRevision": "b"},
            IN_PROGRESS,
            "Waiting for updated revision to match current",
        ),
        (
            {"replicas": 3, "updateStrategy": ROLLING},
            replicas(3, ready=3, updated=1),
            IN_PROGRESS,
            "updated: 1/2",
        ),
        (
            {"replicas": 3, "updateStrategy": ROLLING},
            replicas(3, ready=3, updated=2),
            CURRENT,
            "Partition rollout complete. updated: 2",
        ),
        (
            # The API server's default; it asks for all Pods, as no partition does.
            {"replicas": 2, "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 0}}},
            replicas(2, ready=2, updated=1),
            IN_PROGRESS,
            "updated: 1/2",
        ),
    ],
    ids=lambda case: case[3],
)
def test_stateful_set(case: Case) -> None:
    check("apps/v1", "StatefulSet", case)


def nodes(wanted: int, current: int, updated: int, available: int, ready: int) -> dict[str, int]:
    return {
        "observedGeneration": 1,
        "desiredNumberScheduled": wanted,
        "currentNumberScheduled": current,
        "updatedNumberScheduled": updated,
        "numberAvailable": available,
        "numberReady": ready,
    }


@pytest.mark.parametrize(
    "case",
    [
        ({}, nodes(3, 3, 3, 3, 3), CURRENT, "All replicas scheduled as expected. Replicas: 3"),
        ({}, nodes(0, 0, 0, 0, 0), CURRENT, "All replicas scheduled as expected. Replicas: 0"),
        ({}, nodes(3, 2, 2, 2, 2), IN_PROGRESS, "Current: 2/3"),
        ({}, nodes(3, 3, 2, 3, 3), IN_PROGRESS, "Updated: 2/3"),
        ({}, nodes(3, 3, 3, 2, 3), IN_PROGRESS, "Available: 2/3"),
        ({}, nodes(3, 3, 3, 3, 2), IN_PROGRESS, "Ready: 2/3"),
        ({}, {"observedGeneration": 1}, IN_PROGRESS, "Missing .status.desiredNumberScheduled"),
        ({}, {"desiredNumberScheduled": 0}, IN_PROGRESS, "DaemonSet status.observedGeneration not found"),
    ],
    ids=lambda case: case[3],
)
def test_daemon_set(case: Case) -> None:
    check("apps/v1", "DaemonSet", case)


def test_daemon_set_without_generation() -> None:
    health = compute({"apiVersion": "apps/v1", "kind": "DaemonSet", "status": {"observedGeneration": 1}})
    assert (health.status, health.message) == (IN_PROGRESS, "DaemonSet metadata.generation not found")


def waiting(name: str, reason: str) -> dict[str, Any]:
    return {"name": name, "state": {"waiting": {"reason": reason}}}


RUNNING = {"name": "ok", "state": {"running": {}}}


@pytest.mark.parametrize(
    "case",
    [
        ({}, {"phase": "Succeeded"}, CURRENT, "Pod has completed successfully"),
        ({}, {"phase": "Failed"}, CURRENT, "Pod has completed, but not successfully"),
        ({}, {"phase": "Running", "conditions": [condition("Ready")]}, CURRENT, "Pod is Ready"),
        ({}, {}, IN_PROGRESS, "Pod phase not available"),
        ({}, {"phase": "Unknown"}, IN_PROGRESS, "Pod phase is Unknown"),
        ({}, {"phase": "Pending"}, IN_PROGRESS, "Pod is in the Pending phase"),
        (
            {},
            {"phase": "Pending", "containerStatuses": [waiting("app", "ImagePullBackOff"), RUNNING]},
            IN_PROGRESS,
            "Pod is in the Pending phase: container app: ImagePullBackOff",
        ),
        (
            {},
            {
                "phase": "Pending",
                "conditions": [condition("PodScheduled", "False", "Unschedulable", "0/1 nodes")],
            },
            IN_PROGRESS,
            "Pod has not been scheduled: 0/1 nodes",
        ),
        (
            {},
            {"phase": "Running", "conditions": [condition("Ready", "False")], "containerStatuses": [RUNNING]},
            IN_PROGRESS,
            "Pod is running but is not Ready",
        ),
        (
            {},
            {
                "phase": "Running",
                "containerStatuses": [
                    waiting("a", "CrashLoopBackOff"),
                    RUNNING,
                    waiting("b", "CrashLoopBackOff"),
                    waiting("c", "ContainerCreating"),
                ],
            },
            FAILED,
            "Containers in CrashLoop state: a,b",
        ),
    ],
    ids=lambda case: case[3],
)
def test_pod(case: Case) -> None:
    check("v1", "Pod", case)


JOB_CASES: list[Case] = [
    ({}, {"succeeded": 1, "conditions": [condition("Complete")]}, CURRENT, "Job Completed. succeeded: 1/1"),
    (
        {"completions": 5, "parallelism": 2},
        {"succeeded": 5, "conditions": [condition("SuccessCriteriaMet"), condition("Complete")]},
        CURRENT,
        "Job Completed. succeeded: 5/5",
    ),
    ({"suspend": True}, {}, CURRENT, "Job is suspended"),
    (
        {"parallelism": 2},
        {
            "failed": 3,
            "conditions": [condition("Failed", "True", "BackoffLimitExceeded", "too many failures")],
        },
        FAILED,
        "Job Failed. failed: 3/2: too many failures",
    ),
    (
        {},
        {"failed": 1, "conditions": [condition("Failed", "True", "DeadlineExceeded", "active too long")]},
        FAILED,
        "Job Failed. failed: 1/1: active too long",
    ),
    ({"parallelism": 2}, {}, IN_PROGRESS, "Job not started. active: 0/2"),
    (
        {},
        {"startTime": "2026-01-01T00:00:00Z", "active": 1, "failed": 2},
        IN_PROGRESS,
        "Job in progress. success:0, active: 1, failed: 2",
    ),
]


@pytest.mark.parametrize("case", JOB_CASES, ids=lambda case: case[3])
def test_job(case: Case) -> None:
    check("batch/v1", "Job", case)


@pytest.mark.parametrize("case", JOB_CASES, ids=lambda case: case[3])
def test_job_that_is_removed(case: Case) -> None:
    """What is over stays so; what is not will never be."""
    spec, status, expected, _ = case
    meta = {"deletionTimestamp": "2026-01-01T00:00:00Z"}
    health = compute(
        {"apiVersion": "batch/v1", "kind": "Job", "metadata": meta, "spec": spec, "status": status}
    )
    assert health.status is (HealthStatus.TERMINATING if expected is IN_PROGRESS else expected)
