"""Only a response with the object shows read access, only to that object, and only for a while."""

from __future__ import annotations

import asyncio
from typing import cast

import pytest

from headgate.kube import ApiError, Client, NotFound, ObjectRef, TooManyRequests, Unavailable
from headgate.reconcile.target import read_access as module
from headgate.reconcile.target.read_access import ReadAccess, may_refer
from tests.support.memoryapi import MemoryApi, forbidden

A, B = (ObjectRef("v1", "ConfigMap", name, "team") for name in "ab")


def seen_by(api: MemoryApi, account: str = "deployer") -> ReadAccess:
    return ReadAccess(cast(Client, api), "team", account)


async def test_what_the_api_server_showed_is_shown_to_this_attempt_alone() -> None:
    api = MemoryApi()
    api.put(A, uid="1")
    first, second = seen_by(api), seen_by(api)
    await first.client.get(A)
    shown = first.shown(A)
    assert shown is not None
    assert shown.uid == "1"
    assert first.is_fresh(A, "1")
    assert not first.is_fresh(A, "2")
    assert first.shown(B) is None
    assert second.shown(A) is None


async def test_what_was_shown_is_fresh_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    api = MemoryApi()
    api.put(A, uid="1")
    access = seen_by(api)
    await access.client.get(A)
    monkeypatch.setattr(module, "FRESH", 0.0)
    assert not access.is_fresh(A, "1")


@pytest.mark.parametrize(
    "answer",
    [
        forbidden("a"),
        NotFound("no", status=404),
        TooManyRequests("busy", status=429),
        Unavailable("not now", status=503),
        ApiError("no answer"),
    ],
)
async def test_no_other_answer_shows_anything(answer: ApiError) -> None:
    api = MemoryApi()
    api.put(A)
    api.put(B)
    api.refused["a"] = answer
    access = seen_by(api)
    assert await access.visible([A, B]) == {B}
    assert access.shown(A) is None
    assert await seen_by(api, "").visible([A, B]) == {A, B}, "without an account everything is visible"


async def test_silence_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    api = MemoryApi()
    access = seen_by(api)
    monkeypatch.setattr(module, "TIMEOUT", 0.05)

    async def silence(_: ObjectRef) -> None:
        await asyncio.sleep(3600)

    access.client.get = silence  # type: ignore[method-assign, assignment]
    with pytest.raises(ApiError, match="no answer from the API server"):
        await access.read(A)
    assert not await access.visible([A])


@pytest.mark.parametrize(
    ("other", "blocked", "allowed"),
    [("team", False, True), ("team", True, True), ("rival", False, True), ("rival", True, False)],
)
def test_references_into_other_namespaces(other: str, blocked: bool, allowed: bool) -> None:
    assert may_refer("team", other, no_cross_namespace=blocked) is allowed
