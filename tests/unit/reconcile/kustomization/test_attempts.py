"""What an attempt does, what it reports, and when the next one begins. In virtual time."""

from __future__ import annotations

import json

from headgate.api import reasons
from headgate.kube import ObjectRef
from headgate.reconcile.core.controller import NOTHING_MORE
from headgate.reconcile.core.queue import Depth
from headgate.reconcile.target.live import LOST
from tests.support.reconciling import KEY, World, applied, config_map, in_world

A = ObjectRef("v1", "ConfigMap", "a", "flux")
READY = reasons.RECONCILIATION_SUCCEEDED
STATUS = "PATCH kustomizations/apps/status"


@in_world()
async def test_a_first_attempt_records_applies_and_reports(world: World) -> None:
    world.create()
    revision = world.apps(a=config_map("a"))
    outcome = await world.reconcile()
    assert (outcome.after, outcome.trigger.depth) == (600, Depth.VERIFY)
    assert world.requests() == [
        "PATCH kustomizations/apps",  # the finalizer
        "PATCH configmaps/a (dry run)",
        STATUS,  # the inventory
        "PATCH configmaps/a",
        STATUS,
    ]
    assert world.condition() == ("True", READY, f"Applied revision: {revision}")
    assert world.condition("Reconciling") is None
    assert world.inventory() == ["flux_a__ConfigMap"]
    assert world.status["history"][0]["metadata"] == {"revision": revision}
    assert [message.partition(" in ")[0] for _, _, message in world.events.take()] == [
        "ConfigMap/flux/a created",
        "Reconciliation finished",
    ]
    assert world.measured.steps == [("build", False), ("apply", False)]


@in_world()
async def test_a_routine_attempt_that_finds_all_in_place_reports_nothing(world: World) -> None:
    await applied(world)
    outcome = await world.reconcile()
    assert outcome.after == 600
    assert world.requests() == ["PATCH configmaps/a (dry run)"]
    assert world.events.take() == []


@in_world()
async def test_a_look_at_what_is_settled_does_nothing(world: World) -> None:
    await applied(world)
    outcome = await world.reconcile(Depth.LOOK)
    assert outcome.keep_timer
    assert world.requests() == []
    assert world.events.take() == []
    assert world.measured.skipped == 0


@in_world()
async def test_a_look_records_a_revision_that_changes_nothing_here(world: World) -> None:
    await applied(world)
    history = world.status["history"][0]
    files = {
        "apps/kustomization.yaml": json.dumps({"resources": ["a.yaml"]}),
        "apps/a.yaml": config_map("a"),
        "other/b.yaml": config_map("b"),
    }
    revision = world.commit(files)
    outcome = await world.reconcile(Depth.LOOK)
    assert outcome.keep_timer
    assert world.requests() == [STATUS]
    assert world.condition() == ("True", READY, f"Applied revision: {revision}")
    assert world.status["lastAttemptedRevision"] == world.status["lastAppliedRevision"] == revision
    assert world.status["history"][0]["digest"] == history["digest"]
    assert world.measured.skipped == 1
    assert world.measured.steps.count(("build", False)) == 1


@in_world()
async def test_a_look_builds_a_revision_that_changes_something_here(world: World) -> None:
    await applied(world)
    revision = world.apps(b=config_map("b"))
    outcome = await world.reconcile(Depth.LOOK)
    assert outcome.after == 600
    assert world.names() == ["b"]
    assert world.inventory() == ["flux_b__ConfigMap"]
    assert world.condition() == ("True", READY, f"Applied revision: {revision}")


@in_world()
async def test_a_look_builds_when_a_variable_has_changed(world: World) -> None:
    path = "/api/v1/namespaces/flux/configmaps/values"
    values = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "values"}, "data": {"n": "one"}}
    world.send("PATCH", path, values, apply=True)
    world.create(postBuild={"substituteFrom": [{"kind": "ConfigMap", "name": "values"}]})
    world.apps(a=config_map("a", n="${n}"))
    await world.reconcile()
    world.requests()
    outcome = await world.reconcile(Depth.LOOK)
    assert outcome.keep_timer
    assert world.requests() == ["GET configmaps/values"]
    world.send("PATCH", path, {"data": {"n": "two"}})
    await world.reconcile(Depth.LOOK)
    assert world.requests().count("GET configmaps/values") == 1  # what was read is used for the build
    live = world.find(A)
    assert live is not None
    assert live["data"] == {"n": "two"}


@in_world()
async def test_a_look_builds_when_the_attempt_before_did_not_succeed(world: World) -> None:
    await applied(world)
    world.commit({"apps/kustomization.yaml": "resources: [gone.yaml]"})
    await world.reconcile(Depth.LOOK)
    condition = world.condition()
    assert condition is not None
    assert condition[:2] == ("False", reasons.BUILD_FAILED)
    builds = world.measured.steps.count(("build", True))
    await world.reconcile(Depth.LOOK)
    assert world.measured.steps.count(("build", True)) == builds + 1


# Drift.


@in_world()
async def test_drift_is_reported_once_by_the_attempt_that_corrects_it(world: World) -> None:
    await applied(world)
    world.wakeups.live_drifted(KEY, A, "field data.n changed by kubectl")
    await world.reconcile(Depth.APPLY)
    drifts = [event for event in world.events.take() if event[1] == reasons.DRIFT_DETECTED]
    assert drifts == [
        (
            "Normal",
            reasons.DRIFT_DETECTED,
            "drift detected: ConfigMap/flux/a: field data.n changed by kubectl",
        )
    ]
    await world.reconcile(Depth.APPLY)
    assert world.events.take() == []


@in_world()
async def test_drift_waits_for_an_attempt_that_can_build(world: World) -> None:
    await applied(world)
    world.wakeups.live_drifted(KEY, A, LOST)
    world.commit({"elsewhere/a.yaml": config_map("a")})
    await world.reconcile()
    assert world.condition() == (
        "False",
        reasons.ARTIFACT_FAILED,
        "kustomization path not found: ./apps: no such directory in the source",
    )
    assert reasons.DRIFT_DETECTED not in [reason for _, reason, _ in world.events.take()]
    world.apps(a=config_map("a"))
    await world.reconcile()
    assert (
        "Normal",
        reasons.DRIFT_DETECTED,
        f"drift detected: ConfigMap/flux/a: {LOST}",
    ) in world.events.take()


@in_world()
async def test_a_suspended_kustomization_is_left_alone_and_its_drift_forgotten(world: World) -> None:
    await applied(world)
    world.wakeups.live_drifted(KEY, A, LOST)
    world.change({"spec": {"suspend": True}})
    assert await world.reconcile() == NOTHING_MORE
    assert world.requests() == [STATUS]
    assert world.status["observedGeneration"] == 2
    assert world.events.take() == []
    world.change({"spec": {"suspend": False}})
    await world.reconcile()
    assert reasons.DRIFT_DETECTED not in [reason for _, reason, _ in world.events.take()]
