"""A real Git server over HTTP or HTTPS on loopback: ``git http-backend`` behind a small threaded server.

It serves every repository below a folder, read-only; what is committed there is served at once.

    with GitHttpServer(folder) as server:
        repository = Repository(folder, "fleet")
        repository.commit({"a.yaml": "..."})
        server.url("fleet.git")          # http://127.0.0.1:40123/fleet.git
        server.require_basic("ada", "secret")
        server.count("fetch")            # how often something was fetched

Alone, for the demo or for a harness that brings its own repositories, until it is interrupted:

    python -m tests.support.gitserver FOLDER --port 0
"""

from __future__ import annotations

import argparse
import base64
import gzip
import os
import signal
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import IO, Literal, Self
from urllib.parse import urlsplit

CHUNK = 1 << 16

Kind = Literal["info/refs", "ls-refs", "fetch", "other"]
"""What a request is for: discovery, the list of references (protocol 2), a pack, anything else."""


@dataclass(frozen=True, slots=True)
class Request:
    """One request that was received."""

    kind: Kind
    line: str
    authorization: str | None


class GitHttpServer:
    """Serves the repositories below ``root``. Change its attributes at any time to change how it answers."""

    def __init__(
        self, root: Path, *, tls: ssl.SSLContext | None = None, host: str = "127.0.0.1", port: int = 0
    ) -> None:
        self.root = root
        self.authorization: str | None = None
        """The Authorization header wanted; None: everybody may read."""
        self.fail_with: int | None = None
        """Answer everything with this HTTP status."""
        self.hang = False
        """Take requests and do not answer them; those waiting are answered when it is unset."""
        self.redirect_to: str | None = None
        """The base URL that requests below ``/moved/`` are sent on to."""
        self.backend_environment: dict[str, str] = {}
        """More environment for Git, such as configuration or an older GIT_PROTOCOL."""
        self.requests: list[Request] = []
        self._closed = threading.Event()
        self._http = _Server((host, port), _handler(self))
        self.scheme = "http"
        if tls is not None:
            self.scheme = "https"
            # The handshake is left to the thread of the connection.
            self._http.socket = tls.wrap_socket(
                self._http.socket, server_side=True, do_handshake_on_connect=False
            )
        self._host = host
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.05,), daemon=True)

    @property
    def port(self) -> int:
        """The port it listens on."""
        return int(self._http.server_address[1])

    def url(self, name: str = "repo.git", host: str | None = None) -> str:
        """The URL of a repository, of the server itself with an empty name."""
        return f"{self.scheme}://{host or self._host}:{self.port}/{name}".removesuffix("/")

    def require_basic(self, username: str, password: str) -> None:
        """Want these credentials from now on."""
        self.authorization = "Basic " + base64.b64encode(f"{username}:{password}".encode()).decode()

    def require_bearer(self, token: str) -> None:
        """Want this token from now on."""
        self.authorization = f"Bearer {token}"

    def count(self, *kinds: Kind) -> int:
        """How many requests of these kinds have come since ``forget``; of any kind when none is named."""
        return sum(1 for request in list(self.requests) if not kinds or request.kind in kinds)

    def forget(self) -> None:
        """Count from zero."""
        self.requests.clear()

    def wait_while_hanging(self) -> bool:
        """Hold a request while ``hang`` is set; whether it still needs a response."""
        while self.hang and not self._closed.wait(0.02):
            pass
        return not self._closed.is_set()

    def start(self) -> Self:
        """Serve in a thread until ``close``."""
        self._thread.start()
        return self

    def close(self) -> None:
        """Stop serving."""
        self._closed.set()
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def handle_error(self, *_: object) -> None:
        """Clients that go away, or refuse the certificate, are part of the tests."""


def _handler(server: GitHttpServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

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
            server.requests.append(Request(self._kind(body), self.requestline, authorization))
            if server.hang and not server.wait_while_hanging():
                self.close_connection = True
            elif server.fail_with is not None:
                self._send(server.fail_with, [], b"out of order\n")
            elif server.redirect_to and self.path.startswith("/moved/"):
                target = server.redirect_to + self.path.removeprefix("/moved")
                self._send(301, [("Location", target)], b"")
            elif server.authorization is not None and authorization != server.authorization:
                self._send(401, [("WWW-Authenticate", 'Basic realm="test"')], b"no\n")
            else:
                self._run_backend(body)

        def _kind(self, body: bytes) -> Kind:
            path = urlsplit(self.path).path
            if path.endswith("/info/refs"):
                return "info/refs"
            if not path.endswith("/git-upload-pack"):
                return "other"
            if self.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            return "ls-refs" if b"command=ls-refs" in body[:64] else "fetch"

        def _run_backend(self, body: bytes) -> None:
            with _backend(server, self._variables(len(body))) as process:
                if process.stdin is None or process.stdout is None:
                    raise OSError("no pipes")
                process.stdin.write(body)
                process.stdin.close()
                status, headers = _head(process.stdout)
                self.send_response(status)
                for name, value in headers:
                    self.send_header(name, value)
                self.send_header("Transfer-Encoding", "chunked")
                self.end_headers()
                while chunk := process.stdout.read1(CHUNK):  # type: ignore[attr-defined]
                    self.wfile.write(b"%x\r\n%b\r\n" % (len(chunk), chunk))
                self.wfile.write(b"0\r\n\r\n")

        def _variables(self, length: int) -> dict[str, str]:
            parts = urlsplit(self.path)
            return {
                "REQUEST_METHOD": self.command,
                "PATH_INFO": parts.path,
                "QUERY_STRING": parts.query,
                "CONTENT_TYPE": self.headers.get("Content-Type", ""),
                "CONTENT_LENGTH": str(length),
                "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
                "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
                "REMOTE_ADDR": "127.0.0.1",
            }

        def _send(self, status: int, headers: list[tuple[str, str]], content: bytes) -> None:
            self.send_response(status)
            for name, value in headers:
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

    return Handler


@contextmanager
def _backend(server: GitHttpServer, variables: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    environment = {
        "PATH": os.environ["PATH"],
        "GIT_PROJECT_ROOT": str(server.root.resolve()),
        "GIT_HTTP_EXPORT_ALL": "1",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        # The folder may belong to another user than the one who serves it.
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": "safe.directory",
        "GIT_CONFIG_VALUE_0": "*",
        **variables,
        **server.backend_environment,
    }
    process = subprocess.Popen(
        ["git", "http-backend"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=environment,
    )
    with process:
        try:
            yield process
        except BaseException:
            process.kill()
            raise


def _head(answer: IO[bytes]) -> tuple[int, list[tuple[str, str]]]:
    status, headers = 200, []
    while line := answer.readline().decode().strip():
        name, _, value = line.partition(": ")
        if name == "Status":
            status = int(value.split()[0])
        else:
            headers.append((name, value))
    return status, headers


def main() -> None:
    """Serve a folder until SIGINT or SIGTERM; the first line printed is the URL."""
    parser = argparse.ArgumentParser(description="Serve the Git repositories below a folder over HTTP.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0: any free port")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    signals = {signal.SIGINT, signal.SIGTERM}
    signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    with GitHttpServer(options.folder, host=options.host, port=options.port) as server:
        print(server.url(""), flush=True)
        signal.sigwait(signals)


if __name__ == "__main__":
    main()
