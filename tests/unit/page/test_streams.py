"""Streams of events over real sockets: what open pages learn, when, and how streams end."""

from __future__ import annotations

import asyncio
import tracemalloc
import zlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import aiohttp
import pytest

from headgate.page import streams
from headgate.page.access import reviews
from headgate.page.access.answers import Dated
from headgate.page.access.gates import LocalGate
from headgate.page.access.identity import Identity, LoginRequired, Undecided
from headgate.page.access.reviews import Scope
from headgate.page.app import PageParts
from headgate.page.events import Compressor, Event, content_id, morph_event, retry_event, state_event
from headgate.page.headers import HEADERS
from headgate.page.knowledge import OperatorState
from headgate.page.renderings import PERIOD, Renderings
from headgate.settings import PageSettings
from tests.support.pages import PATIENCE, Board, PlainContent, Served, kustomization, served, snapshot, soon
from tests.support.sse import Reader


@asynccontextmanager
async def reading(page: Served, path: str = "/", **headers: str) -> AsyncIterator[Reader]:
    async with (
        aiohttp.ClientSession(read_bufsize=2**24) as session,
        session.get(f"{page.url}/stream", params={"page": path}, headers=headers) as answer,
    ):
        assert answer.status == 200
        yield Reader(answer)


@pytest.fixture
async def page() -> AsyncIterator[Served]:
    parts = PageParts(Board(kustomization("team-a", "apps")), LocalGate(), PlainContent(), max_streams=8)
    async with served(parts) as found:
        yield found


async def test_a_stream_says_how_things_are_and_what_changes(page: Served) -> None:
    async with reading(page) as reader:
        assert reader.answer.headers["Content-Type"] == "text/event-stream; charset=utf-8"
        for name, value in HEADERS.items():
            assert reader.answer.headers[name] == value
        assert (await reader.state())["state"] == "ok"
        assert reader.retry == 2000
        first = await reader.morph()
        assert "team-a/apps" in first.data
        assert first.id == content_id(first.data)
        page.board.show(kustomization("team-a", "apps", "no longer", reason="BuildFailed"))
        second = await reader.morph()
        assert "no longer" in second.data
        assert second.id != first.id


async def test_what_has_not_changed_is_not_sent_again(page: Served) -> None:
    async with reading(page) as reader:
        first = await reader.morph()
        page.board.show(kustomization("team-a", "apps"))
        page.board.show(kustomization("team-a", "apps"))
        await asyncio.sleep(2 * streams.PAUSE)
        page.board.show(kustomization("team-a", "new"))
        assert "team-a/new" in (await reader.morph()).data
    async with reading(page, **{"Last-Event-ID": first.id}) as reader:
        assert "team-a/new" in (await reader.morph()).data


async def test_a_client_that_comes_back_gets_only_what_it_does_not_have(page: Served) -> None:
    async with reading(page) as reader:
        known = (await reader.morph()).id
    async with reading(page, **{"Last-Event-ID": known}) as reader:
        assert (await reader.state())["state"] == "ok"
        page.board.show(kustomization("team-a", "meanwhile"))
        assert "team-a/meanwhile" in (await reader.morph()).data


@pytest.mark.parametrize("id", ["", "0", "x" * 4000, "../", "\xe9"])
async def test_an_id_of_nothing_leads_to_the_present_content(page: Served, id: str) -> None:
    async with reading(page, **{"Last-Event-ID": id}) as reader:
        assert "team-a/apps" in (await reader.morph()).data


async def test_changes_in_quick_succession_become_few_events(page: Served) -> None:
    async with reading(page) as reader:
        await reader.morph()
        for number in range(300):
            page.board.show(kustomization("team-a", f"number-{number}"))
            await asyncio.sleep(0)
        sent = 0
        while "number-299" not in (await reader.morph()).data:
            sent += 1
        assert sent < 100


