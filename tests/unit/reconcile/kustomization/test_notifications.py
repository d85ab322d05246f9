"""What the events about a Kustomization tell a notification controller: revisions, commit statuses, severity."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable

import pytest

from headgate.api import reasons
from headgate.reconcile.core.queue import Depth
from tests.support.reconciling import KEY, Tree, World, applied, config_map, in_world

GROUP = "kustomize.toolkit.fluxcd.io"
ORIGIN = "main@sha1:0123456789abcdef0123456789abcdef01234567"
Story = Callable[[World], Awaitable[None]]


async def _success(world: World) -> None:
    world.create()
    world.commit({"apps/a.yaml": config_map("a")}, origin=ORIGIN)
    await world.reconcile()


async def _failure(world: World) -> None:
    world.create()
    world.commit({"apps/kustomization.yaml": "resources: [gone.yaml]"}, origin=ORIGIN)
    await world.reconcile()


async def _refusal(world: World) -> None:
    world.create()
    gadget = {"apiVersion": "v1", "kind": "Gadget", "metadata": {"name": "g", "namespace": "flux"}}
    world.commit({"apps/a.yaml": json.dumps(gadget)}, origin=ORIGIN)
    await world.reconcile()


async def _missing_dependency(world: World) -> None:
    world.create(dependsOn=[{"name": "missing"}])
    world.commit({"apps/a.yaml": config_map("a")}, origin=ORIGIN)
    await world.reconcile()
    await asyncio.sleep(60)


async def _advice(world: World) -> None:
    world.create()
    patches = [{"target": {"name": "none"}, "patch": "{kind: ConfigMap, metadata: {name: none}}"}]
    text = json.dumps({"resources": ["a.yaml"], "patches": patches})
    world.commit({"apps/a.yaml": config_map("a"), "apps/kustomization.yaml": text}, origin=ORIGIN)
    await world.reconcile()


async def _unexpected(world: World) -> None:
    world.create()
    world.commit({"apps/a.yaml": config_map("a")}, origin=ORIGIN)
    tree = world.trees.current(world.source)
    assert isinstance(tree, Tree)
    tree.error = RuntimeError("no")
    with pytest.raises(RuntimeError) as raised:
        await world.reconcile()
    await world.reconciler.broke_off(KEY, raised.value, 1)


async def _deletion(world: World) -> None:
    await _success(world)
    world.change({"metadata": {"deletionTimestamp": "2026-01-01T00:00:00Z"}})
    await world.reconcile()


@pytest.mark.parametrize(
    "story",
    [_success, _failure, _refusal, _missing_dependency, _advice, _unexpected, _deletion],
    ids=lambda story: story.__name__[1:],
)
def test_all_events_name_revision_and_origin(story: Story) -> None:
    """The status of a commit is set by the origin, if the revision is that of an OCI artifact."""

    @in_world()
    async def run(world: World) -> None:
        await story(world)
        assert world.events.emitted
        revision = f"main@sha1:{1:040x}"
        for event in world.events.emitted:
            annotations = dict(event.annotations)
            assert annotations.pop(f"{GROUP}/originRevision") == ORIGIN, event.message
            assert annotations.pop(f"{GROUP}/revision") == revision
            assert set(annotations) <= {f"{GROUP}/commit_status"}

    run()


@in_world()
async def test_only_a_success_is_marked_as_the_status_of_a_commit(world: World) -> None:
    """As Flux does it: chats leave out events with the mark, and would miss failures."""
    await applied(world)
    world.commit({"apps/kustomization.yaml": "resources: [gone.yaml]"})
    await world.reconcile()
    world.apps(a=config_map("a", a="2"))
    await world.reconcile()
    marked = [event for event in world.events.emitted if f"{GROUP}/commit_status" in event.annotations]
    assert [event.reason for event in marked] == [reasons.RECONCILIATION_SUCCEEDED]
    assert len(world.events.emitted) > 1


@in_world()
async def test_a_warning_about_what_went_on_all_the_same_is_no_error(world: World) -> None:
    await _advice(world)
    (warning,) = [event for event in world.events.emitted if event.type == "Warning"]
    assert (warning.reason, warning.is_advice) == (reasons.BUILD_WARNING, True)


@in_world()
async def test_a_full_pass_that_changes_nothing_notifies_and_records_nothing(world: World) -> None:
    revision = await applied(world)
    await world.reconcile(Depth.VERIFY)
    (event,) = world.events.emitted
    assert (event.record, event.notify, event.type) == (False, True, "Normal")
    assert event.reason == reasons.RECONCILIATION_SUCCEEDED
    assert event.message.startswith("Reconciliation finished in ")
    assert event.annotations == {f"{GROUP}/revision": revision, f"{GROUP}/commit_status": "update"}
    world.events.emitted.clear()
    await world.reconcile(Depth.APPLY)
    await world.reconcile(Depth.LOOK)
    assert world.events.emitted == []
