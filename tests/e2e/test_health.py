"""Waiting for health: what is said when it does not come, what ends the wait, and that nobody else waits along."""

from __future__ import annotations

import time

import pytest

from tests.support.area import Area
from tests.support.cluster import condition, is_ready, until
from tests.support.manifests import config_map, deployment, kustomization

pytestmark = pytest.mark.e2e

NEVER_HEALTHY = 50


def waits_for_health(area: Area, name: str) -> bool:
    """Whether the Kustomization has applied its objects and waits for them."""
    said = condition(area.get(name), "Reconciling")
    return bool(said) and said["message"].startswith("Running health checks")


def test_what_never_becomes_healthy_is_named_with_its_reason_and_holds_up_its_dependents(area: Area) -> None:
    area.commit({"web/web.yaml": deployment("web", healthy=False), "api/a.yaml": config_map("api")})
    area.source()
    area.kustomization("web", wait=True, timeout="2s")
    area.kustomization("api", dependsOn=[{"name": "web"}])
    area.kustomization("edge", "api", dependsOn=[{"name": "api"}], namePrefix="edge-")

    said = area.failed("web", "HealthCheckFailed", "timeout waiting for")
    subject = rf"Deployment/{area.namespace}/web status: 'InProgress'"
    assert condition(area.get("web"), "Healthy")["status"] == "False"
    assert subject in said["message"]
    # Which reason it has, in the words of the Deployment's own status.
    assert "0" in said["message"].partition(subject)[2]
    assert area.event(
        "web", "health check failed after 2.*" + subject, type="Warning", reason="HealthCheckFailed"
    )
    area.failed("api", "DependencyNotReady", f"dependency '{area.namespace}/web' is not ready")
    area.failed("edge", "DependencyNotReady", f"dependency '{area.namespace}/api' is not ready")
    assert area.config_map("api") is None

    revision = area.commit({"web/web.yaml": deployment("web")})
    for name in ("web", "api", "edge"):
        area.ready(name, revision)
    assert condition(area.get("web"), "Healthy")["status"] == "True"
    assert area.config_map("api") is not None


def test_a_fixing_commit_takes_effect_during_the_wait(area: Area) -> None:
    area.commit({"web/web.yaml": deployment("web", healthy=False), "api/a.yaml": config_map("api")})
    area.source()
    area.kustomization("web", wait=True, timeout="10m")
    area.kustomization("api", dependsOn=[{"name": "web"}])
    until("it waits for health", lambda: waits_for_health(area, "web"))
    revision = area.commit({"web/web.yaml": deployment("web")})
    area.ready("web", revision)
    area.ready("api", revision)
    source = f"GitRepository/{area.namespace}/source"
    area.event("web", f"Health checks canceled due to new reconciliation triggered by {source}")


def test_a_change_of_the_spec_ends_the_wait_too(area: Area) -> None:
    area.commit({"web/web.yaml": deployment("web", healthy=False)})
    area.source()
    area.kustomization("web", wait=True, timeout="10m")
    until("it waits for health", lambda: waits_for_health(area, "web"))
    area.change("web", {"wait": False})
    area.ready("web")


def test_health_checks_wait_for_what_they_name_and_for_nothing_else(area: Area) -> None:
    """Also for an object that the Kustomization does not apply."""
    area.commit({"apps/bad.yaml": deployment("bad", healthy=False), "apps/good.yaml": deployment("good")})
    area.commit({"other/web.yaml": deployment("other", healthy=False)})
    area.source()

    def check(name: str) -> dict[str, str]:
        return {"apiVersion": "apps/v1", "kind": "Deployment", "name": name, "namespace": area.namespace}

    area.kustomization("apps", healthChecks=[check("good")], timeout="10m")
    area.ready("apps")
    area.kustomization("other")
    area.change("apps", {"healthChecks": [check("good"), check("other")]})
    until("it waits for the other one", lambda: waits_for_health(area, "apps"))
    area.commit({"other/web.yaml": deployment("other")})
    area.ready("apps")


def test_fifty_that_wait_do_not_hold_up_a_good_one(area: Area) -> None:
    files = {f"apps/{n}/web.yaml": deployment(f"web-{n}", healthy=False) for n in range(NEVER_HEALTHY)}
    area.commit(
        {**files, "good/web.yaml": deployment("good"), "good/kustomization.yaml": kustomization("web.yaml")}
    )
    area.source()

    def seconds(prefix: str) -> float:
        name = f"{prefix}good"
        began = time.monotonic()
        area.kustomization(name, "good", wait=True, namePrefix=prefix, timeout="5m")
        area.ready(name)
        return time.monotonic() - began

    alone = seconds("first-")
    names = [f"bad-{n}" for n in range(NEVER_HEALTHY)]
    for n, name in enumerate(names):
        area.kustomization(name, f"apps/{n}", wait=True, timeout="5m")
    among = seconds("second-")
    until("all of them wait", lambda: all(waits_for_health(area, name) for name in names))
    beside = seconds("third-")
    print(
        f"Ready alone in {alone:.2f} s, while {NEVER_HEALTHY} begin {among:.2f} s, beside them {beside:.2f} s"
    )
    assert not any(is_ready(area.get(name)) for name in names)
    assert all(waits_for_health(area, name) for name in names), "they were waiting all the time"
