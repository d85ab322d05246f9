"""The page over real sockets: what every answer has, which requests get none, and what hostile clients achieve."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import aiohttp
import pytest

from headgate.insight import explain
from headgate.insight.as_json import status_document
from headgate.page.access.gates import LocalGate
from headgate.page.access.hosts import Hosts
from headgate.page.access.identity import EVERYBODY, Identity
from headgate.page.app import PageParts
from headgate.page.headers import HEADERS, IMMUTABLE
from headgate.page.views import Difference
from tests.support.pages import PATIENCE, Board, PlainContent, Served, kustomization, served

CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
WANTED = {
    "Content-Security-Policy": CSP,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}
ASSET = next(iter(PlainContent.ASSETS))


@pytest.fixture
async def page() -> AsyncIterator[Served]:
    board = Board(kustomization("team-a", "apps"), kustomization("team-b", "web"))
    parts = PageParts(board, LocalGate(), PlainContent(), Hosts(["page.example"]))
    async with served(parts) as found:
        yield found


class Raw:
    """An answer, read from a socket."""

    def __init__(self, data: bytes) -> None:
        head, _, self.body = data.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        self.status = int(first.split()[1]) if first else 0
        self.headers = [tuple(each.split(": ", 1)) for each in lines]

    def header(self, name: str) -> list[str]:
        return [value for each, value in self.headers if each.lower() == name.lower()]


async def raw(port: int, request: bytes) -> Raw:
    """Send bytes, end the sending side, and read until the server closes the connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(request)
        await writer.drain()
        async with asyncio.timeout(PATIENCE):
            data = b""
            while piece := await reader.read(65536):
                data += piece
    except ConnectionError:
        pass
    finally:
        writer.close()
    return Raw(data)


def get(target: str = "/", *headers: str, host: str = "localhost", method: str = "GET") -> bytes:
    lines = [f"{method} {target} HTTP/1.1", f"Host: {host}", "Connection: close", *headers, "", ""]
    return "\r\n".join(lines).encode("latin-1")


def test_the_headers_are_those_that_were_decided() -> None:
    assert HEADERS == WANTED


