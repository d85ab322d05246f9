"""Failing managed objects, and the reasons of pods."""

from __future__ import annotations

from typing import Any

import pytest

from headgate.insight import Fleet, explain
from headgate.insight.failing import Evidence, pod_link, selector_of, suspects, with_evidence
from tests.unit.insight.objects import condition, ks, repo

Obj = dict[str, Any]
INVENTORY = {
    "inventory": {
        "entries": [
            {"id": "shop_web_apps_Deployment", "v": "v1"},
            {"id": "shop_db_apps_StatefulSet", "v": "v1"},
            {"id": "shop_c__ConfigMap", "v": "v1"},
            {"id": "shop_team__web_rbac.authorization.k8s.io_Role", "v": "v1"},
        ]
    }
}
TIMEOUT = (
    "health check failed after 6s: timeout waiting for: [Deployment/shop/web status: 'InProgress': "
    "Available: 0/1, StatefulSet/shop/db status: 'Failed': no, it is not]"
)


def unhealthy(message: str = TIMEOUT) -> Obj:
    return ks("a", condition("Ready", "False", "HealthCheckFailed", message), status=INVENTORY)


def pod(**status: Any) -> Obj:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "web-1", "namespace": "shop"},
        "status": status,
    }


def container(**state: Any) -> Obj:
    return {"name": "main", "state": state}


def test_the_message_of_a_health_check_names_the_objects() -> None:
    web, db = suspects(unhealthy())
    assert (str(web.ref), web.api_version, web.status, web.message) == (
        "Deployment/shop/web",
        "apps/v1",
        "InProgress",
        "Available: 0/1",
    )
    assert (str(db.ref), db.status, db.message) == ("StatefulSet/shop/db", "Failed", "no, it is not")


def test_the_name_of_an_rbac_object_may_have_a_colon() -> None:
    (role,) = suspects(unhealthy("timeout waiting for: [Role/shop/team:web status: 'Unknown']"))
    assert (str(role.ref), role.api_version) == ("Role/shop/team:web", "rbac.authorization.k8s.io/v1")


@pytest.mark.parametrize(
    "message",
    [
        'Deployment/shop/web dry-run failed (Invalid): Deployment.apps "web" is invalid',
        "Deployment/shop/web dry-run failed (Invalid): x\nConfigMap/shop/c dry-run failed (Forbidden): y",
    ],
)
def test_an_object_that_the_api_server_refuses_is_named_and_not_fetched(message: str) -> None:
    found = suspects(ks("a", condition("Ready", "False", "ReconciliationFailed", message), status=INVENTORY))
    assert len(found) == len(message.splitlines())
    assert (str(found[0].ref), found[0].api_version, found[0].reason) == (
        "Deployment/shop/web",
        "",
        "Invalid",
    )


def test_a_running_health_check_has_the_workloads_as_suspects() -> None:
    doing = condition("Reconciling", "True", "Progressing", "Running health checks for revision x")
    waiting = ks("a", doing, condition("Ready", "Unknown", "Progressing"), status=INVENTORY, wait=True)
    assert [each.ref.kind for each in suspects(waiting)] == ["Deployment", "StatefulSet"]
    waiting["spec"]["wait"] = False
    assert suspects(waiting) == ()
    healthy: Obj = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}}
    waiting["spec"]["healthChecks"] = [
        {"apiVersion": "v1", "kind": "ConfigMap", "name": "c", "namespace": "shop"}
    ]
    (found,) = suspects(waiting)
    (cause,) = explain(Fleet.of([repo(), waiting])).causes
    assert with_evidence(cause, [(found, Evidence(healthy))]).objects == ()


@pytest.mark.parametrize(
    ("status", "reason", "said"),
    [
        (
            {
                "containerStatuses": [
                    container(waiting={"reason": "ImagePullBackOff", "message": "Back-off x:1"})
                ]
            },
            "ImagePullBackOff",
            "Back-off x:1",
        ),
        (
            {
                "containerStatuses": [
                    container(running={}),
                    {
                        **container(waiting={"reason": "CrashLoopBackOff", "message": "back-off"}),
                        "lastState": {"terminated": {"reason": "OOMKilled", "exitCode": 137}},
                    },
                ]
            },
            "OOMKilled",
            "exit code 137",
        ),
        (
            {"initContainerStatuses": [container(terminated={"exitCode": 3, "message": "SENTINEL"})]},
            "Error",
            "exit code 3",
        ),
        (
            {
                "conditions": [
                    {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/3"}
                ]
            },
            "Unschedulable",
            "0/3",
        ),
        ({"phase": "Failed", "reason": "Evicted", "message": "low memory"}, "Evicted", "low memory"),
    ],
)
def test_a_pod_says_why_it_does_not_run(status: Obj, reason: str, said: str) -> None:
    link = pod_link(pod(**status))
    assert link is not None
    assert link.reason == reason
    assert said in link.message
    assert "SENTINEL" not in link.message
    (cause,) = explain(Fleet.of([repo(), unhealthy()])).causes
    better = with_evidence(cause, [(suspects(unhealthy())[0], Evidence(None, [pod(**status)]))])
    assert [each.relation.value for each in better.objects] == ["object", "pod"]
    assert better.remedy != cause.remedy


@pytest.mark.parametrize(
    "status",
    [{}, {"phase": "Running"}, {"containerStatuses": [container(waiting={"reason": "ContainerCreating"})]}],
)
def test_a_pod_that_says_nothing_is_left_out(status: Obj) -> None:
    assert pod_link(pod(**status)) is None


def test_a_newer_warning_of_an_event_is_added() -> None:
    events = [
        {"type": "Warning", "reason": "Old", "message": "old", "lastTimestamp": "2026-01-01T00:00:00Z"},
        {
            "type": "Warning",
            "reason": "FailedCreate",
            "message": "quota",
            "lastTimestamp": "2026-02-01T00:00:00Z",
        },
        {"type": "Normal", "reason": "Fine", "message": "fine", "lastTimestamp": "2026-03-01T00:00:00Z"},
    ]
    (cause,) = explain(Fleet.of([repo(), unhealthy()])).causes
    link = with_evidence(cause, [(suspects(unhealthy())[0], Evidence(None, (), events))]).objects[0]
    assert link.reason == "FailedCreate"
    assert link.message.endswith("FailedCreate: quota")


def test_a_selector_is_made_of_labels_that_are_text() -> None:
    assert selector_of({"spec": {"selector": {"matchLabels": {"app": "web", "odd": 1}}}}) == "app=web"
    assert selector_of({"spec": {"selector": "x"}}) == ""


def test_a_message_of_hostile_length_takes_no_time() -> None:
    for text in ("[" + "A/b/c status: 'x': " * 2000, "A" * 20_000, "A/" * 9999, "Deployment/a: " * 9999):
        for reason in ("HealthCheckFailed", "ReconciliationFailed"):
            suspects(ks("a", condition("Ready", "False", reason, text), status=INVENTORY))
