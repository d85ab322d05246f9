"""What a deletion asks of the API server, and what becomes of objects that it cannot or must not delete."""

from __future__ import annotations

from typing import Any

import pytest

from headgate.apply import Action, NoClaims, Owner
from headgate.kube import ObjectRef, ref_of
from tests.model.border import Fault, sort_of
from tests.support.applyworld import PREFIX, ApplyWorld, config, definition, in_a_world, refs, refused, thing

A, B, C = config("a"), config("b"), config("c")


@in_a_world
async def test_an_object_is_read_and_deleted_as_it_was_read(world: ApplyWorld) -> None:
    await world.apply(A)
    bodies: list[Any] = []
    world.policies.append(lambda r: bodies.append(r.body) if r.method == "DELETE" else None)
    live = world.live(A)
    assert live is not None
    result = await world.prune(A)
    assert world.requests == ["get ConfigMap/one/a", "delete ConfigMap/one/a"]
    meta = live["metadata"]
    assert bodies[0]["preconditions"] == {"uid": meta["uid"], "resourceVersion": meta["resourceVersion"]}
    assert [str(c) for c in result.changes] == ["ConfigMap/one/a deleted"]
    assert result.terminating == (ref_of(A),)
    assert world.live(A) is None


@in_a_world
async def test_objects_go_before_their_definition(world: ApplyWorld) -> None:
    await world.apply(definition(), thing(), A)
    result = await world.prune(definition(), A, thing(), concurrency=1)
    deleted = [r for r in world.requests if r.startswith("delete")]
    assert deleted[-1] == "delete CustomResourceDefinition/things.example.org"
    assert refs(result.changes, Action.DELETED) == tuple(c.ref for c in result.changes)


@in_a_world
async def test_an_object_that_changes_meanwhile_is_read_again(world: ApplyWorld) -> None:
    await world.apply(A)
    edited = False

    def policy(request: Any) -> None:
        nonlocal edited
        if request.method == "DELETE" and not edited:
            edited = True
            world.edit(config("a", hand="made"))

    world.policies.append(policy)
    result = await world.prune(A)
    assert world.requests == ["get ConfigMap/one/a", "delete ConfigMap/one/a"] * 2
    assert refs(result.changes, Action.DELETED) == (ref_of(A),)


@in_a_world
async def test_an_object_that_changes_all_the_time_survives(world: ApplyWorld) -> None:
    await world.apply(A)
    numbers = iter(range(100))

    def policy(request: Any) -> None:
        if request.method == "DELETE":
            world.edit(config("a", hand=str(next(numbers))))

    world.policies.append(policy)
    result = await world.prune(A)
    assert result.survivors == (ref_of(A),)
    assert result.errors[0].startswith("ConfigMap/one/a delete failed: ")
    assert refs(result.changes, Action.UNKNOWN) == (ref_of(A),)


@in_a_world
async def test_one_refusal_does_not_stop_the_rest(world: ApplyWorld) -> None:
    await world.apply(A, B, C)

    def policy(request: Any) -> Any:
        hit = sort_of(request) == "delete" and request.path.endswith("/b")
        return refused(403, "Forbidden", "not you") if hit else None

    world.policies.append(policy)
    result = await world.prune(A, B, C)
    assert result.errors == ("ConfigMap/one/b delete failed: not you",)
    assert result.survivors == (ref_of(B),)
    assert set(refs(result.changes, Action.DELETED)) == {ref_of(A), ref_of(C)}


@in_a_world
async def test_a_lost_answer_leaves_an_object_that_is_gone_at_the_next_try(world: ApplyWorld) -> None:
    await world.apply(A)
    world.faults.append(Fault("delete", 1, "lost answer"))
    result = await world.prune(A)
    assert refs(result.changes, Action.DELETED) == (ref_of(A),)
    assert world.live(A) is None


@pytest.mark.parametrize(
    "marks",
    [{"prune": "disabled"}, {"reconcile": "disabled"}, {"ssa": "Ignore"}],
    ids=lambda m: next(iter(m)),
)
@in_a_world
async def test_marked_objects_are_kept(world: ApplyWorld, marks: dict[str, str]) -> None:
    await world.apply(A)
    world.edit(config("a", marks=marks), manager="admin")
    result = await world.prune(A)
    assert world.requests == ["get ConfigMap/one/a"]
    assert refs(result.changes, Action.SKIPPED) == (ref_of(A),)


@in_a_world
async def test_objects_of_others_are_kept(world: ApplyWorld) -> None:
    world.edit(A)
    result = await world.prune(A)
    assert refs(result.changes, Action.SKIPPED) == (ref_of(A),)
    assert world.live(A) is not None


@in_a_world
async def test_an_object_that_another_kustomization_applies_gets_its_labels(world: ApplyWorld) -> None:
    class Claims(NoClaims):
        given_away: ObjectRef | None = None

        def heir(self, ref: ObjectRef) -> Owner | None:
            return Owner("heir", "flux-system")

        def given(self, ref: ObjectRef) -> None:
            self.given_away = ref

    await world.apply(A)
    claims = Claims()
    result = await world.prune(A, claims=claims)
    assert [str(c) for c in result.changes] == [
        "ConfigMap/one/a skipped: Kustomization/flux-system/heir applies it too"
    ]
    live = world.live(A)
    assert live is not None
    assert live["metadata"]["labels"][f"{PREFIX}/name"] == "heir"
    assert claims.given_away == ref_of(A)


@in_a_world
async def test_what_is_gone_or_of_a_kind_that_is_gone_counts_as_deleted(world: ApplyWorld) -> None:
    result = await world.prune(A, thing())
    assert set(refs(result.changes, Action.DELETED)) == {ref_of(A), ref_of(thing())}
    assert not [r for r in world.requests if r.startswith("delete")]
    assert result.terminating == ()


@in_a_world
async def test_as_many_deletions_at_once_as_the_options_say(world: ApplyWorld) -> None:
    objects = [config(f"c{i:02}") for i in range(30)]
    await world.apply(*objects)
    world.line.most_under_way = 0
    result = await world.prune(*objects, concurrency=3)
    assert world.line.most_under_way == 3
    assert len(refs(result.changes, Action.DELETED)) == 30
