"""The queue hands out each key once, the most urgent first, and never to two workers."""

from __future__ import annotations

import asyncio

import pytest

from headgate.reconcile.core import queue as module
from headgate.reconcile.core.controller import NOTHING_MORE, Controller, Outcome
from headgate.reconcile.core.queue import REQUESTS_AT_ONCE, Priority, Trigger, WorkQueue

CHANGED = Trigger(Priority.CHANGED, "changed")
ROUTINE = Trigger(Priority.ROUTINE, "interval")
REQUESTED = Trigger(Priority.REQUESTED, "requested")


async def take(queue: WorkQueue[str]) -> tuple[str, tuple[Trigger, ...]]:
    key, triggers, _ = await asyncio.wait_for(queue.get(), 1)
    return key, triggers


async def test_a_key_added_twice_is_one_piece_of_work() -> None:
    queue: WorkQueue[str] = WorkQueue()
    queue.add("a", CHANGED)
    queue.add("a", CHANGED)
    queue.add("a", ROUTINE)
    assert await take(queue) == ("a", (CHANGED, ROUTINE))
    assert len(queue) == 0


async def test_the_most_urgent_goes_first_and_the_oldest_among_equals() -> None:
    queue: WorkQueue[str] = WorkQueue()
    for key, trigger in (("a", ROUTINE), ("b", CHANGED), ("c", ROUTINE), ("d", REQUESTED)):
        queue.add(key, trigger)
    assert [(await take(queue))[0] for _ in range(4)] == ["d", "b", "a", "c"]


async def test_a_waiting_key_becomes_more_urgent_and_is_still_handed_out_once() -> None:
    queue: WorkQueue[str] = WorkQueue()
    queue.add("a", CHANGED)
    queue.add("b", ROUTINE)
    queue.add("b", REQUESTED)
    assert [(await take(queue))[0] for _ in range(2)] == ["b", "a"]
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(queue.get(), 0.02)


async def test_what_comes_while_a_key_is_worked_on_waits_until_it_is_done() -> None:
    queue: WorkQueue[str] = WorkQueue()
    queue.add("a", CHANGED)
    await take(queue)
    queue.add("a", REQUESTED)
    assert len(queue) == 1
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(queue.get(), 0.02)
    queue.done("a")
    assert await take(queue) == ("a", (REQUESTED,))


async def test_the_last_timer_of_a_key_counts() -> None:
    queue: WorkQueue[str] = WorkQueue()
    queue.schedule("a", 60, ROUTINE)
    queue.schedule("a", 0.01, ROUTINE)
    assert await take(queue) == ("a", (ROUTINE,))
    queue.done("a")
    queue.schedule("a", 0.01, ROUTINE)
    queue.unschedule("a")
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(queue.get(), 0.05)


async def test_a_forgotten_key_is_not_handed_out() -> None:
    queue: WorkQueue[str] = WorkQueue()
    queue.add("a", CHANGED)
    queue.add("b", CHANGED)
    queue.forget("a")
    assert (await take(queue))[0] == "b"


async def test_a_cancelled_getter_loses_nothing() -> None:
    queue: WorkQueue[str] = WorkQueue()
    getter = asyncio.create_task(queue.get())
    await asyncio.sleep(0)
    getter.cancel()
    queue.add("a", CHANGED)
    assert (await take(queue))[0] == "a"


async def test_workers_share_the_keys_without_overlap() -> None:
    queue: WorkQueue[int] = WorkQueue()
    busy: set[int] = set()
    done: list[int] = []

    async def worker() -> None:
        while True:
            key, _, _ = await queue.get()
            assert key not in busy
            busy.add(key)
            await asyncio.sleep(0)
            busy.discard(key)
            done.append(key)
            queue.done(key)

    workers = [asyncio.create_task(worker()) for _ in range(4)]
    for _ in range(5):
        for key in range(50):
            queue.add(key, CHANGED)
        await asyncio.sleep(0.01)
    await asyncio.sleep(0.05)
    for task in workers:
        task.cancel()
    assert set(done) == set(range(50))
    assert queue.active() == 0


async def ask(queue: WorkQueue[str], key: str, times: int) -> None:
    """Ask for the key again and again, each time when it has had its turn."""
    for _ in range(times):
        queue.add(key, REQUESTED)
        assert await take(queue) == (key, (REQUESTED,))
        queue.done(key)


