"""What watches keep, whose an object is, and that watches end when nobody needs them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from headgate.api import ObjectKey
from headgate.apply import KnownObjects, Owner
from headgate.kube import Client, ObjectRef
from headgate.reconcile.target import live as module
from headgate.reconcile.target.live import LOST, LiveObjects
from tests.support.memoryapi import MemoryApi, settled

GROUP = "kustomize.toolkit.fluxcd.io"
APPS, OTHER = ObjectKey("team", "apps"), ObjectKey("rival", "apps")
REF = ObjectRef("v1", "ConfigMap", "a", "team")


def owned_by(key: ObjectKey) -> dict[str, str]:
    return {f"{GROUP}/name": key.name, f"{GROUP}/namespace": key.namespace}


@dataclass
class World:
    api: MemoryApi
    known: KnownObjects
    live: LiveObjects
    changed: list[tuple[ObjectKey, ObjectRef]] = field(default_factory=list)
    drifted: list[tuple[ObjectKey, ObjectRef, str]] = field(default_factory=list)

    def put(self, ref: ObjectRef, key: ObjectKey = APPS, **fields: Any) -> dict[str, Any]:
        obj = self.api.put(ref, labels=owned_by(key), **fields)
        own = {"f:data": {f"f:{name}": {} for name in fields.get("data") or ()}}
        managers = [{"manager": "kustomize-controller", "operation": "Apply", "fieldsV1": own}]
        obj["metadata"]["managedFields"] = managers
        return obj

    def apply(self, key: ObjectKey, ref: ObjectRef, **fields: Any) -> None:
        """As an attempt of the Kustomization does."""
        obj = self.put(ref, key, **fields)
        self.known.record(MemoryApi.cluster, ref, b"d", obj, owner=Owner(key.name, key.namespace))
        self.live.observe(obj)
        self.live.watch(key)


@pytest.fixture
async def world() -> AsyncIterator[World]:
    api, known = MemoryApi(), KnownObjects()
    changed: list[tuple[ObjectKey, ObjectRef]] = []
    drifted: list[tuple[ObjectKey, ObjectRef, str]] = []
    live = LiveObjects(
        cast(Client, api),
        known,
        on_change=lambda key, ref: changed.append((key, ref)),
        on_drift=lambda key, ref, what: drifted.append((key, ref, what)),
    )
    yield World(api, known, live, changed, drifted)
    await live.close()


async def test_forged_owner_labels_wake_nobody(world: World) -> None:
    """An object that this operator did not apply is nobody's, whatever labels it has."""
    world.apply(APPS, REF, data={"k": "v"})
    world.live.follow(APPS, [REF])
    await settled(lambda: world.api.watches == ["ConfigMap"])
    forged = ObjectRef("v1", "ConfigMap", "forged", "rival")
    for number in range(30):
        world.api.put(forged, labels=owned_by(APPS), data={"k": str(number)})
    world.apply(APPS, ObjectRef("v1", "ConfigMap", "last", "team"), data={"k": "v"})
    world.api.put(REF, labels=owned_by(APPS), data={"k": "other"})
    await settled(lambda: world.drifted)
    assert [ref for _, ref, _ in world.drifted] == [REF]
    assert {ref for _, ref in world.changed} == {REF}
    assert world.live.state(forged) is None


async def test_an_object_stays_its_appliers_when_others_relabel_it(world: World) -> None:
    """Its owner hears of it, and not whoever the labels name."""
    world.apply(APPS, REF, data={"k": "v"})
    await settled(lambda: world.api.watches == ["ConfigMap"])
    world.api.put(REF, labels=owned_by(OTHER), data={"k": "v"})
    await settled(lambda: world.drifted)
    assert [(key, ref) for key, ref, _ in world.drifted] == [(APPS, REF)]


