"""Events that wait: whatever one tenant does, the others' come, and what is kept does not grow."""

from __future__ import annotations

import asyncio
import tracemalloc
from collections import Counter
from dataclasses import replace
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate.fairness.backlog import Backlog, Bounds, NamespaceCache
from headgate.kube import Client, Conflict
from headgate.reconcile.reporting.events import (
    ANNOTATIONS_LIMIT,
    BURST,
    EVERY,
    LONGEST_NOTICE,
    MESSAGE_LIMIT,
    NORMAL,
    WARNING,
    Event,
    EventRecorder,
)
from headgate.reconcile.reporting.notify import Notifier

Obj = dict[str, Any]


class Written:
    """Keeps what would be sent to the API server."""

    def __init__(self) -> None:
        self.created: list[Obj] = []
        self.patched: list[tuple[str, Obj]] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.fails, self.keeps = False, True

    async def create(self, obj: Obj) -> Obj:
        await self.gate.wait()
        if self.fails:
            raise Conflict("no", status=409)
        if self.keeps:
            self.created.append(obj)
        return obj

    async def patch(self, ref: Any, body: Obj, **_: Any) -> Obj:
        self.patched.append((ref.name, body))
        return body


class Posted(Notifier):
    """Keeps what would be posted."""

    def __init__(self) -> None:
        self.bodies: list[Obj] = []

    def post(self, body: Obj) -> None:
        self.bodies.append(body)


def about(name: str = "apps", namespace: str = "team-a", **meta: Any) -> Obj:
    return {
        "apiVersion": "kustomize.toolkit.fluxcd.io/v1",
        "kind": "Kustomization",
        "metadata": {"name": name, "namespace": namespace, "uid": f"{namespace}-{name}", **meta},
        "spec": {"patches": "x" * 1000},
    }


def event(message: str = "m", type: str = NORMAL, **of: Any) -> Event:
    return Event(about(**of), "kustomize-controller", type, "Progressing", message, {"revision": "1"})


async def write(recorder: EventRecorder) -> None:
    running = asyncio.create_task(recorder.run())
    await recorder.drain(60)
    running.cancel()


def recorder(written: Written, **options: Any) -> EventRecorder:
    return EventRecorder(cast(Client, written), **options)


async def test_a_repeat_raises_the_count() -> None:
    written = Written()
    events = recorder(written)
    for message in ("a", "a", "b", "a"):
        events.emit(event(message))
    await write(events)
    assert [obj["message"] for obj in written.created] == ["a", "b"]
    name = written.created[0]["metadata"]["name"]
    assert [(each, body["count"]) for each, body in written.patched] == [(name, 2), (name, 3)]


async def test_an_object_has_as_many_events_as_with_flux() -> None:
    """And no more, whatever its messages: others' are not affected."""
    now, lost = [0.0], Counter[str]()
    written = Written()
    events = recorder(written, on_dropped=lambda why: lost.update([why]), clock=lambda: now[0])
    for number in range(BURST + 10):
        events.emit(event(str(number)))
    events.emit(event("of another", name="other"))
    await write(events)
    assert [obj["message"] for obj in written.created] == [*map(str, range(BURST)), "of another"]
    assert lost == {"rate": 10}
    now[0] += EVERY
    events.emit(event("later"))
    events.emit(event("too soon"))
    await write(events)
    assert [obj["message"] for obj in written.created][-1] == "later"


async def test_one_namespace_does_not_keep_the_others_waiting() -> None:
    lost = Counter[str]()
    written = Written()
    written.gate.clear()
    events = recorder(written, on_dropped=lambda why: lost.update([why]))
    for number in range(3_000):
        events.emit(event("x" * 5_000, name=f"ks-{number}"))
    for number in range(5):
        events.emit(event("hello", name=f"ks-{number}", namespace="team-b"))
    written.gate.set()
    await write(events)
    theirs = [n for n, obj in enumerate(written.created) if obj["metadata"]["namespace"] == "team-b"]
    assert len(theirs) == 5
    assert theirs[-1] < 12
    kept = [obj["involvedObject"]["name"] for obj in written.created if "x" in obj["message"]]
    assert kept[-1] == "ks-2999"
    assert lost["backlog"] == 3_000 - len(kept) > 0
    assert len(kept) <= Bounds().bytes_of_one // 5_000


async def test_the_first_apply_of_a_large_namespace_loses_no_event() -> None:
    lost = Counter[str]()
    written = Written()
    written.gate.clear()
    events = recorder(written, on_dropped=lambda why: lost.update([why]))
    for number in range(1_000):
        events.emit(event("ConfigMap/apps/a created", name=f"ks-{number}"))
        events.emit(event("Reconciliation finished in 1s, next run in 1h0m0s", name=f"ks-{number}"))
    written.gate.set()
    await write(events)
    assert len(written.created) == 2_000
    assert not lost


async def test_what_is_kept_does_not_follow_from_what_is_said() -> None:
    """Neither while an event waits nor after it was written."""
    written = Written()
    written.keeps = False
    written.gate.clear()
    events = recorder(written)
    running = asyncio.create_task(events.run())
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    for number in range(300):
        message = f"{number} " + "x" * 1_000_000
        big = {f"event.toolkit.fluxcd.io/{n}": "y" * 10_000 for n in range(20)}
        events.emit(event(message, name=f"ks-{number}", annotations=big))
        await asyncio.sleep(0)
    del message, big
    waiting = tracemalloc.get_traced_memory()[0] - before
    written.gate.set()
    await events.drain(60)
    after = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    running.cancel()
    assert waiting < 2 * Bounds().bytes_of_one
    assert after < 1024 * 1024


