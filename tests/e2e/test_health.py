"""Waiting for health: what is said when it does not come, what ends the wait, and that nobody else waits along."""

from __future__ import annotations

import time

import pytest

from tests.support.cluster import condition, is_ready, until
from tests.support.manifests import config_map, deployment, kustomization
from tests.support.workspace import Workspace

pytestmark = pytest.mark.e2e

NEVER_HEALTHY = 50


def waits_for_health(workspace: Workspace, name: str) -> bool:
    """Whether the Kustomization has applied its objects and waits for them."""
    said = condition(workspace.get(name), "Reconciling")
    return bool(said) and said["message"].startswith("Running health checks")


def test_what_never_becomes_healthy_is_named_with_its_reason_and_holds_up_its_dependents(
    workspace: Workspace,
) -> None:
    workspace.commit({"web/web.yaml": deployment("web", healthy=False), "api/a.yaml": config_map("api")})
    workspace.source()
    workspace.kustomization("web", wait=True, timeout="2s")
    workspace.kustomization("api", dependsOn=[{"name": "web"}])
    workspace.kustomization("edge", "api", dependsOn=[{"name": "api"}], namePrefix="edge-")

    said = workspace.failed("web", "HealthCheckFailed", "timeout waiting for")
    subject = rf"Deployment/{workspace.namespace}/web status: 'InProgress'"
    assert condition(workspace.get("web"), "Healthy")["status"] == "False"
    assert subject in said["message"]
    # Which reason it has, in the words of the Deployment's own status.
    assert "0" in said["message"].partition(subject)[2]
    assert workspace.event(
        "web", "health check failed after 2.*" + subject, type="Warning", reason="HealthCheckFailed"
    )
    workspace.failed("api", "DependencyNotReady", f"dependency '{workspace.namespace}/web' is not ready")
    workspace.failed("edge", "DependencyNotReady", f"dependency '{workspace.namespace}/api' is not ready")
    assert workspace.config_map("api") is None

    revision = workspace.commit({"web/web.yaml": deployment("web")})
    for name in ("web", "api", "edge"):
        workspace.ready(name, revision)
    assert condition(workspace.get("web"), "Healthy")["status"] == "True"
    assert workspace.config_map("api") is not None


def test_a_fixing_commit_takes_effect_during_the_wait(workspace: Workspace) -> None:
    workspace.commit({"web/web.yaml": deployment("web", healthy=False), "api/a.yaml": config_map("api")})
    workspace.source()
    workspace.kustomization("web", wait=True, timeout="10m")
    workspace.kustomization("api", dependsOn=[{"name": "web"}])
    until("it waits for health", lambda: waits_for_health(workspace, "web"))
    revision = workspace.commit({"web/web.yaml": deployment("web")})
    workspace.ready("web", revision)
    workspace.ready("api", revision)
    source = f"GitRepository/{workspace.namespace}/source"
    workspace.event("web", f"Health checks canceled due to new reconciliation triggered by {source}")


def test_a_change_of_the_spec_ends_the_wait_too(workspace: Workspace) -> None:
    workspace.commit({"web/web.yaml": deployment("web", healthy=False)})
    workspace.source()
    workspace.kustomization("web", wait=True, timeout="10m")
    until("it waits for health", lambda: waits_for_health(workspace, "web"))
    workspace.change("web", {"wait": False})
    workspace.ready("web")


def test_health_checks_wait_for_what_they_name_and_for_nothing_else(workspace: Workspace) -> None:
    """Also for an object that the Kustomization does not apply."""
    workspace.commit(
        {"apps/bad.yaml": deployment("bad", healthy=False), "apps/good.yaml": deployment("good")}
    )
    workspace.commit({"other/web.yaml": deployment("other", healthy=False)})
    workspace.source()

    def check(name: str) -> dict[str, str]:
        return {"apiVersion": "apps/v1", "kind": "Deployment", "name": name, "namespace": workspace.namespace}

    workspace.kustomization("apps", healthChecks=[check("good")], timeout="10m")
    workspace.ready("apps")
    workspace.kustomization("other")
    workspace.change("apps", {"healthChecks": [check("good"), check("other")]})
    until("it waits for the other one", lambda: waits_for_health(workspace, "apps"))
    workspace.commit({"other/web.yaml": deployment("other")})
    workspace.ready("apps")


def test_fifty_that_wait_do_not_hold_up_a_good_one(workspace: Workspace) -> None:
    files = {f"apps/{n}/web.yaml": deployment(f"web-{n}", healthy=False) for n in range(NEVER_HEALTHY)}
    workspace.commit(
        {**files, "good/web.yaml": deployment("good"), "good/kustomization.yaml": kustomization("web.yaml")}
    )
    workspace.source()

    def seconds(prefix: str) -> float:
        name = f"{prefix}good"
        began = time.monotonic()
        workspace.kustomization(name, "good", wait=True, namePrefix=prefix, timeout="5m")
        workspace.ready(name)
        return time.monotonic() - began

    alone = seconds("first-")
    names = [f"bad-{n}" for n in range(NEVER_HEALTHY)]
    for n, name in enumerate(names):
        workspace.kustomization(name, f"apps/{n}", wait=True, timeout="5m")
    among = seconds("second-")
    until("all of them wait", lambda: all(waits_for_health(workspace, name) for name in names))
    next_to = seconds("third-")
    print(
        f"Ready alone in {alone:.2f} s, while {NEVER_HEALTHY} begin {among:.2f} s, next to them {next_to:.2f} s"
    )
    assert not any(is_ready(workspace.get(name)) for name in names)
    assert all(waits_for_health(workspace, name) for name in names), "they were waiting all the time"
