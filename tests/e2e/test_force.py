"""Immutable fields that change: Headgate reports the refusal, or recreates the object if ``force`` is set."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from tests.support.manifests import config_map, deployment, dump
from tests.support.workspace import Workspace

pytestmark = pytest.mark.e2e


def selecting(app: str, annotations: dict[str, str] | None = None) -> str:
    """A Deployment whose selector, which cannot be changed, is this."""
    obj: dict[str, Any] = yaml.safe_load(deployment("web"))
    obj["metadata"]["annotations"] = annotations or {}
    obj["spec"]["selector"]["matchLabels"] = {"app": app}
    obj["spec"]["template"]["metadata"]["labels"] = {"app": app}
    return dump(obj)


def uid(workspace: Workspace) -> str:
    found = workspace.object("apps/v1", "Deployment", "web")
    assert found is not None
    return str(found["metadata"]["uid"])


@pytest.mark.parametrize("how", ["spec", "annotation"])
def test_recreated_where_force_is_set(workspace: Workspace, how: str) -> None:
    """By ``spec.force``, or by the object's own annotation; nobody takes it for drift."""
    marks = {"kustomize.toolkit.fluxcd.io/force": "enabled"} if how == "annotation" else {}
    workspace.commit({"apps/web.yaml": selecting("one", marks), "apps/a.yaml": config_map("a")})
    workspace.source()
    workspace.kustomization("apps", force=how == "spec")
    workspace.ready("apps")
    before, settings = uid(workspace), workspace.config_map("a")
    revision = workspace.commit({"apps/web.yaml": selecting("two", marks)})
    workspace.ready("apps", revision)
    assert uid(workspace) != before
    assert workspace.config_map("a") == settings
    workspace.event("apps", "Deployment/.*web created")
    assert "drift" not in workspace.event_text("apps")


def test_refused_where_it_is_not(workspace: Workspace) -> None:
    """The object that runs stays, and the message names the field."""
    workspace.commit({"apps/web.yaml": selecting("one")})
    workspace.source()
    workspace.kustomization("apps")
    workspace.ready("apps")
    before = uid(workspace)
    workspace.commit({"apps/web.yaml": selecting("two")})
    workspace.failed("apps", "ReconciliationFailed", r"Deployment/\S+/web.*spec\.selector.*immutable")
    assert uid(workspace) == before


def test_not_deleted_for_what_could_not_be_created(workspace: Workspace) -> None:
    """A new version that the API server would refuse anyhow: the old one stays."""
    workspace.commit({"apps/web.yaml": selecting("one")})
    workspace.source()
    workspace.kustomization("apps", force=True)
    workspace.ready("apps")
    before = uid(workspace)
    broken = yaml.safe_load(selecting("two"))
    broken["spec"]["template"]["metadata"]["labels"] = {"app": "three"}
    workspace.commit({"apps/web.yaml": dump(broken)})
    workspace.failed("apps", "ReconciliationFailed", r"Deployment/\S+/web")
    assert uid(workspace) == before
