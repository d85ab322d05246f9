"""The webhook server over real sockets: what it takes, and how it keeps what it does not take away from us."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import aiohttp
import pytest
import yarl

from headgate.web import hooks
from headgate.web.callers import Call
from headgate.web.hooks import BURST, MAX_AT_ONCE, MAX_BODY, MAX_OF_NAMESPACE, hook_app
from headgate.web.server import WebServer

PATH = "/hook/abc"


class Behind:
    """One path; ``do`` is what a call of it leads to."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.now = 0.0
        self.statuses: list[int] = []
        self.do: Callable[[], Awaitable[int]] = self.accept

    async def accept(self) -> int:
        return 200

    def namespace(self, path: str) -> str | None:
        """Besides the one path, two of each of ten namespaces."""
        if path == PATH:
            return "ns"
        name, _, number = path.removeprefix("/hook/ns").partition("-")
        return name if name.isdigit() and number in ("1", "2") else None

    async def receive(self, path: str, call: Call) -> int:
        self.calls.append(call)
        return await self.do()


@pytest.fixture
def behind() -> Behind:
    return Behind()


@pytest.fixture
async def base(behind: Behind) -> AsyncIterator[str]:
    app = hook_app(behind, behind.statuses.append, clock=lambda: behind.now)
    async with WebServer([("webhooks", app, "127.0.0.1:0")]) as server:
        yield f"http://127.0.0.1:{server.port('webhooks')}"


async def status(url: str | yarl.URL, method: str = "POST", **options: object) -> int:
    async with aiohttp.ClientSession() as session, session.request(method, url, **options) as answer:  # type: ignore[arg-type]
        return answer.status


async def test_a_call_is_handed_on_with_its_headers_and_body(base: str, behind: Behind) -> None:
    assert await status(base + PATH, data=b"{}", headers={"X-Gitlab-Token": "t"}) == 200
    (call,) = behind.calls
    assert call.body == b"{}"
    assert call.headers["x-gitlab-token"] == "t"
    assert behind.statuses == [200]


async def test_every_method_is_taken(base: str, behind: Behind) -> None:
    for method in ("GET", "PUT", "POST"):
        assert await status(base + PATH, method) == 200
    assert len(behind.calls) == 3


@pytest.mark.parametrize(
    "path", ["/hook/abd", "/hook/abc?x=1", "/hook/", "/hook/abc/", "/", "/metrics", "/hook/%61bc"]
)
async def test_other_paths_are_nothing(base: str, behind: Behind, path: str) -> None:
    assert await status(yarl.URL(base + path, encoded=True)) == 404
    assert behind.calls == []


async def test_a_path_that_nobody_has_is_answered_before_the_body_is_read(base: str, behind: Behind) -> None:
    host, port = base.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(b"POST /hook/nobody HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000\r\n\r\n")
    assert b"404" in await asyncio.wait_for(reader.readline(), 60)
    writer.close()


async def test_a_body_may_be_large_but_not_larger(base: str, behind: Behind) -> None:
    assert await status(base + PATH, data=b"x" * MAX_BODY) == 200
    assert await status(base + PATH, data=b"x" * (MAX_BODY + 1)) == 413
    assert len(behind.calls) == 1


async def test_a_body_that_does_not_come_is_not_waited_for(
    base: str, behind: Behind, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hooks, "READ_TIMEOUT", 0.1)
    host, port = base.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(f"POST {PATH} HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc".encode())
    assert b"408" in await asyncio.wait_for(reader.readline(), 60)
    writer.close()
    assert behind.calls == []


async def test_a_path_that_is_called_too_often_has_to_wait(base: str, behind: Behind) -> None:
    async with aiohttp.ClientSession() as session:

        async def call() -> tuple[int, str | None]:
            async with session.post(base + PATH) as answer:
                return answer.status, answer.headers.get("Retry-After")

        assert [await call() for _ in range(BURST)] == [(200, None)] * BURST
        assert await call() == (429, "1")
        behind.now += 1
        assert [await call() for _ in range(3)] == [(200, None), (200, None), (429, "1")]
    assert len(behind.calls) == BURST + 2


async def test_calls_beyond_what_can_be_under_way_are_sent_away(
    base: str, behind: Behind, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those of one namespace, by whatever path, before they keep those of others away."""
    monkeypatch.setattr(hooks, "BURST", 1000)
    open_gate, all_in = asyncio.Event(), asyncio.Event()
    wanted = MAX_OF_NAMESPACE

    async def wait() -> int:
        if len(behind.calls) == wanted:
            all_in.set()
        await open_gate.wait()
        return 200

    behind.do = wait
    half = MAX_OF_NAMESPACE // 2
    waiting = [asyncio.create_task(status(f"{base}/hook/ns0-{path}")) for path in (1, 2) for _ in range(half)]
    await all_in.wait()
    assert await status(f"{base}/hook/ns0-1") == await status(f"{base}/hook/ns0-2") == 503
    all_in.clear()
    wanted = MAX_AT_ONCE
    for name in range(1, MAX_AT_ONCE // MAX_OF_NAMESPACE):
        waiting += [asyncio.create_task(status(f"{base}/hook/ns{name}-1")) for _ in range(MAX_OF_NAMESPACE)]
    await all_in.wait()
    assert await status(base + PATH) == 503
    open_gate.set()
    assert await asyncio.gather(*waiting) == [200] * MAX_AT_ONCE
    assert await status(base + PATH) == 200


async def test_what_breaks_is_answered_and_reported(base: str, behind: Behind) -> None:
    async def fail() -> int:
        raise RuntimeError("t0ken")

    behind.do = fail
    assert await status(base + PATH) == 500
    assert behind.statuses == [500]