async def test_open_pages_of_the_same_path_are_rendered_once(page: Served) -> None:
    async with reading(page) as one, reading(page) as another:
        await one.morph()
        await another.morph()
        before = page.content.rendered
        page.board.show(kustomization("team-a", "new"))
        assert (await one.morph()).data == (await another.morph()).data
        assert page.content.rendered == before + 1


async def test_a_silent_stream_has_heartbeats(page: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "HEARTBEAT_EVERY", 0.05)
    async with reading(page) as reader:
        await reader.morph()
        assert [(await reader.next()).event for _ in range(3)] == ["beat"] * 3


async def test_a_stream_whose_page_stays_the_same_has_heartbeats_while_others_change(
    page: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An open page takes a connection without them for lost."""
    monkeypatch.setattr(streams, "HEARTBEAT_EVERY", 0.3)

    async def change() -> None:
        while True:
            page.board.show(kustomization("team-a", "apps"))
            await asyncio.sleep(0.02)

    async with reading(page) as reader:
        await reader.morph()
        changes = asyncio.create_task(change())
        try:
            assert [(await reader.next()).event for _ in range(3)] == ["beat"] * 3
        finally:
            changes.cancel()


async def test_the_state_of_the_operator_is_said(page: Served) -> None:
    async with reading(page) as reader:
        assert (await reader.state())["state"] == "ok"
        for operator, state in (
            (OperatorState(connected=False, problem="no route"), "disconnected"),
            (OperatorState(synced=False), "connecting"),
            (OperatorState(leads=False), "standby"),
            (OperatorState(), "ok"),
        ):
            page.board.show(operator=operator)
            assert (await reader.state())["state"] == state


async def test_a_page_that_is_not_there_is_followed_until_it_is(page: Served) -> None:
    async with reading(page, "/kustomizations/team-a/none") as reader:
        assert "<h1>404</h1>" in (await reader.morph()).data


async def test_a_page_that_fails_ends_its_stream_and_no_other(page: Served) -> None:
    async with reading(page) as good:
        await good.morph()
        async with reading(page, "/broken") as bad:
            with pytest.raises((EOFError, aiohttp.ClientError)):
                await bad.morph()
        page.board.show(kustomization("team-a", "new"))
        assert "team-a/new" in (await good.morph()).data


@pytest.mark.usefixtures("no_heartbeats")
async def test_there_are_only_so_many_streams(page: Served) -> None:
    async with asyncio.timeout(PATIENCE), aiohttp.ClientSession() as session:
        opened = [await session.get(f"{page.url}/stream?page=/") for _ in range(8)]
        assert {each.status for each in opened} == {200}
        refused = await session.get(f"{page.url}/stream?page=/")
        assert refused.status == 429
        assert int(refused.headers["Retry-After"]) > 0
        assert (await session.get(page.url)).status == 200
        # The place of a client that goes away is free at once, not at the next heartbeat.
        opened[0].close()
        again = await session.get(f"{page.url}/stream?page=/")
        while again.status != 200:
            again = await session.get(f"{page.url}/stream?page=/")
        for each in (*opened, again):
            each.close()


async def test_a_client_that_does_not_read_is_disconnected() -> None:
    content = PlainContent()
    content.padding = 8_000_000
    cut: list[int] = []
    parts = PageParts(Board(), LocalGate(), content, watch=_Cut(cut))
    async with served(parts, client_timeout=0.5) as page:
        _, writer = await asyncio.open_connection("127.0.0.1", page.port, limit=1024)
        writer.write(b"GET /stream?page=/ HTTP/1.1\r\nHost: localhost\r\n\r\n")
        await soon(lambda: cut)
        writer.close()


class _Cut:
    def __init__(self, cut: list[int]) -> None:
        self._cut = cut

    def page_answered(self, route: str, status: int) -> None:
        pass

    def streams_open(self, count: int) -> None:
        pass

    def stream_cut(self) -> None:
        self._cut.append(1)


async def test_streams_end_when_the_server_does_also_those_of_clients_that_do_not_read() -> None:
    content = PlainContent()
    content.padding = 9_000_000
    parts = PageParts(Board(), LocalGate(), content, max_streams=20)
    async with aiohttp.ClientSession(read_bufsize=2**24) as session:
        async with asyncio.timeout(PATIENCE):
            # Nothing else than the streams themselves ends them before the patience of this test does.
            async with served(parts, client_timeout=600.0, grace=600.0) as page:
                readers = [Reader(await session.get(f"{page.url}/stream?page=/")) for _ in range(5)]
                for each in readers:
                    await each.morph()
                silent = [await asyncio.open_connection("127.0.0.1", page.port, limit=1024) for _ in range(5)]
                for _, writer in silent:
                    writer.write(b"GET /stream?page=/ HTTP/1.1\r\nHost: localhost\r\n\r\n")
                await asyncio.sleep(0.2)
            for each in readers:
                assert (await each.state())["state"] == "stopping"
                with pytest.raises(EOFError):
                    await each.next()
            for _, writer in silent:
                writer.close()


async def test_a_stream_lasts_longer_than_any_other_answer() -> None:
    board = Board(kustomization("team-a", "apps"))
    parts = PageParts(board, LocalGate(), PlainContent())
    async with served(parts, client_timeout=0.2) as page, reading(page) as reader:
        await reader.morph()
        await asyncio.sleep(1.5)
        board.show(kustomization("team-a", "later"))
        assert "team-a/later" in (await reader.morph()).data


# Rights


class Switched:
    """A gate whose answers a test sets."""

    tells_users_apart = True

    def __init__(self) -> None:
        self.namespaces: frozenset[str] | None = frozenset(("team-a",))
        self.error: Exception | None = None
        self.lasts: Callable[[], float] = lambda: asyncio.get_running_loop().time() + 0.1

    async def identify(self, request: object) -> Dated[Identity]:
        if self.error is not None:
            raise self.error
        return Dated(Identity("jane"), self.lasts())

    async def scope(self, identity: Identity, kinds: object) -> Scope:
        return Scope(self.namespaces, self.lasts())


@asynccontextmanager
async def guarded(gate: Switched) -> AsyncIterator[Served]:
    board = Board(kustomization("team-a", "apps"), kustomization("team-b", "web"))
    async with served(PageParts(board, gate, PlainContent())) as page:
        yield page


async def test_a_stream_has_only_what_its_user_may_see() -> None:
    async with guarded(Switched()) as page, reading(page) as reader:
        first = await reader.morph()
        assert "team-a/apps" in first.data
        assert "team-b" not in first.data
        assert "<b>1</b>" in first.data
        # A change elsewhere is not even noticed.
        page.board.show(kustomization("team-a", "apps"), kustomization("team-b", "s3ntinel"))
        await asyncio.sleep(2 * streams.PAUSE)
        page.board.show(kustomization("team-a", "new"), kustomization("team-b", "s3ntinel"))
        second = await reader.morph()
        assert "team-a/new" in second.data
        assert "s3ntinel" not in second.data


@pytest.fixture
def no_heartbeats(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing happens on a stream by the way."""
    monkeypatch.setattr(streams, "HEARTBEAT_EVERY", 3600.0)


@pytest.mark.usefixtures("no_heartbeats")
async def test_what_somebody_may_no_longer_see_disappears_without_any_change() -> None:
    gate = Switched()
    async with guarded(gate) as page, reading(page) as reader:
        assert "team-a/apps" in (await reader.morph()).data
        gate.namespaces = frozenset()
        assert "<b>0</b>" in (await reader.morph()).data


@pytest.mark.usefixtures("no_heartbeats")
async def test_a_login_that_ends_clears_the_page_and_ends_the_stream() -> None:
    gate = Switched()
    async with guarded(gate) as page, reading(page) as reader:
        await reader.morph()
        gate.error = LoginRequired("Log in again.")
        assert (await reader.state())["state"] == "login"
        assert "team-a" not in (await reader.morph()).data
        with pytest.raises(EOFError):
            await reader.next()


async def test_nothing_is_shown_while_nobody_says_what_may_be_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "RETRY_UNDECIDED", 0.1)
    gate = Switched()
    async with guarded(gate) as page, reading(page) as reader:
        await reader.morph()
        gate.error = Undecided("The API server does not say what you may see.")
        assert (await reader.state())["state"] == "refused"
        assert "team-a" not in (await reader.morph()).data
        gate.error = None
        assert "team-a/apps" in (await reader.morph()).data


