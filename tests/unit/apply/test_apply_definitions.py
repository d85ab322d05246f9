"""Stages of an apply: what defines others is there, and ready for use, before the others come."""

from __future__ import annotations

from typing import Any

import pytest

from headgate.apply import Action, ApplyFailed, GroupKind
from headgate.kube import ref_of
from tests.support.applyworld import ApplyWorld, config, definition, in_a_world, refs, thing

NAMESPACE = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "two"}}
IN_TWO = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "namespace": "two"}, "data": {}}


def order(world: ApplyWorld, verb: str) -> list[str]:
    return [r.removeprefix(f"{verb} ") for r in world.requests if r.startswith(f"{verb} ")]


@in_a_world
async def test_definitions_come_before_their_objects_whatever_the_order_in_git(world: ApplyWorld) -> None:
    result = await world.apply(thing(), IN_TWO, definition(), NAMESPACE)
    assert order(world, "apply")[-2:] == ["ConfigMap/two/a", "Thing/one/t"]
    assert [len(stage) for stage in world.recorded] == [2, 2]
    assert [c.action for c in result.changes] == [Action.CREATED] * 4
    assert world.live(thing()) is not None


@in_a_world
async def test_an_object_is_not_asked_about_before_its_definition_is_established(world: ApplyWorld) -> None:
    await world.apply(definition(), thing())
    asked = world.requests.index("dry run Thing/one/t")
    looked = [i for i, r in enumerate(world.requests) if r.startswith("get CustomResourceDefinition/")]
    assert looked
    assert max(looked) < asked


@in_a_world
async def test_definitions_in_place_are_not_awaited_again(world: ApplyWorld) -> None:
    world.watch()
    await world.apply(definition(), thing())
    await world.apply(definition(), thing("t", "2"))
    assert world.requests == ["apply Thing/one/t"]


@in_a_world
async def test_a_definition_known_before_it_was_established_is_awaited_by_the_next_apply(
    world: ApplyWorld,
) -> None:
    established: list[Any] = []
    world.server.observers.append(
        lambda change: established.append(change) if change.kind.kind == "CustomResourceDefinition" else None
    )
    with pytest.raises(ApplyFailed) as failed:
        await world.apply(definition(), thing(), timeout=0.0)
    assert [e.message for e in failed.value.errors] == [
        "timeout waiting for CustomResourceDefinition/things.example.org: it is not established yet"
    ]
    assert refs(failed.value.changes, Action.CREATED) == (ref_of(definition()),)
    await world.apply(definition(), thing())
    assert world.requests[0] == "get CustomResourceDefinition/things.example.org"
    assert world.live(thing()) is not None


@in_a_world
async def test_a_definition_whose_names_are_taken_stops_the_apply(world: ApplyWorld) -> None:
    await world.apply(definition())
    with pytest.raises(ApplyFailed) as failed:
        await world.apply(definition("others"), thing())
    (error,) = failed.value.errors
    assert error.message == (
        "CustomResourceDefinition/others.example.org cannot be used: its names are not accepted: "
        '"Thing" is already in use'
    )
    assert refs(failed.value.changes) == (ref_of(definition("others")),)


@in_a_world
async def test_a_namespace_that_is_being_deleted_is_no_place_for_objects(world: ApplyWorld) -> None:
    await world.apply(NAMESPACE)
    held = {**IN_TWO, "metadata": {**IN_TWO["metadata"], "finalizers": ["example.org/held"]}}
    world.edit(held)
    world.delete(NAMESPACE)
    await world.age()
    with pytest.raises(ApplyFailed) as failed:
        await world.apply(NAMESPACE, IN_TWO, full=True)
    (error,) = failed.value.errors
    assert (
        error.message
        == "Namespace/two cannot be used: it is being deleted; Headgate creates it again when it is gone"
    )


@in_a_world
async def test_a_failed_stage_keeps_the_later_ones_from_beginning(world: ApplyWorld) -> None:
    bad = {**definition(), "metadata": {"name": "things.example.org", "labels": "none"}}
    with pytest.raises(ApplyFailed):
        await world.apply(bad, config())
    assert world.requests == []


@in_a_world
async def test_a_kind_with_a_stage_of_its_own_comes_before_the_rest(world: ApplyWorld) -> None:
    await world.apply(definition())
    await world.apply(config("a"), thing(), custom_stages=frozenset((GroupKind.parse("example.org/Thing"),)))
    assert order(world, "apply") == ["Thing/one/t", "ConfigMap/one/a"]


@in_a_world
async def test_an_object_without_a_namespace_of_its_own_loses_the_one_it_names(world: ApplyWorld) -> None:
    placed = {**NAMESPACE, "metadata": {"name": "two", "namespace": "one"}}
    result = await world.apply(placed)
    assert refs(result.changes, Action.CREATED) == (ref_of(NAMESPACE),)
    assert world.recorded == [[ref_of(NAMESPACE)]]
