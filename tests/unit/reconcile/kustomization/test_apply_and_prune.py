"""What applying and pruning return or raise, and what is recorded before."""

from __future__ import annotations

import json

import pytest

from headgate.api import inventory as inv
from headgate.api import reasons
from headgate.kube import ObjectRef
from headgate.reconcile.kustomization.errors import (
    Failed,
)
from headgate.reconcile.kustomization.steps.inventory import Recorder
from headgate.reconcile.kustomization.steps.prune import prune
from tests.model.border import Fault
from tests.support.reconciling import World, config_map, in_world
from tests.support.steps import Steps

A = ObjectRef("v1", "ConfigMap", "a", "flux")


@in_world()
async def test_applying_tells_what_is_stale_and_keeps_it_recorded(world: World) -> None:
    world.create()
    world.apps(a=config_map("a"))
    await world.reconcile()
    world.apps(b=config_map("b"))
    steps = Steps(world)
    applied = await steps.apply()
    assert applied.changed
    assert [entry.id for entry in applied.stale] == ["flux_a__ConfigMap"]
    assert world.names() == ["a", "b"]
    ids = sorted(e["id"] for e in applied.attempt.session.status["inventory"]["entries"])
    assert ids == ["flux_a__ConfigMap", "flux_b__ConfigMap"]
    in_place = await prune(applied, world.reporter)
    assert world.names() == ["b"]
    assert [e["id"] for e in in_place.attempt.session.status["inventory"]["entries"]] == ["flux_b__ConfigMap"]


@in_world()
async def test_applying_what_is_in_place_changes_nothing(world: World) -> None:
    world.create()
    world.apps(a=config_map("a"))
    await world.reconcile()
    world.requests()
    applied = await Steps(world).apply()
    assert (applied.changed, applied.stale) == (False, frozenset())
    await prune(applied, world.reporter)
    assert world.requests() == ["PATCH configmaps/a (dry run)"]


@in_world()
async def test_a_first_apply_that_fails_leaves_no_empty_inventory(world: World) -> None:
    world.create()
    missing = {"apiVersion": "v1", "kind": "Gadget", "metadata": {"name": "g", "namespace": "flux"}}
    world.apps(g=json.dumps(missing))
    with pytest.raises(Failed, match=r"from apps/g.yaml") as raised:
        await Steps(world).apply()
    assert raised.value.reason == reasons.RECONCILIATION_FAILED
    assert world.inventory() == []


@in_world()
async def test_pruning_fails_with_what_is_still_there(world: World) -> None:
    world.create()
    world.apps(a=config_map("a"))
    await world.reconcile()
    world.apps(b=config_map("b"))
    applied = await Steps(world).apply()
    world.faults.append(Fault("delete", 1, "500", times=1000))
    with pytest.raises(Failed, match="ConfigMap/flux/a") as raised:
        await prune(applied, world.reporter)
    assert raised.value.reason == reasons.PRUNE_FAILED


@in_world()
async def test_a_record_is_written_only_for_what_no_inventory_names(world: World) -> None:
    world.create()
    world.apps(a=config_map("a"))
    await world.reconcile()
    world.requests()
    recorder = Recorder(world.attempt(), world.measured, 10_000, 1)
    await recorder.record([A])
    assert world.requests() == []
    await recorder.record([A, ObjectRef("v1", "ConfigMap", "b", "flux")])
    assert world.requests() == ["PATCH kustomizations/apps/status"]
    assert world.inventory() == ["flux_a__ConfigMap", "flux_b__ConfigMap"]


@in_world()
async def test_a_record_that_is_too_large_says_what_is_to_be_deleted(world: World) -> None:
    world.create()
    recorder = Recorder(world.attempt(), world.measured, 10, 1)
    entries = frozenset(inv.Entry.of("v1", "ConfigMap", "flux", str(n)) for n in range(3))
    with pytest.raises(Failed, match="2 of the objects will be deleted"):
        await recorder.check_size(entries, going=2)
    with pytest.raises(Failed, match=r"see --max-inventory-size\): split the Kustomization"):
        await recorder.check_size(entries)
    assert world.measured.refused == 2
