"""What goes when something is taken out of Git or a Kustomization is deleted, and what stays."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.cluster import condition, until
from tests.support.manifests import config_map, dump, kustomization
from tests.support.workspace import Workspace

pytestmark = pytest.mark.e2e

PRUNE_DISABLED = {"kustomize.toolkit.fluxcd.io/prune": "disabled"}
OWNER = "kustomize.toolkit.fluxcd.io/name"


def names(workspace: Workspace) -> set[str]:
    """The ConfigMaps of the test."""
    found = workspace.api.list("v1", "ConfigMap", workspace.namespace)
    return {each["metadata"]["name"] for each in found} - {"kube-root-ca.crt"}


def test_removing_an_app_from_an_overlay_deletes_exactly_its_objects(workspace: Workspace) -> None:
    workspace.commit(
        {
            "base/one/kustomization.yaml": kustomization("a.yaml", "b.yaml"),
            "base/one/a.yaml": config_map("one-a"),
            "base/one/b.yaml": config_map("one-b"),
            "base/two/kustomization.yaml": kustomization("a.yaml"),
            "base/two/a.yaml": config_map("two-a"),
            "apps/kustomization.yaml": kustomization("../base/one", "../base/two"),
        }
    )
    workspace.source()
    workspace.kustomization("apps")
    workspace.ready("apps")
    bystander = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "bystander", "namespace": workspace.namespace},
    }
    workspace.api.apply(bystander)
    kept = workspace.config_map("two-a")
    assert names(workspace) == {"one-a", "one-b", "two-a", "bystander"}

    revision = workspace.commit({"apps/kustomization.yaml": kustomization("../base/two")})
    found = workspace.ready("apps", revision)
    assert names(workspace) == {"two-a", "bystander"}
    assert workspace.config_map("two-a") == kept, "what stays is not touched"
    entries = [each["id"] for each in found["status"]["inventory"]["entries"]]
    assert entries == [f"{workspace.namespace}_two-a__ConfigMap"]
    message = workspace.event("apps", "ConfigMap/.*one-a deleted")["message"]
    assert "one-b deleted" in message
    assert "two-a" not in message


def test_without_prune_and_with_the_annotation_objects_stay(workspace: Workspace) -> None:
    workspace.commit({"apps/a.yaml": config_map("a"), "more/a.yaml": config_map("loose")})
    workspace.commit(
        {"apps/kept.yaml": config_map("kept", annotations=PRUNE_DISABLED), "more/b.yaml": config_map("b")}
    )
    workspace.source()
    workspace.kustomization("apps")
    workspace.kustomization("more", prune=False)
    workspace.ready("apps")
    workspace.ready("more")
    removed = {"apps/a.yaml": None, "apps/kept.yaml": None, "more/a.yaml": None}
    revision = workspace.commit({**removed, "apps/b.yaml": config_map("c")})
    workspace.ready("apps", revision)
    workspace.ready("more", revision)
    assert names(workspace) == {"kept", "c", "loose", "b"}


def test_an_object_that_moved_to_another_kustomization_is_not_pruned(workspace: Workspace) -> None:
    workspace.commit(
        {"one/a.yaml": config_map("moves"), "one/b.yaml": config_map("stays"), "two/c.yaml": config_map("c")}
    )
    workspace.source()
    workspace.kustomization("one")
    workspace.ready("one")
    uid = (workspace.config_map("moves") or {})["metadata"]["uid"]
    workspace.kustomization("two")
    workspace.ready("two")
    # First it is in both, and the second one takes it; then it is gone from the first.
    workspace.change("one", {"suspend": True})
    workspace.ready("two", workspace.commit({"one/a.yaml": None, "two/a.yaml": config_map("moves")}))
    workspace.change("one", {"suspend": False})
    workspace.ready("one", f"main@sha1:{workspace.repository.head()}")
    moved = workspace.config_map("moves")
    assert moved is not None
    assert moved["metadata"]["uid"] == uid
    assert moved["metadata"]["labels"][OWNER] == "two"


@pytest.mark.parametrize(
    ("fields", "goes"),
    [
        pytest.param({}, True, id="default"),
        pytest.param({"prune": False}, False, id="default-without-prune"),
        pytest.param({"deletionPolicy": "MirrorPrune"}, True, id="mirror-prune"),
        pytest.param({"deletionPolicy": "Delete", "prune": False}, True, id="delete-without-prune"),
        pytest.param({"deletionPolicy": "WaitForTermination"}, True, id="wait-for-termination"),
        pytest.param({"deletionPolicy": "Orphan"}, False, id="orphan"),
        pytest.param({"suspend": True}, False, id="suspended"),
    ],
)
def test_deletion_policies(workspace: Workspace, fields: dict[str, object], goes: bool) -> None:
    workspace.commit(
        {"apps/a.yaml": config_map("a"), "apps/b.yaml": config_map("b", annotations=PRUNE_DISABLED)}
    )
    workspace.source()
    workspace.kustomization("apps")
    workspace.ready("apps")
    workspace.change("apps", fields)
    workspace.delete("apps")
    assert names(workspace) == ({"b"} if goes else {"a", "b"})


def _deleted_but_held(workspace: Workspace) -> dict[str, Any]:
    """Delete a Kustomization that waits for its one object, ``a``, which a finalizer keeps; returns that object."""
    workspace.kustomization("apps", deletionPolicy="WaitForTermination")
    workspace.ready("apps")
    held = workspace.config_map("a")
    assert held is not None
    workspace.api.merge(held, {"metadata": {"finalizers": ["headgate.test/held"]}})
    workspace.api.delete("kustomize.toolkit.fluxcd.io/v1", "Kustomization", "apps", workspace.namespace)
    until(
        "its object is being deleted",
        lambda: (workspace.config_map("a") or {})["metadata"].get("deletionTimestamp"),
    )
    return held


def test_wait_for_termination_waits_until_the_objects_are_gone(workspace: Workspace) -> None:
    workspace.commit({"apps/a.yaml": config_map("a")})
    workspace.source()
    held = _deleted_but_held(workspace)
    assert workspace.find("apps") is not None
    workspace.api.merge(held, {"metadata": {"finalizers": None}})
    until("the Kustomization is gone", lambda: workspace.find("apps") is None)
    assert workspace.config_map("a") is None


def test_a_deletion_that_somebody_cut_short_is_not_that_of_the_next_of_its_name(workspace: Workspace) -> None:
    workspace.commit({"apps/a.yaml": config_map("a"), "others/b.yaml": config_map("b")})
    workspace.source()
    held = _deleted_but_held(workspace)
    going = workspace.find("apps")
    assert going is not None
    workspace.api.merge(going, {"metadata": {"finalizers": None}})
    until("the Kustomization is gone", lambda: workspace.find("apps") is None)
    workspace.kustomization("apps", path="./others", deletionPolicy="WaitForTermination")
    workspace.ready("apps")
    workspace.delete("apps")
    assert workspace.config_map("b") is None
    workspace.api.merge(held, {"metadata": {"finalizers": None}})


def test_wait_for_termination_ends_at_the_timeout(workspace: Workspace) -> None:
    workspace.commit({"apps/a.yaml": config_map("a")})
    workspace.source()
    workspace.kustomization("apps", deletionPolicy="WaitForTermination", timeout="1s")
    workspace.ready("apps")
    held = workspace.config_map("a")
    assert held is not None
    workspace.api.merge(held, {"metadata": {"finalizers": ["headgate.test/held"]}})
    workspace.delete("apps")
    workspace.event("apps", "ConfigMap/.*/a still there", type="Warning")
    workspace.api.merge(held, {"metadata": {"finalizers": None}})


def test_deleting_never_hangs_on_what_is_gone_or_never_was(workspace: Workspace) -> None:
    """Its source, its objects, their kind, its service account: each of them is missing."""
    crd = _definition(workspace)
    gadget = {"apiVersion": "test.headgate.dev/v1", "kind": _kind(workspace), "metadata": {"name": "a"}}
    workspace.commit(
        {
            "kinds/crd.yaml": dump(crd),
            "gadgets/a.yaml": dump(gadget),
            "gone/a.yaml": config_map("a"),
            "bad/a.yaml": "{",
        }
    )
    workspace.source()
    workspace.kustomization("kinds", targetNamespace=None, wait=True)
    workspace.ready("kinds")
    workspace.kustomization("gadgets")
    workspace.kustomization("gone")
    workspace.kustomization("bad")
    workspace.kustomization("never", sourceRef={"kind": "GitRepository", "name": "never"})
    workspace.ready("gadgets")
    workspace.ready("gone")
    workspace.failed("bad", "BuildFailed")
    workspace.failed("never", "ArtifactFailed")
    workspace.change("gone", {"serviceAccountName": "not-there"})
    workspace.failed("gone", "ReconciliationFailed", "not-there|forbidden")
    workspace.delete("kinds")
    until("the kind is gone", lambda: workspace.api.get(*_CRD, crd["metadata"]["name"]) is None)
    workspace.delete("source", "GitRepository")
    for name in ("gadgets", "gone", "bad", "never"):
        workspace.delete(name)
    assert names(workspace) == {"a"}, "without the account nobody may delete it"


def test_suspend_and_resume(workspace: Workspace) -> None:
    workspace.commit({"apps/a.yaml": config_map("a", v="1")})
    workspace.source()
    workspace.kustomization("apps")
    workspace.ready("apps")
    workspace.change("apps", {"suspend": True})
    workspace.change("source", {"suspend": True}, "GitRepository")
    stamp = workspace.request_reconcile("GitRepository", "source")
    second = workspace.commit({"apps/a.yaml": config_map("a", v="2")})
    until(
        "a suspended source answers requests",
        lambda: workspace.get("source", "GitRepository")["status"].get("lastHandledReconcileAt", "") >= stamp,
    )
    assert workspace.get("source", "GitRepository")["status"]["artifact"]["revision"] != second

    workspace.change("source", {"suspend": False}, "GitRepository")
    workspace.ready("source", second, kind="GitRepository")
    # A suspended Kustomization neither follows the source nor corrects drift; a request it answers.
    drifted = workspace.config_map("a")
    assert drifted is not None
    workspace.api.merge(drifted, {"data": {"v": "mine"}}, manager="kubectl-edit")
    stamp = workspace.request_reconcile("Kustomization", "apps")
    until("it answers", lambda: workspace.get("apps")["status"].get("lastHandledReconcileAt") == stamp)
    assert (workspace.config_map("a") or {})["data"] == {"v": "mine"}
    assert condition(workspace.get("apps"))["status"] == "True", "Ready stays as it was"

    workspace.change("apps", {"suspend": False})
    workspace.ready("apps", second)
    assert (workspace.config_map("a") or {})["data"] == {"v": "2"}


_CRD = ("apiextensions.k8s.io/v1", "CustomResourceDefinition")


def _kind(workspace: Workspace) -> str:
    return "Gadget" + workspace.namespace[-6:]


def _definition(workspace: Workspace) -> dict[str, Any]:
    plural = _kind(workspace).lower() + "s"
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    return {
        "apiVersion": _CRD[0],
        "kind": _CRD[1],
        "metadata": {"name": f"{plural}.test.headgate.dev"},
        "spec": {
            "group": "test.headgate.dev",
            "names": {"plural": plural, "kind": _kind(workspace)},
            "scope": "Namespaced",
            "versions": [
                {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
            ],
        },
    }
