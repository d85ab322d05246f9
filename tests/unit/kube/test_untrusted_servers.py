"""What a server that a tenant names may cost: which addresses Headgate calls, and what it quotes of the response."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from headgate.kube import ApiError, Client, Unreachable
from headgate.kube.errors import LONGEST_OF_OTHERS
from headgate.peers import REFUSED, PeerRules

WORD = "internal-word"
ANYWHERE = PeerRules(anywhere=True)


def kubeconfig(server: str, **cluster: Any) -> dict[str, Any]:
    return {
        "clusters": [{"name": "c", "cluster": {"server": server, **cluster}}],
        "users": [{"name": "u", "user": {"token": "t"}}],
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
        "current-context": "x",
    }


@asynccontextmanager
async def answering(answer: bytes) -> AsyncIterator[tuple[int, list[bytes]]]:
    """A server that reads some of the request, answers this, and closes. Yields port and what it was sent."""
    heard: list[bytes] = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.read(65536))
        writer.write(answer)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1], heard


async def connected(port: int) -> Client:
    return await Client.connect(kubeconfig(f"http://127.0.0.1:{port}"), peers=ANYWHERE)


async def message_of(answer: bytes) -> str:
    async with answering(answer) as (port, _), await connected(port) as client:
        with pytest.raises(ApiError) as raised:
            await client.request("GET", "/version")
    return str(raised.value)


def http(status: str, body: bytes, kind: str = "text/plain", more: str = "") -> bytes:
    head = f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n{more}"
    return f"{head}Connection: close\r\n\r\n".encode() + body


STATUS = {"kind": "Status", "code": 403, "reason": "Forbidden"}


@pytest.mark.parametrize(
    "answer",
    [
        http("200 OK", b"db-password: " + WORD.encode()),
        http("200 OK", f"<html>{WORD}</html>".encode(), "text/html"),
        http("404 Not Found", WORD.encode()),
        http("500 Internal Server Error", WORD.encode()),
        http("401 Unauthorized", WORD.encode()),
        http("302 Found", WORD.encode(), more=f"Location: http://127.0.0.1/{WORD}\r\n"),
        http("403 Forbidden", json.dumps({"message": WORD}).encode(), "application/json"),
        http(f"418 {WORD}", b""),
        f"SSH-2.0-OpenSSH_9.6 {WORD}\r\n".encode(),
        f"-ERR {WORD} unknown command\r\n".encode(),
        f"220 {WORD} ESMTP\r\n".encode(),
        f"HTTP/1.1 200 OK\r\n{WORD}\r\n\r\n".encode(),
        f"HTTP/1.1 200 OK\r\nContent-Length: {WORD}\r\n\r\n".encode(),
        f"HTTP/1.1 200 OK\r\nContent-Encoding: {WORD}\r\nContent-Length: 3\r\n\r\nabc".encode(),
        f"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{WORD}\r\n".encode(),
        b"",
    ],
)
async def test_nothing_of_the_answer_is_quoted(answer: bytes) -> None:
    assert WORD not in await message_of(answer)


async def test_the_message_of_a_status_is_quoted_cut_and_printable() -> None:
    """A tenant's API server explains a refusal; what it says is the tenant's choice."""
    body = json.dumps({**STATUS, "message": "may not\x1b[2J" + "x" * 100_000}).encode()
    said = await message_of(http("403 Forbidden", body, "application/json"))
    assert said.startswith("may not?[2Jxxx")
    assert len(said) <= LONGEST_OF_OTHERS + 3


async def test_what_a_watch_brings_is_not_quoted() -> None:
    definition = {
        "group": "x.test",
        "scope": "Namespaced",
        "names": {"plural": "xs", "kind": "X"},
        "versions": [{"name": "v1", "served": True}],
    }
    answer = http("200 OK", f"{WORD} is not JSON\n".encode())
    async with answering(answer) as (port, _), await connected(port) as client:
        client.mapper.learn({"spec": definition})
        with pytest.raises(ApiError) as raised:
            async for _ in client.watch("x.test/v1", "X"):
                pass
    assert WORD not in str(raised.value)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "0.0.0.0"])
@pytest.mark.parametrize("by_proxy", [False, True])
async def test_this_host_is_not_asked(host: str, by_proxy: bool) -> None:
    """By the address that the connection really has, also that of a proxy."""
    async with answering(http("200 OK", b"{}")) as (port, heard):
        place = f"http://{host}:{port}"
        content = kubeconfig("http://10.1.2.3", **{"proxy-url": place}) if by_proxy else kubeconfig(place)
        for rules in (PeerRules(), PeerRules(loopback_by_tls=True)):
            async with await Client.connect(content, peers=rules) as client:
                with pytest.raises(Unreachable, match=REFUSED):
                    await client.request("GET", "/version")
        assert heard == []
        async with await Client.connect(content, peers=ANYWHERE) as client:
            assert await client.request("GET", "/version") == {}
        assert heard


@pytest.mark.parametrize(
    ("rules", "address", "tls", "permitted"),
    [
        (PeerRules(), "10.0.0.1", False, True),
        (PeerRules(), "127.0.0.1", True, False),
        (PeerRules(), "169.254.169.254", True, False),
        (PeerRules(loopback_by_tls=True), "127.0.0.1", True, True),
        (PeerRules(loopback_by_tls=True), "::1", True, True),
        (PeerRules(loopback_by_tls=True), "127.0.0.1", False, False),
        (PeerRules(loopback_by_tls=True), "169.254.169.254", True, False),
        (PeerRules(loopback_by_tls=True), "0.0.0.0", True, False),
        (ANYWHERE, "169.254.169.254", False, True),
    ],
)
def test_rules(rules: PeerRules, address: str, tls: bool, permitted: bool) -> None:
    assert rules.permit(address, tls=tls) is permitted


async def test_who_is_acted_as_is_sent_with_every_request() -> None:
    content = kubeconfig("http://127.0.0.1:1")
    async with answering(http("200 OK", b"{}", "application/json")) as (port, heard):
        content["clusters"][0]["cluster"] = {
            "server": f"http://127.0.0.1:{port}",
            "disable-compression": True,
        }
        content["users"][0]["user"] |= {"as": "jane", "as-groups": ["a", "b"], "as-user-extra": {"K": ["v"]}}
        async with await Client.connect(content, peers=ANYWHERE) as client:
            await client.request("GET", "/version")
    (sent,) = heard
    lines = sent.decode().split("\r\n")
    for line in (
        "Impersonate-User: jane",
        "Impersonate-Group: a",
        "Impersonate-Group: b",
        "Impersonate-Extra-k: v",
    ):
        assert line in lines
    assert "Accept-Encoding: identity" in lines
    assert "Authorization: Bearer t" in lines
