"""The watchdog measures and names what blocks the event loop; a block without end is fatal."""

from __future__ import annotations

import asyncio
import logging
import threading
import urllib.error
import urllib.request
from collections.abc import Callable

import pytest
from aiohttp import web

from headgate.api import ObjectKey
from headgate.backoff import Doubling
from headgate.loop import BUCKETS, Background, LoopTurns, Pauses, Watchdog, run
from headgate.reconcile.core.controller import NOTHING_MORE, Controller, Outcome
from headgate.reconcile.core.queue import Priority, Trigger, WorkQueue
from headgate.web.aside import ServerAside
from headgate.web.metrics import Metrics, metrics_app
from headgate.web.probes import probe_app
from headgate.web.server import AddressError, WebServer


def test_a_turn_lasts_from_the_end_of_a_wait_to_the_next() -> None:
    now = 0.0
    turns = LoopTurns(lambda: now)
    turns.end()
    turns.begin()
    now = 0.03
    assert turns.present() == (1, 0.03)
    turns.end()
    now = 100.0
    assert turns.present() == (1, 0.0)
    turns.begin()
    now = 200.0
    turns.end()
    counted = dict(zip(BUCKETS, turns.counts, strict=False))
    assert (counted[0.05], turns.counts[-1], sum(turns.counts), turns.total) == (1, 1, 2, 100.03)


def until(said: Callable[[], str], what: str) -> None:
    """Hold this thread until something was logged."""
    limit = threading.Event()
    for _ in range(6_000):
        if what in said():
            return
        limit.wait(0.01)
    pytest.fail(f"not logged: {what}\n{said()}")


def test_what_holds_the_loop_is_named_while_it_does(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    turns, worked = LoopTurns(), asyncio.Event()

    async def child() -> None:
        until(lambda: caplog.text, "the event loop has been blocked")

    async def reconcile(key: ObjectKey, _: tuple[Trigger, ...]) -> Outcome:
        # What it starts has its name.
        await asyncio.gather(child())
        worked.set()
        return NOTHING_MORE

    async def main() -> None:
        controller: Controller[ObjectKey] = Controller("kustomization", WorkQueue(1), reconcile)
        async with Watchdog(turns, warn_after=0.02, dead_after=60) as watchdog:
            worker = asyncio.ensure_future(controller.run())
            controller.queue.add(ObjectKey("team-a", "apps"), Trigger(Priority.CHANGED, "test"))
            await worked.wait()
            assert watchdog.dead() is None
            worker.cancel()
            await asyncio.to_thread(until, lambda: caplog.text, "the event loop continues")

    run(main(), turns)
    assert "blocked for " in caplog.text
    assert " by kustomization team-a/apps at " in caplog.text
    assert "test_watchdog.py" in caplog.text
    assert sum(turns.counts) > 3
    assert sum(turns.counts[BUCKETS.index(0.025) :]) >= 1


def get(port: int, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=60) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def test_probes_and_metrics_are_answered_while_the_loop_is_held() -> None:
    turns, metrics = LoopTurns(), Metrics()
    metrics.loop(turns)

    async def main() -> None:
        watchdog = Watchdog(turns, warn_after=10, dead_after=60)
        dying = Watchdog(turns, warn_after=10, dead_after=0)
        sites = [
            ("probes", probe_app({"loop": watchdog.dead}, {"watches": lambda: None}), "127.0.0.1:0"),
            ("dying", probe_app({"loop": dying.dead}), "127.0.0.1:0"),
            ("metrics", metrics_app(metrics), "127.0.0.1:0"),
        ]
        async with watchdog, ServerAside(lambda: WebServer(sites)) as server:
            # All of this happens in one turn of the loop.
            number = turns.number
            assert get(server.port("probes"), "/healthz") == (200, "ok")
            assert get(server.port("probes"), "/readyz") == (200, "ok")
            status, text = get(server.port("dying"), "/healthz")
            assert status == 500
            assert "loop failed: the event loop has been blocked for " in text
            text = get(server.port("metrics"), "/metrics")[1]
            assert 'headgate_loop_turn_seconds_bucket{le="0.05"}' in text
            assert turns.number == number

    run(main(), turns)


async def test_an_address_that_is_taken_is_named_from_the_other_thread_too() -> None:
    app = web.Application
    async with WebServer([("first", app(), "127.0.0.1:0")]) as server:
        taken = f"127.0.0.1:{server.port('first')}"
        with pytest.raises(AddressError, match=f"cannot listen on {taken} for probes"):
            async with ServerAside(lambda: WebServer([("probes", app(), taken)])):
                pass


async def test_a_long_computation_pauses_when_its_time_is_up() -> None:
    now, order = 0.0, list[str]()
    pauses = Pauses(stretch=1.0, clock=lambda: now)

    async def other() -> None:
        order.append("other")

    task = asyncio.ensure_future(other())
    async for i in pauses.between(range(4)):
        order.append(str(i))
        now += 0.4
    await task
    assert order == ["0", "1", "2", "other", "3"]


async def test_background_work_is_repeated_until_it_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("headgate.loop.background.PAUSES", Doubling(0.0, 0.0))
    tries = 0

    async def work() -> None:
        nonlocal tries
        tries += 1
        if tries < 4:
            raise RuntimeError("not now")

    background = Background()
    background.begin("test", work)
    await background.idle()
    assert tries == 4
