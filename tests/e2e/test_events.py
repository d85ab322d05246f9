"""What is told of a Kustomization and its source in core events: by whom, with which reason, for which revision."""

from __future__ import annotations

import threading

import pytest

from tests.support.area import Area
from tests.support.cluster import KUSTOMIZATION, SOURCE, until
from tests.support.manifests import config_map, kustomization

pytestmark = pytest.mark.e2e

REVISION = "kustomize.toolkit.fluxcd.io/revision"
COMMIT_STATUS = "kustomize.toolkit.fluxcd.io/commit_status"
SOURCE_REVISION = "source.toolkit.fluxcd.io/revision"
SOURCE_DIGEST = "source.toolkit.fluxcd.io/digest"
FINISHED = r"^Reconciliation finished in \S+, next run in 1h0m0s$"


def look_again(area: Area, name: str, kind: str = KUSTOMIZATION) -> None:
    """Ask for a reconcile and wait until it has been."""
    stamp = area.poke(kind, name)
    until(
        "it has been looked at", lambda: area.get(name, kind)["status"].get("lastHandledReconcileAt") == stamp
    )


def test_each_revision_is_told_with_what_it_changed(area: Area) -> None:
    first = area.commit({"apps/a.yaml": config_map("a"), "apps/b.yaml": config_map("b")}, "Two of them")
    source = area.source()
    area.kustomization("apps")
    area.ready("apps", first)
    subject = f"ConfigMap/{area.namespace}"

    stored = area.event("source", "^stored artifact for commit 'Two of them'$", kind=SOURCE)
    assert (stored["type"], stored["reason"]) == ("Normal", "NewArtifact")
    assert stored["source"]["component"] == stored["reportingComponent"] == "source-controller"
    assert stored["metadata"]["annotations"] == {
        SOURCE_REVISION: first,
        SOURCE_DIGEST: source["status"]["artifact"]["digest"],
    }
    assert stored["involvedObject"]["uid"] == source["metadata"]["uid"]

    created = area.event("apps", f"^{subject}/a created\n{subject}/b created$", type="Normal")
    assert created["reason"] == "Progressing"
    assert created["metadata"]["annotations"] == {REVISION: first}
    finished = area.event("apps", FINISHED, type="Normal", reason="ReconciliationSucceeded")
    assert finished["metadata"]["annotations"] == {REVISION: first, COMMIT_STATUS: "update"}
    assert finished["source"]["component"] == "kustomize-controller"
    about = finished["involvedObject"]
    assert about["apiVersion"] == "kustomize.toolkit.fluxcd.io/v1"
    assert about["uid"] == area.get("apps")["metadata"]["uid"]

    second = area.commit(
        {"apps/a.yaml": config_map("a", a="2"), "apps/b.yaml": None, "apps/c.yaml": config_map("c")}
    )
    area.ready("apps", second)
    changed = area.event("apps", f"^{subject}/a configured\n{subject}/c created$")
    pruned = area.event("apps", f"^{subject}/b deleted$")
    for told in (changed, pruned):
        assert told["metadata"]["annotations"] == {REVISION: second}


def test_a_reconcile_that_changes_nothing_tells_of_no_change(area: Area) -> None:
    area.commit({"apps/a.yaml": config_map("a")})
    area.source()
    area.kustomization("apps")
    area.ready("apps")
    area.event("apps", FINISHED)
    before = [each["message"] for each in area.events("apps") if each["reason"] == "Progressing"]
    for kind, name in ((SOURCE, "source"), (KUSTOMIZATION, "apps")):
        look_again(area, name, kind)
    until("the second reconcile is told", lambda: _count(area, "ReconciliationSucceeded") == 2)
    assert [each["message"] for each in area.events("apps") if each["reason"] == "Progressing"] == before
    stored = [each for each in area.events("source", SOURCE) if each["reason"] == "NewArtifact"]
    assert sum(each["count"] for each in stored) == 1


def test_the_same_failure_again_raises_the_count_of_one_event(area: Area) -> None:
    revision = area.commit({"apps/a.yaml": "a: [\n"})
    area.source()
    area.kustomization("apps")
    area.failed("apps", "BuildFailed")
    said = area.event("apps", r"apps/a\.yaml", type="Warning", reason="BuildFailed")
    assert said["metadata"]["annotations"] == {REVISION: revision}
    for _ in range(2):
        look_again(area, "apps")
    until("it is counted", lambda: _count(area, "BuildFailed") == 3)
    assert len([each for each in area.events("apps") if each["type"] == "Warning"]) == 1


def _count(area: Area, reason: str) -> int:
    return sum(each["count"] for each in area.events("apps") if each["reason"] == reason)


def test_a_patch_that_fits_nothing_is_told_once_for_a_revision(area: Area) -> None:
    text = kustomization("a.yaml", patches=[{"target": {"name": "b"}, "patch": config_map("x")}])
    files = {"apps/kustomization.yaml": text, "apps/a.yaml": config_map("a")}
    revision = area.commit(files)
    area.source()
    area.kustomization("apps")
    area.ready("apps", revision)
    says = r"^apps/kustomization\.yaml, field patches\[0\]: the patch changes nothing: .* \(name=b\)$"
    told = area.event("apps", says, type="Warning", reason="BuildWarning")
    assert told["metadata"]["annotations"] == {REVISION: revision}
    look_again(area, "apps")
    until("the second reconcile is told", lambda: _count(area, "ReconciliationSucceeded") == 2)
    assert _count(area, "BuildWarning") == 1
    second = area.commit({"apps/a.yaml": config_map("a", a="2")})
    area.ready("apps", second)
    until("the new revision is warned of, too", lambda: _count(area, "BuildWarning") == 2)


def test_requests_in_quick_succession_do_not_hide_why_it_waits(area: Area) -> None:
    area.commit({"apps/a.yaml": config_map("a")})
    area.source()
    area.kustomization("apps", dependsOn=[{"name": "missing"}], suspend=True)
    end = threading.Event()

    def ask() -> None:
        while not end.wait(0.1):
            area.poke(KUSTOMIZATION, "apps")

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        area.change("apps", {"suspend": False})
        area.failed("apps", "DependencyNotReady", "missing")
    finally:
        end.set()
        thread.join()
