"""Which other Kustomizations have an object: which one takes it over if one releases it, and which one decides."""

from __future__ import annotations

from typing import Any, cast

import pytest

from headgate.api import ObjectKey
from headgate.api import inventory as inv
from headgate.apply import Owner
from headgate.kube import ObjectRef
from headgate.reconcile.core.inventories import Claim, Inventories
from headgate.reconcile.core.store import Store
from headgate.reconcile.core.wakeups import Wakeups

Obj = dict[str, Any]

SHARED = ObjectRef("v1", "ConfigMap", "shared", "apps")
ENTRY = inv.Entry.of("v1", "ConfigMap", "apps", "shared")


class World:
    """A store with its index, and who was woken."""

    def __init__(self) -> None:
        self.store = Store()
        self.woken: list[tuple[str, ObjectRef]] = []
        self.inventories = Inventories(self.store, cast(Wakeups, self))
        self._version = 0

    def object_given(self, key: ObjectKey, ref: ObjectRef) -> None:
        self.woken.append((str(key), ref))

    def put(self, key: str, *refs: ObjectRef, deleting: bool = False, **spec: Any) -> Obj:
        namespace, name = key.split("/")
        self._version += 1
        meta: Obj = {"namespace": namespace, "name": name, "uid": key, "resourceVersion": str(self._version)}
        if deleting:
            meta["deletionTimestamp"] = "now"
        status: Obj = {}
        inv.to_status(status, inv.of_refs(refs))
        source = {"kind": "GitRepository", "name": "source"}
        obj = {"metadata": meta, "spec": {"sourceRef": source, **spec}, "status": status}
        self.store.put_kustomization(obj)
        return obj

    def claim(self, key: str) -> Claim:
        obj = self.store.kustomization(ObjectKey(*key.split("/")))
        assert obj is not None
        return self.inventories.claim(obj)


@pytest.fixture
def world() -> World:
    return World()


def test_who_has_it_too_is_the_heir(world: World) -> None:
    world.put("ns/a", SHARED)
    world.put("ns/b", SHARED)
    world.put("ns/c", ObjectRef("v1", "ConfigMap", "shared", "elsewhere"))
    claim = world.claim("ns/b")
    assert claim.heir(SHARED) == Owner("a", "ns")
    assert world.claim("ns/a").is_heir(SHARED)
    assert not world.claim("ns/c").is_heir(SHARED)
    claim.given(SHARED)
    assert world.woken == [("ns/a", SHARED)]
    assert not world.claim("ns/a").is_heir(SHARED)


def test_what_one_leaves_alive_the_others_make_their_own(world: World) -> None:
    world.put("ns/a", SHARED)
    world.put("ns/b", SHARED)
    world.inventories.left(world.put("ns/c", SHARED, deleting=True), {ENTRY})
    assert world.woken == [("ns/a", SHARED), ("ns/b", SHARED)]


def test_the_version_of_the_api_does_not_matter(world: World) -> None:
    world.put("ns/a", ObjectRef("apps/v1beta1", "Deployment", "web", "apps"))
    world.put("ns/b", ObjectRef("apps/v1", "Deployment", "web", "apps"))
    assert world.claim("ns/b").heir(ObjectRef("apps/v1", "Deployment", "web", "apps")) == Owner("a", "ns")


def test_of_two_that_let_go_at_once_one_has_no_heir(world: World) -> None:
    world.put("ns/a", SHARED)
    world.put("ns/b", SHARED)
    for name in ("a", "b"):
        world.inventories.let_go(ObjectKey("ns", name), [ENTRY])
        assert world.claim(f"ns/{name}").heir(SHARED) == (Owner("b", "ns") if name == "a" else None)


