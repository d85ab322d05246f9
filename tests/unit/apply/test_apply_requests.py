"""What an apply asks of the API server, object by object."""

from __future__ import annotations

from typing import Any

import pytest

from headgate.api.kustomization import IgnoreRule
from headgate.apply import Action, ApplyResult, compile_rules
from headgate.kube import ref_of
from tests.model.border import sort_of
from tests.support.applyworld import PREFIX, ApplyWorld, config, in_a_world, refs

A, B, C = config("a"), config("b"), config("c")
DATA_N = compile_rules([IgnoreRule(("/data/n",))])


def actions(result: ApplyResult) -> list[str]:
    return [str(change) for change in result.changes]


@in_a_world
async def test_new_objects_are_all_asked_about_before_one_is_sent(world: ApplyWorld) -> None:
    result = await world.apply(A, B, concurrency=1)
    assert world.requests == [
        "dry run ConfigMap/one/a",
        "dry run ConfigMap/one/b",
        "apply ConfigMap/one/a",
        "apply ConfigMap/one/b",
    ]
    assert actions(result) == ["ConfigMap/one/a created", "ConfigMap/one/b created"]
    live = world.live(A)
    assert live is not None
    assert live["metadata"]["labels"] == {f"{PREFIX}/name": "apps", f"{PREFIX}/namespace": "flux-system"}


@in_a_world
async def test_unchanged_objects_cost_no_request(world: ApplyWorld) -> None:
    world.watch()
    first = await world.apply(A, B)
    result = await world.apply(A, B)
    assert world.requests == world.recorded == []
    assert actions(result) == ["ConfigMap/one/a unchanged", "ConfigMap/one/b unchanged"]
    assert result.uids == first.uids
    assert (first.answered, result.answered) == ({ref_of(A), ref_of(B)}, set())


@in_a_world
async def test_a_full_pass_verifies_each_object_by_one_request(world: ApplyWorld) -> None:
    await world.apply(A, B)
    await world.age()
    result = await world.apply(A, B, full=True, concurrency=1)
    assert world.requests == ["dry run ConfigMap/one/a", "dry run ConfigMap/one/b"]
    assert not result.changes.changed()
    assert result.answered == {ref_of(A), ref_of(B)}


@in_a_world
async def test_after_a_restart_an_object_in_place_costs_one_request(world: ApplyWorld) -> None:
    await world.apply(A)
    await world.age()
    world.restart()
    result = await world.apply(A)
    assert world.requests == ["dry run ConfigMap/one/a"]
    assert actions(result) == ["ConfigMap/one/a unchanged"]


@in_a_world
async def test_after_a_restart_an_object_that_was_just_written_is_read_too(world: ApplyWorld) -> None:
    """Its times are too new to show whether the apply would change anything."""
    await world.apply(A)
    world.restart()
    result = await world.apply(A)
    assert world.requests == ["dry run ConfigMap/one/a", "get ConfigMap/one/a"]
    assert actions(result) == ["ConfigMap/one/a unchanged"]


@in_a_world
async def test_a_lone_change_is_sent_without_a_question(world: ApplyWorld) -> None:
    await world.apply(A, B)
    result = await world.apply(config("a", "2"), B)
    assert world.requests == ["apply ConfigMap/one/a"]
    assert world.recorded == [[ref_of(A)]]
    assert actions(result) == ["ConfigMap/one/a configured", "ConfigMap/one/b unchanged"]


@in_a_world
async def test_of_several_changes_each_is_asked_about_first(world: ApplyWorld) -> None:
    await world.apply(A, B, C)
    result = await world.apply(config("a", "2"), config("b", "2"), C, concurrency=1)
    assert world.requests == [
        "dry run ConfigMap/one/a",
        "dry run ConfigMap/one/b",
        "apply ConfigMap/one/a",
        "apply ConfigMap/one/b",
    ]
    assert [c.action for c in result.changes] == [Action.CONFIGURED, Action.CONFIGURED, Action.UNCHANGED]


