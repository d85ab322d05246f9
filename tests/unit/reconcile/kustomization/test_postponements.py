"""An attempt that has to wait for something: when it is reported, and when it is retried."""

from __future__ import annotations

import asyncio

import pytest

from headgate.api import reasons
from headgate.reconcile.core.queue import Depth
from headgate.reconcile.kustomization.postponement import PostponementReport
from headgate.reconcile.reporting.status import PROGRESS_DELAY
from tests.model import clock
from tests.support.reconciling import KUSTOMIZATIONS, World, config_map, in_world

NOT_READY = ("False", reasons.DEPENDENCY_NOT_READY, "dependency 'flux/infra' is not ready")
MISSING = ("False", reasons.ARTIFACT_FAILED, 'GitRepository.source.toolkit.fluxcd.io "git" not found')


def dependent(world: World) -> None:
    """A Kustomization whose dependency is not Ready yet."""
    world.create("infra")
    world.create(dependsOn=[{"name": "infra"}])
    world.apps(a=config_map("a"))


def make_ready(world: World) -> None:
    status = {
        "observedGeneration": 1,
        "lastAppliedRevision": f"main@sha1:{1:040x}",
        "conditions": [{"type": "Ready", "status": "True", "reason": "x", "message": ""}],
    }
    obj = world.send("PATCH", f"{KUSTOMIZATIONS}/infra/status", {"status": status})
    world.store.put_kustomization(obj)


@in_world()
async def test_it_is_reported_after_a_moment_and_tried_again(world: World) -> None:
    dependent(world)
    outcome = await world.reconcile(Depth.APPLY)
    assert (outcome.after, outcome.trigger.depth) == (30, Depth.APPLY)
    assert world.condition() is None
    assert world.events.take() == []
    await asyncio.sleep(PROGRESS_DELAY + 0.5)
    assert world.condition() == NOT_READY
    assert world.events.take() == [
        (
            "Normal",
            reasons.DEPENDENCY_NOT_READY,
            "Dependencies do not meet ready condition, retrying in 30s",
        )
    ]


@in_world()
async def test_nothing_is_reported_of_what_comes_in_time(world: World) -> None:
    dependent(world)
    await world.reconcile()
    make_ready(world)
    await world.reconcile(Depth.LOOK)
    await asyncio.sleep(60)
    condition = world.condition()
    assert condition is not None
    assert condition[0] == "True"
    assert reasons.DEPENDENCY_NOT_READY not in [reason for _, reason, _ in world.events.take()]


@in_world()
async def test_who_asks_again_and_again_does_not_put_off_the_report(world: World) -> None:
    dependent(world)
    for _ in range(10):
        await world.reconcile(Depth.LOOK)
        await asyncio.sleep(PROGRESS_DELAY / 4)
    await asyncio.sleep(0.3)
    assert world.condition() == NOT_READY


@in_world()
async def test_a_missing_source_has_a_condition_and_no_event(world: World) -> None:
    world.create()
    outcome = await world.reconcile()
    assert outcome.after == 10
    await asyncio.sleep(PROGRESS_DELAY + 0.5)
    assert world.condition() == MISSING
    assert world.events.take() == []


@in_world()
async def test_a_revision_that_the_source_s_reconciler_is_about_to_fetch_is_not_reported(
    world: World,
) -> None:
    world.create()
    world.commit({"apps/a.yaml": config_map("a")}, tree=False)
    world.source_pending = True
    outcome = await world.reconcile()
    assert outcome.after == 30
    await asyncio.sleep(60)
    assert world.condition() is None
    world.source_pending = False
    await world.reconcile()
    await asyncio.sleep(60)
    condition = world.condition()
    assert condition is not None
    assert condition[1] == reasons.ARTIFACT_FAILED


@in_world()
async def test_a_circle_is_named_in_condition_and_event(world: World) -> None:
    world.create("infra", dependsOn=[{"name": "apps"}])
    world.create(dependsOn=[{"name": "infra"}])
    world.apps(a=config_map("a"))
    await world.reconcile()
    await asyncio.sleep(PROGRESS_DELAY + 0.5)
    message = "dependency cycle: flux/apps -> flux/infra -> flux/apps; remove one of these dependsOn entries"
    assert world.condition() == ("False", reasons.DEPENDENCY_NOT_READY, message)
    assert world.events.take() == [("Normal", reasons.DEPENDENCY_NOT_READY, message)]


@in_world()
async def test_a_report_that_cannot_be_written_disturbs_nobody(world: World) -> None:
    dependent(world)
    world.faults.append(world.refused("status"))
    await world.reconcile()
    await asyncio.sleep(60)
    assert world.condition() is None
    world.faults.clear()
    await world.reconcile()
    await asyncio.sleep(PROGRESS_DELAY + 0.5)
    assert world.condition() == NOT_READY


# The timer alone.


class Row:
    """Attempts in a row, each postponed, and the times of reports."""

    def __init__(self) -> None:
        self.report, self.times = PostponementReport(), list[float]()

    async def write(self) -> None:
        self.times.append(asyncio.get_running_loop().time() - 1000)

    def attempt(self) -> None:
        self.report.cancel()
        self.report.schedule(self.write, self.report.take_due(), 0.4)


@pytest.mark.parametrize(
    ("attempts", "reports"),
    [
        ((0.0,), [0.4]),
        ((0.0, 0.1, 0.2, 0.3), [0.4]),
        ((0.0, 0.3, 0.7), [0.4, 1.1]),
        ((0.0, 0.5, 1.0), [0.4, 0.9, 1.4]),
    ],
)
def test_a_report_comes_when_the_first_of_a_row_is_due(
    attempts: tuple[float, ...], reports: list[float]
) -> None:
    async def main() -> list[float]:
        row, begun = Row(), asyncio.get_running_loop().time()
        for at in attempts:
            await asyncio.sleep(begun + at - asyncio.get_running_loop().time())
            row.attempt()
        await asyncio.sleep(60)
        return row.times

    assert clock.run(main) == pytest.approx(reports)


def test_a_report_that_was_due_when_the_attempt_ended_is_written_at_once() -> None:
    async def main() -> list[float]:
        row = Row()
        row.attempt()
        row.report.cancel()
        due = row.report.take_due()
        await asyncio.sleep(2)  # the attempt takes longer than the delay
        row.report.schedule(row.write, due, 0.4)
        await asyncio.sleep(60)
        return row.times

    assert clock.run(main) == pytest.approx([2.0])


def test_an_attempt_that_is_not_postponed_ends_the_row() -> None:
    async def main() -> list[float]:
        row = Row()
        row.attempt()
        row.report.cancel()
        row.report.take_due()
        await asyncio.sleep(2)
        row.attempt()
        await asyncio.sleep(60)
        return row.times

    assert clock.run(main) == pytest.approx([2.4])
