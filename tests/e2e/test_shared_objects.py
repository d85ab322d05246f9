"""An object that two Kustomizations render: it stays for as long as one of them does, and goes with the last."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.cluster import KUSTOMIZATION, KUSTOMIZATION_VERSION, until
from tests.support.manifests import config_map, dump
from tests.support.workspace import Workspace

pytestmark = pytest.mark.e2e

OWNER = "kustomize.toolkit.fluxcd.io/name"
DISABLED = {"kustomize.toolkit.fluxcd.io/reconcile": "disabled"}
BOTH = {f"{app}/{name}.yaml": config_map(name) for app, name in (("a", "a"), ("b", "b"))}
SHARED = {"a/shared.yaml": config_map("shared"), "b/shared.yaml": config_map("shared")}


def listed(workspace: Workspace, name: str) -> set[str]:
    """The names in an inventory."""
    return {e["id"].split("_")[1] for e in workspace.get(name)["status"]["inventory"]["entries"]}


def owner(workspace: Workspace) -> str:
    """Whose labels the shared object carries; empty where it is not there."""
    found = workspace.config_map("shared")
    return "" if found is None else str(found["metadata"]["labels"][OWNER])


@pytest.fixture
def shared(workspace: Workspace) -> Workspace:
    """``a`` and ``b`` both render it, and ``b`` applied it last."""
    workspace.commit({**BOTH, **SHARED})
    workspace.source()
    for name in ("a", "b"):
        workspace.kustomization(name)
        workspace.ready(name)
    assert owner(workspace) == "b"
    return workspace


def uid(workspace: Workspace) -> str:
    found = workspace.config_map("shared")
    assert found is not None
    return str(found["metadata"]["uid"])


@pytest.mark.parametrize("last", ["b", "a"])
def test_one_drops_it_and_it_stays_for_the_other(shared: Workspace, last: str) -> None:
    """Regardless of who applied it last, and nobody creates it again."""
    if last == "a":
        shared.request_reconcile(KUSTOMIZATION, "a")
        until("a has it", lambda: owner(shared) == "a")
    before = uid(shared)
    revision = shared.commit({"b/shared.yaml": None})
    for name in ("a", "b"):
        shared.ready(name, revision)
    until("it is a's", lambda: owner(shared) == "a")
    assert uid(shared) == before
    assert listed(shared, "b") == {"b"}
    assert listed(shared, "a") == {"a", "shared"}
    if last == "b":
        shared.event("b", rf"shared skipped: Kustomization/{shared.namespace}/a applies it too")
    # a's now, it goes when a drops it.
    shared.ready("a", shared.commit({"a/shared.yaml": None}))
    assert shared.config_map("shared") is None


def test_one_is_deleted_and_it_stays_for_the_other(shared: Workspace) -> None:
    before = uid(shared)
    shared.delete("b")
    until("it is a's", lambda: owner(shared) == "a")
    assert uid(shared) == before
    assert shared.config_map("b") is None
    shared.delete("a")
    assert shared.config_map("shared") is None


@pytest.mark.parametrize("first", ["a", "b"])
def test_both_drop_it_in_one_commit_and_it_goes(shared: Workspace, first: str) -> None:
    other = {"a": "b", "b": "a"}[first]
    shared.change(other, {"dependsOn": [{"name": first}]})
    shared.ready(other)
    revision = shared.commit({"a/shared.yaml": None, "b/shared.yaml": None})
    for name in (first, other):
        shared.ready(name, revision)
    assert shared.config_map("shared") is None


def test_both_are_deleted_at_once_and_it_goes(shared: Workspace) -> None:
    for name in ("a", "b"):
        shared.api.delete(KUSTOMIZATION_VERSION, KUSTOMIZATION, name, shared.namespace)
    until("both are gone", lambda: not any(shared.find(name) for name in ("a", "b")))
    assert shared.config_map("shared") is None


def test_the_other_may_be_suspended(shared: Workspace) -> None:
    """It cannot apply the object now, but keeps it in its inventory, even after the other Kustomization is gone."""
    before = uid(shared)
    shared.change("a", {"suspend": True})
    shared.delete("b")
    assert uid(shared) == before
    assert owner(shared) == "a"
    shared.commit({"a/shared.yaml": None})
    shared.change("a", {"suspend": False})
    until("it goes when a drops it", lambda: shared.config_map("shared") is None)


def test_what_the_other_does_not_prune_stays(shared: Workspace) -> None:
    shared.change("a", {"prune": False})
    shared.ready("a")
    shared.delete("b")
    shared.ready("a", shared.commit({"a/shared.yaml": None}))
    assert owner(shared) == "a"


@pytest.mark.parametrize(
    "leave",
    [
        {"deletionPolicy": "Orphan"},
        {"suspend": True},
        {"prune": False},
    ],
    ids=str,
)
def test_what_the_other_leaves_alive_is_taken_on(shared: Workspace, leave: dict[str, Any]) -> None:
    """Its owner labels name a Kustomization that no longer manages it: the one that still does need not wait."""
    shared.change("b", leave)
    if leave == {"prune": False}:
        shared.ready("b", shared.commit({"b/shared.yaml": None}))
    else:
        shared.delete("b")
    until("it is a's", lambda: owner(shared) == "a")
    shared.ready("a", shared.commit({"a/shared.yaml": None}))
    assert shared.config_map("shared") is None


@pytest.fixture
def neighbour(workspace: Workspace) -> Iterator[str]:
    """Another tenant's namespace."""
    namespace = f"{workspace.namespace}-other"
    workspace.api.create_namespace(namespace, {"headgate-test": "true"})
    yield namespace
    path = workspace.api.path(KUSTOMIZATION_VERSION, KUSTOMIZATION, namespace)
    workspace.api.rest.request("DELETE", path)
    until("its Kustomizations are gone", lambda: not workspace.api.rest.get(path)["items"])
    workspace.api.delete("v1", "Namespace", namespace)


