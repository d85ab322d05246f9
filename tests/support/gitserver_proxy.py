"""Real proxies on loopback: HTTP (``CONNECT`` and plain) and SOCKS5, with or without a password.

with HttpProxy(("ada", "secret")) as proxy:
    proxy.url, proxy.targets
"""

from __future__ import annotations

import base64
import contextlib
import socket
import socketserver
import threading
from typing import ClassVar
from urllib.parse import urlsplit

from tests.support.serving import Served

CHUNK = 1 << 16


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False

    def handle_error(self, *_: object) -> None:
        """Clients that give up are part of the tests."""


class Proxy(Served):
    """One proxy; ``targets`` are the ``host:port`` of the requests, in order."""

    scheme: ClassVar[str]

    def __init__(self, credentials: tuple[str, str] | None = None) -> None:
        self.credentials = credentials
        self.targets: list[str] = []
        proxy = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                proxy.serve(self.request)

        self._server = _Server(("127.0.0.1", 0), Handler)
        super().__init__(self._server)

    @property
    def url(self) -> str:
        """Its address, without credentials."""
        return f"{self.scheme}://127.0.0.1:{self._server.server_address[1]}"

    def serve(self, client: socket.socket) -> None:
        """Handle one connection."""
        raise NotImplementedError

    def connect(self, host: str, port: int) -> socket.socket:
        """Connect to where the client wants to go."""
        self.targets.append(f"{host}:{port}")
        return socket.create_connection((host, port), 10)


class HttpProxy(Proxy):
    """An HTTP proxy; it opens a new connection for each plain request."""

    scheme = "http"

    def serve(self, client: socket.socket) -> None:
        head = b""
        while b"\r\n\r\n" not in head:
            part = client.recv(CHUNK)
            if not part:
                return
            head += part
        lines, _, rest = head.partition(b"\r\n\r\n")
        request, *headers = lines.decode().split("\r\n")
        method, target, version = request.split(" ")
        if not self._admits(headers):
            client.sendall(
                b"HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm=x\r\n"
                b"Content-Length: 0\r\nConnection: close\r\n\r\n"
            )
            return
        parts = urlsplit(target if "://" in target else f"//{target}")
        with self.connect(parts.hostname or "", parts.port or 80) as upstream:
            if method == "CONNECT":
                client.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
            else:
                kept = [each for each in headers if not each.lower().startswith(("proxy-", "connection:"))]
                path = parts.path + (f"?{parts.query}" if parts.query else "")
                request = "\r\n".join([f"{method} {path} {version}", *kept, "Connection: close", "", ""])
                upstream.sendall(request.encode() + rest)
            relay(client, upstream)

    def _admits(self, headers: list[str]) -> bool:
        if self.credentials is None:
            return True
        token = base64.b64encode(":".join(self.credentials).encode()).decode()
        given = {name.lower(): value.strip() for name, _, value in (each.partition(":") for each in headers)}
        return given.get("proxy-authorization") == f"Basic {token}"


class SocksProxy(Proxy):
    """A SOCKS5 proxy (RFC 1928, RFC 1929)."""

    scheme = "socks5"

    def serve(self, client: socket.socket) -> None:
        reader = client.makefile("rb")
        reader.read(1)
        reader.read(reader.read(1)[0])
        client.sendall(b"\x05\x02" if self.credentials else b"\x05\x00")
        if self.credentials:
            reader.read(1)
            user = reader.read(reader.read(1)[0]).decode()
            password = reader.read(reader.read(1)[0]).decode()
            admitted = (user, password) == self.credentials
            client.sendall(b"\x01\x00" if admitted else b"\x01\x01")
            if not admitted:
                return
        _, _, _, kind = reader.read(4)
        host = (
            socket.inet_ntop(socket.AF_INET, reader.read(4))
            if kind == 1
            else reader.read(reader.read(1)[0]).decode()
        )
        port = int.from_bytes(reader.read(2), "big")
        with self.connect(host, port) as upstream:
            client.sendall(b"\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00")
            relay(client, upstream)


def relay(one: socket.socket, other: socket.socket) -> None:
    """Pass bytes both ways until both have ended."""

    def copy(source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(CHUNK):
                target.sendall(data)
        with contextlib.suppress(OSError):
            target.shutdown(socket.SHUT_WR)

    thread = threading.Thread(target=copy, args=(one, other), daemon=True)
    thread.start()
    copy(other, one)
    thread.join(10)
