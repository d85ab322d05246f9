"""What the next apply would change: dry runs only, with the rights of who asks, and nothing secret."""

from __future__ import annotations

import json

import pytest

from headgate.feed.differences import difference
from headgate.feed.live_diff import LiveDiffs, Unbuildable
from headgate.page.views.difference import Difference
from headgate.settings import ClusterSettings
from tests.support.reconciling import KEY, WEB, World, config_map, deployment, in_world


def live_diffs(world: World) -> LiveDiffs:
    return LiveDiffs(world.store, world.prerequisites, world.builder, world.targets, ClusterSettings())


async def compared(world: World) -> Difference:
    return await difference(world.client, await live_diffs(world).build(KEY))


def secret(name: str, **data: str) -> str:
    meta = {"name": name, "namespace": "flux"}
    return json.dumps({"apiVersion": "v1", "kind": "Secret", "metadata": meta, "stringData": data})


def found(difference: Difference) -> dict[str, str]:
    return {f"{each.ref.kind}/{each.ref.name}": each.action for each in difference.objects}


@in_world()
async def test_nothing_differs_after_an_apply_and_no_request_writes(world: World) -> None:
    world.create()
    world.apps(a=config_map("a"), web=deployment())
    await world.reconcile()
    world.requests()
    answer = await compared(world)
    assert (answer.objects, answer.unchanged, answer.problem) == ((), 2, "")
    assert all(each.startswith("GET") or each.endswith("(dry run)") for each in world.requests())


@in_world()
async def test_changes_additions_and_deletions_are_those_of_the_next_apply(world: World) -> None:
    world.create()
    world.apps(a=config_map("a"), web=deployment())
    await world.reconcile()
    revision = world.apps(web=deployment(3), b=config_map("b"))
    world.requests()
    answer = await compared(world)
    assert answer.revision == revision
    assert found(answer) == {"Deployment/web": "change", "ConfigMap/b": "create", "ConfigMap/a": "delete"}
    (web,) = (each for each in answer.objects if each.ref.name == "web")
    assert [(each.path, each.before, each.after) for each in web.fields] == [("spec.replicas", "1", "3")]
    assert all(each.startswith("GET") or each.endswith("(dry run)") for each in world.requests())
    await world.reconcile()
    assert found(await compared(world)) == {}


@in_world()
async def test_a_suspended_kustomization_is_compared_as_if_it_was_resumed(world: World) -> None:
    world.create()
    world.apps(web=deployment())
    await world.reconcile()
    world.change({"spec": {"suspend": True}})
    world.apps(web=deployment(2))
    assert found(await compared(world)) == {"Deployment/web": "change"}


@in_world()
async def test_values_of_secrets_config_maps_and_annotations_are_not_shown(world: World) -> None:
    world.create()
    world.apps(s=secret("s", key="s3cret-one"), c=config_map("c", key="s3cret-two"))
    await world.reconcile()
    noted = {"apiVersion": "v1", "kind": "ConfigMap", "data": {"key": "s3cret-four"}}
    meta = {"name": "c", "namespace": "flux", "annotations": {"note": "s3cret-five"}}
    world.apps(s=secret("s", key="s3cret-three"), c=json.dumps({**noted, "metadata": meta}))
    answer = await compared(world)
    assert found(answer) == {"Secret/s": "change", "ConfigMap/c": "change"}
    assert "s3cret" not in repr(answer)
    fields = [field for each in answer.objects for field in each.fields]
    assert sorted(each.path.removesuffix(".note") for each in fields) == [
        "data.key",
        "data.key",
        "metadata.annotations",
    ]
    assert {each.after for each in fields} == {"changes"}


@in_world()
async def test_what_the_account_may_not_read_is_not_compared_and_a_refusal_is_named(world: World) -> None:
    world.create()
    world.apps(web=deployment(), a=config_map("a"))
    await world.reconcile()
    world.apps(web=deployment(2), a=config_map("a", key="value"))
    made = await live_diffs(world).build(KEY)
    world.forbid(WEB)
    answer = await difference(world.client, made)
    assert found(answer) == {"ConfigMap/a": "change"}
    assert "Deployment/flux/web: you may not read it" in answer.problem


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"apps/kustomization.yaml": "resources: [a.yaml]", "apps/a.yaml": "a: b: c"}, "apps/a.yaml:1"),
        ({"other/a.yaml": config_map("a")}, "kustomization path not found"),
    ],
)
def test_what_cannot_be_built_says_why(files: dict[str, str], said: str) -> None:
    @in_world()
    async def unbuildable(world: World) -> None:
        world.create()
        world.commit(files)
        with pytest.raises(Unbuildable, match=said):
            await live_diffs(world).build(KEY)

    unbuildable()


@in_world()
async def test_without_a_kustomization_or_a_source_there_is_nothing_to_compare(world: World) -> None:
    with pytest.raises(Unbuildable, match="does not exist"):
        await live_diffs(world).build(KEY)
    world.create()
    with pytest.raises(Unbuildable, match='"git" not found'):
        await live_diffs(world).build(KEY)


@in_world()
async def test_an_operator_that_does_not_reconcile_says_so(world: World) -> None:
    world.create()
    diffs = live_diffs(world)
    answer = await diffs.of(KEY)
    assert "does not reconcile now" in answer.problem
    assert answer.objects == ()
