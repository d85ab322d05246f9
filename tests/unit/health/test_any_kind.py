"""What holds for every kind, and for kinds without their own health rule."""

from __future__ import annotations

from typing import Any

import pytest

from headgate.health import Health, HealthStatus, compute

CURRENT, IN_PROGRESS, FAILED = HealthStatus.CURRENT, HealthStatus.IN_PROGRESS, HealthStatus.FAILED


def widget(*conditions: Any, **status: Any) -> dict[str, Any]:
    return {
        "apiVersion": "example.org/v1",
        "kind": "Widget",
        "metadata": {"name": "x", "generation": 2},
        "status": {"conditions": list(conditions), **status},
    }


def condition(type: str, status: str, message: str = "", reason: str = "Because") -> dict[str, str]:
    return {"type": type, "status": status, "reason": reason, "message": message}


def test_nothing_said() -> None:
    obj = {"apiVersion": "example.org/v1", "kind": "Widget", "metadata": {"name": "x"}}
    assert compute(obj) == Health(CURRENT, "Resource is current")


@pytest.mark.parametrize(
    ("obj", "expected"),
    [
        (widget(condition("Ready", "True")), Health(CURRENT, "Resource is Ready")),
        (widget(condition("Ready", "False", "no disk")), Health(IN_PROGRESS, "no disk")),
        (widget(condition("Ready", "Unknown", "asking")), Health(IN_PROGRESS, "asking")),
        (widget(condition("Ready", "False", "")), Health(IN_PROGRESS, "Because")),
        (widget(condition("Ready", "Maybe")), Health(CURRENT, "Resource is current")),
        (widget(condition("Synced", "False", "x")), Health(CURRENT, "Resource is current")),
        (
            widget(condition("Reconciling", "True", "on it"), condition("Ready", "True")),
            Health(IN_PROGRESS, "on it"),
        ),
        (
            widget(condition("Reconciling", "False"), condition("Ready", "True")),
            Health(CURRENT, "Resource is Ready"),
        ),
        (widget(condition("Stalled", "True", "bad spec")), Health(FAILED, "bad spec")),
        (widget(condition("Stalled", "False"), condition("Ready", "False", "x")), Health(IN_PROGRESS, "x")),
        (
            # A failed Flux object that is retried: it says both, the first one counts.
            widget(condition("Reconciling", "True", "retrying"), condition("Stalled", "True", "failed")),
            Health(IN_PROGRESS, "retrying"),
        ),
        (
            widget(condition("Ready", "True"), observedGeneration=1),
            Health(IN_PROGRESS, "Widget generation is 2, but latest observed generation is 1"),
        ),
        (widget(condition("Ready", "True"), observedGeneration=2), Health(CURRENT, "Resource is Ready")),
        (
            # Flux's own objects before their first success.
            widget(observedGeneration=-1),
            Health(IN_PROGRESS, "Widget generation is 2, but latest observed generation is -1"),
        ),
    ],
)
def test_custom_resource(obj: dict[str, Any], expected: Health) -> None:
    assert compute(obj) == expected


@pytest.mark.parametrize(
    ("api_version", "kind"),
    [("example.org/v1", "Widget"), ("apps/v1", "Deployment"), ("v1", "ConfigMap"), ("v1", "Namespace")],
)
def test_terminating(api_version: str, kind: str) -> None:
    obj = {
        "apiVersion": api_version,
        "kind": kind,
        "metadata": {"name": "x", "deletionTimestamp": "2026-01-01T00:00:00Z"},
    }
    assert compute(obj) == Health(HealthStatus.TERMINATING, "Resource scheduled for deletion")


def test_a_kind_of_another_group_has_no_built_in_rule() -> None:
    obj = {"apiVersion": "serving.example.org/v1", "kind": "Service", "spec": {"type": "LoadBalancer"}}
    assert compute(obj) == Health(CURRENT, "Resource is current")


def test_built_in_kind_whose_spec_was_not_seen_yet() -> None:
    obj = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "x", "generation": 3},
        "status": {"observedGeneration": 2, "replicas": 1, "readyReplicas": 1},
    }
    assert compute(obj) == Health(
        IN_PROGRESS, "Deployment generation is 3, but latest observed generation is 2"
    )


@pytest.mark.parametrize(
    ("conditions", "message"),
    [
        ("none", "status.conditions is not a list"),
        (["x"], "status.conditions holds an entry that is not a mapping"),
        (
            [{"type": "Ready", "status": True}],
            "status.conditions holds an entry whose fields are not strings",
        ),
    ],
)
def test_conditions_of_another_form(conditions: Any, message: str) -> None:
    obj = widget()
    obj["status"]["conditions"] = conditions
    assert compute(obj) == Health(HealthStatus.UNKNOWN, message)


@pytest.mark.parametrize("status", ["done", 1, [], None])
def test_a_status_that_is_not_a_mapping(status: Any) -> None:
    obj = {"apiVersion": "example.org/v1", "kind": "Widget", "metadata": {}, "status": status}
    assert compute(obj) == Health(CURRENT, "Resource is current")