def test_a_lost_right_is_gone_within_a_minute() -> None:
    """By default: the answer expires, the stream notices, and the API server takes its time."""
    assert PageSettings().access_cache + streams.RECHECK + reviews.TIMEOUT < 60.0


async def test_one_user_leaves_streams_to_others() -> None:
    board, gate = Board(), Switched()
    async with (
        served(PageParts(board, gate, PlainContent(), max_streams=8)) as page,
        aiohttp.ClientSession() as session,
    ):
        opened = [await session.get(f"{page.url}/stream?page=/") for _ in range(3)]
        assert [each.status for each in opened] == [200, 200, 429]
        for each in opened:
            each.close()


# Formats


def test_hostile_content_stays_inside_its_event() -> None:
    for html in ("a\nevent: state\n\nid: 1\n\nb", "a\r\n\r\nb", "a\rb\r\rc", "\n\n", "", ":", "data: x\n"):
        lines = morph_event(html, "1").plain.decode().split("\n")
        assert lines[:2] == ["event: morph", "id: 1"]
        assert lines[-2:] == ["", ""]
        assert all(each.startswith("data: ") for each in lines[2:-2])
        assert "\r" not in morph_event(html, "1").plain.decode()


def test_streams_share_compressed_events_in_any_order() -> None:
    events = [Event.of(str(n).encode() * 1000) for n in range(5)] + [retry_event(2), state_event({"a": 1})]
    for order in (events, events[::-1], [events[0]] * 3, []):
        compressor = Compressor()
        sent = [compressor.add(each) for each in order]
        if not order:
            continue
        reader = zlib.decompressobj(wbits=31)
        for event, data in zip(order, sent, strict=True):
            assert reader.decompress(data) == event.plain  # Each at once: nothing waits for the next one.
        reader.decompress(compressor.end())
        assert reader.eof


