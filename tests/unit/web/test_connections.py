"""What clients may do to an address, over real sockets: silence, slow requests, unread answers, many connections."""

from __future__ import annotations

import asyncio
import resource
import socket
from collections import Counter
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from headgate.web import connections, descriptors
from headgate.web.artifacts import artifact_app
from headgate.web.connections import ConnectionLimits
from headgate.web.server import WebServer

PATIENCE = 60.0
LARGE = 64 * 1024 * 1024
SHORT = ConnectionLimits(connections=64, timeout=0.3)
LONG = ConnectionLimits(connections=8, timeout=PATIENCE)

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Seen:
    """What the metrics would count."""

    def __init__(self) -> None:
        self.count = 0
        self.ended: Counter[str] = Counter()

    def connected(self, site: str, count: int) -> None:
        self.count = count

    def disconnected(self, site: str, reason: str) -> None:
        self.ended[reason] += 1


@pytest.fixture
def seen() -> Seen:
    return Seen()


@pytest.fixture
async def closing() -> AsyncIterator[list[asyncio.StreamWriter]]:
    writers: list[asyncio.StreamWriter] = []
    yield writers
    for writer in writers:
        writer.close()


def application(released: asyncio.Event | None = None) -> web.Application:
    async def answer(request: web.Request) -> web.Response:
        if request.path == "/waits" and released is not None:
            await released.wait()
        if request.path == "/large":
            return web.Response(body=bytes(LARGE))
        if request.path == "/body":
            return web.Response(text=str(len(await request.read())))
        return web.Response(text="ok")

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    return app


def stored(root: Path) -> tuple[web.Application, str]:
    """The artifact server with a large artifact, and its path."""
    file = root / "gitrepository" / "a" / "b" / f"{'c' * 40}.tar.gz"
    file.parent.mkdir(parents=True)
    file.write_bytes(bytes(LARGE))
    return artifact_app(root), f"/{file.relative_to(root)}"


async def connect(
    server: WebServer, closing: list[asyncio.StreamWriter], source: str = "127.0.0.1"
) -> Streams:
    opened = await asyncio.open_connection(
        "127.0.0.1", server.port("site"), local_addr=(source, 0), limit=2**16
    )
    closing.append(opened[1])
    return opened


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not holds():  # noqa: ASYNC110 - what is waited for is on the other side of a socket
            await asyncio.sleep(0.01)


async def ended(reader: asyncio.StreamReader) -> bytes:
    """What came until the other side ended it."""
    got = b""
    async with asyncio.timeout(PATIENCE):
        try:
            while piece := await reader.read(2**16):
                got += piece
        except ConnectionResetError:
            pass
    return got


def serving(seen: Seen, limits: ConnectionLimits, app: web.Application | None = None) -> WebServer:
    return WebServer([("site", app or application(), "127.0.0.1:0")], limits, seen)


