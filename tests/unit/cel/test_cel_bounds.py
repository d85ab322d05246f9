"""Whatever an expression asks for, the caller goes on soon, and so do other expressions."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator

import pytest

from headgate.cel import EvaluationError, Expression, InvalidExpression
from headgate.cel.guard import GUARD, Exhausted, Guard

HARMLESS = Expression("s.size() > 0")


@pytest.fixture
def guard() -> Iterator[Guard]:
    guard = Guard()
    yield guard
    guard.close()


@pytest.mark.parametrize(
    "text",
    [
        "s" + ".replace('', s)" * 4 + ".size() > 0",
        "[s]" + ".map(a, a + a)" * 20 + "[0].matches('y')",
        "l.all(x, " + " && ".join(["l == l"] * 500) + ")",
        "l.all(x, s.matches('" + "(x*y?)*" * 200 + "'))",
    ],
)
def test_hunger_ends_the_expression_and_not_the_program(text: str) -> None:
    data = {"s": "x" * 100_000, "l": list(range(9_000))}
    for _ in range(20):
        with pytest.raises(EvaluationError, match="too much time or memory"):
            Expression.compile(text).evaluate_bool(data)
        # From the second time on, nothing is started to try it in.
        assert GUARD._process is None
    assert HARMLESS.evaluate_bool(data)


@pytest.mark.parametrize(
    "text",
    [
        "l.all(x, l.all(y, true))",
        "l.exists(x, l.exists(y, false))",
        "[" + "1," * 20_000 + "1].all(x, true)",
    ],
)
def test_iterations_are_counted(text: str) -> None:
    # On a busy machine the processor time may be used up before the count is.
    with pytest.raises(
        (EvaluationError, InvalidExpression), match=r"iteration budget exceeded|too much time or memory"
    ):
        Expression.compile(text).evaluate_bool({"l": list(range(1_000))})


@pytest.mark.parametrize("text", ["(" * 5_000 + "1" + ")" * 5_000, "[" * 500 + "]" * 500, "1" + "+1" * 5_000])
def test_nesting_is_bounded(text: str) -> None:
    with pytest.raises(InvalidExpression, match="recursion"):
        Expression.compile(text)


def test_length_is_bounded() -> None:
    with pytest.raises(InvalidExpression, match="codepoint limit"):
        Expression.compile("'" + "x" * 200_000 + "' == ''")


def test_a_worker_that_died_is_replaced(guard: Guard) -> None:
    assert guard.ask({"text": "a", "data": {"a": True}}) == {"value": True}
    assert guard._process is not None
    guard._process.kill()
    guard._process.wait()
    assert guard.ask({"text": "a", "data": {"a": False}}) == {"value": False}


def test_large_data_goes_through(guard: Guard) -> None:
    data = {"l": ["x" * 1_000] * 5_000}
    assert guard.ask({"text": "l.size() == 5000", "data": data}) == {"value": True}


def test_the_worker_knows_nothing_of_our_environment() -> None:
    HARMLESS.evaluate_bool({"s": "x"})
    assert GUARD._process is not None
    if os.path.exists("/proc/self/environ"):
        with open(f"/proc/{GUARD._process.pid}/environ", "rb") as environ:
            assert environ.read() == b""


def test_a_ban_ends(guard: Guard, monkeypatch: pytest.MonkeyPatch) -> None:
    text = "l.all(x, " + " && ".join(["l == l"] * 500) + ")"
    with pytest.raises(Exhausted):
        guard.ask({"text": text, "data": {"l": list(range(9_000))}})
    with pytest.raises(Exhausted):
        guard.ask({"text": text, "data": {"l": [1]}})
    now = time.monotonic()
    monkeypatch.setattr("headgate.cel.guard.time.monotonic", lambda: now + 61)
    assert guard.ask({"text": text, "data": {"l": [1]}}) == {"value": True}
