"""What the page learns while the operator works: on the product's own parts, in virtual time."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from headgate.feed.contact import Contact
from headgate.insight.fields import condition
from headgate.insight.values import Cause, State
from headgate.page.knowledge import Snapshot
from tests.support.page import APPS, Watched, watched
from tests.support.reconciling import KEY, config_map, deployment


def state_of(snapshot: Snapshot) -> State | None:
    verdict = snapshot.report.verdict(APPS)
    return verdict.state if verdict is not None else None


def cause_of(snapshot: Snapshot) -> Cause:
    return next(each for each in snapshot.report.causes if each.root == APPS)


def failed(obj: dict[str, Any] | None) -> bool:
    return condition(obj or {}, "Ready").get("status") == "False"


@watched()
async def test_a_success_has_its_files_steps_events_and_the_time_of_the_next_one(page: Watched) -> None:
    page.start()
    page.world.create()
    revision = page.world.apps(a=config_map("a"))
    page.request()
    snapshot = await page.until(lambda each: state_of(each) is State.READY)
    details = await page.details()
    assert details.files.files == ("apps/a.yaml", "apps/kustomization.yaml")
    assert {each.step for each in details.steps} == {"build", "apply"}
    assert [each.revision for each in details.history] == [revision]
    assert [each.type for each in details.events] == ["Normal"] * len(details.events)
    assert details.events
    assert details.next_reason == "interval"
    assert details.next_at is not None
    assert snapshot.at is not None
    assert details.next_at > snapshot.at
    assert snapshot.work.step_seconds.keys() == {"build", "apply"}


@watched()
async def test_a_failure_arrives_within_a_second_with_file_and_line(page: Watched) -> None:
    page.start()
    page.world.create()
    page.world.apps(a=config_map("a"))
    page.request()
    await page.until(lambda each: state_of(each) is State.READY)
    page.world.commit({"apps/kustomization.yaml": "resources: [a.yaml]", "apps/a.yaml": "x: y: z"})
    page.request()
    written = asyncio.Event()
    page.world.store.subscribe(on_kustomization=lambda key, old, new: written.set() if failed(new) else None)
    await written.wait()
    at = page.world.loop.time()
    snapshot = await page.until(lambda each: state_of(each) is State.FAILED)
    assert page.world.loop.time() - at < 1
    cause = cause_of(snapshot)
    assert (cause.file, cause.line) == ("apps/a.yaml", 1)
    assert (await page.details()).events[0].type == "Warning"


@watched()
async def test_a_revision_that_changes_nothing_counts_as_a_build_that_was_skipped(page: Watched) -> None:
    page.start()
    page.world.create()
    page.world.apps(a=config_map("a"))
    page.request()
    await page.until(lambda each: state_of(each) is State.READY)
    files = {"apps/kustomization.yaml": '{"resources": ["a.yaml"]}', "apps/a.yaml": config_map("a")}
    page.world.commit({**files, "README.md": "x"})
    page.request()
    snapshot = await page.until(lambda each: each.work.skipped_builds == 1)
    assert (await page.details()).skipped_builds == 1
    assert snapshot.work.skipped_builds == 1


@watched()
async def test_an_open_attempt_says_what_it_waits_for_and_since_when(page: Watched) -> None:
    page.start()
    page.world.create(wait=True)
    revision = page.world.apps(web=deployment(), a=config_map("a"))
    page.request()
    snapshot = await page.until(lambda each: bool(each.work.waiting and each.work.waiting[0].objects))
    (waiting,) = snapshot.work.waiting
    assert (waiting.ref, waiting.revision, waiting.total) == (APPS, revision, 2)
    assert [each.ref.name for each in waiting.objects] == ["web"]
    assert (waiting.deadline - waiting.since).total_seconds() == 20
    details = await page.details(1)
    assert {each.ref.name: each.health for each in details.inventory} == {"web": "InProgress", "a": "Current"}
    page.world.set_available()
    snapshot = await page.until(lambda each: state_of(each) is State.READY)
    details = await page.details()
    assert {each.health for each in details.inventory} == {"Current"}
    assert page.board.snapshot().work.waiting == ()


@watched()
async def test_a_failed_health_check_has_the_verdicts_and_is_read_once_not_for_each_view(
    page: Watched,
) -> None:
    page.start()
    page.world.create(wait=True)
    page.world.apps(web=deployment())
    page.request()
    snapshot = await page.until(lambda each: state_of(each) is State.FAILED)
    snapshot = await page.settled()
    cause = cause_of(snapshot)
    assert [(each.ref.name, each.state) for each in cause.objects] == [("web", "InProgress")]
    assert cause.objects[0].message
    page.world.requests()
    for _ in range(20):
        await asyncio.sleep(0.01)
        assert page.board.snapshot().details[APPS].inventory
    assert page.world.requests() == []


@watched()
async def test_drift_is_named_with_object_and_fields_and_without_values(page: Watched) -> None:
    page.start()
    page.world.create()
    page.world.apps(a=config_map("a", key="value"))
    page.request()
    await page.until(lambda each: state_of(each) is State.READY)
    await asyncio.sleep(5)
    page.world.send("PATCH", "/api/v1/namespaces/flux/configmaps/a", {"data": {"key": "s3cret"}})
    await page.until(lambda each: bool(each.details[APPS].drifts))
    snapshot = await page.settled()
    (drift,) = snapshot.details[APPS].drifts
    assert (drift.ref.kind, drift.ref.name) == ("ConfigMap", "a")
    assert drift.what == "user changed data.key"
    assert "s3cret" not in repr(snapshot)


@watched()
async def test_a_kustomization_that_is_gone_leaves_nothing_behind(page: Watched) -> None:
    page.start()
    page.world.create(prune=False)
    page.world.apps(a=config_map("a"))
    page.request()
    await page.until(lambda each: state_of(each) is State.READY)
    page.world.store.drop_kustomization(KEY)
    page.request()
    await page.until(lambda each: APPS not in each.fleet.objects)
    snapshot = await page.settled()
    assert APPS not in snapshot.details
    assert "apps" not in repr(snapshot.work)
    assert page.memory.of("Kustomization", "flux", "apps").events == ()


@watched()
async def test_running_and_queued_objects_are_named_with_their_reasons(page: Watched) -> None:
    page.world.create()
    page.world.apps(a=config_map("a"))
    page.request()
    page.feed.hand_over()
    snapshot = page.board.snapshot()
    (queued,) = snapshot.work.queued
    assert (queued.ref, queued.priority, queued.triggers) == (
        APPS,
        "requested",
        ("requested (Kustomization/flux/apps)",),
    )
    assert snapshot.work.queued_by_namespace == {"flux": 1}
    page.start()
    snapshot = await page.until(lambda each: bool(each.work.running))
    (running,) = snapshot.work.running
    assert (running.ref, running.triggers) == (APPS, queued.triggers)
    assert running.step
    snapshot = await page.until(lambda each: state_of(each) is State.READY and not each.work.running)
    assert (snapshot.work.queued, snapshot.work.queued_count) == ((), 0)


@watched()
async def test_a_memory_that_breaks_stops_neither_the_operator_nor_the_page(
    page: Watched, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    page.start()
    page.world.create(wait=True)
    page.world.apps(web=deployment())
    broken = True

    async def judged(*_: Any) -> None:
        if broken:
            raise RuntimeError("broken")

    monkeypatch.setattr(page.memory, "judged", judged)
    page.request()
    await asyncio.sleep(2)
    page.world.set_available()
    await page.until(lambda each: state_of(each) is State.READY)
    assert "no verdicts for the status page" in caplog.text


def test_two_requests_without_an_answer_are_an_outage_and_one_answer_ends_it() -> None:
    changes: list[bool] = []

    class Counting:
        def requested(self, host: str, verb: str, resource: str, status: int, seconds: float) -> None:
            pass

    contact = Contact(Counting())
    contact.on_change = lambda: changes.append(contact.connected)
    for status in (200, 0, 200, 0, 0, 0, 503, 0, 0):
        contact.requested("h", "get", "pods", status, 0.1)
    assert changes == [False, True, False]


@watched()
async def test_objects_that_nobody_waits_for_have_the_health_that_the_watches_show(page: Watched) -> None:
    page.start()
    page.world.create()
    page.world.apps(web=deployment(), a=config_map("a"))
    page.request()
    await page.until(lambda each: state_of(each) is State.READY)

    def health(snapshot: Snapshot) -> dict[str, str]:
        return {each.ref.name: each.health for each in snapshot.details[APPS].inventory}

    await page.until(lambda each: health(each) == {"web": "InProgress", "a": "Current"})
    page.world.requests()
    page.world.set_available()
    await page.until(lambda each: health(each) == {"web": "Current", "a": "Current"})
    page.world.set_available(replicas=0)
    snapshot = await page.until(lambda each: health(each)["web"] == "InProgress")
    (web,) = (each for each in snapshot.details[APPS].inventory if each.ref.name == "web")
    assert web.message
    assert [each for each in page.world.requests() if "PATCH" in each] == []


@watched(account="deployer")
async def test_what_an_account_may_see_the_watches_do_not_say(page: Watched) -> None:
    page.start()
    page.world.create()
    page.world.apps(web=deployment())
    page.request()
    await page.until(lambda each: state_of(each) is State.READY)
    page.world.set_available()
    assert [each.health for each in (await page.details(10)).inventory] == [""]


@watched()
async def test_an_operator_with_nothing_to_do_causes_no_new_snapshot(page: Watched) -> None:
    page.start()
    page.world.create()
    page.world.apps(a=config_map("a"))
    page.request()
    await page.until(lambda each: state_of(each) is State.READY)
    before = await page.settled(5)
    assert (await page.settled(30)).version == before.version
