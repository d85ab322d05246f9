"""How the page learns of changes: bursts are one snapshot, nothing is lost, and it costs what has changed."""

from __future__ import annotations

import asyncio
import threading
from datetime import UTC, datetime
from typing import Any

from headgate.insight import Ref
from headgate.insight.fields import ref_of
from headgate.insight.values import State
from headgate.kube.refs import ObjectRef
from headgate.names import KUSTOMIZE_GROUP
from headgate.page.knowledge import Board, OperatorState, QueuedKey, ReportedEvent, Snapshot, Work
from headgate.page.knowledge.updates import Batch, Drift, Notes, Update, Verdicts
from tests.unit.insight.objects import BUILD_FAILED, READY, condition, ks, repo, waits_for

AT = datetime(2026, 6, 1, 12, tzinfo=UTC)
APP = Ref("Kustomization", "shop", "app", KUSTOMIZE_GROUP)
PATIENCE = 60.0


def updates(*objects: dict[str, Any], notes: Notes | None = None) -> Batch:
    return Batch(AT, tuple(Update(ref_of(each), each, notes or Notes()) for each in objects))


def shown(*batches: Batch) -> Snapshot:
    """What a page shows that looks for the first time."""

    async def main() -> Snapshot:
        board = Board()
        for batch in batches:
            board.accept(batch)
        try:
            return board.snapshot()
        finally:
            await board.close()

    return asyncio.run(main())


def test_before_anything_is_known_nothing_is_claimed() -> None:
    snapshot = shown()
    assert snapshot.report.verdicts == ()
    assert not snapshot.operator.synced


def test_a_first_look_has_all_that_came_before() -> None:
    state = OperatorState(leads=False, leader="other")
    snapshot = shown(
        updates(repo(), ks("app", BUILD_FAILED)),
        Batch(AT, operator=state),
        updates(ks("web", waits_for("app"), needs=("app",))),
    )
    assert (
        snapshot.report
        == Snapshot.of([repo(), ks("app", BUILD_FAILED), ks("web", waits_for("app"), needs=("app",))]).report
    )
    assert snapshot.operator == state
    assert (snapshot.at, len(snapshot.details)) == (AT, 3)


def test_the_newest_state_of_an_object_counts_and_one_that_is_gone_is_absent() -> None:
    snapshot = shown(
        updates(repo(), ks("app", READY), ks("old", READY)),
        updates(ks("app", BUILD_FAILED)),
        Batch(AT, (Update(Ref("Kustomization", "shop", "old", KUSTOMIZE_GROUP), None),)),
    )
    assert {each.ref.name: each.state for each in snapshot.report.verdicts} == {
        "app": State.FAILED,
        "repo": State.READY,
    }
    assert set(snapshot.details) == set(snapshot.fleet.objects)


def test_what_a_batch_does_not_name_stays() -> None:
    queued = Work(queued=(QueuedKey(APP, AT, "changed"),), queued_by_namespace={"shop": 1})
    snapshot = shown(Batch(AT, work=queued, operator=OperatorState(version="1")), updates(ks("app", READY)))
    assert (snapshot.work, snapshot.operator.version) == (queued, "1")


def test_a_burst_is_one_snapshot_and_its_last_state_arrives() -> None:
    async def main() -> tuple[int, Snapshot]:
        board, seen = Board(), 0
        board.accept(updates(repo(), *(ks(f"k{n}", READY) for n in range(50))))
        snapshot = board.snapshot()
        for turn in range(400):
            board.accept(updates(ks(f"k{turn % 50}", READY, path=f"./{turn}")))
            if turn % 10 == 0:
                await asyncio.sleep(0.001)
        async with asyncio.timeout(PATIENCE):
            while snapshot.fleet.objects[ref_of(ks("k49"))]["spec"].get("path") != "./399":
                snapshot, seen = await board.newer(snapshot.version), seen + 1
        await board.close()
        return seen, snapshot

    seen, snapshot = asyncio.run(main())
    assert seen <= 3
    assert len(snapshot.report.verdicts) == 51


