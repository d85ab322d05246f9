"""Watches outlive every answer; what Kopf must have for that, it has."""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import AsyncGenerator, Callable
from typing import Any

import kopf
import pytest
from kopf._cogs.clients import watching as kopf_watching
from kopf._cogs.clients.errors import APIClientError, APIForbiddenError, APINotFoundError, APIServerError
from kopf._cogs.structs.references import Insights
from kopf._core.reactor import queueing

from headgate import handlers, watching
from headgate.watching import Watched, Watches

Obj = dict[str, Any]
LISTED = kopf_watching.Bookmark.LISTED
BUCKET = Watched("source.toolkit.fluxcd.io", "v1", "buckets", "Bucket")
NAME = "buckets.v1.source.toolkit.fluxcd.io"


def error(kind: type[Exception], status: int) -> Exception:
    return kind({"message": "no"}, status=status, headers={})  # type: ignore[call-arg]


NOT_FOUND = error(APINotFoundError, 404)
FORBIDDEN = error(APIForbiddenError, 403)
BROKEN = error(APIServerError, 500)
GONE = error(APIClientError, 410)
IN_STREAM = kopf_watching.WatchingError("Error in the watch-stream: {'code': 500}")
SURPRISE = KeyError("metadata")


def event(type: str | None, name: str, uid: str = "") -> Obj:
    return {"type": type, "object": {"metadata": {"namespace": "ns", "name": name, "uid": uid or name}}}


def seen(events: list[Any]) -> list[str]:
    return [
        "listed" if e is LISTED else f"{e['type'] or 'item'} {e['object']['metadata']['name']}"
        for e in events
    ]


class Kopf:
    """Rounds of Kopf's, as scripted: what each yields, and the error that ends it."""

    def __init__(self, *rounds: list[Any]) -> None:
        self.rounds = list(rounds)
        self.began = 0

    async def __call__(self, **_: Any) -> AsyncGenerator[Any, None]:
        self.began += 1
        for each in self.rounds.pop(0):
            if isinstance(each, Exception):
                raise each
            yield each


