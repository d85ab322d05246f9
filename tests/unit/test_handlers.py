"""Watch events on their way to the operator: on one thread, and never lost."""

from __future__ import annotations

import asyncio
import inspect
from typing import Any

import kopf
import pytest

from headgate.handlers import Deliveries, registry

Obj = dict[str, Any]


async def nothing() -> None:
    pass


def test_all_handlers_run_on_the_event_loop() -> None:
    """Kopf runs functions that are not coroutine functions in threads."""
    sink: Any = None
    found = registry(sink, sink, lambda _: True, nothing)
    parts: list[Any] = [found._indexing, found._watching, found._activities]
    handlers = [handler for part in parts for handler in part._handlers]
    assert {"kustomizations", "kustomization", "gitrepositories", "gitrepositories-event"} <= {
        handler.id for handler in handlers
    }
    assert [handler.id for handler in handlers if not inspect.iscoroutinefunction(handler.fn)] == []


def test_what_kopf_runs_in_threads_is_what_is_no_coroutine() -> None:
    """What the test before relies on."""
    from kopf._core.actions.invocation import is_async_fn

    async def coroutine(**_: Any) -> None:
        pass

    def plain(**_: Any) -> None:
        pass

    assert is_async_fn(coroutine)
    assert not is_async_fn(plain)
    assert kopf.__name__ == "kopf"


async def test_what_breaks_off_is_repeated_unless_something_newer_came(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("headgate.handlers.Backoff.next", lambda self, key: 0.0)
    deliveries, done = Deliveries(), asyncio.Event()
    seen: list[str] = []
    obj: Obj = {"kind": "Kustomization", "metadata": {"namespace": "ns", "name": "apps"}}

    def act(what: str, failures: int) -> None:
        seen.append(what)
        if seen.count(what) <= failures:
            raise RuntimeError("not now")
        done.set()

    deliveries.deliver("event", obj, lambda: act("first", 3))
    await asyncio.wait_for(done.wait(), 60)
    assert seen == ["first"] * 4
    seen.clear()
    deliveries.deliver("event", obj, lambda: act("old", 1))
    deliveries.deliver("event", obj, lambda: act("new", 0))
    for _ in range(10):
        await asyncio.sleep(0)
    assert seen == ["old", "new"]