async def test_a_deleted_object_is_its_appliers(world: World) -> None:
    world.apply(APPS, REF, data={"k": "v"})
    await settled(lambda: world.api.watches == ["ConfigMap"])
    world.api.remove(REF)
    await settled(lambda: world.drifted)
    assert world.drifted == [(APPS, REF, LOST)]
    assert world.live.state(REF) is None


async def test_what_a_watch_shows_before_our_answer_comes_is_no_drift(world: World) -> None:
    """The watch may show the result of our write early; a change by somebody else right after it is still drift."""
    world.apply(APPS, REF, data={"k": "v"})
    await settled(lambda: world.api.watches == ["ConfigMap"])
    for by_others in (False, True):
        world.known.sending(MemoryApi.cluster, REF)
        answer = world.put(REF, data={"k": "v", f"new-{by_others}": "v"})
        if by_others:
            world.api.put(REF, labels=owned_by(APPS), data={})
        # The watch has sent these once it sends the next one.
        marker = ObjectRef("v1", "ConfigMap", f"marker-{by_others}", "rival")
        world.put(marker, data={})
        await settled(lambda: world.live.is_newer(marker, ""))  # noqa: B023
        assert world.drifted == []
        world.known.record(MemoryApi.cluster, REF, b"d", answer, owner=Owner(APPS.name, APPS.namespace))
        world.live.observe(answer)
        shown = world.known.sent(MemoryApi.cluster, REF)
        if shown is not None:
            world.live.observe(shown)
        assert [ref for _, ref, _ in world.drifted] == ([REF] if by_others else [])


@pytest.mark.parametrize("is_new", [False, True])
async def test_what_was_deleted_before_our_answer_came_is_gone(world: World, is_new: bool) -> None:
    """The answer shows an object that exists no more: it must not be taken for one that is in place."""
    other = ObjectRef("v1", "ConfigMap", "other", "team")
    world.apply(APPS, other, data={"k": "v"})
    if not is_new:
        world.apply(APPS, REF, data={"k": "v"})
    await settled(lambda: world.api.watches == ["ConfigMap"])
    world.known.sending(MemoryApi.cluster, REF)
    answer = world.put(REF, data={"k": "new"})
    world.api.remove(REF)
    # The watch has reported these when it reports the next.
    marker = ObjectRef("v1", "ConfigMap", "marker", "rival")
    world.put(marker, data={})
    await settled(lambda: world.live.is_newer(marker, ""))
    world.drifted.clear()
    world.known.record(MemoryApi.cluster, REF, b"d", answer, owner=Owner(APPS.name, APPS.namespace))
    world.live.observe(answer)
    assert world.known.sent(MemoryApi.cluster, REF) is None
    assert [ref for _, ref, _ in world.drifted] == [REF]
    assert world.known.get(MemoryApi.cluster, REF) is None
    assert world.live.state(REF) is None


async def test_what_went_before_it_was_watched_is_its_appliers(world: World) -> None:
    """Between the apply and the first list; also when that came late, as the account might not watch yet."""
    world.apply(APPS, REF, data={"k": "v"})
    kept = ObjectRef("v1", "ConfigMap", "kept", "team")
    world.apply(APPS, kept, data={"k": "v"})
    world.api.remove(REF)
    await settled(lambda: world.drifted)
    assert world.drifted == [(APPS, REF, LOST)]
    assert world.known.get(MemoryApi.cluster, kept) is not None


async def test_what_was_applied_after_a_list_is_not_missed_in_it(world: World) -> None:
    world.apply(APPS, REF, data={"k": "v"})
    late = ObjectRef("v1", "ConfigMap", "late", "team")
    obj = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "late", "uid": "l", "labels": {}}}
    obj["metadata"]["resourceVersion"] = "999"  # type: ignore[index]
    world.known.record(MemoryApi.cluster, late, b"d", obj, owner=Owner(APPS.name, APPS.namespace))
    await settled(lambda: world.api.watches == ["ConfigMap"])
    assert world.drifted == []
    assert world.known.get(MemoryApi.cluster, late) is not None


