"""A change of a managed object that Git knows nothing of is undone, and it is said who made it."""

from __future__ import annotations

import pytest

from tests.support.cluster import until
from tests.support.manifests import config_map, deployment
from tests.support.workspace import Workspace

pytestmark = pytest.mark.e2e


def test_a_foreign_change_is_undone_at_once_and_reported(workspace: Workspace) -> None:
    workspace.commit({"apps/web.yaml": deployment("web", replicas=2), "apps/a.yaml": config_map("a", v="1")})
    workspace.source()
    workspace.kustomization("apps", wait=True)
    workspace.ready("apps")
    web = workspace.object("apps/v1", "Deployment", "web")
    assert web is not None
    workspace.api.merge(web, {"spec": {"replicas": 5}}, manager="kubectl-edit")

    def replicas() -> int:
        found = workspace.object("apps/v1", "Deployment", "web") or {"spec": {}}
        return int(found["spec"].get("replicas", 0))

    until("it has two replicas again", lambda: replicas() == 2)
    subject = f"Deployment/{workspace.namespace}/web"
    workspace.event(
        "apps", f"drift detected: {subject}: kubectl-edit changed spec.replicas", reason="DriftDetected"
    )
    workspace.event("apps", f"{subject} configured")
    workspace.ready("apps")


def test_a_deleted_object_comes_back(workspace: Workspace) -> None:
    workspace.commit({"apps/a.yaml": config_map("a", v="1")})
    workspace.source()
    workspace.kustomization("apps")
    workspace.ready("apps")
    workspace.api.delete("v1", "ConfigMap", "a", workspace.namespace)
    until("it is there again", lambda: (workspace.config_map("a") or {}).get("data") == {"v": "1"})
    workspace.event("apps", f"ConfigMap/{workspace.namespace}/a created")


def test_what_others_own_is_left_alone(workspace: Workspace) -> None:
    """A field that Git does not set is not drift, nor is any change of an object whose annotation excludes it."""
    ignored = {"kustomize.toolkit.fluxcd.io/ssa": "IfNotPresent"}
    workspace.commit(
        {"apps/a.yaml": config_map("a", v="1"), "apps/b.yaml": config_map("b", annotations=ignored, v="1")}
    )
    workspace.source()
    workspace.kustomization("apps")
    workspace.ready("apps")
    for name in ("a", "b"):
        found = workspace.config_map(name)
        assert found is not None
        patch = {"data": {"v": "2"} if name == "b" else {"other": "x"}}
        workspace.api.merge(found, patch, manager="other-controller")
    stamp = workspace.request_reconcile("Kustomization", "apps")
    until(
        "a full pass is done",
        lambda: workspace.get("apps")["status"].get("lastHandledReconcileAt") == stamp,
    )
    workspace.ready("apps")
    assert (workspace.config_map("a") or {})["data"] == {"v": "1", "other": "x"}
    assert (workspace.config_map("b") or {})["data"] == {"v": "2"}
