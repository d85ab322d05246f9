"""Answers of whoever a tenant's kubeconfig names: bounded in size, packed or not, and never taken on trust."""

from __future__ import annotations

import asyncio
import tracemalloc
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import orjson
import pytest
from aiohttp import web

from headgate.fairness.shares import Shares
from headgate.kube import AnswerTooLarge, ApiError, Client, Reflector, RestMapper, ServerError, Unreachable
from headgate.kube import mapper as mapper_module
from headgate.kube.kept import OVERHEAD, Kept
from headgate.kube.transport import MAX_ERROR

LIMIT = 1024 * 1024
SPACES = bytes(1024).replace(b"\0", b" ")
HUGE = 512 * LIMIT

Answering = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Server:
    """Answers by path."""

    def __init__(self) -> None:
        self.paths: dict[str, Answering] = {}
        self.asked: list[web.Request] = []

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(request)
        answering = self.paths.get(request.path)
        return web.Response(status=404) if answering is None else await answering(request)

    def json(self, path: str, body: Any, status: int = 200) -> None:
        async def answering(_: web.Request) -> web.Response:
            return web.Response(body=orjson.dumps(body), status=status)

        self.paths[path] = answering


@pytest.fixture
async def server() -> AsyncIterator[tuple[Server, str]]:
    served = Server()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", served.answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    served.json("/api", {"kind": "APIVersions"})
    served.json("/apis", {"kind": "APIGroupList"})
    entries = [{"name": "configmaps", "kind": "ConfigMap", "namespaced": True, "verbs": ["list", "watch"]}]
    served.json("/api/v1", {"kind": "APIResourceList", "resources": entries})
    yield served, f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


@pytest.fixture
async def client(server: tuple[Server, str]) -> AsyncIterator[Client]:
    kubeconfig = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "a",
        "contexts": [{"name": "a", "context": {"cluster": "a", "user": "a"}}],
        "clusters": [{"name": "a", "cluster": {"server": server[1]}}],
        "users": [{"name": "a", "user": {"token": "t"}}],
    }
    async with await Client.connect(kubeconfig, max_body=LIMIT) as connected:
        yield connected


