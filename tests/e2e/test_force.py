"""Immutable fields that change: refused, or deleted and created anew where that is asked for."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from tests.support.area import Area
from tests.support.manifests import config_map, deployment, dump

pytestmark = pytest.mark.e2e


def selecting(app: str, annotations: dict[str, str] | None = None) -> str:
    """A Deployment whose selector, which cannot be changed, is this."""
    obj: dict[str, Any] = yaml.safe_load(deployment("web"))
    obj["metadata"]["annotations"] = annotations or {}
    obj["spec"]["selector"]["matchLabels"] = {"app": app}
    obj["spec"]["template"]["metadata"]["labels"] = {"app": app}
    return dump(obj)


def uid(area: Area) -> str:
    found = area.object("apps/v1", "Deployment", "web")
    assert found is not None
    return str(found["metadata"]["uid"])


@pytest.mark.parametrize("how", ["spec", "annotation"])
def test_recreated_where_that_is_asked_for(area: Area, how: str) -> None:
    """By ``spec.force``, or by the object's own annotation; nobody takes it for drift."""
    marks = {"kustomize.toolkit.fluxcd.io/force": "enabled"} if how == "annotation" else {}
    area.commit({"apps/web.yaml": selecting("one", marks), "apps/a.yaml": config_map("a")})
    area.source()
    area.kustomization("apps", force=how == "spec")
    area.ready("apps")
    before, settings = uid(area), area.config_map("a")
    revision = area.commit({"apps/web.yaml": selecting("two", marks)})
    area.ready("apps", revision)
    assert uid(area) != before
    assert area.config_map("a") == settings
    area.event("apps", "Deployment/.*web created")
    assert "drift" not in area.told("apps")


def test_refused_where_it_is_not(area: Area) -> None:
    """The object that runs stays, and the message names the field."""
    area.commit({"apps/web.yaml": selecting("one")})
    area.source()
    area.kustomization("apps")
    area.ready("apps")
    before = uid(area)
    area.commit({"apps/web.yaml": selecting("two")})
    area.failed("apps", "ReconciliationFailed", r"Deployment/\S+/web.*spec\.selector.*immutable")
    assert uid(area) == before


def test_not_deleted_for_what_could_not_be_created(area: Area) -> None:
    """A new version that the API server would refuse anyhow: the old one stays."""
    area.commit({"apps/web.yaml": selecting("one")})
    area.source()
    area.kustomization("apps", force=True)
    area.ready("apps")
    before = uid(area)
    broken = yaml.safe_load(selecting("two"))
    broken["spec"]["template"]["metadata"]["labels"] = {"app": "three"}
    area.commit({"apps/web.yaml": dump(broken)})
    area.failed("apps", "ReconciliationFailed", r"Deployment/\S+/web")
    assert uid(area) == before
