"""What becomes of an apply when the API server refuses, fails or says nothing."""

from __future__ import annotations

from typing import Any

import pytest

from headgate.apply import Action, ApplyFailed
from headgate.kube import ref_of
from tests.model.border import Fault
from tests.support.applyworld import ApplyWorld, config, immutable, in_a_world, refs, refused

A, B, C = config("a"), config("b"), config("c")


def messages(failed: pytest.ExceptionInfo[ApplyFailed]) -> list[str]:
    return [error.message for error in failed.value.errors]


def refusing(name: str, status: int = 422, reason: str = "Invalid", *, dry_run: bool = True) -> Any:
    """A policy: the object of that name is refused, in dry runs or in applies only."""

    def policy(request: Any) -> Any:
        hit = request.method == "PATCH" and request.path.endswith(f"/{name}") and request.dry_run is dry_run
        return refused(status, reason, f"{name} cannot be") if hit else None

    return policy


@in_a_world
async def test_of_a_stage_with_a_refused_object_nothing_is_applied_and_every_refusal_is_reported(
    world: ApplyWorld,
) -> None:
    world.policies += [refusing("a"), refusing("c", 403, "Forbidden")]
    with pytest.raises(ApplyFailed) as failed:
        await world.apply(C, B, A)
    assert messages(failed) == [
        "ConfigMap/one/a dry-run failed (Invalid): a cannot be",
        "ConfigMap/one/c dry-run failed (Forbidden): c cannot be",
    ]
    assert not [r for r in world.requests if r.startswith("apply")]
    assert world.recorded == []
    assert (len(failed.value.changes), failed.value.unsure) == (0, ())


@in_a_world
async def test_invalid_objects_are_reported_with_those_that_the_api_server_refuses(world: ApplyWorld) -> None:
    world.policies.append(refusing("b"))
    nowhere = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x"}}
    nameless = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"namespace": "one"}}
    strange = {"apiVersion": "example.org/v1", "kind": "Strange", "metadata": {"name": "s"}}
    huge = config("h") | {"data": {"n": {1: "a", "b": 2}}}
    with pytest.raises(ApplyFailed) as failed:
        await world.apply(A, B, nowhere, nameless, strange, huge)
    assert sorted(m.partition(": '<'")[0] for m in messages(failed)) == [
        "ConfigMap/? has no metadata.name",
        "ConfigMap/one/b dry-run failed (Invalid): b cannot be",
        "ConfigMap/one/h dry-run failed: this cannot be written as JSON",
        "ConfigMap/x namespace not specified: set metadata.namespace or spec.targetNamespace",
        'Strange/s dry-run failed: no matches for kind "Strange" in version "example.org/v1"',
    ]


@in_a_world
async def test_what_was_done_before_a_failure_is_reported(world: ApplyWorld) -> None:
    await world.apply(B)
    world.policies.append(refusing("c", dry_run=False))
    with pytest.raises(ApplyFailed) as failed:
        await world.apply(A, B, C, concurrency=1)
    assert [str(c) for c in failed.value.changes] == ["ConfigMap/one/a created", "ConfigMap/one/b unchanged"]
    assert messages(failed) == ["ConfigMap/one/c apply failed (Invalid): c cannot be"]
    assert failed.value.unsure == ()


@pytest.mark.parametrize(
    ("mishap", "times", "unsure"),
    [("504 but done", 6, True), ("lost answer", 3, True), ("409", 1, False)],
)
@in_a_world
async def test_an_object_that_may_have_been_applied_is_reported_as_such(
    world: ApplyWorld, mishap: str, times: int, unsure: bool
) -> None:
    world.faults.append(Fault("apply", 2, mishap, times))
    with pytest.raises(ApplyFailed) as failed:
        await world.apply(A, B, C, concurrency=1)
    assert failed.value.unsure == ((ref_of(B),) if unsure else ())
    assert refs(failed.value.changes, Action.CREATED) == (ref_of(A), ref_of(C))
    await world.age()
    result = await world.apply(A, B, C)
    assert len(result.changes) == 3
    assert world.live(B) is not None


