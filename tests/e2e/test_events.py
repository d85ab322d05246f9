"""The core events about a Kustomization and its source: their source component, reason and revision."""

from __future__ import annotations

import threading

import pytest

from tests.support.cluster import KUSTOMIZATION, SOURCE, until
from tests.support.manifests import config_map, kustomization
from tests.support.workspace import Workspace

pytestmark = pytest.mark.e2e

REVISION = "kustomize.toolkit.fluxcd.io/revision"
COMMIT_STATUS = "kustomize.toolkit.fluxcd.io/commit_status"
SOURCE_REVISION = "source.toolkit.fluxcd.io/revision"
SOURCE_DIGEST = "source.toolkit.fluxcd.io/digest"
FINISHED = r"^Reconciliation finished in \S+, next run in 1h0m0s$"


def look_again(workspace: Workspace, name: str, kind: str = KUSTOMIZATION) -> None:
    """Ask for a reconcile and wait until it has been."""
    stamp = workspace.request_reconcile(kind, name)
    until(
        "it is reconciled",
        lambda: workspace.get(name, kind)["status"].get("lastHandledReconcileAt") == stamp,
    )


def test_each_revision_is_reported_with_what_it_changed(workspace: Workspace) -> None:
    first = workspace.commit({"apps/a.yaml": config_map("a"), "apps/b.yaml": config_map("b")}, "Two of them")
    source = workspace.source()
    workspace.kustomization("apps")
    workspace.ready("apps", first)
    subject = f"ConfigMap/{workspace.namespace}"

    stored = workspace.event("source", "^stored artifact for commit 'Two of them'$", kind=SOURCE)
    assert (stored["type"], stored["reason"]) == ("Normal", "NewArtifact")
    assert stored["source"]["component"] == stored["reportingComponent"] == "source-controller"
    assert stored["metadata"]["annotations"] == {
        SOURCE_REVISION: first,
        SOURCE_DIGEST: source["status"]["artifact"]["digest"],
    }
    assert stored["involvedObject"]["uid"] == source["metadata"]["uid"]

    created = workspace.event("apps", f"^{subject}/a created\n{subject}/b created$", type="Normal")
    assert created["reason"] == "Progressing"
    assert created["metadata"]["annotations"] == {REVISION: first}
    finished = workspace.event("apps", FINISHED, type="Normal", reason="ReconciliationSucceeded")
    assert finished["metadata"]["annotations"] == {REVISION: first, COMMIT_STATUS: "update"}
    assert finished["source"]["component"] == "kustomize-controller"
    about = finished["involvedObject"]
    assert about["apiVersion"] == "kustomize.toolkit.fluxcd.io/v1"
    assert about["uid"] == workspace.get("apps")["metadata"]["uid"]

    second = workspace.commit(
        {"apps/a.yaml": config_map("a", a="2"), "apps/b.yaml": None, "apps/c.yaml": config_map("c")}
    )
    workspace.ready("apps", second)
    changed = workspace.event("apps", f"^{subject}/a configured\n{subject}/c created$")
    pruned = workspace.event("apps", f"^{subject}/b deleted$")
    for event in (changed, pruned):
        assert event["metadata"]["annotations"] == {REVISION: second}


def test_a_reconcile_that_changes_nothing_tells_of_no_change(workspace: Workspace) -> None:
    workspace.commit({"apps/a.yaml": config_map("a")})
    workspace.source()
    workspace.kustomization("apps")
    workspace.ready("apps")
    workspace.event("apps", FINISHED)
    before = [each["message"] for each in workspace.events("apps") if each["reason"] == "Progressing"]
    for kind, name in ((SOURCE, "source"), (KUSTOMIZATION, "apps")):
        look_again(workspace, name, kind)
    until("the second reconcile is reported", lambda: _count(workspace, "ReconciliationSucceeded") == 2)
    assert [each["message"] for each in workspace.events("apps") if each["reason"] == "Progressing"] == before
    stored = [each for each in workspace.events("source", SOURCE) if each["reason"] == "NewArtifact"]
    assert sum(each["count"] for each in stored) == 1


def test_the_same_failure_again_raises_the_count_of_one_event(workspace: Workspace) -> None:
    revision = workspace.commit({"apps/a.yaml": "a: [\n"})
    workspace.source()
    workspace.kustomization("apps")
    workspace.failed("apps", "BuildFailed")
    said = workspace.event("apps", r"apps/a\.yaml", type="Warning", reason="BuildFailed")
    assert said["metadata"]["annotations"] == {REVISION: revision}
    for _ in range(2):
        look_again(workspace, "apps")
    until("it is counted", lambda: _count(workspace, "BuildFailed") == 3)
    assert len([each for each in workspace.events("apps") if each["type"] == "Warning"]) == 1


def _count(workspace: Workspace, reason: str) -> int:
    return sum(each["count"] for each in workspace.events("apps") if each["reason"] == reason)


def test_a_patch_that_fits_nothing_is_reported_once_for_a_revision(workspace: Workspace) -> None:
    text = kustomization("a.yaml", patches=[{"target": {"name": "b"}, "patch": config_map("x")}])
    files = {"apps/kustomization.yaml": text, "apps/a.yaml": config_map("a")}
    revision = workspace.commit(files)
    workspace.source()
    workspace.kustomization("apps")
    workspace.ready("apps", revision)
    says = r"^apps/kustomization\.yaml, field patches\[0\]: the patch changes nothing: .* \(name=b\)$"
    event = workspace.event("apps", says, type="Warning", reason="BuildWarning")
    assert event["metadata"]["annotations"] == {REVISION: revision}
    look_again(workspace, "apps")
    until("the second reconcile is reported", lambda: _count(workspace, "ReconciliationSucceeded") == 2)
    assert _count(workspace, "BuildWarning") == 1
    second = workspace.commit({"apps/a.yaml": config_map("a", a="2")})
    workspace.ready("apps", second)
    until("the new revision is warned of, too", lambda: _count(workspace, "BuildWarning") == 2)


def test_requests_in_quick_succession_do_not_hide_why_it_waits(workspace: Workspace) -> None:
    workspace.commit({"apps/a.yaml": config_map("a")})
    workspace.source()
    workspace.kustomization("apps", dependsOn=[{"name": "missing"}], suspend=True)
    end = threading.Event()

    def ask() -> None:
        while not end.wait(0.1):
            workspace.request_reconcile(KUSTOMIZATION, "apps")

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        workspace.change("apps", {"suspend": False})
        workspace.failed("apps", "DependencyNotReady", "missing")
    finally:
        end.set()
        thread.join()