def test_all_who_wait_get_the_change_and_nobody_gets_the_same_version_twice() -> None:
    async def main() -> list[int]:
        board = Board()
        first = board.snapshot()
        waiting = [asyncio.create_task(board.newer(first.version)) for _ in range(20)]
        gone = asyncio.create_task(board.newer(first.version))
        await asyncio.sleep(0)
        gone.cancel()
        board.accept(updates(ks("app", READY)))
        async with asyncio.timeout(PATIENCE):
            found = await asyncio.gather(*waiting)
        idle = asyncio.create_task(board.newer(found[0].version))
        await asyncio.sleep(0.3)
        assert not idle.done()
        idle.cancel()
        await asyncio.gather(idle, gone, return_exceptions=True)
        await board.close()
        return [each.version - first.version for each in found]

    assert asyncio.run(main()) == [1] * 20


def test_another_thread_may_hand_over_at_any_time_also_after_the_page_has_stopped() -> None:
    board, stop = Board(), threading.Event()

    def change() -> None:
        turn = 0
        while not stop.is_set():
            turn += 1
            board.accept(updates(ks(f"k{turn % 7}", READY, path=f"./{turn}")))

    thread = threading.Thread(target=change)

    async def main() -> None:
        snapshot = board.snapshot()
        async with asyncio.timeout(PATIENCE):
            for _ in range(3):
                snapshot = await board.newer(snapshot.version)
                assert {each.state for each in snapshot.report.verdicts} <= {State.READY}
        await board.close()

    thread.start()
    try:
        asyncio.run(main())
    finally:
        stop.set()
        thread.join()
    board.accept(updates(ks("late", READY)))


def test_details_are_made_of_what_the_reconciler_noted() -> None:
    web, base = (
        ObjectRef("apps/v1", "Deployment", "web", "shop"),
        ObjectRef("v1", "ConfigMap", "base", "shop"),
    )
    failed = condition(
        "Ready", "False", "HealthCheckFailed", "health check failed after 1s: timeout waiting for: [x]"
    )
    app = ks(
        "app",
        failed,
        status={
            "inventory": {
                "entries": [
                    {"id": "shop_base__ConfigMap", "v": "v1"},
                    {"id": "shop_web_apps_Deployment", "v": "v1"},
                    {"id": "shop_other_apps_Deployment", "v": "v1"},
                    {"id": "broken", "v": "v1"},
                ]
            },
            "history": [
                {
                    "digest": "sha256:1",
                    "firstReconciled": "2026-06-01T12:00:00Z",
                    "lastReconciled": "2026-06-01T12:10:00Z",
                    "lastReconciledDuration": "1.2s",
                    "lastReconciledStatus": "ReconciliationSucceeded",
                    "totalReconciliations": 3,
                    "metadata": {"revision": "main@sha1:1"},
                },
                "broken",
            ],
        },
    )
    notes = Notes(
        verdicts=Verdicts(AT, (base, web), {web: ("InProgress", "0 of 1 available")}),
        events=(ReportedEvent(AT, "Warning", "BuildFailed", "clone https://me:s3cret@git.example"),),
        drifts=(Drift(web, AT, "kubectl-edit changed spec.replicas"),),
        skipped_builds=2,
        next_at=AT,
        next_reason="interval",
    )
    snapshot = shown(updates(app, repo(), notes=notes))
    details = snapshot.details[APP]
    assert [(each.ref.name, each.health, each.message) for each in details.inventory] == [
        ("base", "Current", ""),
        ("web", "InProgress", "0 of 1 available"),
        ("other", "", ""),
    ]
    assert (details.inventory_count, details.checked) == (3, AT)
    assert [(each.revision, each.times) for each in details.history] == [("main@sha1:1", 3)]
    assert details.events[0].message == "clone https://git.example"
    assert [(each.ref.name, each.what) for each in details.drifts] == [
        ("web", "kubectl-edit changed spec.replicas")
    ]
    assert (details.skipped_builds, details.next_at, details.next_reason) == (2, AT, "interval")