async def test_a_key_that_is_asked_for_without_pause_waits_and_others_do_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "REQUEST_EVERY", 3600.0)
    queue: WorkQueue[str] = WorkQueue()
    await ask(queue, "a", REQUESTS_AT_ONCE)
    queue.add("a", REQUESTED)
    assert len(queue) == 1
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(queue.get(), 0.02)
    await ask(queue, "b", REQUESTS_AT_ONCE)
    # Neither does what nobody asked for: its input changed.
    queue.add("c", CHANGED)
    assert (await take(queue))[0] == "c"


async def test_a_key_that_waits_for_its_turn_gets_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "REQUEST_EVERY", 0.05)
    queue: WorkQueue[str] = WorkQueue()
    await ask(queue, "a", REQUESTS_AT_ONCE + 3)
    assert not queue.is_pending("a")


async def test_a_request_does_not_hold_up_a_key_that_waits_already(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "REQUEST_EVERY", 3600.0)
    queue: WorkQueue[str] = WorkQueue()
    await ask(queue, "a", REQUESTS_AT_ONCE)
    queue.add("a", CHANGED)
    queue.add("a", REQUESTED)
    assert await take(queue) == ("a", (CHANGED, REQUESTED))
    queue.done("a")
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(queue.get(), 0.02)


async def test_what_nobody_asked_for_does_not_wait_behind_a_request(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "REQUEST_EVERY", 3600.0)
    queue: WorkQueue[str] = WorkQueue()
    await ask(queue, "a", REQUESTS_AT_ONCE)
    queue.add("a", REQUESTED)
    queue.add("a", CHANGED)
    assert await take(queue) == ("a", (REQUESTED, CHANGED))
    # Nor when both come while a worker has the key.
    queue.add("a", REQUESTED)
    queue.add("a", CHANGED)
    queue.done("a")
    assert await take(queue) == ("a", (REQUESTED, CHANGED))


async def test_a_forgotten_key_has_all_its_turns_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "REQUEST_EVERY", 3600.0)
    queue: WorkQueue[str] = WorkQueue()
    await ask(queue, "a", REQUESTS_AT_ONCE)
    queue.add("a", REQUESTED)
    queue.forget("a")
    await ask(queue, "a", REQUESTS_AT_ONCE)


async def test_nothing_fires_after_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "REQUEST_EVERY", 0.01)
    queue: WorkQueue[str] = WorkQueue()
    await ask(queue, "a", REQUESTS_AT_ONCE)
    queue.add("a", REQUESTED)
    queue.close()
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(queue.get(), 0.05)


async def test_what_waits_and_when_a_key_is_due_can_be_seen_without_a_change() -> None:
    queue: WorkQueue[str] = WorkQueue()
    queue.add("a", ROUTINE)
    queue.add("a", REQUESTED)
    queue.add("b", CHANGED)
    queue.schedule("c", 30.0, ROUTINE)
    waiting = list(queue.waiting())
    assert [(each.key, each.priority, each.triggers) for each in waiting] == [
        ("a", Priority.REQUESTED, (ROUTINE, REQUESTED)),
        ("b", Priority.CHANGED, (CHANGED,)),
    ]
    assert waiting[0].since <= waiting[1].since <= asyncio.get_running_loop().time()
    due = queue.due("c")
    assert due is not None
    assert due[1] is ROUTINE
    assert 0 < due[0] - asyncio.get_running_loop().time() <= 30
    assert (queue.due("a"), queue.due("x")) == (None, None)
    assert await take(queue) == ("a", (ROUTINE, REQUESTED))
    queue.close()
    assert (list(queue.waiting()), queue.due("c")) == ([], None)


async def test_a_controller_says_what_its_workers_have_and_when_that_changes() -> None:
    queue: WorkQueue[str] = WorkQueue(1)
    seen: list[tuple[str, list[str]]] = []
    entered, leave = asyncio.Event(), asyncio.Event()

    async def reconcile(key: str, _: tuple[Trigger, ...]) -> Outcome:
        entered.set()
        await leave.wait()
        if key == "bad":
            raise RuntimeError("unexpected")
        return NOTHING_MORE

    controller = Controller("test", queue, reconcile)
    left = asyncio.Event()

    def noted(key: str) -> None:
        seen.append((key, [each.key for each in controller.at_work()]))
        if len(seen) == 2:
            left.set()

    controller.subscribe(noted)
    running = asyncio.create_task(controller.run())
    queue.add("bad", CHANGED)
    await asyncio.wait_for(entered.wait(), 60)
    (work,) = controller.at_work()
    assert (work.key, work.triggers) == ("bad", (CHANGED,))
    assert work.waited >= 0
    leave.set()
    await asyncio.wait_for(left.wait(), 60)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert seen == [("bad", ["bad"]), ("bad", [])]
