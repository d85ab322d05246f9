"""How a failed attempt of a GitRepository ends: its conditions, its event, and the time of the next one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from headgate.api import reasons
from headgate.kube import NotFound
from headgate.names import GIT_REPOSITORY
from headgate.reconcile.core.controller import WAKE, Outcome
from headgate.reconcile.reporting.events import NORMAL, WARNING
from tests.unit.reconcile.test_source_garbage import KEY, Setting, source

Obj = dict[str, Any]

INCLUDES_LIB = {"include": [{"repository": {"name": "lib"}}]}
LIB = {
    "apiVersion": "source.toolkit.fluxcd.io/v1",
    "kind": GIT_REPOSITORY,
    "metadata": {"name": "lib", "namespace": KEY.namespace, "resourceVersion": "1"},
    "spec": {"url": "https://example.com/lib", "interval": "1h"},
}
UNOPENED = {**LIB, "status": {"artifact": {"revision": "main@sha1:a", "digest": "d"}}}


class Failing(Setting):
    """A source whose attempt fails before a request to its remote."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.client.get = self._get  # type: ignore[attr-defined]

    async def _get(self, ref: object) -> Obj:
        raise NotFound('secrets "keys" not found', status=404, reason="NotFound")

    async def reconcile(self, spec: Obj, *others: Obj) -> Outcome:
        obj = source()
        self.store.put_source({**obj, "spec": {**obj["spec"], **spec}})
        for other in others:
            self.store.put_source(other)
        return await self.reconciler.reconcile(KEY, (WAKE,))

    def conditions(self) -> dict[str, tuple[str, str, str]]:
        """Type to status, reason and message, of the last status that was written."""
        found = self.client.patches[-1]["status"]["conditions"]
        return {each["type"]: (each["status"], each["reason"], each["message"]) for each in found}


@pytest.fixture
def failing(tmp_path: Path) -> Failing:
    return Failing(tmp_path)


async def test_a_fault_of_the_spec_stalls(failing: Failing) -> None:
    outcome = await failing.reconcile({"url": "https://example.com/a b"})
    assert (outcome.after, outcome.failed) == (None, False)
    message = "the URL contains a space or an unprintable character"
    failed = (reasons.URL_INVALID, message)
    assert failing.conditions() == {
        reasons.FETCH_FAILED: ("True", *failed),
        reasons.READY: ("False", *failed),
        reasons.STALLED: ("True", *failed),
    }
    assert [(event.type, event.message) for event in failing.events.emitted] == [(WARNING, message)]


async def test_a_missing_secret_is_looked_for_again_with_back_off(failing: Failing) -> None:
    spec = {"secretRef": {"name": "keys"}}
    waits = [(await failing.reconcile(spec)).after or 0.0 for _ in range(4)]
    assert waits[-1] > waits[0] > 0
    status, reason, message = failing.conditions()[reasons.FETCH_FAILED]
    assert (status, reason) == ("True", reasons.AUTHENTICATION_FAILED)
    assert message == "failed to get secret 'apps/keys': secrets \"keys\" not found"
    assert reasons.STALLED not in failing.conditions()


async def test_missing_keys_of_a_verification_have_a_condition_of_their_own(failing: Failing) -> None:
    await failing.reconcile({"verify": {"mode": "HEAD", "secretRef": {"name": "keys"}}})
    status, reason, message = failing.conditions()[reasons.SOURCE_VERIFIED]
    assert (status, reason) == ("False", reasons.VERIFICATION_ERROR)
    assert message.startswith("public keys secret error: failed to get secret 'apps/keys': ")
    assert reasons.FETCH_FAILED not in failing.conditions()


async def test_a_missing_include_is_waited_for_without_a_warning(failing: Failing) -> None:
    waits = {(await failing.reconcile(INCLUDES_LIB)).after for _ in range(3)}
    assert waits == {failing.settings.requeue_dependency}
    assert failing.conditions()[reasons.INCLUDE_UNAVAILABLE][1] == reasons.NOT_FOUND
    assert {event.type for event in failing.events.emitted} == {NORMAL}


async def test_an_include_that_has_not_been_opened_is_awaited_in_silence(failing: Failing) -> None:
    outcome = await failing.reconcile(INCLUDES_LIB, UNOPENED)
    assert outcome.after is not None
    assert 0 < outcome.after <= failing.settings.requeue_dependency
    assert not outcome.failed
    assert failing.client.patches == []
    assert failing.events.emitted == []
