"""Events of sources, and of what waits for them, as Flux writes them."""

from __future__ import annotations

import pytest

from tests.support.cluster import SOURCE, SOURCE_VERSION, condition, until
from tests.support.manifests import config_map
from tests.support.workspace import Workspace

pytestmark = pytest.mark.e2e


def reported(workspace: Workspace, name: str, kind: str) -> list[tuple[str, str, str]]:
    return [(e["type"], e["reason"], e["message"]) for e in workspace.events(name, kind)]


def test_recovery_of_a_source(workspace: Workspace) -> None:
    workspace.commit({"a.yaml": config_map("a")})
    source = workspace.source()
    revision = source["status"]["artifact"]["revision"]
    workspace.server.fail_with = 503
    try:
        workspace.request_sources()
        workspace.failed("source", "GitOperationFailed", "not available at the moment", kind=SOURCE)
    finally:
        workspace.server.fail_with = None
    workspace.request_sources()
    workspace.ready("source", kind=SOURCE)
    workspace.event("source", f"^stored artifact for commit '{revision}'$", kind=SOURCE, reason="Succeeded")
    workspace.event("source", "^no changes since last", kind=SOURCE, reason="GitOperationSucceeded")


def test_deletion_of_a_source(workspace: Workspace) -> None:
    workspace.commit({"a.yaml": config_map("a")})
    workspace.source()
    workspace.delete("source", SOURCE)
    workspace.event(
        "source",
        "^garbage collected artifacts for deleted resource$",
        kind=SOURCE,
        type="Normal",
        reason="GarbageCollectionSucceeded",
    )


def test_what_has_no_source_yet_says_so_in_its_status_only(workspace: Workspace) -> None:
    workspace.kustomization("apps")
    workspace.failed("apps", "ArtifactFailed", "not found")
    missing = f"http://127.0.0.1:{workspace.server.port}/none.git"
    workspace.source(ready=False, url=missing)
    workspace.failed("source", "GitOperationFailed", kind=SOURCE)
    workspace.failed("apps", "ArtifactFailed", "^Source artifact not found, retrying in")
    assert reported(workspace, "apps", "Kustomization") == []
    workspace.commit({"apps/a.yaml": config_map("a")})
    workspace.change("source", {"url": workspace.url}, SOURCE)
    workspace.ready("apps")


def test_a_source_that_waits_for_what_it_includes(workspace: Workspace) -> None:
    workspace.commit({"a.yaml": config_map("a")})
    workspace.source("top", ready=False, include=[{"repository": {"name": "part"}, "toPath": "part"}])
    until("it waits", lambda: condition(workspace.get("top", SOURCE)).get("reason") == "NotFound")
    workspace.event(
        "top", "^could not get resource for include 'part'", kind=SOURCE, type="Normal", reason="NotFound"
    )
    workspace.source("part")
    workspace.ready("top", kind=SOURCE)
    assert workspace.api.present(SOURCE_VERSION, SOURCE, "top", workspace.namespace)["status"][
        "includedArtifacts"
    ]
