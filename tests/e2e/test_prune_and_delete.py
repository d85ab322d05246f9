"""What goes when something is taken out of Git or a Kustomization is deleted, and what stays."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.area import Area
from tests.support.cluster import condition, until
from tests.support.manifests import config_map, dump, kustomization

pytestmark = pytest.mark.e2e

PRUNE_DISABLED = {"kustomize.toolkit.fluxcd.io/prune": "disabled"}
OWNER = "kustomize.toolkit.fluxcd.io/name"


def names(area: Area) -> set[str]:
    """The ConfigMaps of the test."""
    found = area.api.list("v1", "ConfigMap", area.namespace)
    return {each["metadata"]["name"] for each in found} - {"kube-root-ca.crt"}


def test_removing_an_app_from_an_overlay_deletes_exactly_its_objects(area: Area) -> None:
    area.commit(
        {
            "base/one/kustomization.yaml": kustomization("a.yaml", "b.yaml"),
            "base/one/a.yaml": config_map("one-a"),
            "base/one/b.yaml": config_map("one-b"),
            "base/two/kustomization.yaml": kustomization("a.yaml"),
            "base/two/a.yaml": config_map("two-a"),
            "apps/kustomization.yaml": kustomization("../base/one", "../base/two"),
        }
    )
    area.source()
    area.kustomization("apps")
    area.ready("apps")
    bystander = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "bystander", "namespace": area.namespace},
    }
    area.api.apply(bystander)
    kept = area.config_map("two-a")
    assert names(area) == {"one-a", "one-b", "two-a", "bystander"}

    revision = area.commit({"apps/kustomization.yaml": kustomization("../base/two")})
    found = area.ready("apps", revision)
    assert names(area) == {"two-a", "bystander"}
    assert area.config_map("two-a") == kept, "what stays is not touched"
    entries = [each["id"] for each in found["status"]["inventory"]["entries"]]
    assert entries == [f"{area.namespace}_two-a__ConfigMap"]
    told = area.event("apps", "ConfigMap/.*one-a deleted")["message"]
    assert "one-b deleted" in told
    assert "two-a" not in told


def test_without_prune_and_with_the_annotation_objects_stay(area: Area) -> None:
    area.commit({"apps/a.yaml": config_map("a"), "more/a.yaml": config_map("loose")})
    area.commit(
        {"apps/kept.yaml": config_map("kept", annotations=PRUNE_DISABLED), "more/b.yaml": config_map("b")}
    )
    area.source()
    area.kustomization("apps")
    area.kustomization("more", prune=False)
    area.ready("apps")
    area.ready("more")
    removed = {"apps/a.yaml": None, "apps/kept.yaml": None, "more/a.yaml": None}
    revision = area.commit({**removed, "apps/b.yaml": config_map("c")})
    area.ready("apps", revision)
    area.ready("more", revision)
    assert names(area) == {"kept", "c", "loose", "b"}


def test_an_object_that_moved_to_another_kustomization_is_not_pruned(area: Area) -> None:
    area.commit(
        {"one/a.yaml": config_map("moves"), "one/b.yaml": config_map("stays"), "two/c.yaml": config_map("c")}
    )
    area.source()
    area.kustomization("one")
    area.ready("one")
    uid = (area.config_map("moves") or {})["metadata"]["uid"]
    area.kustomization("two")
    area.ready("two")
    # First it is in both, and the second one takes it; then it is gone from the first.
    area.change("one", {"suspend": True})
    area.ready("two", area.commit({"one/a.yaml": None, "two/a.yaml": config_map("moves")}))
    area.change("one", {"suspend": False})
    area.ready("one", f"main@sha1:{area.repository.head()}")
    moved = area.config_map("moves")
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
def test_deletion_policies(area: Area, fields: dict[str, object], goes: bool) -> None:
    area.commit({"apps/a.yaml": config_map("a"), "apps/b.yaml": config_map("b", annotations=PRUNE_DISABLED)})
    area.source()
    area.kustomization("apps")
    area.ready("apps")
    area.change("apps", fields)
    area.delete("apps")
    assert names(area) == ({"b"} if goes else {"a", "b"})


def _deleted_but_held(area: Area) -> dict[str, Any]:
    """Delete a Kustomization that waits for its one object, ``a``, which a finalizer keeps; returns that object."""
    area.kustomization("apps", deletionPolicy="WaitForTermination")
    area.ready("apps")
    held = area.config_map("a")
    assert held is not None
    area.api.merge(held, {"metadata": {"finalizers": ["headgate.test/held"]}})
    area.api.delete("kustomize.toolkit.fluxcd.io/v1", "Kustomization", "apps", area.namespace)
    until(
        "its object is told to go", lambda: (area.config_map("a") or {})["metadata"].get("deletionTimestamp")
    )
    return held


def test_wait_for_termination_waits_until_the_objects_are_gone(area: Area) -> None:
    area.commit({"apps/a.yaml": config_map("a")})
    area.source()
    held = _deleted_but_held(area)
    assert area.find("apps") is not None
    area.api.merge(held, {"metadata": {"finalizers": None}})
    until("the Kustomization is gone", lambda: area.find("apps") is None)
    assert area.config_map("a") is None


def test_a_deletion_that_somebody_cut_short_is_not_that_of_the_next_of_its_name(area: Area) -> None:
    area.commit({"apps/a.yaml": config_map("a"), "others/b.yaml": config_map("b")})
    area.source()
    held = _deleted_but_held(area)
    going = area.find("apps")
    assert going is not None
    area.api.merge(going, {"metadata": {"finalizers": None}})
    until("the Kustomization is gone", lambda: area.find("apps") is None)
    area.kustomization("apps", path="./others", deletionPolicy="WaitForTermination")
    area.ready("apps")
    area.delete("apps")
    assert area.config_map("b") is None
    area.api.merge(held, {"metadata": {"finalizers": None}})


def test_wait_for_termination_ends_at_the_timeout(area: Area) -> None:
    area.commit({"apps/a.yaml": config_map("a")})
    area.source()
    area.kustomization("apps", deletionPolicy="WaitForTermination", timeout="1s")
    area.ready("apps")
    held = area.config_map("a")
    assert held is not None
    area.api.merge(held, {"metadata": {"finalizers": ["headgate.test/held"]}})
    area.delete("apps")
    area.event("apps", "ConfigMap/.*/a still there", type="Warning")
    area.api.merge(held, {"metadata": {"finalizers": None}})


def test_deleting_never_hangs_on_what_is_gone_or_never_was(area: Area) -> None:
    """Its source, its objects, their kind, its service account: each of them is missing."""
    crd = _definition(area)
    gadget = {"apiVersion": "test.headgate.dev/v1", "kind": _kind(area), "metadata": {"name": "a"}}
    area.commit(
        {
            "kinds/crd.yaml": dump(crd),
            "gadgets/a.yaml": dump(gadget),
            "gone/a.yaml": config_map("a"),
            "bad/a.yaml": "{",
        }
    )
    area.source()
    area.kustomization("kinds", targetNamespace=None, wait=True)
    area.ready("kinds")
    area.kustomization("gadgets")
    area.kustomization("gone")
    area.kustomization("bad")
    area.kustomization("never", sourceRef={"kind": "GitRepository", "name": "never"})
    area.ready("gadgets")
    area.ready("gone")
    area.failed("bad", "BuildFailed")
    area.failed("never", "ArtifactFailed")
    area.change("gone", {"serviceAccountName": "not-there"})
    area.failed("gone", "ReconciliationFailed", "not-there|forbidden")
    area.delete("kinds")
    until("the kind is gone", lambda: area.api.get(*_CRD, crd["metadata"]["name"]) is None)
    area.delete("source", "GitRepository")
    for name in ("gadgets", "gone", "bad", "never"):
        area.delete(name)
    assert names(area) == {"a"}, "without the account nobody may delete it"


def test_suspend_and_resume(area: Area) -> None:
    area.commit({"apps/a.yaml": config_map("a", v="1")})
    area.source()
    area.kustomization("apps")
    area.ready("apps")
    area.change("apps", {"suspend": True})
    area.change("source", {"suspend": True}, "GitRepository")
    stamp = area.poke("GitRepository", "source")
    second = area.commit({"apps/a.yaml": config_map("a", v="2")})
    until(
        "a suspended source answers requests",
        lambda: area.get("source", "GitRepository")["status"]["lastHandledReconcileAt"] >= stamp,
    )
    assert area.get("source", "GitRepository")["status"]["artifact"]["revision"] != second

    area.change("source", {"suspend": False}, "GitRepository")
    area.ready("source", second, kind="GitRepository")
    # A suspended Kustomization neither follows the source nor corrects drift; a request it answers.
    drifted = area.config_map("a")
    assert drifted is not None
    area.api.merge(drifted, {"data": {"v": "mine"}}, manager="kubectl-edit")
    stamp = area.poke("Kustomization", "apps")
    until("it answers", lambda: area.get("apps")["status"].get("lastHandledReconcileAt") == stamp)
    assert (area.config_map("a") or {})["data"] == {"v": "mine"}
    assert condition(area.get("apps"))["status"] == "True", "Ready stays as it was"

    area.change("apps", {"suspend": False})
    area.ready("apps", second)
    assert (area.config_map("a") or {})["data"] == {"v": "2"}


_CRD = ("apiextensions.k8s.io/v1", "CustomResourceDefinition")


def _kind(area: Area) -> str:
    return "Gadget" + area.namespace[-6:]


def _definition(area: Area) -> dict[str, Any]:
    plural = _kind(area).lower() + "s"
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    return {
        "apiVersion": _CRD[0],
        "kind": _CRD[1],
        "metadata": {"name": f"{plural}.test.headgate.dev"},
        "spec": {
            "group": "test.headgate.dev",
            "names": {"plural": plural, "kind": _kind(area)},
            "scope": "Namespaced",
            "versions": [
                {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
            ],
        },
    }
