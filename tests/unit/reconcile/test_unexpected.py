"""Errors that nobody foresaw: what users read of them, and that they read it."""

from __future__ import annotations

import asyncio

import pytest

from headgate.api.errors import InvalidStatus
from headgate.kube import ApiError, Conflict, Invalid, ServerError, Unreachable
from headgate.reconcile.core.controller import NOTHING_MORE, Controller, Outcome
from headgate.reconcile.core.queue import Priority, Trigger, WorkQueue
from headgate.reconcile.reporting.unexpected import explained, is_passing, is_too_large

SECRET = "hunter2-correct-horse"


def _raised(error: BaseException) -> BaseException:
    try:
        raise error
    except BaseException as caught:
        return caught


def _raised_by(code: str) -> BaseException:
    try:
        exec(code, {"value": SECRET, "held": {}})
    except BaseException as caught:
        return caught
    raise AssertionError("nothing was raised")


@pytest.mark.parametrize(
    "code",
    [
        "int(value)",
        "held[value]",
        "raise ValueError(value)",
        "float(value)",
        "assert 1 == 2, value",
        "open('/' + value)",
    ],
)
def test_the_text_of_an_error_that_may_quote_data_is_not_reported(code: str) -> None:
    assert SECRET not in explained(_raised_by(code))


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (TypeError("'list' object is not a mapping"), "TypeError: 'list' object is not a mapping"),
        (AttributeError("'int' object has no attribute 'get'"), "has no attribute 'get'"),
        (KeyError("metadata"), r"unexpected error: KeyError \("),
        (RecursionError("maximum recursion depth exceeded"), "maximum recursion depth"),
        (ApiError("the API server says so", status=500), "refused or failed: the API server says so$"),
        (
            InvalidStatus("status.inventory", "'x' is not of the form"),
            "^status.inventory: 'x' is not of the form$",
        ),
        (OSError(28, "No space left on device", "/data/x"), "OSError: No space left on device"),
        (
            ExceptionGroup("unhandled errors in a TaskGroup", [ExceptionGroup("", [TypeError("a")])]),
            "TypeError: a",
        ),
    ],
)
def test_the_kind_of_error_and_its_place_are_reported(error: Exception, says: str) -> None:
    with pytest.raises(AssertionError, match=says):
        raise AssertionError(explained(_raised(error)))


def test_notes_tell_which_object_it_was() -> None:
    error = TypeError("a")
    error.add_note("ConfigMap/shop/web")
    assert explained(_raised(error)).startswith("unexpected error at ConfigMap/shop/web: TypeError: a (")


def test_what_passes_by_itself() -> None:
    assert is_passing(Unreachable("a"))
    assert is_passing(Conflict("a", status=409))
    assert is_passing(ExceptionGroup("", [TimeoutError()]))
    assert not is_passing(Invalid("a", status=422))
    assert not is_passing(TypeError("a"))


@pytest.mark.parametrize(
    "error",
    [
        ApiError("Request entity too large: limit is 3145728", status=413),
        ServerError("etcdserver: request is too large", status=500),
        ServerError(
            "rpc error: code = ResourceExhausted desc = trying to send message larger than max", status=500
        ),
    ],
)
def test_a_refusal_for_size_is_known(error: ApiError) -> None:
    assert is_too_large(error)
    assert not is_passing(error)


async def test_a_reconcile_that_breaks_off_is_reported_and_tried_again() -> None:
    """Also when reporting it fails, and with how often in a row it did."""
    reports: list[tuple[str, str, int]] = []
    done = asyncio.Event()

    async def reconcile(key: str, _: tuple[Trigger, ...]) -> Outcome:
        if len(reports) < 2:
            raise TypeError(f"number {len(reports)}")
        done.set()
        return NOTHING_MORE

    async def report(key: str, error: Exception, times: int) -> None:
        reports.append((key, str(error), times))
        raise ApiError("the API server is away")

    controller = Controller("test", WorkQueue[str](1), reconcile, on_unexpected_error=report)
    task = asyncio.create_task(controller.run())
    controller.queue.add("a", Trigger(Priority.CHANGED, "test"))
    await asyncio.wait_for(done.wait(), 60)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert reports == [("a", "number 0", 1), ("a", "number 1", 2)]
