"""A change of a managed object that Git knows nothing of is undone, and it is said who made it."""

from __future__ import annotations

import pytest

from tests.support.area import Area
from tests.support.cluster import until
from tests.support.manifests import config_map, deployment

pytestmark = pytest.mark.e2e


def test_a_foreign_change_is_undone_at_once_and_told(area: Area) -> None:
    area.commit({"apps/web.yaml": deployment("web", replicas=2), "apps/a.yaml": config_map("a", v="1")})
    area.source()
    area.kustomization("apps", wait=True)
    area.ready("apps")
    web = area.object("apps/v1", "Deployment", "web")
    assert web is not None
    area.api.merge(web, {"spec": {"replicas": 5}}, manager="kubectl-edit")

    def replicas() -> int:
        found = area.object("apps/v1", "Deployment", "web") or {"spec": {}}
        return int(found["spec"].get("replicas", 0))

    until("it has two replicas again", lambda: replicas() == 2)
    subject = f"Deployment/{area.namespace}/web"
    area.event(
        "apps", f"drift detected: {subject}: kubectl-edit changed spec.replicas", reason="DriftDetected"
    )
    area.event("apps", f"{subject} configured")
    area.ready("apps")


def test_a_deleted_object_comes_back(area: Area) -> None:
    area.commit({"apps/a.yaml": config_map("a", v="1")})
    area.source()
    area.kustomization("apps")
    area.ready("apps")
    area.api.delete("v1", "ConfigMap", "a", area.namespace)
    until("it is there again", lambda: (area.config_map("a") or {}).get("data") == {"v": "1"})
    area.event("apps", f"ConfigMap/{area.namespace}/a created")


def test_what_others_own_is_left_alone(area: Area) -> None:
    """A field that Git does not set, and an object told to be left as it is, are not drift."""
    ignored = {"kustomize.toolkit.fluxcd.io/ssa": "IfNotPresent"}
    area.commit(
        {"apps/a.yaml": config_map("a", v="1"), "apps/b.yaml": config_map("b", annotations=ignored, v="1")}
    )
    area.source()
    area.kustomization("apps")
    area.ready("apps")
    for name in ("a", "b"):
        found = area.config_map(name)
        assert found is not None
        patch = {"data": {"v": "2"} if name == "b" else {"other": "x"}}
        area.api.merge(found, patch, manager="other-controller")
    stamp = area.poke("Kustomization", "apps")
    until(
        "everything was looked at", lambda: area.get("apps")["status"].get("lastHandledReconcileAt") == stamp
    )
    area.ready("apps")
    assert (area.config_map("a") or {})["data"] == {"v": "1", "other": "x"}
    assert (area.config_map("b") or {})["data"] == {"v": "2"}