@in_a_world
async def test_an_overloaded_server_is_asked_again(world: ApplyWorld) -> None:
    world.faults.append(Fault("apply", 1, "429", 2))
    result = await world.apply(A)
    assert world.requests == ["dry run ConfigMap/one/a", *["apply ConfigMap/one/a"] * 3]
    assert refs(result.changes, Action.CREATED) == (ref_of(A),)


@in_a_world
async def test_a_refused_lone_change_is_asked_about_and_reported(world: ApplyWorld) -> None:
    await world.apply(A)
    world.policies += [refusing("a"), refusing("a", dry_run=False)]
    with pytest.raises(ApplyFailed) as failed:
        await world.apply(config("a", "2"))
    assert world.requests == ["apply ConfigMap/one/a", "dry run ConfigMap/one/a", "get ConfigMap/one/a"]
    assert messages(failed) == ["ConfigMap/one/a dry-run failed (Invalid): a cannot be"]


@in_a_world
async def test_a_lone_change_whose_answer_was_lost_stays_uncertain_when_it_is_refused_later(
    world: ApplyWorld,
) -> None:
    await world.apply(A)
    world.faults.append(Fault("apply", 1, "504 but done", 6))
    world.policies.append(refusing("a"))
    with pytest.raises(ApplyFailed) as failed:
        await world.apply(config("a", "2"))
    assert failed.value.unsure == (ref_of(A),)


@in_a_world
async def test_an_object_that_failed_is_asked_about_at_the_next_apply(world: ApplyWorld) -> None:
    await world.apply(A, B)
    world.faults.append(Fault("dry run", 1, "500"))
    with pytest.raises(ApplyFailed):
        await world.apply(A, B, full=True, concurrency=1)
    await world.age()
    await world.apply(A, B)
    assert world.requests == ["dry run ConfigMap/one/a"]


@in_a_world
async def test_nothing_is_sent_that_could_not_be_recorded(world: ApplyWorld) -> None:

    class Full(Exception):
        pass

    async def record(refs: Any) -> None:
        raise Full

    world._record = record  # type: ignore[method-assign]
    with pytest.raises(Full):
        await world.apply(A, B)
    assert not [r for r in world.requests if r.startswith("apply")]


@in_a_world
async def test_an_immutable_field_is_refused_without_force(world: ApplyWorld) -> None:
    await world.apply(A, B)
    world.policies.append(immutable(world, A))
    with pytest.raises(ApplyFailed) as failed:
        await world.apply(config("a", "2"), config("b", "2"))
    assert messages(failed) == [
        'ConfigMap/one/a dry-run failed (Invalid): ConfigMap "a" is invalid: data.n: Invalid value: '
        "field is immutable"
    ]
    live = world.live(A)
    assert live is not None
    assert live["data"] == {"n": "1"}


@pytest.mark.parametrize("how", ["option", "mark in Git", "mark in the cluster"])
@in_a_world
async def test_with_force_an_object_with_an_immutable_field_is_recreated(world: ApplyWorld, how: str) -> None:
    await world.apply(A, B)
    before = world.live(A)
    assert before is not None
    marks = {"force": "enabled"}
    if how == "mark in the cluster":
        world.edit(config("a", marks=marks), manager="admin")
    world.policies.append(immutable(world, A))
    changed = config("a", "2", marks=marks if how == "mark in Git" else None)
    result = await world.apply(changed, B, force=how == "option")
    assert world.requests[-5:] == [
        "dry run ConfigMap/one/a",
        "get ConfigMap/one/a",
        "delete ConfigMap/one/a",
        "get ConfigMap/one/a",
        "apply ConfigMap/one/a",
    ]
    assert refs(result.changes, Action.CREATED) == (ref_of(A),)
    live = world.live(A)
    assert live is not None
    assert live["data"] == {"n": "2"}
    assert live["metadata"]["uid"] != before["metadata"]["uid"]


