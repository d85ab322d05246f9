"""Why a health check fails: what the page shows is what ``headgate why`` prints, and it is read once."""

from __future__ import annotations

import asyncio
import base64
import json
from typing import Any

import pytest

from headgate.cli.cluster.evidence import with_objects
from headgate.insight import Cause, Fleet, explain
from headgate.insight.as_json import as_cause
from headgate.insight.values import State
from headgate.page.knowledge import Snapshot
from tests.model.kinds import Kind
from tests.model.store import Reply, Request
from tests.support.page import APPS, Watched, watched
from tests.support.reconciling import WEB

POD = Kind("", "v1", "Pod", "pods", True, status=True)
PODS = "/api/v1/namespaces/flux/pods"
EVENTS = "/api/v1/namespaces/flux/events"


def web(**spec: Any) -> str:
    """A Deployment with a selector, as every real one has."""
    meta = {"name": WEB.name, "namespace": WEB.namespace}
    whole = {"replicas": 1, "selector": {"matchLabels": {"app": "web"}}, **spec}
    return json.dumps({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": meta, "spec": whole})


def break_pod(
    page: Watched, reason: str = "ImagePullBackOff", message: str = "Back-off pulling image"
) -> None:
    """Its pod cannot start."""
    if POD not in page.world.server.served:
        page.world.server.served.append(POD)
    meta = {"name": "web-1", "namespace": "flux", "labels": {"app": "web"}}
    page.world.send("POST", PODS, {"metadata": meta, "spec": {"containers": []}})
    waiting = {"name": "web", "state": {"waiting": {"reason": reason, "message": message}}}
    status = {"phase": "Pending", "containerStatuses": [waiting]}
    page.world.send("PATCH", f"{PODS}/web-1/status", {"status": status})


def cause_of(snapshot: Snapshot) -> Cause:
    return next(each for each in snapshot.report.causes if each.root == APPS)


async def as_why_says(page: Watched) -> Cause:
    """What ``headgate why ks/apps`` finds now, with the rights of an administrator."""
    world = page.world
    objects = [*world.store.kustomizations(), *world.store.sources("GitRepository")]
    fleet = Fleet.of(objects)
    cause = explain(fleet).cause_of(APPS)
    assert cause is not None
    (found,), notes = await with_objects(world.client, fleet, [cause])
    assert notes == ()
    return found


async def failed(page: Watched) -> Snapshot:
    """The page after the failure and what was read about it have arrived."""
    page.start()
    page.world.create(wait=True)
    page.world.apps(web=web())
    page.request()
    await page.until(lambda each: APPS in each.fleet.objects and cause_of(each).state == State.FAILED.value)
    return await page.settled()


@watched()
async def test_a_failed_health_check_says_what_the_command_says(page: Watched) -> None:
    break_pod(page)
    snapshot = await failed(page)
    cause = cause_of(snapshot)
    assert [each.ref.kind for each in cause.objects] == ["Deployment", "Pod"]
    assert cause.objects[1].reason == "ImagePullBackOff"
    assert "image" in cause.remedy
    assert as_cause(cause) == as_cause(await as_why_says(page))


@watched()
async def test_evidence_is_read_when_an_attempt_ends_and_views_read_nothing(page: Watched) -> None:
    break_pod(page)
    await failed(page)
    page.world.requests()
    for _ in range(20):
        assert cause_of(page.board.snapshot()).objects
        await asyncio.sleep(0.01)
    assert page.world.requests() == []


@watched()
async def test_a_slow_health_check_says_why_before_it_fails(page: Watched) -> None:
    break_pod(page)
    page.start()
    page.world.create(wait=True, timeout="5m")
    page.world.apps(web=web())
    page.request()

    def has_pod(snapshot: Snapshot) -> bool:
        cause = snapshot.report.cause_of(APPS)
        return cause is not None and any(each.ref.kind == "Pod" for each in cause.objects)

    await page.until(has_pod)
    page.world.send(
        "PATCH", "/apis/apps/v1/namespaces/flux/deployments/web/status", {"status": {"replicas": 1}}
    )
    snapshot = await page.settled(10)
    assert cause_of(snapshot).state == State.PROGRESSING.value
    assert as_cause(cause_of(snapshot)) == as_cause(await as_why_says(page))


@watched()
async def test_evidence_of_a_former_failure_is_gone_after_a_success(page: Watched) -> None:
    break_pod(page)
    await failed(page)
    page.world.set_available()
    page.request()
    snapshot = await page.until(
        lambda each: (v := each.report.verdict(APPS)) is not None and v.state is State.READY
    )
    assert APPS not in snapshot.evidence
    assert page.memory.of("Kustomization", "flux", "apps").evidence == {}


@watched()
async def test_what_the_account_may_not_read_is_absent_and_the_rest_is_there(page: Watched) -> None:
    break_pod(page)

    def forbidden(request: Request) -> Reply | None:
        if request.method == "GET" and request.path.endswith(("/pods", "/events")):
            return Reply(403, {"kind": "Status", "message": "no", "reason": "Forbidden", "code": 403})
        return None

    page.world.server.hooks.append(forbidden)
    cause = cause_of(await failed(page))
    assert [(each.ref.kind, each.state) for each in cause.objects] == [("Deployment", "InProgress")]


@pytest.mark.parametrize("place", ["pod", "event"])
def test_values_of_secrets_are_masked_in_evidence(place: str) -> None:
    @watched()
    async def masked(page: Watched) -> None:
        page.start()
        page.world.send("POST", "/api/v1/namespaces/flux/secrets", secret_of("s3cret-value"))
        break_pod(page, message="s3cret-value" if place == "pod" else "x")
        if place == "event":
            about = {"kind": "Deployment", "name": "web", "namespace": "flux"}
            event = {"involvedObject": about, "type": "Warning", "reason": "Bad", "message": "s3cret-value"}
            page.world.send("POST", EVENTS, {"metadata": {"name": "e", "namespace": "flux"}, **event})
        variables = {"substituteFrom": [{"kind": "Secret", "name": "vars"}]}
        page.world.create(wait=True, postBuild=variables)
        page.world.apps(web=web(paused="${PASSWORD}"))
        page.request()
        await page.until(lambda each: APPS in each.fleet.objects and cause_of(each).state == "failed")
        snapshot = await page.settled()
        assert cause_of(snapshot).objects
        assert "s3cret-value" not in repr(snapshot.report)
        assert "s3cret-value" not in repr(page.memory.of("Kustomization", "flux", "apps"))

    masked()


def secret_of(value: str) -> dict[str, Any]:
    data = {"PASSWORD": base64.b64encode(value.encode()).decode()}
    return {"metadata": {"name": "vars", "namespace": "flux"}, "data": data}