@pytest.fixture
def play(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Play rounds through ``Watches``; returns what it yields. No pause lasts."""
    monkeypatch.setattr(watching.PAUSES.__class__, "after", lambda self, failures: 0.0)

    async def run(*rounds: list[Any], kind: Watched = BUCKET) -> list[str]:
        monkeypatch.setattr(kopf_watching, "continuous_watch", Kopf(*rounds))
        watches = Watches([kind])
        return [text for _ in rounds for text in seen(await one(watches, kind))]

    return run


async def one(watches: Watches, kind: Watched = BUCKET) -> list[Any]:
    waiter: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    return [
        each
        async for each in watches.round(
            settings=handlers.settings(),
            resource=kind.resource,
            namespace=None,
            operator_pause_waiter=waiter,
        )
    ]


@pytest.mark.parametrize("failure", [NOT_FOUND, FORBIDDEN, BROKEN, GONE, IN_STREAM, SURPRISE], ids=repr)
@pytest.mark.parametrize("at", ["the list", "the watch"])
async def test_no_answer_ends_a_watch(play: Any, failure: Exception, at: str) -> None:
    spoilt = [failure] if at == "the list" else [event(None, "a"), LISTED, failure]
    events = await play([event(None, "a"), LISTED], spoilt, [event(None, "a"), event(None, "b"), LISTED])
    assert events[-3:] == ["item a", "item b", "listed"]
    assert "DELETED a" not in events


async def test_what_went_while_no_watch_was_open_is_reported_as_deleted(play: Any) -> None:
    events = await play(
        [event(None, "a"), event(None, "b"), LISTED, event("ADDED", "c"), event("DELETED", "a"), BROKEN],
        [BROKEN],
        [event(None, "c"), LISTED],
    )
    assert events[-3:] == ["item c", "DELETED b", "listed"]


async def test_a_part_of_a_list_says_nothing_about_the_others(play: Any) -> None:
    events = await play(
        [event(None, "a"), event(None, "b"), LISTED, GONE],
        [event(None, "n"), BROKEN],
        [event(None, "a"), event(None, "b"), LISTED],
    )
    assert [e for e in events if e.startswith("DELETED")] == ["DELETED n"]


async def test_an_object_that_was_made_again_is_another_one(play: Any) -> None:
    first, again = [event(None, "a", "1"), LISTED, GONE], [event(None, "a", "2"), LISTED]
    events = await play(first, again)
    assert events == ["item a", "listed", "item a", "DELETED a", "listed"]


async def test_objects_of_a_kind_that_is_no_longer_served_count_as_gone_after_a_while(play: Any) -> None:
    events = await play([event(None, "a"), LISTED, NOT_FOUND], *([NOT_FOUND] for _ in range(4)), [LISTED])
    assert [e for e in events if e != "listed"] == ["item a", "DELETED a"]


async def test_one_server_that_is_late_makes_nothing_count_as_gone(play: Any) -> None:
    late = [
        [event(None, "a"), LISTED, NOT_FOUND],
        [NOT_FOUND],
        [event(None, "a"), LISTED, NOT_FOUND],
        [NOT_FOUND],
    ]
    events = await play(*late, [event(None, "a"), LISTED])
    assert [e for e in events if e.startswith("DELETED")] == []


@pytest.mark.parametrize("failure", [FORBIDDEN, BROKEN, IN_STREAM], ids=repr)
async def test_a_failure_makes_nothing_count_as_gone(play: Any, failure: Exception) -> None:
    events = await play([event(None, "a"), LISTED], *([failure] for _ in range(9)))
    assert [e for e in events if e.startswith("DELETED")] == []


@pytest.mark.parametrize(
    ("failures", "passed"),
    [
        ([NOT_FOUND], True),
        ([FORBIDDEN], True),
        ([BROKEN] * 2, False),
        ([BROKEN] * 3, True),
        ([None] * 9, False),
    ],
)
async def test_the_other_kinds_do_not_wait_for_one_that_cannot_be_listed(
    play: Any, failures: list[Exception | None], passed: bool
) -> None:
    """Without any answer, there is nothing that the others could do."""
    events = await play(*([each] if each else [] for each in failures))
    assert ("listed" in events) is passed


async def test_a_kind_that_goes_is_one_warning_without_a_traceback(
    play: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "headgate.watching")
    await play([LISTED, NOT_FOUND], *([NOT_FOUND] for _ in range(9)), [LISTED])
    records = [r for r in caplog.records if r.name == "headgate.watching"]
    assert [r.levelname for r in records] == ["WARNING", "INFO"]
    assert [r.exc_info for r in records] == [None, None]
    assert records[0].getMessage() == (
        f"the cluster no longer serves {NAME}: its objects soon count as gone; the watch begins as soon as it does"
    )
    assert records[1].getMessage() == f"{NAME} is watched now"


async def test_each_time_that_a_kind_goes_is_a_warning(play: Any, caplog: pytest.LogCaptureFixture) -> None:
    await play(*([LISTED, NOT_FOUND] for _ in range(3)))
    assert len([r for r in caplog.records if r.levelno == logging.WARNING]) == 3


async def test_a_failure_names_the_kind_and_what_happens_next(
    play: Any, caplog: pytest.LogCaptureFixture
) -> None:
    await play([LISTED, FORBIDDEN], [LISTED, FORBIDDEN], [FORBIDDEN])
    [record] = [r for r in caplog.records if r.name == "headgate.watching" and r.levelno == logging.WARNING]
    assert record.getMessage() == (
        f"the watch of {NAME} failed: no; its objects count as unchanged until it is open again, next attempt in 0.0s"
    )


@pytest.mark.parametrize(("expected", "level"), [(True, "WARNING"), (False, "INFO")])
async def test_a_kind_that_never_was_is_a_warning_only_if_an_installation_has_it(
    play: Any, caplog: pytest.LogCaptureFixture, expected: bool, level: str
) -> None:
    caplog.set_level(logging.INFO, "headgate.watching")
    await play([NOT_FOUND], [NOT_FOUND], kind=Watched("g", "v1", "things", "Thing", expected))
    assert [r.levelname for r in caplog.records if r.name == "headgate.watching"] == [level]


async def test_a_login_that_fails_ends_the_operator(play: Any) -> None:
    with pytest.raises(kopf.LoginError):
        await play([kopf.LoginError("no credentials")])


async def test_kopf_plays_our_rounds(play: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The stream that Kopf's watcher reads continues after errors, as long as the watches are kept."""
    monkeypatch.setattr(
        kopf_watching, "continuous_watch", Kopf([LISTED, NOT_FOUND], [event(None, "a"), LISTED])
    )
    watches, events = Watches([BUCKET]), list[Any]()
    original = kopf_watching.continuous_watch
    async with watches.kept():
        stream = queueing.watching.infinite_watch(  # type: ignore[attr-defined]
            settings=handlers.settings(), resource=BUCKET.resource, namespace=None, _iterations=2
        )
        events = [each async for each in stream]
    assert seen(events) == ["listed", "listed", "item a", "listed"]
    assert kopf_watching.continuous_watch is original


async def test_kopf_watches_all_kinds_once_it_has_searched_the_cluster() -> None:
    watches = Watches(handlers.KINDS)
    wanted = {(k.group, k.version, k.plural) for k in handlers.KINDS}
    async with watches.kept():
        await asyncio.sleep(0)
        assert not watches.insights.watched_resources
        watches.insights.ready_resources.set()
        async with watches.insights.revised:
            await watches.insights.revised.wait_for(lambda: watches.insights.watched_resources)
    assert {tuple(each) for each in watches.insights.watched_resources} == wanted
    assert {tuple(each) for each in watches.insights.indexed_resources} == wanted


def test_kopf_has_what_is_replaced() -> None:
    """A newer Kopf without these would end with the first definition that goes: see the text of the module."""
    names = ["settings", "resource", "namespace", "operator_pause_waiter"]
    assert list(inspect.signature(kopf_watching.continuous_watch).parameters) == names
    assert inspect.isasyncgenfunction(kopf_watching.continuous_watch)
    assert inspect.signature(kopf.operator).parameters["insights"].annotation in (
        "references.Insights | None",
        Insights | None,
    )
    assert {"indexed_resources", "watched_resources", "revised", "ready_resources"} <= set(
        Insights.__dataclass_fields__
    )
    assert kopf.OperatorSettings().scanning.disabled is False
