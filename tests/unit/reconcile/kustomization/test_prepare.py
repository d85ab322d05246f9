"""What locating the source and preparing return or raise."""

from __future__ import annotations

import dataclasses

import pytest

from headgate.api import reasons
from headgate.cel import BudgetExceeded, ExpressionInvalid
from headgate.kube import ObjectRef
from headgate.reconcile.core.queue import Depth
from headgate.reconcile.kustomization.errors import (
    Failed,
    Postponed,
    SpecExpressionInvalid,
)
from headgate.reconcile.kustomization.steps.prepare import Prepared, Unaffected
from tests.support.reconciling import SOURCE, World, config_map, in_world
from tests.support.steps import Steps

A = ObjectRef("v1", "ConfigMap", "a", "flux")


@in_world()
async def test_locating_finds_the_revision(world: World) -> None:
    world.create()
    revision = world.apps(a=config_map("a"))
    located = await Steps(world).locate()
    assert (located.source.key, located.attempt.revision, located.expressions) == (SOURCE, revision, None)
    with pytest.raises(dataclasses.FrozenInstanceError):
        located.attempt.revision = "another"  # type: ignore[misc]


@in_world()
async def test_locating_postpones_where_no_source_is(world: World) -> None:
    world.create()
    with pytest.raises(Postponed, match="not found") as raised:
        await Steps(world).locate()
    assert (raised.value.reason, raised.value.retry_after) == (reasons.ARTIFACT_FAILED, 10)
    meta = {"name": "git", "namespace": "flux", "uid": "git", "resourceVersion": "1"}
    world.store.put_source({"kind": "GitRepository", "metadata": meta, "spec": {}})
    with pytest.raises(Postponed, match="retrying in 30s") as raised:
        await Steps(world).locate()
    assert raised.value.retry_after == 30


class Refusing:
    """A budget in which nothing compiles."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    async def compile(self, *_: object) -> object:
        raise self._error


@in_world()
async def test_an_expression_that_does_not_compile_stalls_before_the_source_is_looked_for(
    world: World,
) -> None:
    check = {"apiVersion": "example.org/v1", "kind": "Thing", "current": "status.ready =="}
    world.create(healthCheckExprs=[check])
    steps = Steps(world)
    steps.budget = Refusing(ExpressionInvalid("status.ready ==", "it ends too early"))
    with pytest.raises(SpecExpressionInvalid, match="it ends too early"):
        await steps.locate()
    steps.budget = Refusing(BudgetExceeded("no time left", 7.0))
    with pytest.raises(Postponed, match="no time left") as raised:
        await steps.locate()
    assert raised.value.retry_after == 7


@in_world()
async def test_preparing_postpones_where_the_tree_is_not_there_yet(world: World) -> None:
    world.create()
    world.commit({}, tree=False)
    for pending in (True, False):
        world.source_pending = pending
        with pytest.raises(Postponed, match="Source is not ready, artifact not found") as raised:
            await Steps(world).prepare()
        assert raised.value.silent is pending


@in_world()
async def test_preparing_postpones_where_a_dependency_is_missing(world: World) -> None:
    world.create(dependsOn=[{"name": "infra"}])
    world.apps(a=config_map("a"))
    with pytest.raises(Postponed, match="dependency 'flux/infra' not found") as raised:
        await Steps(world).prepare()
    assert raised.value.reason == reasons.DEPENDENCY_NOT_READY
    assert raised.value.event == "Dependencies do not meet ready condition, retrying in 30s"


@in_world()
async def test_only_a_look_at_a_settled_build_is_unaffected(world: World) -> None:
    world.create()
    world.apps(a=config_map("a"))
    steps = Steps(world)
    assert isinstance(await steps.prepare(Depth.LOOK), Prepared)
    await world.reconcile()
    digest = world.status["history"][0]["digest"]
    unaffected = await steps.prepare(Depth.LOOK)
    assert isinstance(unaffected, Unaffected)
    assert unaffected.attempt.digest == digest
    assert isinstance(await steps.prepare(Depth.APPLY), Prepared)
    world.change({"spec": {"prune": False}})
    assert isinstance(await steps.prepare(Depth.LOOK), Prepared)


@in_world()
async def test_an_input_that_cannot_be_read_fails_although_nothing_else_changed(world: World) -> None:
    world.create(decryption={"provider": "sops", "secretRef": {"name": "keys"}})
    path = "/api/v1/namespaces/flux/secrets/keys"
    body = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "keys"}, "data": {}}
    world.send("PATCH", path, body, apply=True)
    world.apps(a=config_map("a"))
    await world.reconcile()
    world.send("DELETE", path)
    with pytest.raises(Failed, match="decryption Secret 'flux/keys' not found") as raised:
        await Steps(world).prepare(Depth.LOOK)
    assert raised.value.reason == reasons.BUILD_FAILED