@in_a_world
async def test_a_lone_change_of_an_object_that_moved_on_is_asked_about_after_all(world: ApplyWorld) -> None:
    await world.apply(A)
    world.edit(config("a", extra="theirs"))
    result = await world.apply(config("a", "2"))
    assert world.requests == ["apply ConfigMap/one/a", "dry run ConfigMap/one/a", "apply ConfigMap/one/a"]
    assert actions(result) == ["ConfigMap/one/a configured"]
    live = world.live(A)
    assert live is not None
    assert live["data"] == {"n": "2", "extra": "theirs"}


@in_a_world
async def test_drift_that_a_watch_showed_is_corrected(world: ApplyWorld) -> None:
    world.watch()
    await world.apply(A, B)
    world.edit(config("a", "theirs", hand="made"), manager="kubectl-edit", apply=False)
    result = await world.apply(A, B)
    assert actions(result) == ["ConfigMap/one/a configured", "ConfigMap/one/b unchanged"]
    assert world.requests == [
        "dry run ConfigMap/one/a",
        "get ConfigMap/one/a",
        "patch ConfigMap/one/a",
        "apply ConfigMap/one/a",
    ]
    live = world.live(A)
    assert live is not None
    assert live["data"] == {"n": "1"}
    assert [e["manager"] for e in live["metadata"]["managedFields"]] == ["kustomize-controller"]


@in_a_world
async def test_an_edit_between_question_and_apply_is_taken_over_all_the_same(world: ApplyWorld) -> None:
    await world.apply(A, B)

    def policy(request: Any) -> None:
        if sort_of(request) == "apply" and len(world.requests) == 3:
            world.edit(config("a", hand="made"), manager="kubectl-edit", apply=False)

    world.policies.append(policy)
    result = await world.apply(config("a", "2"), config("b", "2"), concurrency=1)
    assert world.requests[2:] == [
        "apply ConfigMap/one/a",
        "get ConfigMap/one/a",
        "patch ConfigMap/one/a",
        "apply ConfigMap/one/a",
        "apply ConfigMap/one/b",
    ]
    assert [c.action for c in result.changes] == [Action.CONFIGURED, Action.CONFIGURED]
    live = world.live(A)
    assert live is not None
    assert live["data"] == {"n": "2"}


@pytest.mark.parametrize("mark", [{"ssa": "Ignore"}, {"reconcile": "disabled"}])
@in_a_world
async def test_what_git_excludes_costs_no_request(world: ApplyWorld, mark: dict[str, str]) -> None:
    result = await world.apply(config("a", marks=mark))
    assert world.requests == []
    assert actions(result) == ["ConfigMap/one/a skipped"]


@in_a_world
async def test_what_the_cluster_excludes_is_left_alone_and_asked_about_each_time(world: ApplyWorld) -> None:
    await world.apply(A, B)
    world.edit(config("a", marks={"reconcile": "disabled"}), manager="admin")
    for _ in range(2):
        result = await world.apply(config("a", "2"), config("b", "2"), full=True)
        assert "apply ConfigMap/one/a" not in world.requests
        assert refs(result.changes, Action.SKIPPED) == (ref_of(A),)
        assert ref_of(A) in result.answered
    assert world.known.get(world.client.cluster, ref_of(A)) is None


@in_a_world
async def test_an_object_that_is_made_once_is_only_looked_at_later(world: ApplyWorld) -> None:
    once = config("a", marks={"ssa": "IfNotPresent"})
    await world.apply(once)
    assert world.requests == ["get ConfigMap/one/a", "dry run ConfigMap/one/a", "apply ConfigMap/one/a"]
    world.edit(config("a", "theirs"))
    changed = config("a", "2", marks={"ssa": "IfNotPresent"})
    result = await world.apply(changed)
    assert world.requests == ["get ConfigMap/one/a"]
    assert actions(result) == ["ConfigMap/one/a skipped"]
    result = await world.apply(changed)
    assert world.requests == []
    assert actions(result) == ["ConfigMap/one/a skipped"]


@in_a_world
async def test_an_object_that_is_made_once_is_in_place_after_a_restart_too(world: ApplyWorld) -> None:
    """Its UID keeps the prune that follows from deleting it under another name that the inventory has for it."""
    once = config("a", marks={"ssa": "IfNotPresent"})
    created = await world.apply(once)
    world.restart()
    result = await world.apply(once)
    assert actions(result) == ["ConfigMap/one/a skipped"]
    assert result.uids == created.uids != frozenset()