async def test_renderings_for_streams_leave_most_of_the_time_to_the_operator() -> None:
    clock = _Clock()
    content = _Slow(clock)
    renderings = Renderings(content, clock)
    waited: list[float] = []

    async def sleep(seconds: float) -> None:
        waited.append(seconds)
        clock.now += seconds

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("headgate.page.renderings.asyncio.sleep", sleep)
        began = clock.now
        for version in range(100):
            await renderings.fragment(snapshot(version), None, "/", {}, content.frame)
    took = clock.now - began
    assert content.spent == pytest.approx(10.0)
    assert took >= content.spent * PERIOD - 15.0


async def test_paths_without_a_page_take_no_memory_however_many_somebody_tries() -> None:
    renderings, now, frame = Renderings(PlainContent()), snapshot(1), _Slow.frame
    tracemalloc.start()
    try:
        for number in range(500):
            path = f"/{number}{'x' * 8000}"
            assert renderings.document(now, None, path, {}, frame) is None
            assert await renderings.fragment(now, None, path, {}, frame) is None
        assert tracemalloc.get_traced_memory()[0] < 1_000_000
    finally:
        tracemalloc.stop()


class _Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


class _Slow(PlainContent):
    """A rendering takes a tenth of a second."""

    from headgate.page.content import Frame

    frame = Frame()

    def __init__(self, clock: _Clock) -> None:
        super().__init__()
        self._clock, self.spent = clock, 0.0

    def main(self, *_: object) -> str:
        self._clock.now += 0.1
        self.spent += 0.1
        return "main"