def test_letting_go_lasts_until_the_next_attempt_or_the_record_is_gone(world: World) -> None:
    key = ObjectKey("ns", "a")
    world.put("ns/a", SHARED)
    world.put("ns/b", SHARED)
    world.inventories.let_go(key, [ENTRY])
    world.put("ns/a", SHARED, ObjectRef("v1", "ConfigMap", "more", "apps"))
    assert world.claim("ns/b").heir(SHARED) is None, "the inventory in the status has not changed"
    world.inventories.keep(key)
    assert world.claim("ns/b").heir(SHARED) == Owner("a", "ns")
    world.inventories.let_go(key, [ENTRY])
    world.put("ns/a")
    world.put("ns/a", SHARED)
    assert world.claim("ns/b").heir(SHARED) == Owner("a", "ns"), "it is in the inventory again"


@pytest.mark.parametrize(
    ("first", "second", "heir"),
    [
        ({}, {"deleting": True}, "a"),
        ({"suspend": True}, {}, "b"),
        ({"suspend": True}, {"deleting": True}, "a"),
        ({"deleting": True}, {"deleting": True}, ""),
    ],
)
def test_which_of_several(world: World, first: Obj, second: Obj, heir: str) -> None:
    world.put("ns/a", SHARED, **first)
    world.put("ns/b", SHARED, **second)
    world.put("ns/c", SHARED)
    assert world.claim("ns/c").heir(SHARED) == (Owner(heir, "ns") if heir else None)


@pytest.mark.parametrize(
    ("mine", "key", "other", "believed"),
    [
        ({}, "other/a", {}, True),
        ({"serviceAccountName": "x"}, "other/a", {}, True),
        ({"serviceAccountName": "x"}, "ns/a", {"serviceAccountName": "x"}, True),
        ({"serviceAccountName": "x"}, "ns/a", {"serviceAccountName": "y"}, False),
        ({"serviceAccountName": "x"}, "other/a", {"serviceAccountName": "x"}, False),
        ({}, "ns/a", {"serviceAccountName": "x"}, False),
        ({}, "ns/a", {"kubeConfig": {"secretRef": {"name": "k"}}}, False),
    ],
)
def test_whose_word_counts(world: World, mine: Obj, key: str, other: Obj, believed: bool) -> None:
    """One that acts as somebody with fewer rights can list whatever it likes."""
    world.put("ns/b", SHARED, **mine)
    obj = world.put(key, SHARED, **other)
    assert (world.claim("ns/b").heir(SHARED) is not None) is believed
    if other.get("serviceAccountName"):
        world.inventories.accepted(ObjectKey(*key.split("/")), obj, [SHARED])
        assert world.claim("ns/b").heir(SHARED) is not None, "it could apply it"
        other = {**other, "serviceAccountName": "another"}
        world.put(key, SHARED, **other)
        assert world.claim("ns/b").heir(SHARED) is None, "as somebody else it could not yet"


def test_whose_word_does_not_count_is_woken_after_the_deletion(world: World) -> None:
    world.put("ns/b", SHARED)
    world.put("other/a", SHARED, serviceAccountName="tenant")
    world.claim("ns/b").deleted(SHARED)
    assert world.woken == [("other/a", SHARED)]


def test_kubeconfigs_are_clusters(world: World) -> None:
    one, two = ({"kubeConfig": {"secretRef": {"name": name}}} for name in ("one", "two"))
    world.put("ns/a", SHARED, **one)
    world.put("ns/b", SHARED, **one)
    world.put("ns/c", SHARED, **two)
    world.put("ns/d", SHARED)
    assert world.claim("ns/b").heir(SHARED) == Owner("a", "ns")
    assert world.claim("ns/c").heir(SHARED) is None
    assert world.claim("ns/d").heir(SHARED) is None
    world.put("ns/a", SHARED)
    assert world.claim("ns/b").heir(SHARED) is None
    assert world.claim("ns/d").heir(SHARED) == Owner("a", "ns"), "it moved to the other cluster"


def test_who_is_gone_has_nothing(world: World) -> None:
    world.put("ns/a", SHARED)
    world.put("ns/b", SHARED)
    world.store.drop_kustomization(ObjectKey("ns", "a"))
    assert world.claim("ns/b").heir(SHARED) is None
