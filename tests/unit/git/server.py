"""``git http-backend`` behind a small HTTP(S) server, with the faults that real servers have."""

from __future__ import annotations

import base64
import os
import ssl
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from urllib.parse import urlsplit


class GitHttpServer:
    """Serves the bare repositories below a folder. Set its attributes to change how it answers."""

    def __init__(self, root: Path, tls: ssl.SSLContext | None = None) -> None:
        self.root = root
        self.authorization: str | None = None
        """The Authorization header wanted, None for anonymous access."""
        self.redirect_to: str | None = None
        """The base URL that requests for paths below /moved/ are sent to."""
        self.hang = False
        self.requests: list[tuple[str, str | None]] = []
        """Request lines and Authorization headers, in order."""
        self.backend_environment: dict[str, str] = {}
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._http.daemon_threads = True
        if tls is not None:
            self._http.socket = tls.wrap_socket(self._http.socket, server_side=True)
        self.scheme = "https" if tls else "http"
        self._released = threading.Event()
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.05,), daemon=True)

    @property
    def port(self) -> int:
        return int(self._http.server_address[1])

    def url(self, name: str = "repo.git", host: str = "127.0.0.1") -> str:
        return f"{self.scheme}://{host}:{self.port}/{name}"

    def basic(self, username: str, password: str) -> None:
        """Want these credentials from now on."""
        self.authorization = "Basic " + base64.b64encode(f"{username}:{password}".encode()).decode()

    def wait_forever(self) -> None:
        self._released.wait()

    def __enter__(self) -> GitHttpServer:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._released.set()
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()


def _handler(server: GitHttpServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._answer(b"")

        def do_POST(self) -> None:
            self._answer(self._body())

        def log_message(self, *_: object) -> None:
            """Be quiet."""

        def _body(self) -> bytes:
            if self.headers.get("Transfer-Encoding") != "chunked":
                return self.rfile.read(int(self.headers.get("Content-Length", "0")))
            body = b""
            while size := int(self.rfile.readline(), 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return body

        def _answer(self, body: bytes) -> None:
            authorization = self.headers.get("Authorization")
            server.requests.append((self.requestline, authorization))
            if server.hang:
                server.wait_forever()
                return
            if server.redirect_to and self.path.startswith("/moved/"):
                target = server.redirect_to + self.path.removeprefix("/moved")
                self._send(301, [("Location", target)], b"")
            elif server.authorization is not None and authorization != server.authorization:
                self._send(401, [("WWW-Authenticate", 'Basic realm="test"')], b"no")
            else:
                self._run_backend(body)

        def _run_backend(self, body: bytes) -> None:
            parts = urlsplit(self.path)
            environment = {
                "PATH": os.environ["PATH"],
                "GIT_PROJECT_ROOT": str(server.root),
                "GIT_HTTP_EXPORT_ALL": "1",
                "GIT_CONFIG_NOSYSTEM": "1",
                "GIT_CONFIG_GLOBAL": os.devnull,
                "REQUEST_METHOD": self.command,
                "PATH_INFO": parts.path,
                "QUERY_STRING": parts.query,
                "CONTENT_TYPE": self.headers.get("Content-Type", ""),
                "CONTENT_LENGTH": str(len(body)),
                "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
                "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
                "REMOTE_ADDR": "127.0.0.1",
                **server.backend_environment,
            }
            answer = subprocess.run(
                ["git", "http-backend"], input=body, env=environment, capture_output=True, check=False
            ).stdout
            head, _, content = answer.partition(b"\r\n\r\n")
            status, headers = 200, []
            for line in head.decode().split("\r\n"):
                name, _, value = line.partition(": ")
                if name == "Status":
                    status = int(value.split()[0])
                elif name:
                    headers.append((name, value))
            self._send(status, headers, content)

        def _send(self, status: int, headers: list[tuple[str, str]], content: bytes) -> None:
            self.send_response(status)
            for name, value in headers:
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

    return Handler
