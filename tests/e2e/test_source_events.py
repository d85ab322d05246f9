"""Events of sources, and of what waits for them, as Flux writes them."""

from __future__ import annotations

import pytest

from tests.support.area import Area
from tests.support.cluster import SOURCE, SOURCE_VERSION, condition, until
from tests.support.manifests import config_map

pytestmark = pytest.mark.e2e


def told(area: Area, name: str, kind: str) -> list[tuple[str, str, str]]:
    return [(e["type"], e["reason"], e["message"]) for e in area.events(name, kind)]


def test_recovery_of_a_source(area: Area) -> None:
    area.commit({"a.yaml": config_map("a")})
    source = area.source()
    revision = source["status"]["artifact"]["revision"]
    area.server.fail_with = 503
    try:
        area.poke_sources()
        area.failed("source", "GitOperationFailed", "not available at the moment", kind=SOURCE)
    finally:
        area.server.fail_with = None
    area.poke_sources()
    area.ready("source", kind=SOURCE)
    area.event("source", f"^stored artifact for commit '{revision}'$", kind=SOURCE, reason="Succeeded")
    area.event("source", "^no changes since last", kind=SOURCE, reason="GitOperationSucceeded")


def test_deletion_of_a_source(area: Area) -> None:
    area.commit({"a.yaml": config_map("a")})
    area.source()
    area.delete("source", SOURCE)
    area.event(
        "source",
        "^garbage collected artifacts for deleted resource$",
        kind=SOURCE,
        type="Normal",
        reason="GarbageCollectionSucceeded",
    )


def test_what_has_no_source_yet_says_so_in_its_status_only(area: Area) -> None:
    area.kustomization("apps")
    area.failed("apps", "ArtifactFailed", "not found")
    missing = f"http://127.0.0.1:{area.server.port}/none.git"
    area.source(ready=False, url=missing)
    area.failed("source", "GitOperationFailed", kind=SOURCE)
    area.failed("apps", "ArtifactFailed", "^Source artifact not found, retrying in")
    assert told(area, "apps", "Kustomization") == []
    area.commit({"apps/a.yaml": config_map("a")})
    area.change("source", {"url": area.url}, SOURCE)
    area.ready("apps")


def test_a_source_that_waits_for_what_it_includes(area: Area) -> None:
    area.commit({"a.yaml": config_map("a")})
    area.source("top", ready=False, include=[{"repository": {"name": "part"}, "toPath": "part"}])
    until("it waits", lambda: condition(area.get("top", SOURCE)).get("reason") == "NotFound")
    area.event(
        "top", "^could not get resource for include 'part'", kind=SOURCE, type="Normal", reason="NotFound"
    )
    area.source("part")
    area.ready("top", kind=SOURCE)
    assert area.api.present(SOURCE_VERSION, SOURCE, "top", area.namespace)["status"]["includedArtifacts"]