def test_a_failing_object_has_the_message_of_the_reconciler_and_what_was_read_about_it() -> None:
    said = "health check failed after 1s: timeout waiting for: [Deployment/shop/web status: 'InProgress']"
    entries = {"entries": [{"id": "shop_web_apps_Deployment", "v": "v1"}]}
    app = ks("app", condition("Ready", "False", "HealthCheckFailed", said), status={"inventory": entries})
    web = ObjectRef("apps/v1", "Deployment", "web", "shop")
    judged = Notes(verdicts=Verdicts(AT, (web,), {web: ("InProgress", "0 of 1 available")}))
    (cause,) = shown(updates(app, repo())).report.causes
    assert [(each.ref.name, each.message) for each in cause.objects] == [("web", "")]
    (cause,) = shown(updates(app, repo(), notes=judged)).report.causes
    assert [(each.ref.name, each.state, each.message) for each in cause.objects] == [
        ("web", "InProgress", "0 of 1 available")
    ]


def test_a_large_inventory_is_cut_but_unhealthy_objects_are_shown() -> None:
    entries = [{"id": f"shop_o{n}_apps_Deployment", "v": "v1"} for n in range(3000)]
    refs = tuple(ObjectRef("apps/v1", "Deployment", f"o{n}", "shop") for n in range(3000))
    notes = Notes(verdicts=Verdicts(AT, refs, {refs[2999]: ("Failed", "no quota")}))
    details = shown(
        updates(ks("app", READY, status={"inventory": {"entries": entries}}), notes=notes)
    ).details[APP]
    assert details.inventory_count == 3000
    assert len(details.inventory) == 501
    assert (details.inventory[-1].ref.name, details.inventory[-1].message) == ("o2999", "no quota")


def test_a_look_in_between_neither_loses_a_change_nor_brings_back_an_older_one() -> None:
    async def main() -> None:
        board = Board()
        board.accept(updates(repo(), *(ks(f"k{n}", READY) for n in range(300))))
        waiting = asyncio.create_task(board.newer(board.snapshot().version))
        for turn in range(5):
            board.accept(updates(*(ks(f"k{n}", READY, path=f"./{turn}") for n in range(300))))
            await asyncio.sleep(0.005)
            board.snapshot()
        async with asyncio.timeout(PATIENCE):
            snapshot = await waiting
            while {each["spec"].get("path") for each in snapshot.fleet.objects.values()} != {None, "./4"}:
                snapshot = await board.newer(snapshot.version)
        await board.close()

    asyncio.run(main())


def test_what_changes_while_nobody_looks_is_there_at_the_next_look() -> None:
    async def main() -> Snapshot:
        board = Board()
        board.snapshot()
        await asyncio.sleep(0.25)
        board.accept(updates(repo(), ks("app", READY)))
        await asyncio.sleep(0.05)
        try:
            return board.snapshot()
        finally:
            await board.close()

    assert len(asyncio.run(main()).report.verdicts) == 2


async def test_snapshots_that_take_long_are_made_less_often() -> None:
    """Whatever a fleet makes them cost: the operator shares the interpreter with them."""
    now, spent = [100.0], [0.0]

    def used() -> float:
        spent[0] += 6.0
        return spent[0]

    board = Board(lambda: now[0], used)
    try:
        board.accept(updates(ks("app", READY)))
        first = board.snapshot()
        board.accept(updates(ks("web", READY)))
        for later, made in ((1.0, False), (15.0, False), (21.0, True)):
            now[0] = 100.0 + later
            assert (board.snapshot() is not first) is made
    finally:
        await board.close()
