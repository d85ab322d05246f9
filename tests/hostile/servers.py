"""Servers that a tenant makes the operator call: an internal page, the operator's cloud, and a trap of the tenant.

Each records its requests with all headers, so that a test can check what reached it.
"""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self

from controlplane.ports import LOOPBACK
from tests.support.gitserver_tls import Authority
from tests.support.serving import serving

CLOUD_TOKEN = "the-operators-own-cloud-token"
VAULT_TOKEN = "the-operators-own-vault-token"
CLOUD_KEY = "AKIAOPERATORSOWNKEY0"


@dataclass(frozen=True, slots=True)
class Answer:
    """The response of a server."""

    status: int
    body: bytes
    headers: tuple[tuple[str, str], ...] = (("Content-Type", "text/plain"),)


@dataclass(frozen=True, slots=True)
class Received:
    """One request."""

    method: str
    path: str
    headers: Mapping[str, str]


class FakeServer:
    """An HTTP server; ``answer`` makes the response to a request. With ``authority`` it uses TLS as 127.0.0.1."""

    def __init__(self, answer: Callable[[Received], Answer], authority: Authority | None = None) -> None:
        self.received: list[Received] = []
        self._http = _Server((LOOPBACK, 0), _handler(self, answer))
        self.scheme = "http"
        if authority is not None:
            self.scheme = "https"
            tls = authority.server_context(LOOPBACK, "localhost")
            self._http.socket = tls.wrap_socket(
                self._http.socket, server_side=True, do_handshake_on_connect=False
            )

    @property
    def port(self) -> int:
        """The port it listens on, at 127.0.0.1."""
        return int(self._http.server_port)

    def url(self, path: str = "") -> str:
        """A URL of this server."""
        return f"{self.scheme}://{LOOPBACK}:{self.port}{path}"

    def requests_with(self, part: str) -> list[Received]:
        """The requests with this part in their path or headers."""
        return [each for each in list(self.received) if part in f"{each.path} {dict(each.headers)}"]


class Servers:
    """All of them, serving while entered.

    ``page`` is an internal page that holds the word, ``page_by_tls`` the same over TLS. ``cloud`` gives the operator
    its identity at clouds, and has the services that accept this identity. ``trap`` is a server of the tenant, over TLS
    by ``authority``.
    """

    def __init__(self, word: str) -> None:
        self.authority = Authority()
        self.page = FakeServer(lambda received: _page(received, word))
        self.page_by_tls = FakeServer(lambda received: _page(received, word), self.authority)
        self.cloud = FakeServer(_cloud)
        self.trap = FakeServer(lambda received: Answer(404, b"nothing here\n"), self.authority)
        self._stack = ExitStack()

    def environment(self) -> dict[str, str]:
        """The variables that give the operator its identity at clouds and at its Vault, as in a pod."""
        return {
            "IDENTITY_ENDPOINT": self.cloud.url("/identity"),
            "IDENTITY_HEADER": "operator",
            "AWS_ACCESS_KEY_ID": CLOUD_KEY,
            "AWS_SECRET_ACCESS_KEY": "operator",
            "AWS_ENDPOINT_URL_KMS": self.cloud.url("/kms"),
            "VAULT_ADDR": self.cloud.url("/vault"),
            "VAULT_TOKEN": VAULT_TOKEN,
        }

    def __enter__(self) -> Self:
        for each in (self.page, self.page_by_tls, self.cloud, self.trap):
            self._stack.enter_context(serving(each._http))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()


def _page(received: Received, word: str) -> Answer:
    """Plain text, JSON, a Status object, an error page or a redirect, all with the word in them."""
    if "/redirect" in received.path:
        return Answer(302, b"", (("Location", f"/{word}"), ("Content-Length", "0")))
    if "/error" in received.path:
        return Answer(403, f"forbidden: {word}\n".encode())
    if "/json" in received.path:
        return Answer(200, json.dumps({"word": word}).encode(), (("Content-Type", "application/json"),))
    if "/status" in received.path:
        status = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": word, "code": 500}
        return Answer(500, json.dumps(status).encode(), (("Content-Type", "application/json"),))
    return Answer(200, f"{word}\n{word}\n".encode())


def _cloud(received: Received) -> Answer:
    kind = (("Content-Type", "application/json"),)
    if received.path.startswith("/identity"):
        token = {"access_token": CLOUD_TOKEN, "expires_on": "4102444800", "token_type": "Bearer"}
        return Answer(200, json.dumps({**token, "resource": "x", "client_id": "operator"}).encode(), kind)
    return Answer(403, json.dumps({"errors": ["permission denied"]}).encode(), kind)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def handle_error(self, *_: object) -> None:
        """Ignore clients that close the connection or refuse the certificate: they are part of the tests."""


def _handler(server: FakeServer, answer: Callable[[Received], Answer]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def respond(self) -> None:
            """Handle a request of any method."""
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            received = Received(self.command, self.path, dict(self.headers.items()))
            server.received.append(received)
            found = answer(received)
            self.send_response(found.status)
            for name, value in found.headers:
                self.send_header(name, value)
            if "Content-Length" not in dict(found.headers):
                self.send_header("Content-Length", str(len(found.body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(found.body)

        def log_message(self, *_: object) -> None:
            """Be quiet."""

    for method in ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "CONNECT"):
        setattr(Handler, f"do_{method}", Handler.respond)
    return Handler


def http(address: str, path: str, body: bytes | None = None) -> str:
    """Status and body of the response to a request, as text."""
    request = urllib.request.Request(f"http://{address}{path}", body)
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return f"{answer.status} {answer.read().decode(errors='replace')}"
    except urllib.error.HTTPError as error:
        return f"{error.code} {error.read().decode(errors='replace')}"
