"""An object that two Kustomizations render: it stays for as long as one of them does, and goes with the last."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.area import Area
from tests.support.cluster import KUSTOMIZATION, KUSTOMIZATION_VERSION, until
from tests.support.manifests import config_map, dump

pytestmark = pytest.mark.e2e

OWNER = "kustomize.toolkit.fluxcd.io/name"
DISABLED = {"kustomize.toolkit.fluxcd.io/reconcile": "disabled"}
BOTH = {f"{app}/{name}.yaml": config_map(name) for app, name in (("a", "a"), ("b", "b"))}
SHARED = {"a/shared.yaml": config_map("shared"), "b/shared.yaml": config_map("shared")}


def listed(area: Area, name: str) -> set[str]:
    """The names in an inventory."""
    return {e["id"].split("_")[1] for e in area.get(name)["status"]["inventory"]["entries"]}


def owner(area: Area) -> str:
    """Whose labels the shared object carries; empty where it is not there."""
    found = area.config_map("shared")
    return "" if found is None else str(found["metadata"]["labels"][OWNER])


@pytest.fixture
def shared(area: Area) -> Area:
    """``a`` and ``b`` both render it, and ``b`` applied it last."""
    area.commit({**BOTH, **SHARED})
    area.source()
    for name in ("a", "b"):
        area.kustomization(name)
        area.ready(name)
    assert owner(area) == "b"
    return area


def uid(area: Area) -> str:
    found = area.config_map("shared")
    assert found is not None
    return str(found["metadata"]["uid"])


@pytest.mark.parametrize("last", ["b", "a"])
def test_one_drops_it_and_it_stays_for_the_other(shared: Area, last: str) -> None:
    """Whoever applied it last, and without being made anew."""
    if last == "a":
        shared.poke(KUSTOMIZATION, "a")
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


def test_one_is_deleted_and_it_stays_for_the_other(shared: Area) -> None:
    before = uid(shared)
    shared.delete("b")
    until("it is a's", lambda: owner(shared) == "a")
    assert uid(shared) == before
    assert shared.config_map("b") is None
    shared.delete("a")
    assert shared.config_map("shared") is None


@pytest.mark.parametrize("first", ["a", "b"])
def test_both_drop_it_in_one_commit_and_it_goes(shared: Area, first: str) -> None:
    other = {"a": "b", "b": "a"}[first]
    shared.change(other, {"dependsOn": [{"name": first}]})
    shared.ready(other)
    revision = shared.commit({"a/shared.yaml": None, "b/shared.yaml": None})
    for name in (first, other):
        shared.ready(name, revision)
    assert shared.config_map("shared") is None


def test_both_are_deleted_at_once_and_it_goes(shared: Area) -> None:
    for name in ("a", "b"):
        shared.api.delete(KUSTOMIZATION_VERSION, KUSTOMIZATION, name, shared.namespace)
    until("both are gone", lambda: not any(shared.find(name) for name in ("a", "b")))
    assert shared.config_map("shared") is None


def test_the_other_may_be_suspended(shared: Area) -> None:
    """It cannot apply the object now, but has it, also when the one that let go is gone."""
    before = uid(shared)
    shared.change("a", {"suspend": True})
    shared.delete("b")
    assert uid(shared) == before
    assert owner(shared) == "a"
    shared.commit({"a/shared.yaml": None})
    shared.change("a", {"suspend": False})
    until("it goes when a drops it", lambda: shared.config_map("shared") is None)


def test_what_the_other_does_not_prune_stays(shared: Area) -> None:
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
def test_what_the_other_leaves_alive_is_taken_on(shared: Area, leave: dict[str, Any]) -> None:
    """It carries the labels of one that has nothing to do with it any more: who still has it does not wait."""
    shared.change("b", leave)
    if leave == {"prune": False}:
        shared.ready("b", shared.commit({"b/shared.yaml": None}))
    else:
        shared.delete("b")
    until("it is a's", lambda: owner(shared) == "a")
    shared.ready("a", shared.commit({"a/shared.yaml": None}))
    assert shared.config_map("shared") is None


@pytest.fixture
def neighbour(area: Area) -> Iterator[str]:
    """Another tenant's namespace."""
    namespace = f"{area.namespace}-other"
    area.api.create_namespace(namespace, {"headgate-test": "true"})
    yield namespace
    path = area.api.path(KUSTOMIZATION_VERSION, KUSTOMIZATION, namespace)
    area.api.rest.request("DELETE", path)
    until("its Kustomizations are gone", lambda: not area.api.rest.get(path)["items"])
    area.api.delete("v1", "Namespace", namespace)