@in_a_world
async def test_force_does_not_delete_what_could_not_be_created(world: ApplyWorld) -> None:
    """A refusal that does not name an immutable field: the object is tried under another name first."""
    await world.apply(A)
    uid = (world.live(A) or {})["metadata"]["uid"]

    def policy(request: Any) -> Any:
        bad = request.method == "PATCH" and request.body["data"]["n"] == "bad"
        return refused(422, "Invalid", "data.n: Unsupported value") if bad else None

    world.policies.append(policy)
    with pytest.raises(ApplyFailed):
        await world.apply(config("a", "bad"), B, force=True)
    assert "delete ConfigMap/one/a" not in world.requests
    assert any(r.startswith("dry run ConfigMap/one/headgate-probe-") for r in world.requests)
    assert (world.live(A) or {})["metadata"]["uid"] == uid


@in_a_world
async def test_a_recreated_object_that_does_not_go_is_reported_after_the_timeout(world: ApplyWorld) -> None:
    await world.apply(A, B)
    world.edit({**config("a"), "metadata": {**A["metadata"], "finalizers": ["example.org/held"]}})
    world.policies.append(immutable(world, A))
    with pytest.raises(ApplyFailed) as failed:
        await world.apply(config("a", "2"), B, force=True, timeout=30.0)
    assert messages(failed) == [
        "ConfigMap/one/a apply failed: an immutable field changed, and the object cannot be recreated: "
        "it is being deleted and waits for its finalizers example.org/held"
    ]


def _unknown(field: str) -> str:
    return (
        f"failed to create typed patch object (one/a; /v1, Kind=ConfigMap): .data.{field}: "
        "field not declared in schema"
    )


@in_a_world
async def test_unknown_fields_of_a_built_in_kind_are_left_out_and_reported_once(world: ApplyWorld) -> None:

    def policy(request: Any) -> Any:
        bad = request.method == "PATCH" and "typo" in request.body["data"]
        return refused(500, "", _unknown("typo")) if bad else None

    world.policies.append(policy)
    result = await world.apply(config("a", typo="x"), B, concurrency=1)
    assert [r for r in world.requests if r.endswith("/a")] == [
        "dry run ConfigMap/one/a",
        "dry run ConfigMap/one/a",
        "apply ConfigMap/one/a",
    ]
    assert result.warnings == (
        "ConfigMap/one/a: not applied, as a v1 ConfigMap has no such field: data.typo",
    )
    assert (world.live(A) or {})["data"] == {"n": "1"}


@in_a_world
async def test_field_owners_of_another_api_version_are_migrated_when_an_object_is_refused(
    world: ApplyWorld,
) -> None:
    await world.apply(A, B)
    old = {"manager": "other", "operation": "Apply", "apiVersion": "v0", "fieldsType": "FieldsV1"}
    live = world.live(A)
    assert live is not None
    entries = [*live["metadata"]["managedFields"], {**old, "fieldsV1": {"f:data": {"f:n": {}}}}]
    world.edit({**A, "metadata": {**A["metadata"], "managedFields": entries}}, apply=False)

    def policy(request: Any) -> Any:
        fields = (world.live(A) or {})["metadata"]["managedFields"]
        bad = request.content_type.startswith("application/apply") and request.path.endswith("/a")
        stale = bad and any(e["apiVersion"] == "v0" for e in fields)
        return refused(500, "", "request to convert CR to an invalid group/version: v0") if stale else None

    world.policies.append(policy)
    with pytest.raises(ApplyFailed):
        await world.apply(config("a", "2"), config("b", "2"))
    await world.age()
    result = await world.apply(config("a", "2"), config("b", "2"), migrate_api_version=True)
    assert "patch ConfigMap/one/a" in world.requests
    assert ref_of(A) in refs(result.changes, Action.CONFIGURED)
    assert (world.live(A) or {})["data"] == {"n": "2"}
