"""Whatever an expression does, its caller continues soon, and so do other expressions."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future
from typing import Any

import pytest

from headgate.cel import BudgetExceeded, CpuLimits, EvaluationFailed, Evaluator, Expression, ExpressionInvalid
from headgate.cel.process import Busy, Exhausted, WorkerProcess
from headgate.cel.processes import Processes
from tests.support.expressions import budget, evaluate

HARMLESS = Expression("s.size() > 0")
COSTLY = "l.all(x, " + " && ".join(["l == l"] * 500) + ")"
MUCH = {"l": list(range(9_000))}


@pytest.fixture
def process() -> Iterator[WorkerProcess]:
    process = WorkerProcess()
    yield process
    process.stop()


@pytest.mark.parametrize(
    "text",
    [
        "s" + ".replace('', s)" * 4 + ".size() > 0",
        "[s]" + ".map(a, a + a)" * 20 + "[0].matches('y')",
        COSTLY,
        "l.all(x, s.matches('" + "(x*y?)*" * 200 + "'))",
    ],
)
async def test_hunger_ends_the_expression_and_not_the_program(text: str) -> None:
    data = {"s": "x" * 100_000, **MUCH}
    own, spent = budget(), list[float]()
    expression = await own.compile(text)
    for _ in range(20):
        with pytest.raises(EvaluationFailed, match="too much time or memory"):
            await own.evaluate_bool(expression, data)
        spent.append(own.spent)
    # From the second time on, nothing is started to try it in.
    assert spent[0] > 0
    assert spent[1:] == spent[:-1]
    assert await own.evaluate_bool(HARMLESS, data)


@pytest.mark.parametrize(
    "text",
    [
        "l.all(x, l.all(y, true))",
        "l.exists(x, l.exists(y, false))",
        "[" + "1," * 20_000 + "1].all(x, true)",
    ],
)
async def test_iterations_are_counted(text: str) -> None:
    # On a busy machine the processor time may be used up before the count is.
    with pytest.raises(
        (EvaluationFailed, ExpressionInvalid), match=r"iteration budget exceeded|too much time or memory"
    ):
        await evaluate(text, {"l": list(range(1_000))})


@pytest.mark.parametrize("text", ["(" * 5_000 + "1" + ")" * 5_000, "[" * 500 + "]" * 500, "1" + "+1" * 5_000])
async def test_nesting_is_bounded(text: str) -> None:
    with pytest.raises(ExpressionInvalid, match="recursion"):
        await budget().compile(text)


async def test_length_is_bounded() -> None:
    with pytest.raises(ExpressionInvalid, match="codepoint limit"):
        await budget().compile("'" + "x" * 200_000 + "' == ''")


def value(process: WorkerProcess, text: str, data: dict[str, Any]) -> Any:
    return process.ask({"text": text, "data": data})["value"]


def test_a_worker_that_died_is_replaced(process: WorkerProcess) -> None:
    assert value(process, "a", {"a": True}) is True
    running = process._process
    assert running is not None
    running.kill()
    running.wait()
    assert value(process, "a", {"a": False}) is False


async def test_a_valid_expression_stays_valid_when_its_evaluation_ended_the_process() -> None:
    own = budget("stays-valid")
    expression = await own.compile(COSTLY)
    with pytest.raises(EvaluationFailed, match="too much"):
        await own.evaluate_bool(expression, MUCH)
    assert await own.compile(COSTLY) == expression


def test_a_process_that_the_machine_ended_says_nothing_of_the_expression(process: WorkerProcess) -> None:
    assert value(process, "a", {"a": True}) is True
    running = process._process
    assert running is not None
    running.send_signal(signal.SIGSTOP)
    timer = threading.Timer(0.1, running.kill)
    timer.start()
    with pytest.raises(Busy):
        value(process, "a", {"a": True})
    assert value(process, "a", {"a": True}) is True


def test_large_data_goes_through(process: WorkerProcess) -> None:
    assert value(process, "l.size() == 5000", {"l": ["x" * 1_000] * 5_000}) is True


def test_a_worker_that_has_grown_is_replaced_before_the_next_request(process: WorkerProcess) -> None:
    """So that nobody's expression fails for what the expressions of others left in memory."""
    assert value(process, "a", {"a": True}) is True
    before = process.pid
    assert before is not None
    for i in range(200):
        text = f"['{i}" + "x" * 60_000 + "'].size() == 1 && " + " && ".join(["s == s"] * 300)
        process.ask({"text": text, "data": {"s": "x"}})
        if process.pid != before:
            break
    assert process.pid != before
    assert value(process, "a", {"a": True}) is True