async def test_messages_and_annotations_are_cut() -> None:
    written, posted = Written(), Posted()
    events = recorder(written, notifier=posted)
    many = {f"event.toolkit.fluxcd.io/{n:02}": "y" * 10_000 for n in range(20)}
    events.emit(event("x" * 1_000_000, WARNING, annotations={**many, "secret": "no"}))
    await write(events)
    (obj,), (body,) = written.created, posted.bodies
    assert len(obj["message"]) == MESSAGE_LIMIT
    assert len(body["message"]) == LONGEST_NOTICE
    for notes in (obj["metadata"]["annotations"], body["metadata"]):
        assert notes["revision"] == "1"
        assert "secret" not in notes
        assert sum(len(k) + len(v) for k, v in notes.items()) <= ANNOTATIONS_LIMIT
    assert body["involvedObject"]["name"] == "apps"
    assert body["severity"] == "error"


@pytest.mark.parametrize(
    ("type", "is_advice", "severity"),
    [(NORMAL, False, "info"), (WARNING, False, "error"), (WARNING, True, "info")],
)
async def test_only_a_failure_is_an_error_to_a_notification_controller(
    type: str, is_advice: bool, severity: str
) -> None:
    written, posted = Written(), Posted()
    events = recorder(written, notifier=posted)
    events.emit(replace(event(type=type), is_advice=is_advice))
    await write(events)
    assert [obj["type"] for obj in written.created] == [type]
    assert [body["severity"] for body in posted.bodies] == [severity]


async def test_an_event_goes_where_it_is_meant_to_go() -> None:
    """What is not recorded uses up nothing of what the object may have on the cluster."""
    written, posted = Written(), Posted()
    events = recorder(written, notifier=posted)
    for number in range(BURST):
        events.emit(replace(event(f"notified {number}"), record=False))
    events.emit(replace(event("traced"), notify=False))
    await write(events)
    assert [obj["message"] for obj in written.created] == ["traced"]
    assert [body["message"] for body in posted.bodies] == [f"notified {n}" for n in range(BURST)]


async def test_an_event_that_is_refused_stops_no_other() -> None:
    lost = Counter[str]()
    written = Written()
    events = recorder(written, on_dropped=lambda why: lost.update([why]))
    written.fails = True
    events.emit(event("a"))
    await write(events)
    written.fails = False
    events.emit(event("b"))
    await write(events)
    assert [obj["message"] for obj in written.created] == ["b"]
    assert lost == {"refused": 1}


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 40)), max_size=60))
async def test_a_backlog_keeps_to_its_bounds_and_order(things: list[tuple[str, int]]) -> None:
    bounds, lost = Bounds(5, 8, 60, 90), []
    backlog: Backlog[tuple[str, int]] = Backlog(bounds, lambda: lost.append(1))
    for number, (namespace, size) in enumerate(things):
        backlog.put(namespace, (namespace, number), size)
        assert len(backlog) <= bounds.of_all
    kept = [await backlog.take() for _ in range(len(backlog))]
    backlog.done()
    await backlog.join()
    assert len(kept) + len(lost) == len(things)
    for namespace in "abc":
        numbers = [number for each, number in kept if each == namespace]
        assert len(numbers) <= bounds.of_one
        assert numbers == sorted(numbers)
        assert sum(things[number][1] for number in numbers) <= bounds.bytes_of_one
        # Those that are left are the newest.
        theirs = [number for number, (each, _) in enumerate(things) if each == namespace]
        assert numbers == theirs[len(theirs) - len(numbers) :]


def test_a_memory_forgets_the_namespace_that_has_most() -> None:
    memory: NamespaceCache[int, int] = NamespaceCache(of_one=10, of_all=15)
    memory.put("small", 0, 0)
    for number in range(1_000):
        memory.put("a", number, number)
        memory.put("b", number, number)
    assert len(memory) == 15
    assert memory.pop("small", 0) == 0
    assert memory.pop("a", 999) == memory.pop("b", 999) == 999
    assert memory.pop("a", 1) is None


def test_a_notice_is_of_the_right_size(monkeypatch: pytest.MonkeyPatch) -> None:
    lost: list[str] = []
    notifier = Notifier("localhost:1", lost.append)
    body = {"message": "x" * LONGEST_NOTICE, "metadata": {}, "involvedObject": {"namespace": "a"}}
    may_wait = Bounds().bytes_of_one // LONGEST_NOTICE
    for _ in range(may_wait + 80):
        notifier.post(body)
    assert set(lost) == {"backlog"}
    assert len(lost) >= 80


async def test_subscribers_get_what_is_recorded_bounded_and_nothing_else() -> None:
    events, seen = recorder(Written()), []
    events.subscribe(seen.append)
    events.emit(event("x" * (2 * MESSAGE_LIMIT)))
    events.emit(replace(event("only for the notification controller"), record=False))
    for number in range(2 * BURST):
        events.emit(event(f"{number}", name="busy"))
    first, *others = seen
    assert len(first.message) <= MESSAGE_LIMIT
    assert "spec" not in first.about
    assert len(others) == BURST
