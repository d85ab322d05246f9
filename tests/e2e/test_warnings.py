"""Differences between Git and the applied object, and warnings of the API server, are reported once."""

from __future__ import annotations

import pytest
import yaml

from tests.support.cluster import KUSTOMIZATION, until
from tests.support.manifests import deployment, dump
from tests.support.workspace import Workspace

pytestmark = pytest.mark.e2e


def mistyped(**fields: int) -> str:
    obj = yaml.safe_load(deployment("web"))
    obj["spec"].update(fields or {"replica": 3})
    return dump(obj)


def verified(workspace: Workspace) -> None:
    stamp = workspace.request_reconcile(KUSTOMIZATION, "apps")
    until("it is verified", lambda: workspace.get("apps")["status"].get("lastHandledReconcileAt") == stamp)


def counted(workspace: Workspace, reason: str) -> list[int]:
    return [e["count"] for e in workspace.events("apps") if e["reason"] == reason]


def test_a_mistyped_field_is_reported(workspace: Workspace) -> None:
    workspace.commit({"apps/web.yaml": mistyped()})
    workspace.source()
    workspace.kustomization("apps")
    workspace.ready("apps")
    workspace.event(
        "apps",
        r"Deployment/\S+/web: not applied, as a apps/v1 Deployment has no such field: spec\.replica",
        type="Warning",
        reason="UnknownFields",
    )
    for _ in range(2):
        verified(workspace)
    assert counted(workspace, "UnknownFields") == [1]
    workspace.ready("apps", workspace.commit({"apps/web.yaml": mistyped(replica=3, paussed=1)}))
    workspace.event("apps", r"spec\.paussed, spec\.replica", type="Warning", reason="UnknownFields")


def test_too_many_of_them_are_refused_by_name(workspace: Workspace) -> None:
    """The API server names one at a time: each costs a request."""
    workspace.commit({"apps/web.yaml": mistyped(**{f"field{n}": n for n in range(4000)})})
    workspace.source()
    workspace.kustomization("apps")
    workspace.failed(
        "apps",
        "ReconciliationFailed",
        r"Deployment/\S+/web dry-run failed.*more than \d+ fields .* apps/v1 Deployment, among them spec\.field",
    )


def test_what_the_api_server_warns_of_is_reported(workspace: Workspace) -> None:
    """A deprecated version of a built-in kind."""
    endpoints = {"apiVersion": "v1", "kind": "Endpoints", "metadata": {"name": "old"}}
    workspace.commit({"apps/old.yaml": dump(endpoints)})
    workspace.source()
    workspace.kustomization("apps")
    workspace.ready("apps")
    workspace.event(
        "apps", r"Endpoints/\S+/old: v1 Endpoints is deprecated", type="Normal", reason="APIWarning"
    )
    verified(workspace)
    assert counted(workspace, "APIWarning") == [1]
