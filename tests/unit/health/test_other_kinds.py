"""The other built-in kinds."""

from __future__ import annotations

from typing import Any

import pytest

from headgate.health import HealthStatus, compute

CURRENT, IN_PROGRESS, FAILED = HealthStatus.CURRENT, HealthStatus.IN_PROGRESS, HealthStatus.FAILED


def health_of(api_version: str, kind: str, **fields: Any) -> tuple[HealthStatus, str]:
    health = compute({"apiVersion": api_version, "kind": kind, "metadata": {"name": "x"}, **fields})
    return health.status, health.message


@pytest.mark.parametrize(
    ("api_version", "kind"), [("v1", "ConfigMap"), ("v1", "Secret"), ("batch/v1", "CronJob")]
)
def test_always_ready(api_version: str, kind: str) -> None:
    assert health_of(api_version, kind) == (CURRENT, "Resource is always ready")


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ({"phase": "Bound"}, (CURRENT, "PVC is Bound")),
        ({"phase": "Pending"}, (IN_PROGRESS, "PVC is not Bound. phase: Pending")),
        ({"phase": "Lost"}, (IN_PROGRESS, "PVC is not Bound. phase: Lost")),
        ({}, (IN_PROGRESS, "PVC is not Bound. phase: unknown")),
    ],
)
def test_persistent_volume_claim(status: dict[str, Any], expected: tuple[HealthStatus, str]) -> None:
    assert health_of("v1", "PersistentVolumeClaim", status=status) == expected


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({}, (CURRENT, "Service is ready")),
        ({"type": "NodePort"}, (CURRENT, "Service is ready")),
        ({"type": "LoadBalancer", "clusterIP": "10.0.0.1"}, (CURRENT, "Service is ready")),
        ({"type": "LoadBalancer"}, (IN_PROGRESS, "ClusterIP not set. Service type: LoadBalancer")),
    ],
)
def test_service(spec: dict[str, Any], expected: tuple[HealthStatus, str]) -> None:
    assert health_of("v1", "Service", spec=spec) == expected


def test_pod_disruption_budget() -> None:
    assert health_of("policy/v1", "PodDisruptionBudget", status={"conditions": []}) == (
        CURRENT,
        "AllowedDisruptions has been computed.",
    )


@pytest.mark.parametrize(
    ("conditions", "expected"),
    [
        ([], (IN_PROGRESS, "Install in progress")),
        (
            [("NamesAccepted", "True", "", ""), ("Established", "True", "", "")],
            (CURRENT, "CRD is established"),
        ),
        ([("Established", "False", "Installing", "soon")], (IN_PROGRESS, "Install in progress")),
        ([("Established", "False", "Broken", "no")], (FAILED, "no")),
        ([("NamesAccepted", "False", "ListKindConflict", "is in use")], (FAILED, "is in use")),
    ],
)
def test_custom_resource_definition(
    conditions: list[tuple[str, ...]], expected: tuple[HealthStatus, str]
) -> None:
    status = {
        "conditions": [dict(zip(("type", "status", "reason", "message"), c, strict=True)) for c in conditions]
    }
    assert health_of("apiextensions.k8s.io/v1", "CustomResourceDefinition", status=status) == expected