@in_a_world
async def test_the_fields_of_other_managers_stay_where_that_is_asked_for(world: ApplyWorld) -> None:
    merged = config("a", marks={"ssa": "Merge"})
    await world.apply(merged)
    world.edit(config("a", hand="made"), manager="kubectl-edit", apply=False)
    await world.age()
    result = await world.apply(merged, full=True)
    assert world.requests == ["get ConfigMap/one/a", "dry run ConfigMap/one/a"]
    assert actions(result) == ["ConfigMap/one/a unchanged"]


@in_a_world
async def test_an_ignored_change_alone_is_read_and_left(world: ApplyWorld) -> None:
    await world.apply(A, ignore=DATA_N)
    world.edit(config("a", "theirs"))
    result = await world.apply(A, ignore=DATA_N, full=True)
    assert world.requests == ["dry run ConfigMap/one/a", "get ConfigMap/one/a"]
    assert actions(result) == ["ConfigMap/one/a unchanged"]


@in_a_world
async def test_another_change_leaves_the_ignored_field_as_it_is_in_the_cluster(world: ApplyWorld) -> None:
    await world.apply(A, ignore=DATA_N)
    world.edit(config("a", "theirs"))
    result = await world.apply(config("a", "1", more="new"), ignore=DATA_N)
    assert world.requests == [
        "dry run ConfigMap/one/a",
        "get ConfigMap/one/a",
        "get ConfigMap/one/a",
        "apply ConfigMap/one/a",
    ]
    assert actions(result) == ["ConfigMap/one/a configured"]
    live = world.live(A)
    assert live is not None
    assert live["data"] == {"n": "theirs", "more": "new"}


@in_a_world
async def test_a_write_between_read_and_apply_of_an_ignored_field_is_read_again(world: ApplyWorld) -> None:
    await world.apply(A, ignore=DATA_N)
    world.edit(config("a", "theirs"))
    written = False

    def policy(request: Any) -> None:
        nonlocal written
        version = (request.body or {}).get("metadata", {}).get("resourceVersion")
        if version and not written:
            written = True
            world.edit(config("a", "newest"))

    world.policies.append(policy)
    result = await world.apply(config("a", "1", more="new"), ignore=DATA_N)
    assert world.requests[-4:] == ["get ConfigMap/one/a", "apply ConfigMap/one/a"] * 2
    assert actions(result) == ["ConfigMap/one/a configured"]
    live = world.live(A)
    assert live is not None
    assert live["data"] == {"n": "newest", "more": "new"}


@in_a_world
async def test_another_kustomization_asks_about_what_is_in_place(world: ApplyWorld) -> None:
    await world.apply(A, B, actor="first")
    await world.age()
    await world.apply(A, B, actor="second", concurrency=1)
    assert world.requests == ["dry run ConfigMap/one/a", "dry run ConfigMap/one/b"]


@in_a_world
async def test_as_many_requests_at_once_as_the_options_say(world: ApplyWorld) -> None:
    result = await world.apply(*(config(f"c{i:02}") for i in range(40)), concurrency=5)
    assert world.line.most_under_way == 5
    assert len(world.requests) == 80
    assert [c.ref.name for c in result.changes] == [f"c{i:02}" for i in range(40)]


@in_a_world
async def test_an_object_that_came_while_it_was_written_is_observed_when_it_was_deleted(
    world: ApplyWorld,
) -> None:
    """The watch shows its own apply first, and then that somebody deleted it, before the answer comes."""
    world.watch()

    def delete(change: Any) -> None:
        if change.new is not None and change.old is None and change.kind.kind == "ConfigMap":
            world.delete(A)

    world.server.observers.append(delete)
    result = await world.apply(A)
    assert actions(result) == ["ConfigMap/one/a created"]
    assert world.live(A) is None
    assert world.observed == [ref_of(A)]


@in_a_world
async def test_warnings_of_the_api_server_name_the_object(world: ApplyWorld) -> None:
    world.warnings["a"] = "v1 ConfigMap is deprecated"
    result = await world.apply(A, B)
    assert result.notices == ("ConfigMap/one/a: v1 ConfigMap is deprecated",)
