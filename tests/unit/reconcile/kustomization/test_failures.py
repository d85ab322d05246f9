"""How attempts fail: the condition, what stays recorded, and when the next one begins. In virtual time."""

from __future__ import annotations

import asyncio
import json

import pytest

from headgate.api import reasons
from headgate.kube import ObjectRef, ServerTimeout
from headgate.reconcile.core.controller import GONE, NOTHING_MORE
from headgate.reconcile.core.queue import Depth
from tests.model.border import Fault
from tests.model.store import Reply, Request
from tests.support.reconciling import KEY, KUSTOMIZATIONS, Tree, World, applied, config_map, in_world

A = ObjectRef("v1", "ConfigMap", "a", "flux")
READY = reasons.RECONCILIATION_SUCCEEDED
STATUS = "PATCH kustomizations/apps/status"


@in_world()
async def test_an_invalid_spec_stalls(world: World) -> None:
    world.create(interval="soon")
    world.apps(a=config_map("a"))
    assert await world.reconcile() == NOTHING_MORE
    for type, status in (("Ready", "False"), ("Stalled", "True")):
        condition = world.condition(type)
        assert condition is not None
        assert condition[:2] == (status, reasons.INVALID_SPEC)
    assert world.status["observedGeneration"] == 1
    assert [reason for _, reason, _ in world.events.take()] == [reasons.INVALID_SPEC]


@in_world(no_cross_namespace_refs=True)
async def test_a_source_that_may_not_be_used_stalls(world: World) -> None:
    world.create(sourceRef={"kind": "GitRepository", "name": "git", "namespace": "other"})
    assert await world.reconcile() == NOTHING_MORE
    message = "can't access 'GitRepository/other/git', cross-namespace references have been blocked"
    assert world.condition() == ("False", reasons.ACCESS_DENIED, message)
    assert world.condition("Stalled") == ("True", reasons.ACCESS_DENIED, message)
    assert "observedGeneration" not in world.status
    assert world.events.take() == [("Warning", reasons.ACCESS_DENIED, message)]


@in_world()
async def test_a_failed_build_is_retried_and_names_the_revision(world: World) -> None:
    world.create()
    revision = world.commit({"apps/kustomization.yaml": "resources: [gone.yaml]"})
    outcome = await world.reconcile()
    assert (outcome.after, outcome.trigger.depth) == (10, Depth.APPLY)
    condition = world.condition()
    assert condition is not None
    assert condition[:2] == ("False", reasons.BUILD_FAILED)
    assert condition[2].startswith("kustomize build failed: ")
    assert world.condition("Reconciling") == (
        "True",
        reasons.PROGRESSING_WITH_RETRY,
        f"Building manifests for revision {revision} with a timeout of 20s",
    )
    assert world.status["lastAttemptedRevision"] == revision
    assert "history" not in world.status


@in_world()
async def test_a_path_that_is_a_file_fails_the_build(world: World) -> None:
    world.create(path="./apps/a.yaml")
    revision = world.apps(a=config_map("a"))
    await world.reconcile()
    condition = world.condition()
    assert condition is not None
    assert condition[:2] == ("False", reasons.BUILD_FAILED)
    assert condition[2].startswith("kustomize build failed: ")
    assert world.status["lastAttemptedRevision"] == revision


@in_world()
async def test_a_missing_path_is_the_artifact_s_failure_and_no_attempt_of_the_revision(world: World) -> None:
    world.create()
    revision = world.commit({"elsewhere/a.yaml": config_map("a")})
    await world.reconcile()
    condition = world.condition()
    assert condition is not None
    assert condition[:2] == ("False", reasons.ARTIFACT_FAILED)
    assert "lastAttemptedRevision" not in world.status
    assert world.condition("Reconciling") == (
        "True",
        reasons.PROGRESSING_WITH_RETRY,
        f"Fetching manifests for revision {revision} with a timeout of 20s",
    )


@in_world()
async def test_a_failed_apply_keeps_what_was_applied_and_names_file_and_history(world: World) -> None:
    revision = await applied(world)
    missing = json.dumps(
        {"apiVersion": "v1", "kind": "Gadget", "metadata": {"name": "g", "namespace": "flux"}}
    )
    second = world.apps(b=config_map("b"), c=missing)
    outcome = await world.reconcile()
    assert outcome.after == 10
    condition = world.condition()
    assert condition is not None
    assert condition[:2] == ("False", reasons.RECONCILIATION_FAILED)
    assert "apps/c.yaml" in condition[2]
    assert "flux_a__ConfigMap" in world.inventory()
    assert world.status["lastAppliedRevision"] == revision
    assert world.status["lastAttemptedRevision"] == second
    assert world.status["history"][0]["lastReconciledStatus"] == reasons.RECONCILIATION_FAILED
    assert world.measured.steps[-1] == ("apply", True)