def elsewhere(area: Area, namespace: str, name: str, **spec: Any) -> None:
    """A Kustomization of another namespace that applies to the one here."""
    meta = {"name": name, "namespace": namespace}
    spec = {
        "interval": "1h",
        "retryInterval": "1h",
        "prune": True,
        "path": f"./{name}",
        "sourceRef": {"kind": "GitRepository", "name": "source", "namespace": area.namespace},
        "targetNamespace": area.namespace,
        **spec,
    }
    spec = {field: value for field, value in spec.items() if value is not None}
    area.api.apply(
        {"apiVersion": KUSTOMIZATION_VERSION, "kind": KUSTOMIZATION, "metadata": meta, "spec": spec},
        manager="kubectl",
    )


def is_ready(area: Area, namespace: str, name: str) -> None:
    def look() -> bool:
        found = area.api.present(KUSTOMIZATION_VERSION, KUSTOMIZATION, name, namespace)
        conditions = (found.get("status") or {}).get("conditions") or ()
        return any((c["type"], c["status"]) == ("Ready", "True") for c in conditions)

    until(f"{name} is Ready", look)


def test_with_the_operators_rights_it_does_not_matter_where_the_other_is(area: Area, neighbour: str) -> None:
    area.commit({**BOTH, **SHARED})
    area.source()
    elsewhere(area, neighbour, "a")
    is_ready(area, neighbour, "a")
    area.kustomization("b")
    area.ready("b")
    before = uid(area)
    area.ready("b", area.commit({"b/shared.yaml": None}))
    until("it is a's", lambda: owner(area) == "a")
    assert uid(area) == before


def test_a_tenant_keeps_nothing_alive_that_it_may_not_touch(area: Area, neighbour: str) -> None:
    """It says that it has another team's object; its account may not even read it."""
    account = {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": {"name": "tenant", "namespace": neighbour},
    }
    area.api.apply(account)
    area.commit(
        {**SHARED, "a/shared.yaml": config_map("shared", annotations=DISABLED), "b/b.yaml": config_map("b")}
    )
    area.source()
    area.kustomization("b")
    area.ready("b")
    elsewhere(area, neighbour, "a", serviceAccountName="tenant")
    is_ready(area, neighbour, "a")
    area.ready("b", area.commit({"b/shared.yaml": None}))
    assert area.config_map("shared") is None


def test_what_was_never_ours_and_may_not_be_read_does_not_hold_up_a_deletion(
    area: Area, neighbour: str
) -> None:
    """A skipped object of another namespace is in the inventory, as Flux lists it; the Kustomization can go."""
    account = {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": {"name": "tenant", "namespace": neighbour},
    }
    area.api.apply(account)
    kept = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "kept", "namespace": area.namespace},
    }
    area.api.apply({**kept, "data": {"a": "1"}})
    decoys = [
        {**kept, "metadata": {"name": name, "namespace": area.namespace, "annotations": DISABLED}}
        for name in ("kept", "absent")
    ]
    area.commit({"a/decoys.yaml": dump(*decoys)})
    area.source()
    elsewhere(area, neighbour, "a", serviceAccountName="tenant", targetNamespace=None)
    is_ready(area, neighbour, "a")
    area.api.delete(KUSTOMIZATION_VERSION, KUSTOMIZATION, "a", neighbour)
    until("it is gone", lambda: area.api.get(KUSTOMIZATION_VERSION, KUSTOMIZATION, "a", neighbour) is None)
    assert area.config_map("kept") is not None
