"""What a reflector does when it gets an error instead of a list: it continues, and says what became of the objects."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from typing import Any

import pytest

from headgate.kube import ApiError, Forbidden, Gone, NotFound, ObjectRef, Reflector, ServerError
from headgate.kube import reflector as module
from headgate.kube.watch import WatchEvent

Obj = dict[str, Any]


class _Mapper:
    def invalidate(self) -> None:
        pass


class Scripted:
    """Answers to lists (names of objects, or an error) and to the watch after each (events, then an error)."""

    kept = None

    def __init__(self, *rounds: tuple[list[str] | ApiError, list[Any]]) -> None:
        self.mapper = _Mapper()
        self._rounds = list(rounds)
        self._events: list[Any] = []
        self.done = asyncio.Event()

    async def list_pages(self, *_: Any, **__: Any) -> AsyncIterator[Obj]:
        if not self._rounds:
            self.done.set()
            await asyncio.Event().wait()
        names, self._events = self._rounds.pop(0)
        if isinstance(names, ApiError):
            raise names
        yield {"metadata": {"resourceVersion": "9"}, "items": [_object(name) for name in names]}

    async def watch(self, *_: Any, **__: Any) -> AsyncIterator[WatchEvent]:
        while self._events:
            event = self._events.pop(0)
            if isinstance(event, ApiError):
                raise event
            yield event
        raise Gone("too old", status=410)


def _object(name: str, version: str = "1") -> Obj:
    return {"metadata": {"name": name, "namespace": "ns", "resourceVersion": version}}


async def changes(monkeypatch: pytest.MonkeyPatch, *rounds: Any) -> list[str]:
    monkeypatch.setattr(module.PAUSES.__class__, "after", lambda self, failures: 0.0)
    seen: list[str] = []

    def changed(ref: ObjectRef, old: Any, new: Any) -> None:
        seen.append(f"{'-' if new is None else '+'}{ref.name}")

    client: Any = Scripted(*rounds)
    task = asyncio.create_task(Reflector(client, "g/v1", "Thing", project=dict, on_change=changed).run())
    await asyncio.wait_for(client.done.wait(), 60)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    return seen


FAILURES = [
    NotFound("not found", status=404),
    Forbidden("no", status=403),
    Gone("too old", status=410),
    ServerError("broken", status=500),
]


@pytest.mark.parametrize("failure", FAILURES, ids=lambda e: type(e).__name__)
async def test_no_answer_ends_it_and_nothing_is_missed(
    monkeypatch: pytest.MonkeyPatch, failure: ApiError
) -> None:
    in_watch, in_list = (["a", "b"], [failure]), (failure, [])
    seen = await changes(monkeypatch, in_watch, in_list, (["b", "c"], []))
    present = {each[1:] for each in seen if seen.count(f"+{each[1:]}") > seen.count(f"-{each[1:]}")}
    assert present == {"b", "c"}
    assert "-a" in seen


async def test_a_kind_that_goes_is_one_warning_each_time(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    missing = NotFound("not found", status=404)
    goes = [(["a"], [missing]), (missing, []), (missing, [])]
    assert await changes(monkeypatch, (missing, []), *goes, *goes) == ["+a", "-a"] * 2
    warnings = [r.getMessage() for r in caplog.records if r.levelno == logging.WARNING]
    assert (
        warnings
        == [
            "the cluster no longer serves Thing (g/v1): its objects count as gone; the watch begins as soon as it does"
        ]
        * 2
    )