def elsewhere(workspace: Workspace, namespace: str, name: str, **spec: Any) -> None:
    """A Kustomization of another namespace that applies to the one here."""
    meta = {"name": name, "namespace": namespace}
    spec = {
        "interval": "1h",
        "retryInterval": "1h",
        "prune": True,
        "path": f"./{name}",
        "sourceRef": {"kind": "GitRepository", "name": "source", "namespace": workspace.namespace},
        "targetNamespace": workspace.namespace,
        **spec,
    }
    spec = {field: value for field, value in spec.items() if value is not None}
    workspace.api.apply(
        {"apiVersion": KUSTOMIZATION_VERSION, "kind": KUSTOMIZATION, "metadata": meta, "spec": spec},
        manager="kubectl",
    )


def is_ready(workspace: Workspace, namespace: str, name: str) -> None:
    def look() -> bool:
        found = workspace.api.present(KUSTOMIZATION_VERSION, KUSTOMIZATION, name, namespace)
        conditions = (found.get("status") or {}).get("conditions") or ()
        return any((c["type"], c["status"]) == ("Ready", "True") for c in conditions)

    until(f"{name} is Ready", look)


def test_with_the_operators_rights_it_does_not_matter_where_the_other_is(
    workspace: Workspace, neighbour: str
) -> None:
    workspace.commit({**BOTH, **SHARED})
    workspace.source()
    elsewhere(workspace, neighbour, "a")
    is_ready(workspace, neighbour, "a")
    workspace.kustomization("b")
    workspace.ready("b")
    before = uid(workspace)
    workspace.ready("b", workspace.commit({"b/shared.yaml": None}))
    until("it is a's", lambda: owner(workspace) == "a")
    assert uid(workspace) == before


def test_a_tenant_keeps_nothing_alive_that_it_may_not_touch(workspace: Workspace, neighbour: str) -> None:
    """It says that it has another team's object; its account may not even read it."""
    account = {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": {"name": "tenant", "namespace": neighbour},
    }
    workspace.api.apply(account)
    workspace.commit(
        {**SHARED, "a/shared.yaml": config_map("shared", annotations=DISABLED), "b/b.yaml": config_map("b")}
    )
    workspace.source()
    workspace.kustomization("b")
    workspace.ready("b")
    elsewhere(workspace, neighbour, "a", serviceAccountName="tenant")
    is_ready(workspace, neighbour, "a")
    workspace.ready("b", workspace.commit({"b/shared.yaml": None}))
    assert workspace.config_map("shared") is None


def test_what_was_never_ours_and_may_not_be_read_does_not_hold_up_a_deletion(
    workspace: Workspace, neighbour: str
) -> None:
    """A skipped object of another namespace is in the inventory, as Flux lists it; the Kustomization can go."""
    account = {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": {"name": "tenant", "namespace": neighbour},
    }
    workspace.api.apply(account)
    kept = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "kept", "namespace": workspace.namespace},
    }
    workspace.api.apply({**kept, "data": {"a": "1"}})
    decoys = [
        {**kept, "metadata": {"name": name, "namespace": workspace.namespace, "annotations": DISABLED}}
        for name in ("kept", "absent")
    ]
    workspace.commit({"a/decoys.yaml": dump(*decoys)})
    workspace.source()
    elsewhere(workspace, neighbour, "a", serviceAccountName="tenant", targetNamespace=None)
    is_ready(workspace, neighbour, "a")
    workspace.api.delete(KUSTOMIZATION_VERSION, KUSTOMIZATION, "a", neighbour)
    until(
        "it is gone", lambda: workspace.api.get(KUSTOMIZATION_VERSION, KUSTOMIZATION, "a", neighbour) is None
    )
    assert workspace.config_map("kept") is not None
