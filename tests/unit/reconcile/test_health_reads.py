"""A health check sees only what the account may read at that moment."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any, cast

import pytest

from headgate.api import ObjectKey
from headgate.apply import KnownObjects, Owner
from headgate.health import HealthStatus, compute
from headgate.kube import ApiError, Client, ObjectRef, ServerError, TooManyRequests, Unauthorized, Unavailable
from headgate.reconcile.kustomization import health as module
from headgate.reconcile.kustomization.health import HealthReads, ReadDenied
from headgate.reconcile.target import read_access
from headgate.reconcile.target.live import LiveObjects
from headgate.reconcile.target.read_access import ReadAccess
from tests.support.memoryapi import MemoryApi, forbidden, settled

KEY = ObjectKey("team", "apps")
GROUP = "kustomize.toolkit.fluxcd.io"
OWN = ObjectRef("x.test/v1", "Widget", "own", "team")
FOREIGN = ObjectRef("v1", "Secret", "treasure", "other")


class World:
    def __init__(self) -> None:
        self.api, self.known = MemoryApi(), KnownObjects()
        self.api.kinds.add((OWN.api_version, OWN.kind))
        self.woken: list[ObjectRef] = []
        self.live = LiveObjects(
            cast(Client, self.api),
            self.known,
            on_change=lambda _, ref: self.woken.append(ref),
            on_drift=lambda *_: None,
        )

    def access(self, account: str = "deployer") -> ReadAccess:
        return ReadAccess(cast(Client, self.api), "team", account)

    async def apply(self, access: ReadAccess, ref: ObjectRef = OWN, **fields: Any) -> None:
        """As an attempt under the account does: the API server answers with the object."""
        labels = {f"{GROUP}/name": KEY.name, f"{GROUP}/namespace": KEY.namespace}
        self.api.put(ref, labels=labels, **fields)
        obj = await access.client.get(ref)
        self.known.record(MemoryApi.cluster, ref, b"d", obj, owner=Owner(KEY.name, KEY.namespace))
        self.live.observe(obj)
        self.live.watch(KEY)
        self.api.reads.clear()

    def reads(self, access: ReadAccess, *refs: ObjectRef, own: bool = True) -> HealthReads:
        self.live.follow(KEY, refs)
        uids = {ref: uid for ref in refs if own and (uid := self.live.uid(KEY, ref))}
        return HealthReads(access, self.live, refs, uids)


@pytest.fixture
async def world() -> AsyncIterator[World]:
    world = World()
    yield world
    await world.live.close()


async def test_what_was_just_applied_costs_no_request(world: World) -> None:
    access = world.access()
    await world.apply(access)
    reads = world.reads(access, OWN)
    await reads.refresh()
    assert reads.health(OWN).status is HealthStatus.CURRENT
    await reads.confirm(0.0, failed=False)
    assert world.api.reads == []


async def test_an_object_of_somebody_else_is_read_as_the_account(world: World) -> None:
    world.api.put(FOREIGN, data={"word": "x"})
    world.api.refused["treasure"] = forbidden("treasure")
    reads = world.reads(world.access(), FOREIGN)
    with pytest.raises(ReadDenied, match=r"^Secret/other/treasure .*cannot get"):
        await reads.refresh()
    assert reads.health(FOREIGN).status is HealthStatus.UNKNOWN
    assert world.live.state(FOREIGN) is None


@pytest.mark.parametrize(
    "answer",
    [
        TooManyRequests("busy", status=429),
        Unavailable("not now", status=503),
        ServerError("broken", status=500),
        Unauthorized("who?", status=401),
        ApiError("odd", status=418),
    ],
)
async def test_no_other_answer_proves_read_access(world: World, answer: ApiError) -> None:
    world.api.put(FOREIGN, data={})
    world.api.refused["treasure"] = answer
    access = world.access()
    reads = world.reads(access, FOREIGN)
    await reads.refresh()
    health = reads.health(FOREIGN)
    assert (health.status, health.message) == (HealthStatus.UNKNOWN, answer.message)
    assert not await access.visible([FOREIGN])
    assert 0 < reads.next_read(0) < float("inf")


async def test_an_unknown_kind_cannot_be_read_and_costs_no_watch(world: World) -> None:
    invented = ObjectRef("x.test/v1", "Invented", "a", "team")
    reads = world.reads(world.access(), invented)
    await reads.refresh()
    assert reads.health(invented).status is HealthStatus.NOT_FOUND
    assert world.live.open_watches() == 0


async def test_an_object_that_was_replaced_is_read(world: World) -> None:
    """A name does not identify an object: the account sees an object with the same name only if it may read it."""
    access = world.access()
    await world.apply(access)
    reads = world.reads(access, OWN)
    await settled(lambda: world.api.watches == ["Widget"])
    world.api.refused["own"] = forbidden("own")
    world.api.remove(OWN)
    world.api.put(OWN, uid="another", labels={f"{GROUP}/name": KEY.name, f"{GROUP}/namespace": KEY.namespace})
    await settled(lambda: (world.live.state(OWN) or {}).get("metadata", {}).get("uid") == "another")
    with pytest.raises(ReadDenied):
        await reads.refresh()


async def test_an_object_that_is_replaced_after_the_reads_is_unknown(world: World) -> None:
    """Between the last read and the report another user may put an object of the same name in place."""
    access = world.access()
    await world.apply(access)
    reads = world.reads(access, OWN)
    await reads.refresh()
    await settled(lambda: world.api.watches == ["Widget"])
    world.api.remove(OWN)
    secret = {"conditions": [{"type": "Ready", "status": "False", "message": "hidden"}]}
    labels = {f"{GROUP}/name": KEY.name, f"{GROUP}/namespace": KEY.namespace}
    world.api.put(OWN, uid="another", labels=labels, status=secret)
    await settled(lambda: (world.live.state(OWN) or {}).get("metadata", {}).get("uid") == "another")
    health = reads.health(OWN)
    assert (health.status, "hidden" in health.message) == (HealthStatus.UNKNOWN, False)


async def test_revoked_rights_count_when_a_failure_is_reported(world: World) -> None:
    access = world.access()
    await world.apply(
        access, status={"conditions": [{"type": "Ready", "status": "False", "message": "hidden"}]}
    )
    reads = world.reads(access, OWN)
    await reads.refresh()
    assert reads.health(OWN).message == "hidden"
    world.api.refused["own"] = forbidden("own")
    with pytest.raises(ReadDenied):
        await reads.confirm(0.0, failed=True)
    assert reads.health(OWN).message != "hidden"


async def test_what_was_shown_long_ago_is_read_before_a_success_is_reported(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    act = world.access()
    await world.apply(act)
    reads = world.reads(act, OWN)
    await reads.refresh()
    monkeypatch.setattr(read_access, "FRESH", 0.0)
    world.api.refused["own"] = forbidden("own")
    with pytest.raises(ReadDenied):
        await reads.confirm(0.0, failed=False)


async def test_a_foreign_object_is_read_again_when_a_watch_reports_a_change(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PAUSES", (0.0,))
    act = world.access()
    reads = world.reads(act, FOREIGN)
    await reads.refresh()
    assert reads.health(FOREIGN).status is HealthStatus.NOT_FOUND
    await settled(lambda: world.api.watches == ["Secret/treasure"])
    world.api.put(FOREIGN, data={})
    await settled(lambda: FOREIGN in world.woken)
    await reads.refresh()
    assert reads.health(FOREIGN).status is HealthStatus.CURRENT
    requests = len(world.api.reads)
    await reads.refresh()
    assert len(world.api.reads) == requests, "nothing has changed since"
    world.woken.clear()
    world.api.remove(FOREIGN)
    await settled(lambda: world.woken)
    await reads.refresh()
    assert reads.health(FOREIGN).status is HealthStatus.NOT_FOUND


async def test_without_an_account_the_operators_rights_count(world: World) -> None:
    world.api.put(FOREIGN, data={})
    world.api.refused["treasure"] = forbidden("treasure")
    reads = world.reads(world.access(""), FOREIGN)
    await reads.refresh()
    await reads.confirm(0.0, failed=False)
    assert reads.health(FOREIGN).status is HealthStatus.CURRENT


async def test_one_silent_server_is_waited_for_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(read_access, "TIMEOUT", 0.05)

    async def silence(ref: ObjectRef) -> None:
        world.api.reads.append(ref)
        await asyncio.sleep(3600)

    act = world.access()
    act.client.get = silence  # type: ignore[method-assign, assignment]
    refs = [ObjectRef("v1", "Secret", f"s{n}", "other") for n in range(200)]
    reads = world.reads(act, *refs)
    await reads.refresh()
    assert len(world.api.reads) == read_access.AT_ONCE
    assert {reads.health(ref).status for ref in refs} == {HealthStatus.UNKNOWN}
    assert reads.next_read(0) > 0


async def test_a_state_that_a_watch_showed_is_judged_once(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A change of one of thousands of objects costs one judgement, not thousands."""
    own, judged = world.access(), list[str]()

    def counted(obj: dict[str, Any]) -> Any:
        judged.append(obj["metadata"]["name"])
        return compute(obj)

    monkeypatch.setattr(module, "compute", counted)
    refs = [ObjectRef("x.test/v1", "Widget", f"own-{i}", "team") for i in range(50)]
    for ref in refs:
        await world.apply(own, ref)
    reads = world.reads(own, *refs)
    for _ in range(3):
        await reads.refresh()
        assert {reads.health(ref).status for ref in refs} == {HealthStatus.CURRENT}
    assert sorted(judged) == sorted(ref.name for ref in refs)
    judged.clear()
    await world.apply(own, refs[7], spec={"other": 1})
    await reads.refresh()
    assert [reads.health(ref).status for ref in refs] == [HealthStatus.CURRENT] * 50
    assert judged == ["own-7"]


async def test_a_change_that_arrives_before_the_answer_to_the_apply_counts(world: World) -> None:
    access = world.access()
    await world.apply(access, ObjectRef(OWN.api_version, OWN.kind, "other", "team"))
    await settled(lambda: world.live.is_synced(OWN))
    labels = {f"{GROUP}/name": KEY.name, f"{GROUP}/namespace": KEY.namespace}
    world.api.put(OWN, labels=labels, status={"conditions": [{"type": "Ready", "status": "False"}]})
    answer = await access.client.get(OWN)
    world.api.put(OWN, labels=labels, status={"conditions": [{"type": "Ready", "status": "True"}]})
    await settled(lambda: world.live.is_newer(OWN, answer["metadata"]["resourceVersion"]))
    world.known.record(MemoryApi.cluster, OWN, b"d", answer, owner=Owner(KEY.name, KEY.namespace))
    world.live.observe(answer)
    reads = world.reads(access, OWN)
    await reads.refresh()
    assert reads.health(OWN).status is HealthStatus.CURRENT
