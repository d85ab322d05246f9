"""Causes of network errors in plain words: of the libraries that are used, from real sockets."""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import aiohttp
import botocore.session
import pytest
import requests
from azure.core.pipeline.transport import HttpRequest, RequestsTransport
from botocore.config import Config
from google.auth.transport.requests import Request as GoogleRequest

from headgate.causes import network_cause
from tests.support.gitserver_tls import Authority

HIDDEN = "hunter2"


def by_requests(url: str) -> None:
    requests.get(url, timeout=(5, 0.2), headers={"Authorization": HIDDEN})


def by_azure(url: str) -> None:
    with RequestsTransport() as transport:
        transport.send(HttpRequest("GET", url), connection_timeout=5, read_timeout=0.2)


def by_google(url: str) -> None:
    GoogleRequest()(url, timeout=(5, 0.2))


def by_boto(url: str) -> None:
    session = botocore.session.get_session()
    config = Config(connect_timeout=5, read_timeout=0.2, retries={"total_max_attempts": 1})
    kms = session.create_client(
        "kms",
        region_name="eu-west-1",
        endpoint_url=url,
        aws_access_key_id="a",
        aws_secret_access_key=HIDDEN,
        config=config,
    )
    kms.list_keys()


def by_aiohttp(url: str) -> None:
    async def get() -> None:
        limits = aiohttp.ClientTimeout(total=None, sock_connect=5, sock_read=0.2)
        async with aiohttp.ClientSession(timeout=limits) as session, session.get(url) as answer:
            await answer.read()

    asyncio.run(get())


CLIENTS: list[Callable[[str], None]] = [by_requests, by_azure, by_google, by_boto, by_aiohttp]


@contextmanager
def listening(answer: Callable[[socket.socket], None], tls: ssl.SSLContext | None = None) -> Iterator[int]:
    """A server on loopback that does something with each connection."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            with suppress(OSError):
                while True:
                    connection, _ = server.accept()
                    with suppress(OSError):
                        if tls is not None:
                            connection = tls.wrap_socket(connection, server_side=True)
                        answer(connection)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield server.getsockname()[1]
        finally:
            with suppress(OSError):
                server.shutdown(socket.SHUT_RDWR)
            server.close()
            thread.join(10)


@pytest.fixture(scope="module")
def untrusted() -> ssl.SSLContext:
    """A certificate of nobody's authority."""
    return Authority().server_context("127.0.0.1")


def cause(client: Callable[[str], None], url: str) -> str:
    with pytest.raises(Exception) as caught:  # noqa: PT011 - each library has its own
        client(url)
    said = network_cause(caught.value, "nothing")
    assert HIDDEN not in said
    return said


@pytest.mark.parametrize("client", CLIENTS)
def test_a_name_that_nobody_knows(client: Callable[[str], None]) -> None:
    assert cause(client, "http://nowhere.invalid/") == "the name of its host cannot be resolved"


@pytest.mark.parametrize("client", CLIENTS)
def test_nobody_listens(client: Callable[[str], None]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    assert cause(client, f"http://127.0.0.1:{port}/") == "connection refused"


@pytest.mark.parametrize("client", CLIENTS)
def test_nobody_answers(client: Callable[[str], None]) -> None:
    kept: list[Any] = []
    with listening(kept.append) as port:
        assert cause(client, f"http://127.0.0.1:{port}/") == "no answer in time"


@pytest.mark.parametrize("client", CLIENTS)
def test_a_certificate_that_is_not_trusted(client: Callable[[str], None], untrusted: ssl.SSLContext) -> None:
    with listening(lambda connection: connection.close(), untrusted) as port:
        assert cause(client, f"https://127.0.0.1:{port}/").startswith("its certificate is not trusted: ")


@pytest.mark.parametrize("client", CLIENTS)
def test_no_tls_where_tls_is_spoken(client: Callable[[str], None]) -> None:
    def answer(connection: socket.socket) -> None:
        connection.recv(100)
        connection.sendall(b"HTTP/1.0 400 " + HIDDEN.encode() + b"\r\n\r\n")
        connection.close()

    with listening(answer) as port:
        said = cause(client, f"https://127.0.0.1:{port}/")
    assert said.startswith("TLS failed: ") or said == "the connection was reset"


@pytest.mark.parametrize("client", CLIENTS)
def test_the_connection_ends_without_an_answer(client: Callable[[str], None]) -> None:
    def answer(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.close()

    with listening(answer) as port:
        said = cause(client, f"http://127.0.0.1:{port}/")
    assert said in ("it closed the connection without an answer", "the connection was reset")


def test_an_error_without_a_text_is_named_by_its_type() -> None:
    assert network_cause(ValueError(HIDDEN), "no connection") == "no connection"


def test_causes_in_circles_and_groups_come_to_an_end() -> None:
    one, two = OSError(), ValueError()
    one.__cause__, two.__cause__ = two, one
    assert (
        network_cause(ExceptionGroup("", [one, ConnectionResetError(104, HIDDEN)]))
        == "the connection was reset"
    )