def flood(*, packed: bool, status: int = 200, head: bytes = b"") -> Answering:
    """An answer of 512 MiB, which packed is half a MiB."""

    async def answering(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(status=status)
        packer = zlib.compressobj(9, zlib.DEFLATED, 31)
        if packed:
            response.headers["Content-Encoding"] = "gzip"
        await response.prepare(request)
        await response.write(packer.compress(head) if packed else head)
        piece = SPACES * 1024
        for _ in range(HUGE // len(piece)):
            if sent := packer.compress(piece) if packed else piece:
                await response.write(sent)
        await response.write(packer.flush() if packed else b"")
        return response

    return answering


async def most_memory(work: Callable[[], Awaitable[object]]) -> int:
    """Bytes that Python held at most during the work."""
    tracemalloc.start()
    try:
        await work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("packed", [True, False])
async def test_a_large_answer_is_not_read_to_its_end(
    server: tuple[Server, str], client: Client, packed: bool
) -> None:
    server[0].paths["/large"] = flood(packed=packed)

    async def ask() -> None:
        with pytest.raises(AnswerTooLarge, match=r"more than 1Mi, the limit of --max-api-response-size"):
            await client.request("GET", "/large")

    # The server of the test, in the same process, holds pieces too.
    assert await most_memory(ask) < 24 * LIMIT
    assert len([r for r in server[0].asked if r.path == "/large"]) == 1


@pytest.mark.parametrize("packed", [True, False])
async def test_of_a_large_error_the_beginning_is_read(
    server: tuple[Server, str], client: Client, packed: bool
) -> None:
    server[0].paths["/large"] = flood(packed=packed, status=500, head=b"broken")

    async def ask() -> None:
        with pytest.raises(ServerError) as raised:
            await client.request("GET", "/large")
        assert raised.value.status == 500
        assert len(str(raised.value)) <= MAX_ERROR

    assert await most_memory(ask) < 24 * LIMIT


@pytest.mark.parametrize("packed", [True, False])
async def test_a_line_of_a_watch_has_an_end(server: tuple[Server, str], client: Client, packed: bool) -> None:
    first = orjson.dumps({"type": "BOOKMARK", "object": {"metadata": {"resourceVersion": "7"}}}) + b"\n"
    server[0].paths["/api/v1/configmaps"] = flood(packed=packed, head=first)
    seen: list[str] = []

    async def follow() -> None:
        async for event in client.watch("v1", "ConfigMap"):
            seen.append(event.resource_version)

    async def until_refused() -> None:
        with pytest.raises(AnswerTooLarge, match="an event of a watch is larger than 1Mi"):
            await follow()

    assert await most_memory(until_refused) < 24 * LIMIT
    assert seen == ["7"]


async def test_a_list_of_large_objects_comes_in_smaller_pages(
    server: tuple[Server, str], client: Client
) -> None:
    """Every object comes once, whatever the size of a page was."""
    objects = [
        {"metadata": {"name": f"cm-{n}", "resourceVersion": str(n)}, "data": {"a": "x" * (LIMIT // 4)}}
        for n in range(20)
    ]
    limits: list[int] = []

    async def page(request: web.Request) -> web.Response:
        start, limit = int(request.query.get("continue", "0")), int(request.query["limit"])
        limits.append(limit)
        end = min(len(objects), start + limit)
        meta = {"resourceVersion": "1", **({"continue": str(end)} if end < len(objects) else {})}
        return web.Response(body=orjson.dumps({"metadata": meta, "items": objects[start:end]}))

    server[0].paths["/api/v1/configmaps"] = page
    found = await client.list("v1", "ConfigMap")
    assert [each["metadata"]["name"] for each in found] == [f"cm-{n}" for n in range(20)]
    assert limits[:4] == [500, 62, 7, 1]
    assert set(limits[4:]) == {1}
    objects[3]["data"] = {"a": "x" * (2 * LIMIT)}
    with pytest.raises(AnswerTooLarge):
        await client.list("v1", "ConfigMap")


@pytest.mark.parametrize(
    "answer",
    [
        b"[]",
        b"7",
        b'{"metadata": [], "items": []}',
        b'{"metadata": {"resourceVersion": "1"}, "items": {}}',
        b'{"metadata": {"resourceVersion": "1"}, "items": [7]}',
        b'{"metadata": {"resourceVersion": "1"}, "items": [{"metadata": 7}]}',
        b'{"metadata": {"resourceVersion": "1"}, "items": [{"metadata": {"name": "a"}}]}',
        b'{"metadata": {"resourceVersion": "1"}, "items": [{"metadata": {"name": [], "resourceVersion": "1"}}]}',
    ],
)
async def test_a_list_that_is_not_one_is_an_error_of_the_server(
    server: tuple[Server, str], client: Client, answer: bytes
) -> None:
    async def answering(_: web.Request) -> web.Response:
        return web.Response(body=answer)

    server[0].paths["/api/v1/configmaps"] = answering
    reflector = Reflector[str](
        client, "v1", "ConfigMap", project=lambda obj: str(hash(obj["metadata"]["name"]))
    )
    with pytest.raises(Unreachable, match="that is not"):
        await reflector._list()


@pytest.mark.parametrize(
    "line",
    [
        b"7",
        b"[]",
        b'{"type": "ADDED"}',
        b'{"type": "ADDED", "object": 7}',
        b'{"type": "ADDED", "object": {}}',
    ],
)
async def test_an_event_that_is_not_one_is_an_error_of_the_server(
    server: tuple[Server, str], client: Client, line: bytes
) -> None:
    async def answering(_: web.Request) -> web.Response:
        return web.Response(body=line + b"\n")

    server[0].paths["/api/v1/configmaps"] = answering
    with pytest.raises(Unreachable, match="not an event"):
        await anext(client.watch("v1", "ConfigMap"))


@pytest.mark.parametrize(
    "body",
    [
        {"kind": "Status", "details": 7, "message": [], "reason": {}, "code": "x"},
        {"kind": "Status", "details": {"causes": 7, "retryAfterSeconds": "soon"}},
        {"kind": "Status", "details": {"causes": [7, {"message": 7}]}, "message": "no"},
        [],
    ],
)
async def test_an_error_in_an_unusual_shape_is_an_error(
    server: tuple[Server, str], client: Client, body: Any
) -> None:
    server[0].json("/refused", body, 403)
    with pytest.raises(ApiError) as raised:
        await client.request("GET", "/refused")
    assert raised.value.status == 403
    assert isinstance(raised.value.message, str)


async def test_objects_without_end_are_not_kept(server: tuple[Server, str], client: Client) -> None:
    """The limit holds for lists of one kind or of many and for watches; a forgotten object makes room."""
    client.kept = Kept(100 * OVERHEAD)
    endless = True

    def listed(start: int, number: int) -> list[Any]:
        return [
            {"metadata": {"name": f"cm-{n}", "resourceVersion": "1"}} for n in range(start, start + number)
        ]

    async def answering(request: web.Request) -> web.StreamResponse:
        start = int(request.query.get("continue", "0"))
        if "watch" not in request.query:
            meta = {"resourceVersion": "1", **({"continue": str(start + 10)} if endless else {})}
            return web.Response(body=orjson.dumps({"metadata": meta, "items": listed(start, 10)}))
        response = web.StreamResponse()
        await response.prepare(request)
        for obj in listed(10, 10_000):
            await response.write(orjson.dumps({"type": "ADDED", "object": obj}) + b"\n")
        return response

    server[0].paths["/api/v1/configmaps"] = answering

    def reflector() -> Reflector[Any]:
        return Reflector[Any](client, "v1", "ConfigMap", project=lambda obj: obj["metadata"])

    first = reflector()
    with pytest.raises(AnswerTooLarge, match=r"more memory than 100Ki, the limit of --max-remote-cache-size"):
        await first._list()
    assert (len(first), client.kept.size) == (0, 0)
    endless = False
    running = asyncio.create_task(first.run())
    async with asyncio.timeout(60):
        await first.synced.wait()
        while client.kept.size < 90 * OVERHEAD:  # noqa: ASYNC110 - what is waited for comes through a socket
            await asyncio.sleep(0.01)
    assert len(first) < 100
    second = reflector()
    with pytest.raises(AnswerTooLarge):
        await second._list()
    assert not running.done()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert client.kept.size == 0
    await second._list()
    assert len(second) == 10


def test_clusters_of_one_namespace_leave_room_for_those_of_others() -> None:
    together = Shares(800)
    first = [Kept(300, together, "a") for _ in range(3)]
    for each in first[:1]:
        each.check(300)
        each.add(300)
    first[1].check(100)
    first[1].add(100)
    with pytest.raises(
        AnswerTooLarge,
        match=r"the clusters of namespace 'a' together take more memory .* --max-remote-cache-size",
    ):
        first[2].check(1)
    other = Kept(300, together, "b")
    other.check(200)
    other.add(200)
    first[0].release()
    first[0].add(-300)
    first[2].check(100)
    assert (together.amount("a"), together.amount("b"), first[0].size) == (100, 200, 0)


async def test_kinds_count_as_what_is_kept(server: tuple[Server, str], client: Client) -> None:
    resources = [
        {"resource": f"r{n}", "responseKind": {"kind": f"K{n}"}, "scope": "Namespaced"} for n in range(500)
    ]
    groups = [{"metadata": {"name": "a.b"}, "versions": [{"version": "v1", "resources": resources}]}]
    for path in ("/api", "/apis"):
        server[0].json(path, {"kind": "APIGroupDiscoveryList", "items": groups})
    kept = Kept(1_000_000)
    mapper = RestMapper(client._discover, kept)
    await mapper.resolve("a.b/v1", "K1")
    once = kept.size
    assert 500 * 512 < once < 1_000_000
    mapper.invalidate()
    assert kept.size == 0
    await mapper.resolve("a.b/v1", "K1")
    assert kept.size == once
    with pytest.raises(AnswerTooLarge, match=r"--max-remote-cache-size"):
        await RestMapper(client._discover, Kept(100_000)).resolve("a.b/v1", "K1")


async def test_kinds_without_end_are_refused(
    server: tuple[Server, str], client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mapper_module, "MAX_KINDS", 10)
    resources = [
        {"resource": f"r{n}", "responseKind": {"kind": f"K{n}"}, "scope": "Namespaced"} for n in range(20)
    ]
    groups = [{"metadata": {"name": "a.b"}, "versions": [{"version": "v1", "resources": resources}]}]
    for path in ("/api", "/apis"):
        server[0].json(path, {"kind": "APIGroupDiscoveryList", "items": groups})
    with pytest.raises(Unreachable, match="more than 10 kinds"):
        await client.mapper.resolve("a.b/v1", "K1")


@pytest.mark.parametrize("items", [7, [7], [{"versions": 7}], [{"versions": [{}]}], [{"metadata": 7}]])
async def test_a_discovery_document_that_is_not_one_is_an_error(
    server: tuple[Server, str], client: Client, items: Any
) -> None:
    for path in ("/api", "/apis"):
        server[0].json(path, {"kind": "APIGroupDiscoveryList", "items": items})
    with pytest.raises(Unreachable, match="not the discovery document"):
        await client.mapper.resolve("v1", "ConfigMap")
