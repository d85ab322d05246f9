"""A pool bounds its threads, and leaves places for every namespace."""

from __future__ import annotations

import ast
import asyncio
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import headgate
from headgate.fairness.pools import SMALL, Pool, aside

PATIENCE = 60.0


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not holds():  # noqa: ASYNC110 - threads cannot set an asyncio.Event
            await asyncio.sleep(0.005)


class Gate:
    """Calls that last until the gate opens; notes who is inside."""

    def __init__(self) -> None:
        self.inside: list[str] = []
        self.peak = 0
        self._lock = threading.Lock()
        self._open = threading.Event()

    def __call__(self, name: str) -> str:
        with self._lock:
            self.inside.append(name)
            self.peak = max(self.peak, len(self.inside))
        self._open.wait(PATIENCE)
        with self._lock:
            self.inside.remove(name)
        return name

    def open(self) -> None:
        self._open.set()

    async def holds(self, *names: str) -> None:
        await until(lambda: sorted(self.inside) == sorted(names))


@pytest.fixture
def gate() -> Iterator[Gate]:
    gate = Gate()
    yield gate
    gate.open()


async def test_no_more_run_than_there_are_places(gate: Gate) -> None:
    pool = Pool("test", 3)
    calls = [asyncio.ensure_future(pool.run(f"team-{n}", gate, f"team-{n}")) for n in range(9)]
    await gate.holds("team-0", "team-1", "team-2")
    assert (pool.running, pool.waiting) == (3, 6)
    gate.open()
    assert await asyncio.gather(*calls) == [f"team-{n}" for n in range(9)]
    assert (pool.running, pool.waiting, gate.peak) == (0, 0, 3)


async def test_a_namespace_that_holds_all_it_may_leaves_places_to_others(gate: Gate) -> None:
    pool = Pool("test", 8)
    silent = [asyncio.ensure_future(pool.run("silent", gate, "silent")) for _ in range(50)]
    await gate.holds(*["silent"] * 4)
    for other in ("a", "b", "c"):
        assert await asyncio.wait_for(pool.run(other, str.upper, other), PATIENCE) == other.upper()
    gate.open()
    await asyncio.gather(*silent)


async def test_every_namespace_gets_a_place_while_one_is_free(gate: Gate) -> None:
    pool = Pool("test", 32, left=3)
    calls = [asyncio.ensure_future(pool.run("a", gate, "a")) for _ in range(20)]
    await gate.holds(*["a"] * 8)
    calls += [asyncio.ensure_future(pool.run(name, gate, name)) for name in "bcdefghij" for _ in range(20)]
    await until(lambda: set(gate.inside) == set("abcdefghij"))
    assert gate.inside.count("a") == 8
    gate.open()
    await asyncio.gather(*calls)


async def test_namespaces_take_turns() -> None:
    pool, order = Pool("test", 1), []
    begun, go = threading.Event(), threading.Event()

    def first() -> None:
        begun.set()
        go.wait(PATIENCE)

    blocked = asyncio.ensure_future(pool.run("x", first))
    await asyncio.sleep(0)
    begun.wait(PATIENCE)
    calls = [asyncio.ensure_future(pool.run("many", order.append, f"many-{n}")) for n in range(4)]
    await asyncio.sleep(0)
    calls += [asyncio.ensure_future(pool.run("few", order.append, "few"))]
    await asyncio.sleep(0)
    go.set()
    await asyncio.gather(blocked, *calls)
    assert order == ["many-0", "few", "many-1", "many-2", "many-3"]


async def test_a_call_that_waits_is_not_made_when_it_is_cancelled(gate: Gate) -> None:
    pool = Pool("test", 1)
    running = asyncio.ensure_future(pool.run("a", gate, "running"))
    await gate.holds("running")
    waiting = asyncio.ensure_future(pool.run("b", gate, "waiting"))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    gate.open()
    assert await running == "running"
    assert await asyncio.wait_for(pool.run("b", str, 1), PATIENCE) == "1"
    assert gate.peak == 1


async def test_a_cancelled_call_keeps_its_place_until_it_returns(gate: Gate) -> None:
    pool = Pool("test", 1)
    running = asyncio.ensure_future(pool.run("a", gate, "running"))
    await gate.holds("running")
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert pool.running == 1
    after = asyncio.ensure_future(pool.run("b", gate, "after"))
    gate.open()
    assert await asyncio.wait_for(after, PATIENCE) == "after"
    assert gate.peak == 1


async def test_errors_reach_the_caller_and_free_the_place() -> None:
    pool = Pool("test", 1)
    for _ in range(3):
        with pytest.raises(ZeroDivisionError):
            await pool.run("a", divmod, 1, 0)
    assert pool.running == 0


async def test_threads_end_when_they_are_idle(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("headgate.fairness.pools.IDLE", 0.01)
    pool = Pool("short-lived", 4)
    await asyncio.gather(*(pool.run(f"{n}", str, n) for n in range(20)))
    await until(lambda: all(thread.name != "short-lived" for thread in threading.enumerate()))
    assert await pool.run("a", str, 1) == "1"


async def test_more_places_are_used_at_once(gate: Gate) -> None:
    pool = Pool("test", 1)
    calls = [asyncio.ensure_future(pool.run(name, gate, name)) for name in "abc"]
    await gate.holds("a")
    pool.resize(3)
    await gate.holds("a", "b", "c")
    gate.open()
    await asyncio.gather(*calls)


def test_nothing_runs_on_the_default_executor() -> None:
    found = []
    for path in sorted(Path(headgate.__file__).parent.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Attribute) and node.attr in ("to_thread", "run_in_executor"):
                found.append(f"{path}:{node.lineno}")
    assert not found


async def test_what_is_little_is_computed_here_and_what_is_much_aside() -> None:
    here = threading.get_ident()
    assert await aside("ns", SMALL - 1, threading.get_ident) == here
    assert await aside("ns", SMALL, threading.get_ident) != here
