"""What gathering and building return or raise."""

from __future__ import annotations

import json

import pytest

from headgate.api import reasons
from headgate.kube import ObjectRef
from headgate.postbuild import Masks
from headgate.reconcile.kustomization.attempt import Attempt
from headgate.reconcile.kustomization.errors import (
    Failed,
    Postponed,
)
from headgate.reconcile.kustomization.report import Reported
from headgate.reconcile.kustomization.steps.build import build
from headgate.reconcile.target.errors import TargetError, TargetPending
from tests.support.reconciling import KEY, World, config_map, in_world
from tests.support.steps import Steps

A = ObjectRef("v1", "ConfigMap", "a", "flux")


def progress(attempt: Attempt) -> str:
    """What the attempt says it is doing."""
    condition = attempt.session.condition(reasons.RECONCILING)
    assert condition is not None
    return str(condition["message"]).partition(" for revision")[0]


@in_world()
async def test_gathering_connects_and_reads_what_the_build_takes(world: World) -> None:
    world.create(postBuild={"substitute": {"n": "one"}})
    revision = world.apps(a=config_map("a", n="${n}"))
    steps = Steps(world)
    world.wakeups.live_drifted(KEY, A, "it was edited")
    gathered = await steps.gather()
    assert gathered.inputs.variables is not None
    assert gathered.target.live is world.targets.home
    assert gathered.attempt.session.status["lastAttemptedRevision"] == revision
    assert progress(gathered.attempt) == "Fetching manifests"
    assert [event.message for event in world.events.emitted] == [
        "drift detected: ConfigMap/flux/a: it was edited"
    ]


class Elsewhere:
    """Targets that cannot be reached."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    async def of(self, ks: object) -> object:
        raise self._error


@in_world()
async def test_gathering_ends_where_the_cluster_cannot_be_reached(world: World) -> None:
    world.create()
    world.apps(a=config_map("a"))
    with pytest.raises(Postponed) as postponed:
        await Steps(world).gather(Elsewhere(TargetPending("waiting for it", retry_after=3.0)))
    assert (postponed.value.silent, postponed.value.retry_after) == (True, 3.0)
    with pytest.raises(Failed, match="the kubeconfig is wrong") as failed:
        await Steps(world).gather(Elsewhere(TargetError("the kubeconfig is wrong")))
    assert failed.value.reason == reasons.RECONCILIATION_FAILED


@in_world()
async def test_a_build_knows_its_digest_and_what_it_was_made_from(world: World) -> None:
    world.create()
    world.apps(a=config_map("a"))
    steps = Steps(world)
    built = await steps.build()
    assert [obj["metadata"]["name"] for obj in built.result.objects] == ["a"]
    assert built.attempt.digest == built.result.digest
    assert built.attempt.masks is Masks
    assert world.names() == []


@in_world()
async def test_what_a_build_warns_of_is_reported_once_for_each_revision(world: World) -> None:
    world.create()
    patch = {"patch": '[{"op": "add", "path": "/x", "value": 1}]', "target": {"kind": "Absent"}}
    kustomization = json.dumps({"resources": ["a.yaml"], "patches": [patch]})
    files = {"apps/kustomization.yaml": kustomization, "apps/a.yaml": config_map("a")}
    steps = Steps(world)
    for _ in range(2):
        world.commit(files)
        for _ in range(2):
            built = await steps.build()
        assert len(built.result.warnings) == 1
    assert [reason for _, reason, _ in world.events.take()] == [reasons.BUILD_WARNING] * 2


@in_world()
async def test_a_build_fails_with_the_reason_of_its_error(world: World) -> None:
    world.create()
    world.commit({"apps/kustomization.yaml": "resources: [gone.yaml]"})
    gathered = await Steps(world).gather()
    with pytest.raises(Failed, match="kustomize build failed: ") as raised:
        await build(gathered, world.builder, world.reporter, Reported())
    assert raised.value.reason == reasons.BUILD_FAILED
    assert progress(gathered.attempt) == "Building manifests"


@in_world()
async def test_a_build_of_a_revision_that_was_replaced_meanwhile_fails(world: World) -> None:
    world.create()
    revision = world.apps(a=config_map("a"))
    gathered = await Steps(world).gather()
    world.apps(b=config_map("b"))
    with pytest.raises(Failed, match=f"revision {revision} is no longer there") as raised:
        await build(gathered, world.builder, world.reporter, Reported())
    assert raised.value.reason == reasons.ARTIFACT_FAILED
    assert progress(gathered.attempt) == "Fetching manifests"