@pytest.mark.parametrize(
    "sent", [b"", b"GET / HTTP/1.1\r\nHost: a\r\n", b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"], ids=len
)
async def test_a_connection_without_a_request_is_closed(
    seen: Seen, closing: list[asyncio.StreamWriter], sent: bytes
) -> None:
    """Silent from the start, silent in the middle of a head, silent after an answer."""
    async with serving(seen, SHORT) as server:
        reader, writer = await connect(server, closing)
        writer.write(sent)
        assert await ended(reader) == b"" or sent.endswith(b"\r\n\r\n")
        await until(lambda: seen.count == 0)


async def test_a_head_that_trickles_in_is_cut(seen: Seen, closing: list[asyncio.StreamWriter]) -> None:
    async with serving(seen, SHORT) as server:
        reader, writer = await connect(server, closing)

        async def trickle() -> None:
            writer.write(b"GET / HTTP/1.1\r\n")
            while not writer.is_closing():
                writer.write(b"A: b\r\n")
                await asyncio.sleep(0.05)

        trickling = asyncio.create_task(trickle())
        assert await ended(reader) == b""
        trickling.cancel()


async def test_a_body_that_never_comes_is_cut(seen: Seen, closing: list[asyncio.StreamWriter]) -> None:
    async with serving(seen, SHORT) as server:
        reader, writer = await connect(server, closing)
        writer.write(b"POST /body HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n1")
        await ended(reader)
        assert seen.ended["slow"] == 1
        await until(lambda: seen.count == 0)


@pytest.mark.parametrize("path", ["/large", "/file"])
async def test_an_answer_that_nobody_reads_is_cut(
    seen: Seen,
    closing: list[asyncio.StreamWriter],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    path: str,
) -> None:
    """From memory, and from a file, which the kernel sends."""
    monkeypatch.setattr(connections, "SLOWEST", 2**40)
    app = application()
    if path == "/file":
        app, path = stored(tmp_path)
    async with serving(seen, SHORT, app) as server:
        with socket.create_connection(("127.0.0.1", server.port("site"))) as stuck:
            stuck.sendall(f"GET {path} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
            await until(lambda: seen.ended["slow"] == 1 and seen.count == 0)


@pytest.mark.parametrize("path", ["/large", "/file"])
async def test_an_answer_that_is_read_comes_whole(seen: Seen, tmp_path: Path, path: str) -> None:
    app = application()
    if path == "/file":
        app, path = stored(tmp_path)
    async with (
        serving(seen, LONG, app) as server,
        aiohttp.ClientSession() as session,
        session.get(f"http://127.0.0.1:{server.port('site')}{path}") as answer,
    ):
        assert len(await answer.read()) == LARGE


async def test_a_newcomer_takes_the_place_of_a_silent_one(
    seen: Seen, closing: list[asyncio.StreamWriter]
) -> None:
    async with serving(seen, LONG) as server:
        silent = [await connect(server, closing, f"127.0.0.{10 + number // 2}") for number in range(40)]
        await until(lambda: seen.ended["displaced"] == 40 - LONG.connections)
        assert seen.count == LONG.connections
        reader, writer = await connect(server, closing)
        writer.write(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        assert (await ended(reader)).startswith(b"HTTP/1.1 200")
        assert await ended(silent[0][0]) == b""


async def test_one_client_never_takes_more_than_its_part(
    seen: Seen, closing: list[asyncio.StreamWriter]
) -> None:
    """And gives way to itself first: the connections of others stay."""
    async with serving(seen, LONG) as server:
        kept_reader, kept_writer = await connect(server, closing, "127.0.0.2")
        await until(lambda: seen.count == 1)
        for _ in range(20):
            await connect(server, closing, "127.0.0.3")
        await until(lambda: seen.ended["displaced"] == 20 - LONG.per_peer)
        assert seen.count == 1 + LONG.per_peer
        kept_writer.write(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        assert (await ended(kept_reader)).startswith(b"HTTP/1.1 200")


async def test_who_is_being_answered_is_not_displaced(
    seen: Seen, closing: list[asyncio.StreamWriter]
) -> None:
    released = asyncio.Event()
    async with serving(seen, LONG, application(released)) as server:
        working = [await connect(server, closing) for _ in range(LONG.per_peer)]
        for _, writer in working:
            writer.write(b"GET /waits HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        await until(lambda: seen.count == LONG.per_peer)
        async with asyncio.timeout(PATIENCE):
            while not seen.ended["refused"]:
                # Refused as soon as all the others' heads have come; before, one of them makes room.
                reader, writer = await connect(server, closing)
                writer.write(b"GET /waits HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
                await asyncio.sleep(0.01)
                working.append((reader, writer))
        other_reader, other_writer = await connect(server, closing, "127.0.0.9")
        other_writer.write(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        assert (await ended(other_reader)).startswith(b"HTTP/1.1 200")
        released.set()
        answers = [await ended(reader) for reader, _ in working]
        assert sum(answer.startswith(b"HTTP/1.1 200") for answer in answers) == LONG.per_peer


async def test_pipelined_requests_do_not_pile_up(seen: Seen, closing: list[asyncio.StreamWriter]) -> None:
    """While the first waits for its answer, the others stay in the client's and the kernel's buffers."""
    released = asyncio.Event()
    async with serving(seen, LONG, application(released)) as server:
        _, writer = await connect(server, closing)
        writer.write(b"GET /waits HTTP/1.1\r\nHost: a\r\n\r\n")
        request = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
        writer.write(request * (64 * 1024 * 1024 // len(request)))
        await until(lambda: seen.count == 1)
        stuck = writer.transport.get_write_buffer_size()
        async with asyncio.timeout(PATIENCE):
            while (now := writer.transport.get_write_buffer_size()) != stuck:
                stuck = now
                await asyncio.sleep(0.2)
        assert stuck > 32 * 1024 * 1024
        writer.transport.abort()


async def test_a_head_that_is_too_large_is_refused(seen: Seen, closing: list[asyncio.StreamWriter]) -> None:
    async with serving(seen, LONG) as server:
        for head in (b"A: " + b"b" * 100_000 + b"\r\n", b"A: b\r\n" * 1_000):
            reader, writer = await connect(server, closing)
            writer.write(b"GET / HTTP/1.1\r\nHost: a\r\n" + head + b"\r\n")
            assert (await ended(reader)).startswith(b"HTTP/1.0 400")


def test_connections_leave_descriptors_for_the_work(caplog: pytest.LogCaptureFixture) -> None:
    assert descriptors.connections_per_site(256, 4, 65_536) == 256
    assert not caplog.records
    assert descriptors.connections_per_site(256, 4, 1_024) == 128
    assert descriptors.connections_per_site(256, 4, 300) == descriptors.FEWEST
    assert "the limit of file descriptors is 300" in caplog.text


def test_the_limit_of_descriptors_is_raised() -> None:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(900, before[1]), before[1]))
        raised = descriptors.raise_limit()
        assert raised == resource.getrlimit(resource.RLIMIT_NOFILE)[0] == min(before[1], descriptors.ENOUGH)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
