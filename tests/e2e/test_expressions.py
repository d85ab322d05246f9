"""Users' CEL expressions in the loop: health of custom resources, readiness of dependencies, and invalid ones."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from tests.support.cluster import condition, is_ready, until
from tests.support.manifests import config_map, dump
from tests.support.workspace import Workspace

pytestmark = pytest.mark.e2e

Obj = dict[str, Any]
HEALTH = {
    "kind": "Machine",
    "inProgress": "status.phase == 'Starting'",
    "failed": "status.phase == 'Broken'",
    "current": "status.phase == 'Running' && spec.size <= status.?size.orValue(0)",
}


@pytest.fixture
def group() -> str:
    """A separate API group, in which :func:`machines` defines a kind whose status does not follow kstatus."""
    return f"g{uuid.uuid4().hex[:8]}.example.org"


def machines(group: str, size: int = 1) -> str:
    """A machine and its kind."""
    anything = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    properties = {"spec": anything, "status": anything}
    version = {
        "name": "v1",
        "served": True,
        "storage": True,
        "schema": {"openAPIV3Schema": {"type": "object", "properties": properties}},
    }
    names = {"plural": "machines", "singular": "machine", "kind": "Machine"}
    definition = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"machines.{group}"},
        "spec": {"group": group, "scope": "Namespaced", "names": names, "versions": [version]},
    }
    machine = {
        "apiVersion": f"{group}/v1",
        "kind": "Machine",
        "metadata": {"name": "m"},
        "spec": {"size": size},
    }
    return dump(definition, machine)


def report(workspace: Workspace, group: str, **status: Any) -> None:
    """What the machine's controller would say."""
    until("the machine is there", lambda: checking(workspace))
    live = workspace.api.present(f"{group}/v1", "Machine", "m", workspace.namespace)
    workspace.api.merge(live, {"status": status}, manager="machine-controller")


def checking(workspace: Workspace) -> bool:
    said = condition(workspace.get("apps"), "Reconciling")
    return bool(said) and said["message"].startswith("Running health checks")


def test_health_by_expressions(workspace: Workspace, group: str) -> None:
    workspace.commit({"apps/m.yaml": machines(group, 2)})
    workspace.source()
    expressions = [{"apiVersion": f"{group}/v1beta1", **HEALTH}]
    workspace.kustomization("apps", wait=True, timeout="10m", healthCheckExprs=expressions)
    for status in ({"phase": "Starting"}, {"phase": "Running"}, {"phase": "Running", "size": 1}):
        report(workspace, group, **status)
        assert not is_ready(workspace.get("apps"))
    report(workspace, group, phase="Running", size=2)
    workspace.ready("apps")


def test_an_object_that_nobody_ever_touches_is_judged_by_all_its_fields(
    workspace: Workspace, group: str
) -> None:
    workspace.commit({"apps/m.yaml": machines(group, 2)})
    workspace.source()
    expressions = [{"apiVersion": f"{group}/v1", "current": "spec.size == 2"}]
    workspace.kustomization("apps", wait=True, timeout="10m", healthCheckExprs=expressions)
    workspace.ready("apps")


def test_a_failed_expression_fails_fast_and_the_next_revision_is_judged_again(
    workspace: Workspace, group: str
) -> None:
    workspace.commit({"apps/m.yaml": machines(group)})
    workspace.source()
    expressions = [{"apiVersion": f"{group}/v1", **HEALTH}]
    workspace.kustomization("apps", wait=True, timeout="10m", healthCheckExprs=expressions)
    report(workspace, group, phase="Broken")
    subject = rf"Machine/{workspace.namespace}/m status: 'Failed': the expression failed is true"
    workspace.failed("apps", "HealthCheckFailed", "failed early due to stalled resources: .*" + subject)
    workspace.commit({"apps/m.yaml": machines(group, 5)})
    report(workspace, group, phase="Running", size=5)
    workspace.ready("apps")


def test_an_expression_that_never_applies_is_named_when_time_is_over(
    workspace: Workspace, group: str
) -> None:
    workspace.commit({"apps/m.yaml": machines(group)})
    workspace.source()
    expressions = [{"apiVersion": f"{group}/v1", "current": "status.nowhere == 'x'"}]
    workspace.kustomization("apps", wait=True, timeout="2s", healthCheckExprs=expressions)
    workspace.failed("apps", "HealthCheckFailed", "status: 'Unknown': .*no such attribute.s.: status.nowhere")


def test_an_invalid_expression_stalls_until_it_is_fixed(workspace: Workspace) -> None:
    workspace.commit({"apps/a.yaml": config_map("a")})
    workspace.source()
    entry = {"apiVersion": "example.org/v1", "kind": "Machine", "current": "status.phase =="}
    workspace.kustomization("apps", wait=True, healthCheckExprs=[entry])
    said = workspace.failed(
        "apps", "InvalidCELExpression", "^Reconciliation failed terminally due to configuration error: "
    )
    assert "failed to parse the expression Current: " in said["message"]
    assert "ERROR: <input>:1:16: Syntax error" in said["message"]
    assert condition(workspace.get("apps"), "Stalled")["reason"] == "InvalidCELExpression"
    assert workspace.config_map("a") is None
    workspace.change("apps", {"healthCheckExprs": [{**entry, "current": "status.phase == 'x'"}]})
    workspace.ready("apps")
    assert condition(workspace.get("apps"), "Stalled") == {}


def test_readiness_by_expression(workspace: Workspace) -> None:
    workspace.commit({"infra/a.yaml": config_map("infra"), "apps/b.yaml": config_map("apps")})
    workspace.source()
    workspace.kustomization("infra", annotations={"release": "1"})
    expression = "dep.metadata.?annotations[?'release'].orValue('') == self.metadata.annotations['release']"
    dependency = {"name": "infra", "readyExpr": expression}
    workspace.kustomization("apps", dependsOn=[dependency], annotations={"release": "2"})
    workspace.failed("apps", "DependencyNotReady", "is not ready according to readyExpr eval")
    assert workspace.config_map("apps") is None
    workspace.api.merge(
        workspace.get("infra"), {"metadata": {"annotations": {"release": "2"}}}, manager="test"
    )
    workspace.ready("apps")


def test_an_invalid_readiness_expression_stalls(workspace: Workspace) -> None:
    workspace.commit({"infra/a.yaml": config_map("infra"), "apps/b.yaml": config_map("apps")})
    workspace.source()
    workspace.kustomization("infra")
    workspace.kustomization(
        "apps", dependsOn=[{"name": "infra", "readyExpr": "dependency.metadata.name == 'infra'"}]
    )
    said = workspace.failed("apps", "InvalidCELExpression", "failed to evaluate dependency infra: ")
    assert "undeclared reference to 'dependency" in said["message"]
    workspace.change("apps", {"dependsOn": [{"name": "infra", "readyExpr": "dep.metadata.name == 'infra'"}]})
    workspace.ready("apps")