def test_the_worker_knows_nothing_of_our_environment(process: WorkerProcess) -> None:
    value(process, "a", {"a": True})
    if os.path.exists("/proc/self/environ"):
        with open(f"/proc/{process.pid}/environ", "rb") as environ:
            assert environ.read() == b""


def test_a_ban_ends_and_is_of_one_namespace(monkeypatch: pytest.MonkeyPatch) -> None:
    pool = Processes(1)
    try:

        def ask(namespace: str, items: list[int]) -> Any:
            return pool.submit(namespace, {"text": COSTLY, "data": {"l": items}}).result(timeout=60)["value"]

        with pytest.raises(Exhausted):
            ask("a", MUCH["l"])
        with pytest.raises(Exhausted):
            ask("a", [1])
        # Data of one namespace made it costly; other namespaces may still use it.
        assert ask("b", [1]) is True
        now = time.monotonic()
        monkeypatch.setattr("headgate.cel.processes.time.monotonic", lambda: now + 61)
        assert ask("a", [1]) is True
    finally:
        pool.close()


class Gate:
    """Replaces a process: records its requests, and responds when the test lets it."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.begun, self.may = threading.Semaphore(0), threading.Semaphore(0)

    def ask(self, content: dict[str, Any]) -> dict[str, Any]:
        self.asked.append(content["text"])
        self.begun.release()
        assert self.may.acquire(timeout=60)
        return {"value": True, "cpu": 1.0}

    def stop(self) -> None:
        pass


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Gate:
    gate = Gate()
    monkeypatch.setattr("headgate.cel.processes.WorkerProcess", lambda: gate)
    return gate


def test_one_namespace_waits_for_one_request_of_another_at_the_most(gate: Gate) -> None:
    pool = Processes(1)

    def submit(namespace: str, text: str) -> Future[dict[str, Any]]:
        return pool.submit(namespace, {"text": text})

    many = [submit("a", f"a{i}") for i in range(400)]
    few = [submit("b", "b0"), submit("b", "b1"), submit("c", "c0")]
    for _ in range(403):
        gate.may.release()
    for answer in [*many, *few]:
        answer.result(timeout=60)
    order = "".join(text[0] for text in gate.asked)
    # The first request of all was at work before the others were there; from then on namespaces take turns.
    assert "aa" not in order[1 : order.rindex("b") + 1]
    assert order.index("c") < order.rindex("b")
    pool.close()


def test_one_namespace_never_has_all_processes(gate: Gate) -> None:
    pool = Processes(2)
    many = [pool.submit("a", {"text": f"a{i}"}) for i in range(10)]
    other = pool.submit("b", {"text": "b0"})
    # Only two of them are at work, and none has been answered.
    for _ in range(2):
        assert gate.begun.acquire(timeout=60)
    assert gate.asked[0] != gate.asked[1]
    assert "b0" in gate.asked
    for _ in range(11):
        gate.may.release()
    for answer in [*many, other]:
        answer.result(timeout=60)
    pool.close()


async def test_an_attempt_and_a_namespace_have_their_time(gate: Gate) -> None:
    """Each evaluation takes a second here."""
    for _ in range(100):
        gate.may.release()
    now = 0.0
    evaluator = Evaluator(CpuLimits(attempt=3, namespace=6), clock=lambda: now)
    first, second, other = (evaluator.budget(ns) for ns in ("a", "a", "b"))
    for _ in range(4):
        await first.evaluate_bool(HARMLESS, {})
    with pytest.raises(BudgetExceeded, match=r"more than the 3s of processor time that one attempt may use"):
        await first.evaluate_bool(HARMLESS, {})
    for _ in range(2):
        await second.evaluate_bool(HARMLESS, {})
    with pytest.raises(BudgetExceeded, match=r"namespace 'a' took more than the 6s") as raised:
        await second.evaluate_bool(HARMLESS, {})
    await other.evaluate_bool(HARMLESS, {})
    now += raised.value.after
    await second.evaluate_bool(HARMLESS, {})
    evaluator.close()


async def test_the_loop_goes_on_while_an_expression_is_evaluated(gate: Gate) -> None:
    evaluator = Evaluator()
    task = asyncio.ensure_future(evaluator.budget("a").evaluate_bool(HARMLESS, {}))
    await asyncio.to_thread(gate.begun.acquire)
    assert not task.done()
    gate.may.release()
    assert await task
    evaluator.close()