REQUESTS = {
    "a page": (get(), 200),
    "a page without a body": (get(method="HEAD"), 200),
    "no such page": (get("/nothing"), 404),
    "no such asset": (get("/assets/none.css"), 404),
    "an asset outside": (get("/assets/..%2f..%2fpyproject.toml"), 404),
    "a page that fails": (get("/broken"), 500),
    "a page that fails, in a browser": (get("/broken", "Accept: text/html"), 500),
    "another host": (get(host="evil.example"), 421),
    "another host and no such page": (get("/nothing", host="evil.example"), 421),
    "another host for a stream": (get("/stream?page=/", host="evil.example"), 421),
    "another host for an asset": (get(f"/assets/{ASSET}", host="evil.example"), 421),
    "a host with a path": (get(host="localhost/evil"), 421),
    "a target elsewhere": (get("http://evil.example/"), 421),
    "a target of ours for another host": (get("http://localhost/", host="evil.example"), 421),
    "no host in HTTP/1.0": (b"GET / HTTP/1.0\r\n\r\n", 421),
    "no host": (b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n", 400),
    "two hosts": (get("/", "Host: localhost"), 400),
    "an empty host": (get(host=""), 421),
    "a change of a page": (get(method="POST"), 405),
    "a change that is not there": (
        get("/kustomizations/team-a/apps/suspend", "Content-Length: 0", method="POST"),
        405,
    ),
    "a change from elsewhere": (
        get("/kustomizations/team-a/apps/suspend", "Origin: http://evil.example", method="POST"),
        403,
    ),
    "a change by a browser from elsewhere": (get("/", "Sec-Fetch-Site: cross-site", method="POST"), 403),
    "a link on another site": (
        get("/", "Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: document"),
        200,
    ),
    "a frame of another site": (
        get("/", "Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: iframe"),
        403,
    ),
    "a script of another site": (
        get("/?q=x", "Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: no-cors", "Sec-Fetch-Dest: empty"),
        403,
    ),
    "a stream for another port of this host": (
        get("/stream?page=/", "Sec-Fetch-Site: same-site", "Sec-Fetch-Mode: cors", "Sec-Fetch-Dest: empty"),
        403,
    ),
    "a stream for a site that says nothing more": (get("/stream?page=/", "Sec-Fetch-Site: cross-site"), 403),
    "a preflight": (
        get("/", "Origin: http://evil.example", "Access-Control-Request-Method: POST", method="OPTIONS"),
        403,
    ),
    "other methods": (get(method="OPTIONS"), 405),
    "a method of nobody": (get(method="BREW"), 400),
    "deletion": (get(method="DELETE"), 405),
    "trace": (get(method="TRACE"), 405),
    "a login where there is none": (get("/login", method="POST"), 405),
    "a stream of nothing": (get("/stream"), 400),
    "a stream of elsewhere": (get("/stream?page=//evil.example/"), 400),
    "a stream by HEAD": (get("/stream?page=/", method="HEAD"), 404),
    "a filter that means nothing": (get("/status.json?state=good"), 400),
    "two namespaces": (get("/status.json?namespace=a&namespace=b"), 400),
    "an unknown object": (get("/why.json?namespace=a&name=b"), 404),
    "not HTTP": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400),
    "not even a line": (b"GARBAGE\r\n\r\n", 400),
    "a header with a newline": (b"GET / HTTP/1.1\r\nHost: localhost\r\nA: b\x00c\r\n\r\n", 400),
    "a header without a name": (b"GET / HTTP/1.1\r\nHost: localhost\r\n: b\r\n\r\n", 400),
    "a space before the colon": (b"GET / HTTP/1.1\r\nHost : localhost\r\n\r\n", 400),
    "a huge header": (get("/", "A: " + "b" * 20_000), 400),
    "a huge target": (get("/?" + "q" * 20_000), 400),
    "many headers": (get("/", *(f"A{n}: b" for n in range(200))), 400),
    "an expectation": (get("/", "Expect: the-impossible"), 417),
    "two lengths": (get("/", "Content-Length: 1", "Content-Length: 2", method="POST") + b"x", 400),
    "a length and chunks": (
        get("/", "Content-Length: 5", "Transfer-Encoding: chunked", method="POST") + b"0\r\n\r\n",
        400,
    ),
    "an unknown transfer encoding": (get("/", "Transfer-Encoding: xchunked", method="POST"), 400),
    "a negative length": (get("/", "Content-Length: -1", method="POST"), 400),
    "a length in hexadecimal": (get("/", "Content-Length: 0x10", method="POST"), 400),
}


@pytest.mark.parametrize("name", REQUESTS)
async def test_every_answer_has_the_headers_and_its_status(page: Served, name: str) -> None:
    request, status = REQUESTS[name]
    answer = await raw(page.port, request)
    assert answer.status == status
    for header, value in WANTED.items():
        assert answer.header(header) == [value], header
    assert answer.header("Server") == []
    assert answer.header("Set-Cookie") == []
    assert answer.header("Access-Control-Allow-Origin") == []
    assert b"secret" not in answer.body
    assert b"Traceback" not in answer.body
    assert b"aiohttp" not in answer.body


