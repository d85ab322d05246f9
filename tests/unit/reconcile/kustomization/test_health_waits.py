"""An attempt that waits for health: it occupies no worker, and ends by health, failure, timeout or something newer."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from headgate.api import reasons
from headgate.kube import ObjectRef
from headgate.reconcile.core.controller import GONE, NOTHING_MORE, WAKE, Outcome
from headgate.reconcile.core.queue import Depth
from tests.support.reconciling import KEY, WEB, World, config_map, deployment, in_world

READY = reasons.RECONCILIATION_SUCCEEDED
WAITING = ("Unknown", reasons.PROGRESSING)


async def waiting(world: World, **spec: Any) -> tuple[str, Outcome]:
    """A Kustomization that waits for a Deployment; returns revision and outcome."""
    world.create(**{"wait": True, **spec})
    revision = world.apps(web=deployment())
    outcome = await world.reconcile()
    assert outcome.trigger is WAKE
    world.requests()
    world.events.take()
    return revision, outcome


async def shown(world: World) -> None:
    """Let the watches show what has changed."""
    await asyncio.sleep(2)
    assert world.woken
    world.woken.clear()


@in_world()
async def test_a_wait_is_reported_only_when_it_takes_a_moment(world: World) -> None:
    revision, outcome = await waiting(world)
    assert outcome.after is not None
    assert 0 < outcome.after <= 20
    assert world.condition("Healthy") is None
    await asyncio.sleep(1)
    message = f"Running health checks for revision {revision} with a timeout of 20s"
    assert world.condition("Healthy") == (*WAITING, message)
    assert world.condition() == (*WAITING, "Reconciliation in progress")
    assert world.condition("Reconciling") == ("True", reasons.PROGRESSING, message)


@in_world()
async def test_what_becomes_healthy_wakes_the_wait_and_ends_it(world: World) -> None:
    revision, _ = await waiting(world)
    world.set_available()
    await shown(world)
    outcome = await world.reconcile(Depth.LOOK)
    assert outcome.after == 600
    assert world.condition() == ("True", READY, f"Applied revision: {revision}")
    healthy = world.condition("Healthy")
    assert healthy is not None
    assert healthy[:2] == ("True", reasons.SUCCEEDED)
    assert healthy[2].startswith("Health check passed in ")
    events = [message for _, _, message in world.events.take()]
    assert events[0] == healthy[2]
    assert events[1].startswith("Reconciliation finished in ")
    assert world.measured.steps == [("build", False), ("apply", False), ("health", False)]
    # What has settled now needs no request to be checked.
    world.requests()
    assert (await world.reconcile(Depth.LOOK)).keep_timer
    assert world.requests() == []


@in_world()
async def test_a_look_that_finds_nothing_new_goes_on_waiting(world: World) -> None:
    await waiting(world)
    await asyncio.sleep(3)
    outcome = await world.reconcile(Depth.LOOK)
    assert outcome.trigger is WAKE
    assert outcome.after is not None
    assert outcome.after <= 17  # of a timeout of 20 s
    assert world.events.take() == []
    assert "PATCH deployments/web" not in world.requests()


@in_world()
async def test_a_wait_ends_in_failure_at_its_deadline(world: World) -> None:
    await waiting(world)
    await asyncio.sleep(21)
    outcome = await world.reconcile(Depth.LOOK)
    assert (outcome.after, outcome.trigger.depth) == (10, Depth.APPLY)
    condition, healthy = world.condition(), world.condition("Healthy")
    assert condition is not None
    assert healthy is not None
    assert condition[:2] == ("False", reasons.HEALTH_CHECK_FAILED)
    assert condition[2].startswith("health check failed after ")
    assert "timeout waiting for: [Deployment/flux/web status: 'InProgress'" in condition[2]
    assert healthy[:2] == ("False", reasons.HEALTH_CHECK_FAILED)
    assert condition[2].endswith(healthy[2])
    assert world.status["history"][0]["lastReconciledStatus"] == reasons.HEALTH_CHECK_FAILED
    assert world.measured.steps[-1] == ("health", True)
    # The wait is closed: nothing wakes it, and the retry begins a new attempt.
    world.woken.clear()
    world.set_available()
    await asyncio.sleep(2)
    assert world.woken == []
    outcome = await world.reconcile(Depth.APPLY)
    assert outcome.after == 600


@in_world()
async def test_a_new_revision_interrupts_the_wait(world: World) -> None:
    await waiting(world)
    revision = world.apps(a=config_map("a"))
    outcome = await world.reconcile(Depth.LOOK, origin="GitRepository/flux/git")
    assert outcome.after == 600
    events = [message for _, _, message in world.events.take()]
    assert events[0] == (
        "Health checks canceled due to new reconciliation triggered by GitRepository/flux/git"
    )
    assert world.condition() == ("True", READY, f"Applied revision: {revision}")
    assert world.find(WEB) is None


@in_world()
async def test_a_request_interrupts_the_wait_and_is_answered(world: World) -> None:
    revision, _ = await waiting(world)
    world.change({"metadata": {"annotations": {"reconcile.fluxcd.io/requestedAt": "now"}}})
    outcome = await world.reconcile(Depth.LOOK)
    assert outcome.trigger is WAKE
    [message] = [message for _, _, message in world.events.take()]
    assert message == (
        "Health checks canceled due to new reconciliation triggered by Kustomization/flux/apps"
    )
    world.set_available()
    await shown(world)
    await world.reconcile(Depth.LOOK)
    assert world.condition() == ("True", READY, f"Applied revision: {revision}")
    assert world.status["lastHandledReconcileAt"] == "now"


@in_world()
async def test_a_deeper_attempt_interrupts_the_wait(world: World) -> None:
    await waiting(world)
    await world.reconcile(Depth.APPLY)
    assert any(message.startswith("Health checks canceled") for _, _, message in world.events.take())


@in_world()
async def test_a_suspension_closes_the_wait(world: World) -> None:
    await waiting(world)
    world.change({"spec": {"suspend": True}})
    assert await world.reconcile(Depth.LOOK) == NOTHING_MORE
    world.woken.clear()
    world.set_available()
    await asyncio.sleep(30)
    assert world.woken == []
    assert world.condition() == (*WAITING, "Reconciliation in progress")


@in_world()
async def test_a_kustomization_that_is_gone_waits_for_nothing(world: World) -> None:
    await waiting(world)
    world.store.drop_kustomization(KEY)
    assert await world.reconcile(Depth.LOOK) == GONE
    world.set_available()
    await asyncio.sleep(5)
    assert world.woken == []


@in_world()
async def test_named_objects_are_waited_for_although_nothing_applies_them(world: World) -> None:
    reference = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web", "namespace": "flux"}
    world.create(healthChecks=[reference])
    revision = world.apps(a=config_map("a"))
    outcome = await world.reconcile()
    assert outcome.trigger is WAKE
    body = json.loads(deployment())
    world.send("PATCH", "/apis/apps/v1/namespaces/flux/deployments/web", body, apply=True)
    world.set_available()
    assert outcome.after is not None
    await asyncio.sleep(outcome.after + 6)
    await world.reconcile(Depth.LOOK)
    assert world.condition() == ("True", READY, f"Applied revision: {revision}")


@in_world()
async def test_without_objects_to_wait_for_there_is_no_wait_and_no_condition(world: World) -> None:
    await waiting(world)
    world.set_available()
    await shown(world)
    await world.reconcile(Depth.LOOK)
    assert world.condition("Healthy") is not None
    world.change({"spec": {"wait": False}})
    await world.reconcile()
    assert world.condition("Healthy") is None


@in_world()
async def test_a_second_success_of_the_same_revision_emits_no_event(world: World) -> None:
    await waiting(world)
    world.set_available()
    await shown(world)
    await world.reconcile(Depth.LOOK)
    world.events.take()
    world.requests()
    outcome = await world.reconcile()
    assert outcome.after == 600
    assert world.events.take() == []
    assert "PATCH kustomizations/apps/status" not in world.requests()


@in_world()
async def test_an_unexpected_error_leaves_the_wait_to_the_next_attempt(world: World) -> None:
    revision, _ = await waiting(world)
    world.set_available()
    await shown(world)
    world.faults.append(world.refused("status"))
    try:
        await world.reconcile(Depth.LOOK)
    except Exception as error:
        world.faults.clear()
        await world.reconciler.broke_off(KEY, error, 2)
    condition = world.condition()
    assert condition is not None
    assert condition[:2] == ("False", reasons.HEALTH_CHECK_FAILED)
    assert condition[2].startswith("checking the health of the objects failed: ")
    await world.reconcile(Depth.APPLY)
    assert world.condition() == ("True", READY, f"Applied revision: {revision}")


@in_world(account="reader")
async def test_an_account_that_may_not_read_an_object_fails_the_wait(world: World) -> None:
    reference = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web", "namespace": "flux"}
    world.create(healthChecks=[reference])
    world.apps(a=config_map("a"))
    world.forbid(ObjectRef("apps/v1", "Deployment", "web", "flux"))
    outcome = await world.reconcile()
    assert outcome.after == 10
    condition = world.condition()
    assert condition is not None
    assert condition[:2] == ("False", reasons.HEALTH_CHECK_FAILED)
    assert "Deployment/flux/web deployments web is forbidden" in condition[2]