@in_world()
async def test_what_cannot_be_pruned_stays_in_the_inventory(world: World) -> None:
    await applied(world)
    world.apps(b=config_map("b"))
    world.faults.append(Fault("delete", 1, "500", times=1000))
    outcome = await world.reconcile()
    assert outcome.after == 10
    condition = world.condition()
    assert condition is not None
    assert condition[:2] == ("False", reasons.PRUNE_FAILED)
    assert world.inventory() == ["flux_a__ConfigMap", "flux_b__ConfigMap"]
    world.faults.clear()
    await world.reconcile()
    assert world.names() == ["b"]
    assert world.inventory() == ["flux_b__ConfigMap"]


@in_world()
async def test_without_prune_what_is_no_longer_built_is_let_go(world: World) -> None:
    await applied(world, prune=False)
    world.apps(b=config_map("b"))
    await world.reconcile()
    assert world.names() == ["a", "b"]
    assert world.inventory() == ["flux_b__ConfigMap"]


@in_world(max_inventory_size=100)
async def test_nothing_is_applied_whose_record_would_be_too_large(world: World) -> None:
    world.create()
    world.apps(**{f"a{n}": config_map(f"a{n}") for n in range(10)})
    await world.reconcile()
    condition = world.condition()
    assert condition is not None
    assert condition[2].startswith(
        "inventory of 10 objects is too large to be stored (0.0 MiB; the limit is 0.0 MiB"
    )
    assert world.names() == []
    assert world.measured.refused == 1


@in_world()
async def test_an_inventory_that_the_api_server_refuses_stays_as_it_was(world: World) -> None:
    await applied(world)
    world.apps(a=config_map("a"), b=config_map("b"))

    def refuse(request: Request) -> Reply | None:
        if "flux_b__ConfigMap" not in json.dumps(request.body):
            return None
        return Reply(500, {"kind": "Status", "message": "etcdserver: request is too large", "code": 500})

    world.server.hooks.append(refuse)
    await world.reconcile()
    condition = world.condition()
    assert condition is not None
    assert "the API server refuses it with the rest of the object" in condition[2]
    assert world.inventory() == ["flux_a__ConfigMap"]
    assert world.names() == ["a"]
    assert world.measured.refused == 1


@in_world()
async def test_a_kustomization_that_vanishes_writes_nothing_more(world: World) -> None:
    world.create()
    world.apps(a=config_map("a"))

    def vanish(request: Request) -> Reply | None:
        if request.dry_run:
            world.server.hooks.clear()
            world.send("PATCH", f"{KUSTOMIZATIONS}/apps", {"metadata": {"finalizers": None}})
            world.send("DELETE", f"{KUSTOMIZATIONS}/apps")
        return None

    world.server.hooks.append(vanish)
    outcome = await world.reconcile()
    assert outcome.after is None
    assert world.names() == []
    assert world.events.take() == []
    assert world.requests()[-1] == STATUS  # the record, which there was nothing to write to
    world.store.drop_kustomization(KEY)
    assert await world.reconcile() == GONE


# Unexpected errors.


@in_world()
async def test_an_unexpected_error_is_reported_with_its_step_and_its_place_only(world: World) -> None:
    world.create()
    revision = world.apps(a=config_map("a"))
    tree = world.trees.current(world.source)
    assert isinstance(tree, Tree)
    tree.error = RuntimeError("the password is hunter2")
    with pytest.raises(RuntimeError) as raised:
        await world.reconcile()
    await world.reconciler.broke_off(KEY, raised.value, 1)
    condition = world.condition()
    assert condition is not None
    assert condition[:2] == ("False", reasons.BUILD_FAILED)
    assert condition[2].startswith("building the manifests failed: unexpected error")
    assert "RuntimeError" in condition[2]
    assert "hunter2" not in condition[2]
    [event] = world.events.emitted
    assert event.annotations == {"kustomize.toolkit.fluxcd.io/revision": revision}
    await asyncio.sleep(60)
    assert world.condition() == condition  # no progress is written after the end


@in_world()
async def test_a_passing_error_is_reported_when_it_comes_again(world: World) -> None:
    await applied(world)
    world.faults.append(Fault("status", 1, "reset", times=1000))
    world.apps(b=config_map("b"))
    with pytest.raises(Exception, match="cannot reach") as raised:
        await world.reconcile()
    world.faults.clear()
    world.requests()
    await world.reconciler.broke_off(KEY, raised.value, 1)
    assert world.requests() == []
    await world.reconciler.broke_off(KEY, raised.value, 2)
    condition = world.condition()
    assert condition is not None
    assert condition[2].startswith("applying the objects failed: the API server refused or failed: ")
    assert world.inventory() == ["flux_a__ConfigMap"]


@in_world()
async def test_an_error_while_nothing_is_known_of_the_kustomization_is_not_reported(world: World) -> None:
    await world.reconciler.broke_off(KEY, ServerTimeout("late"), 2)
    assert world.requests() == []