async def test_strangers_are_not_kept(world: World) -> None:
    """Anybody can label objects; they must cost no more than their names."""
    world.apply(APPS, REF, data={"k": "v"})
    await settled(lambda: world.api.watches == ["ConfigMap"])
    for number in range(50):
        world.api.put(
            ObjectRef("v1", "ConfigMap", f"s{number}", "rival"),
            labels=owned_by(OTHER),
            data={"k": "x" * 1000},
        )
    world.api.put(REF, labels=owned_by(APPS), data={"k": "seen last"})
    await settled(lambda: world.drifted)
    assert len(world.live) == 1
    (watch,) = world.live._watches._open.values()
    assert all(len(str(kept)) < 200 for ref, kept in watch.reflector.items() if ref != REF)


async def test_watches_of_kinds_end_with_the_last_who_applied_them(world: World) -> None:
    secret = ObjectRef("v1", "Secret", "s", "team")
    world.apply(APPS, REF)
    world.apply(APPS, secret)
    world.apply(OTHER, ObjectRef("v1", "ConfigMap", "b", "rival"))
    await settled(lambda: sorted(world.api.watches) == ["ConfigMap", "Secret"])
    world.known.forget(MemoryApi.cluster, secret)
    world.live.watch(APPS)
    await settled(lambda: world.api.watches == ["ConfigMap"])
    assert world.live.state(secret) is None
    world.live.release(APPS)
    assert world.live.open_watches() == 1
    world.live.release(OTHER)
    await settled(lambda: world.api.watches == [])
    assert (len(world.live), len(world.known), world.live.open_watches()) == (0, 0, 0)


async def test_a_deleted_kustomization_gives_everything_back(world: World) -> None:
    single = ObjectRef("v1", "Secret", "single", "team")
    world.apply(APPS, REF)
    world.live.follow(APPS, [REF, single])
    world.live.watch_by_name(single)
    await settled(lambda: sorted(world.api.watches) == ["ConfigMap", "Secret/single"])
    world.live.release(APPS)
    await settled(lambda: world.api.watches == [])
    assert (len(world.live), len(world.known), world.live.open_watches()) == (0, 0, 0)
    assert not world.live._followers
    assert not world.live._followed
    assert not world.live._applied
    assert not world.live._appliers


async def test_following_an_object_starts_no_watch(world: World) -> None:
    """Kinds are invented easily: a watch begins when the object, or its kind, is known to be there."""
    invented = [ObjectRef("x.test/v1", f"Kind{n}", "a", "team") for n in range(100)]
    world.live.follow(APPS, invented)
    assert world.live.open_watches() == 0
    world.live.unfollow(APPS)
    assert not world.live._followers


async def test_single_watches_are_limited_in_all_and_for_each(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SINGLE_WATCHES_EACH", 2)
    world.live._single_watches = 3
    for key in (APPS, OTHER):
        refs = [ObjectRef("v1", "Secret", f"{key.namespace}-{n}", key.namespace) for n in range(5)]
        world.live.follow(key, refs)
        for ref in refs:
            world.live.watch_by_name(ref)
    await settled(lambda: len(world.api.watches) == 3)
    assert sorted(world.api.watches) == ["Secret/rival-0", "Secret/team-0", "Secret/team-1"]


async def test_who_is_shared_lives_on_for_the_other_follower(world: World) -> None:
    ref = ObjectRef("v1", "Secret", "s", "team")
    for key in (APPS, OTHER):
        world.live.follow(key, [ref])
    world.live.watch_by_name(ref)
    await settled(lambda: world.api.watches == ["Secret/s"])
    world.live.unfollow(APPS)
    world.changed.clear()
    world.api.put(ref, data={})
    await settled(lambda: world.changed)
    assert {key for key, _ in world.changed} == {OTHER}
