"""What a wait for health and a success return, raise and report."""

from __future__ import annotations

import asyncio
import dataclasses

import pytest

from headgate.api import reasons
from headgate.postbuild import Masks
from headgate.reconcile.core.queue import Depth
from headgate.reconcile.kustomization.errors import (
    Failed,
)
from headgate.reconcile.kustomization.steps import wait
from headgate.reconcile.kustomization.steps.prepare import Unaffected
from headgate.reconcile.kustomization.steps.succeed import record_unaffected, succeed
from headgate.reconcile.kustomization.steps.wait import Healthy, Waiting
from headgate.reconcile.kustomization.waiting import Standing, WaitResult
from tests.support.reconciling import World, config_map, deployment, in_world
from tests.support.steps import Steps


@in_world()
async def test_without_anything_to_wait_for_an_attempt_is_healthy_at_once(world: World) -> None:
    world.create()
    world.apps(a=config_map("a"))
    healthy = await Steps(world).begin()
    assert isinstance(healthy, Healthy)
    assert healthy.changed
    assert (healthy.settled.digest, healthy.settled.uid) == (healthy.attempt.digest, healthy.attempt.uid)


@in_world()
async def test_a_wait_goes_on_until_its_objects_are_healthy(world: World) -> None:
    world.create(wait=True)
    world.apps(web=deployment())
    waiting = await Steps(world).begin()
    assert isinstance(waiting, Waiting)
    assert 0 <= waiting.next_check() <= 20
    budget = world.evaluator.budget("flux")
    verdict = await wait.check(waiting, budget, fail_fast=True)
    assert verdict.standing is Standing.WAITING
    world.set_available()
    await asyncio.sleep(2)
    verdict = await wait.check(waiting, budget, fail_fast=True)
    assert verdict.standing is Standing.HEALTHY
    healthy = await wait.end(waiting, verdict, world.reporter, world.measured)
    assert healthy is waiting.healthy
    wait.close(waiting)
    world.woken.clear()
    world.set_available(replicas=0)
    await asyncio.sleep(2)
    assert world.woken == []


@in_world()
async def test_a_wait_that_fails_ends_the_attempt(world: World) -> None:
    world.create(wait=True)
    world.apps(web=deployment())
    waiting = await Steps(world).begin()
    assert isinstance(waiting, Waiting)
    with pytest.raises(Failed, match=r"health check failed after \S+: it broke") as raised:
        await wait.end(waiting, WaitResult(Standing.FAILED, "it broke"), world.reporter, world.measured)
    assert raised.value.reason == reasons.HEALTH_CHECK_FAILED
    condition = waiting.attempt.session.condition(reasons.HEALTHY)
    assert condition is not None
    assert (condition["status"], condition["message"]) == ("False", "it broke")
    assert world.measured.steps[-1] == ("health", True)


@in_world()
async def test_a_failed_wait_quotes_no_secret(world: World) -> None:
    world.create(wait=True)
    world.apps(web=deployment())
    waiting = await Steps(world).begin()
    assert isinstance(waiting, Waiting)
    hiding = dataclasses.replace(waiting.attempt, masks=lambda: Masks(["hunter2hunter2"]))
    secret = dataclasses.replace(waiting, healthy=dataclasses.replace(waiting.healthy, attempt=hiding))
    verdict = WaitResult(Standing.FAILED, "it says hunter2hunter2")
    with pytest.raises(Failed) as raised:
        await wait.end(secret, verdict, world.reporter, world.measured)
    assert str(raised.value).endswith("it says ***")


@in_world()
async def test_a_success_that_adds_nothing_leaves_the_status_unchanged(world: World) -> None:
    world.create()
    world.apps(a=config_map("a"))
    await world.reconcile()
    world.requests()
    healthy = await Steps(world).begin()
    assert isinstance(healthy, Healthy)
    await succeed(healthy, world.reporter)
    await asyncio.sleep(60)
    assert "PATCH kustomizations/apps/status" not in world.requests()
    assert healthy.attempt.session.status == world.status
    await succeed(dataclasses.replace(healthy, changed=True), world.reporter)
    assert world.requests() == ["PATCH kustomizations/apps/status"]


@in_world()
async def test_a_revision_that_changes_nothing_is_recorded_once(world: World) -> None:
    world.create()
    world.apps(a=config_map("a"))
    await world.reconcile()
    revision = world.apps(a=config_map("a"))
    world.requests()
    for _ in range(2):
        unaffected = await Steps(world).prepare(Depth.LOOK)
        assert isinstance(unaffected, Unaffected)
        await record_unaffected(unaffected, world.reporter, world.measured)
    assert world.requests() == ["PATCH kustomizations/apps/status"]
    assert world.status["lastAppliedRevision"] == revision
    assert world.measured.skipped == 1