async def test_what_could_not_be_read_is_not_repeated(page: Served, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(0)
    answer = await raw(
        page.port,
        b"GET / HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer s3ntinel\x00\r\n\r\n",
    )
    assert answer.status == 400
    assert b"s3ntinel" not in answer.body
    assert "s3ntinel" not in caplog.text
    long = await raw(page.port, get("/?token=s3ntinel" + "q" * 20_000))
    assert long.status == 400
    assert b"s3ntinel" not in long.body
    assert "s3ntinel" not in caplog.text


async def test_a_request_inside_another_is_not_answered_alone(page: Served) -> None:
    """One request whose end two readers could see differently must not become two."""
    inner = b"GET /status.json HTTP/1.1\r\nHost: localhost\r\n\r\n"
    for head in (
        [f"Content-Length: {len(inner)}", "Transfer-Encoding: chunked"],
        ["Transfer-Encoding: chunked", f"Content-Length: {len(inner)}"],
        ["Transfer-Encoding: identity, chunked, identity"],
        [f"Content-Length: +{len(inner)}"],
        [f"Content-Length: {len(inner)}, {len(inner)}"],
    ):
        request = "\r\n".join(["POST / HTTP/1.1", "Host: localhost", *head, "", ""]).encode() + inner
        reader, writer = await asyncio.open_connection("127.0.0.1", page.port)
        writer.write(request)
        async with asyncio.timeout(PATIENCE):
            data = await reader.read(65536)
            while piece := await reader.read(65536):
                data += piece
        writer.close()
        assert data.count(b" 400 Bad Request\r\n") == data.count(b"Content-Security-Policy") == 1


async def test_a_failure_says_nothing_of_its_reason_but_the_log_does(
    page: Served, caplog: pytest.LogCaptureFixture
) -> None:
    answer = await raw(page.port, get("/broken", "Accept: text/html"))
    assert answer.status == 500
    assert b"a secret of the page" not in answer.body
    assert b"<main>" in answer.body
    assert "a secret of the page" in caplog.text


async def test_a_browser_gets_a_page_and_a_program_a_line(page: Served) -> None:
    assert (await raw(page.port, get("/nothing", "Accept: text/html"))).body.startswith(b"<!doctype html>")
    assert b"<" not in (await raw(page.port, get("/nothing"))).body


async def test_pages_are_compressed_only_for_those_who_want_it(page: Served) -> None:
    page.content.padding = 5000
    plain = await raw(page.port, get())
    for accepted, wanted in (
        ("gzip", True),
        ("deflate, GZIP;q=0.5", True),
        ("br, gzip;q=1.0", True),
        ("gzip;q=0", False),
        ("gzip; q=0.000", False),
        ("br", False),
        ("gzipped", False),
        ("", False),
    ):
        answer = await raw(page.port, get("/", f"Accept-Encoding: {accepted}"))
        assert answer.header("Vary") == ["Accept-Encoding"]
        assert (answer.header("Content-Encoding") == ["gzip"]) is wanted, accepted
        assert (gzip.decompress(answer.body) if wanted else answer.body) == plain.body


async def test_a_page_is_rendered_once_for_each_version(page: Served) -> None:
    for _ in range(5):
        assert (await raw(page.port, get())).status == 200
    assert page.content.rendered == 1
    page.board.show(kustomization("team-a", "other"))
    assert b"team-a/other" in (await raw(page.port, get())).body
    assert page.content.rendered == 2


async def test_only_assets_are_cached(page: Served) -> None:
    async with aiohttp.ClientSession(auto_decompress=False) as session:
        async with session.get(f"{page.url}/assets/{ASSET}") as answer:
            assert answer.status == 200
            assert answer.headers["Cache-Control"] == IMMUTABLE
            assert answer.headers["Content-Type"] == "text/css"
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
            tag = answer.headers["ETag"]
        for given, status in (
            (tag, 304),
            (f'"x", W/{tag}', 304),
            ("*", 304),
            ('"x"', 200),
            (tag.strip('"'), 200),
        ):
            async with session.get(f"{page.url}/assets/{ASSET}", headers={"If-None-Match": given}) as answer:
                assert (answer.status, given) == (status, given)
                assert answer.headers["Cache-Control"] == IMMUTABLE
                assert answer.headers["Content-Security-Policy"] == CSP
        async with session.get(f"{page.url}/", headers={"If-None-Match": "*"}) as answer:
            assert answer.status == 200
            assert "ETag" not in answer.headers
            assert answer.headers["Cache-Control"] == "no-store"


async def test_the_json_is_that_of_the_command(page: Served) -> None:
    everything = await raw(page.port, get("/status.json"))
    assert everything.header("Content-Type") == ["application/json"]
    report = page.board.snapshot().report
    assert json.loads(everything.body) == json.loads(json.dumps(status_document(report, report.verdicts)))
    of_one = json.loads((await raw(page.port, get("/status.json?namespace=team-b"))).body)
    own = explain(page.board.snapshot().fleet).within("team-b")
    assert of_one == json.loads(json.dumps(status_document(own, own.verdicts)))
    filtered = json.loads((await raw(page.port, get("/status.json?state=ready&state=failed"))).body)
    assert [each["state"] for each in filtered["objects"]].count("waiting") == 0
    why = json.loads((await raw(page.port, get("/why.json?namespace=team-a&name=apps"))).body)
    assert (why["kind"], why["object"]["name"]) == ("Why", "apps")
    assert why["causes"] == []
    page.board.show(kustomization("team-a", "apps", "apps/a.yaml: invalid", reason="BuildFailed"))
    why = json.loads((await raw(page.port, get("/why.json?namespace=team-a&name=apps"))).body)
    (cause,) = why["causes"]
    assert (cause["root"]["name"], cause["reason"], cause["file"]["path"]) == (
        "apps",
        "BuildFailed",
        "apps/a.yaml",
    )
    assert why["causes"] == json.loads((await raw(page.port, get("/why.json"))).body)["causes"]


async def test_a_live_diff_is_computed_only_for_what_the_caller_sees_and_on_own_pages() -> None:
    asked: list[tuple[str, str, Identity]] = []

    async def diff(namespace: str, name: str, identity: Identity) -> Difference:
        asked.append((namespace, name, identity))
        return Difference("main@sha1:abc", datetime(2026, 1, 1, tzinfo=UTC))

    board = Board(kustomization("team-a", "apps"))
    async with served(PageParts(board, LocalGate(), PlainContent(), diff=diff)) as page:
        path = "/kustomizations/team-a/apps/diff"
        answer = await raw(page.port, get(path, "Sec-Fetch-Site: same-origin"))
        assert (answer.status, b"main@sha1:abc True" in answer.body) == (200, True)
        assert (await raw(page.port, get(path, "Sec-Fetch-Site: none"))).status == 200
        assert (await raw(page.port, get(path))).status == 200
        assert asked == [("team-a", "apps", EVERYBODY)] * 3
        for site in ("cross-site", "same-site", ""):
            assert (await raw(page.port, get(path, f"Sec-Fetch-Site: {site}"))).status == 403
        assert (await raw(page.port, get("/kustomizations/team-a/none/diff"))).status == 404
        assert (await raw(page.port, get("/kustomizations/team-b/apps/diff"))).status == 404
        assert (await raw(page.port, get(path, method="HEAD"))).status == 404
        assert len(asked) == 3
    async with served(PageParts(board, LocalGate(), PlainContent())) as page:
        assert (await raw(page.port, get(path))).status == 404


async def test_a_client_that_sends_nothing_more_is_disconnected() -> None:
    parts = PageParts(Board(), LocalGate(), PlainContent())
    async with served(parts, client_timeout=0.3) as page:
        for start in (b"", b"GET / HTT", b"GET / HTTP/1.1\r\nHost: localhost\r\nA: b"):
            reader, writer = await asyncio.open_connection("127.0.0.1", page.port)
            writer.write(start)
            async with asyncio.timeout(PATIENCE):
                with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
                    await reader.readexactly(1)
            writer.close()
        assert (await raw(page.port, get())).status == 200


async def test_clients_that_dribble_do_not_keep_others_out() -> None:
    """More connections than there are, each of which never completes its request."""
    parts = PageParts(Board(), LocalGate(), PlainContent())
    async with served(parts) as page:
        opened = []
        for _ in range(100):
            _, writer = await asyncio.open_connection("127.0.0.1", page.port)
            writer.write(b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow: ")
            opened.append(writer)
        assert (await raw(page.port, get())).status == 200
        for writer in opened:
            writer.close()
