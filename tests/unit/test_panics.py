"""Panics of libraries in Rust are errors that the borders know."""

from __future__ import annotations

import asyncio
import sys
import types

import pytest

from headgate.panics import Panicked, contained
from headgate.reconcile.core.controller import NOTHING_MORE, Controller, Outcome
from headgate.reconcile.core.queue import Priority, Trigger, WorkQueue


def panic() -> BaseException:
    """As PyO3 makes it: of a class in a module that cannot be imported."""
    assert "pyo3_runtime" not in sys.modules
    made = types.new_class(
        "PanicException", (BaseException,), exec_body=lambda ns: ns.update(__module__="pyo3_runtime")
    )
    return made("called `unwrap()` on secret")


def test_a_panic_is_an_error_that_quotes_nothing() -> None:
    with pytest.raises(Panicked) as caught, contained():
        raise panic()
    assert "secret" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


@pytest.mark.parametrize(
    "other", [KeyboardInterrupt, SystemExit, asyncio.CancelledError, GeneratorExit, ValueError]
)
def test_nothing_else_is_touched(other: type[BaseException]) -> None:
    with pytest.raises(other), contained():
        raise other


async def test_an_object_whose_reconcile_panics_stops_no_other() -> None:
    reported, done = asyncio.Event(), asyncio.Event()

    async def reconcile(key: str, triggers: tuple[Trigger, ...]) -> Outcome:
        if key == "bad":
            raise panic()
        done.set()
        return NOTHING_MORE

    async def report(key: str, error: Exception, failures: int) -> None:
        assert (key, type(error)) == ("bad", Panicked)
        reported.set()

    controller = Controller("test", WorkQueue[str](1), reconcile, on_unexpected_error=report)
    task = asyncio.create_task(controller.run())
    controller.queue.add("bad", Trigger(Priority.CHANGED, "test"))
    await asyncio.wait_for(reported.wait(), 60)
    controller.queue.add("good", Trigger(Priority.CHANGED, "test"))
    await asyncio.wait_for(done.wait(), 60)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
