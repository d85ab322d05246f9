"""What is applied otherwise than Git says, and what the API server warns of, can be seen; once, not at every pass."""

from __future__ import annotations

import pytest
import yaml

from tests.support.area import Area
from tests.support.cluster import KUSTOMIZATION, until
from tests.support.manifests import deployment, dump

pytestmark = pytest.mark.e2e


def mistyped(**fields: int) -> str:
    obj = yaml.safe_load(deployment("web"))
    obj["spec"].update(fields or {"replica": 3})
    return dump(obj)


def verified(area: Area) -> None:
    stamp = area.poke(KUSTOMIZATION, "apps")
    until("it is verified", lambda: area.get("apps")["status"].get("lastHandledReconcileAt") == stamp)


def counted(area: Area, reason: str) -> list[int]:
    return [e["count"] for e in area.events("apps") if e["reason"] == reason]


def test_a_mistyped_field_is_reported(area: Area) -> None:
    area.commit({"apps/web.yaml": mistyped()})
    area.source()
    area.kustomization("apps")
    area.ready("apps")
    area.event(
        "apps",
        r"Deployment/\S+/web: not applied, as a apps/v1 Deployment has no such field: spec\.replica",
        type="Warning",
        reason="UnknownFields",
    )
    for _ in range(2):
        verified(area)
    assert counted(area, "UnknownFields") == [1]
    area.ready("apps", area.commit({"apps/web.yaml": mistyped(replica=3, paussed=1)}))
    area.event("apps", r"spec\.paussed, spec\.replica", type="Warning", reason="UnknownFields")


def test_too_many_of_them_are_refused_by_name(area: Area) -> None:
    """The API server names one at a time: each costs a request."""
    area.commit({"apps/web.yaml": mistyped(**{f"field{n}": n for n in range(4000)})})
    area.source()
    area.kustomization("apps")
    area.failed(
        "apps",
        "ReconciliationFailed",
        r"Deployment/\S+/web dry-run failed.*more than \d+ fields .* apps/v1 Deployment, among them spec\.field",
    )


def test_what_the_api_server_warns_of_is_reported(area: Area) -> None:
    """A deprecated version of a built-in kind."""
    endpoints = {"apiVersion": "v1", "kind": "Endpoints", "metadata": {"name": "old"}}
    area.commit({"apps/old.yaml": dump(endpoints)})
    area.source()
    area.kustomization("apps")
    area.ready("apps")
    area.event("apps", r"Endpoints/\S+/old: v1 Endpoints is deprecated", type="Normal", reason="APIWarning")
    verified(area)
    assert counted(area, "APIWarning") == [1]
