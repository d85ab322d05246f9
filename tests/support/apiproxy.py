"""Stands between a client and the API server and notes which rights each request needs.

    with RecordingProxy(kubeconfig) as proxy:
        run_something(proxy.kubeconfig(folder))
        proxy.used               # {Right(group="", resource="secrets", verb="get"), ...}

Everything is passed on as it comes, watches as they flow, unless a test has it refused or its answer lost; requests in
somebody else's name (impersonation) are not noted, as they need the rights of that one.
"""

from __future__ import annotations

import base64
import json
import ssl
from collections.abc import Callable
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import NamedTuple
from urllib.parse import parse_qs, urlsplit

import yaml

from tests.support.serving import Served

CHUNK = 1 << 16
_HOP = frozenset({"connection", "host", "keep-alive", "transfer-encoding", "content-length"})
_WRITES = {"POST": "create", "PUT": "update", "PATCH": "patch"}


class Right(NamedTuple):
    """One cell of a role's table; a subresource is part of the resource: ``kustomizations/status``."""

    group: str
    resource: str
    verb: str


class RecordingProxy(Served):
    """Plain HTTP on loopback in front of the API server of a kubeconfig that holds a token and a CA."""

    def __init__(self, kubeconfig: Path) -> None:
        config = yaml.safe_load(kubeconfig.read_text())
        cluster = config["clusters"][0]["cluster"]
        self._address = urlsplit(cluster["server"])
        self._token: str = config["users"][0]["user"]["token"]
        self._tls = ssl.create_default_context(cafile=cluster.get("certificate-authority"))
        if data := cluster.get("certificate-authority-data"):
            self._tls.load_verify_locations(cadata=base64.b64decode(data).decode())
        self.used: set[Right] = set()
        self.before: Callable[[str, str], None] = lambda method, path: None
        """Called with each request before it is passed on: the place to be faster than the client."""
        self.refuses: Callable[[str, str], int | None] = lambda method, target: None
        """Which requests (method, path with query) are answered with this HTTP status and not passed on."""
        self.loses: Callable[[str, str], bool] = lambda method, target: False
        """Which requests are passed on and carried out, but never answered: the connection breaks."""
        self.instead: Callable[[str, str], tuple[int, bytes] | None] = lambda method, path: None
        """Asked for each request: a status and a body to answer with in the API server's place, if it gives any."""
        self._http = _Server(("127.0.0.1", 0), _handler(self))
        super().__init__(self._http)

    def kubeconfig(self, folder: Path) -> Path:
        """A kubeconfig that leads here."""
        named = {"name": "proxy"}
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{**named, "cluster": {"server": f"http://127.0.0.1:{self._http.server_port}"}}],
            "users": [{**named, "user": {}}],
            "contexts": [{**named, "context": {"cluster": "proxy", "user": "proxy"}}],
            "current-context": "proxy",
        }
        path = folder / "proxy.kubeconfig"
        path.write_text(json.dumps(config))
        return path

    def connect(self) -> HTTPConnection:
        """A connection to the API server."""
        return HTTPSConnection(self._address.hostname or "", self._address.port, context=self._tls)

    def headers(self, of: list[tuple[str, str]]) -> dict[str, str]:
        """Those of a request, with the token."""
        kept = {name: value for name, value in of if name.lower() not in _HOP}
        return {**kept, "Authorization": f"Bearer {self._token}"}


def right_of(method: str, target: str) -> Right | None:
    """What a request needs, as the API server's authorizer sees it; None if it is not for a resource (discovery)."""
    url = urlsplit(target)
    parts = url.path.strip("/").split("/")
    if parts[:2] == ["api", "v1"]:
        group, rest = "", parts[2:]
    elif parts[0] == "apis" and len(parts) > 3:
        group, rest = parts[1], parts[3:]
    else:
        return None
    if rest[:1] == ["namespaces"] and len(rest) > 2:
        rest = rest[2:]
    if not rest:
        return None
    resource, name, subresource = [*rest, "", "", ""][:3]
    query = parse_qs(url.query)
    if method in _WRITES:
        verb = _WRITES[method]
    elif method == "DELETE":
        verb = "delete" if name else "deletecollection"
    elif query.get("watch", [""])[0] in ("1", "true"):
        verb = "watch"
    else:
        verb = "get" if name else "list"
    return Right(group, f"{resource}/{subresource}" if subresource else resource, verb)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def handle_error(self, *_: object) -> None:
        """The client closes the connection during a watch."""


def _handler(proxy: RecordingProxy) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def pass_on(self) -> None:
            """Handle a request of any method."""
            body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            right = right_of(self.command, self.path)
            if right is not None and "Impersonate-User" not in self.headers:
                proxy.used.add(right)
            proxy.before(self.command, urlsplit(self.path).path)
            status = proxy.refuses(self.command, self.path)
            if status is not None:
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            answered = proxy.instead(self.command, urlsplit(self.path).path)
            if answered is not None:
                self.answer(*answered)
                return
            upstream = proxy.connect()
            try:
                upstream.request(self.command, self.path, body or None, proxy.headers(self.headers.items()))
                answer = upstream.getresponse()
                if proxy.loses(self.command, self.path):
                    answer.read()
                    self.close_connection = True
                    return
                self.send_response(answer.status)
                for name, value in answer.getheaders():
                    if name.lower() not in _HOP:
                        self.send_header(name, value)
                self.send_header("Transfer-Encoding", "chunked")
                self.end_headers()
                while chunk := answer.read1(CHUNK):
                    self.wfile.write(b"%x\r\n%b\r\n" % (len(chunk), chunk))
                self.wfile.write(b"0\r\n\r\n")
            except (OSError, HTTPException):
                self.close_connection = True
            finally:
                upstream.close()

        def answer(self, status: int, body: bytes) -> None:
            """Answer in the place of the API server."""
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Be quiet."""

    for method in ("GET", *_WRITES, "DELETE"):
        setattr(Handler, f"do_{method}", Handler.pass_on)
    return Handler
