"""Helm charts, and a repository that serves them over HTTP on loopback."""

from __future__ import annotations

import hashlib
import http.server
from collections.abc import Mapping
from datetime import UTC, datetime

import yaml

from tests.support.registry import packed
from tests.support.serving import Served


def chart(name: str, version: str, templates: Mapping[str, str], folder: str = "") -> dict[str, str]:
    """The files of a chart below ``folder``; a template may use ``{{ .Values.greeting }}``."""
    about = {"apiVersion": "v2", "name": name, "version": version, "type": "application"}
    files = {"Chart.yaml": yaml.safe_dump(about), "values.yaml": "greeting: hello\n"}
    files |= {f"templates/{path}": text for path, text in templates.items()}
    return {f"{folder or name}/{path}": text for path, text in files.items()}


class ChartServer(Served):
    """A chart repository: ``index.yaml`` and the archives that it names."""

    def __init__(self) -> None:
        self._archives: dict[str, bytes] = {}
        self._entries: dict[str, list[dict[str, object]]] = {}
        server = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                content = server._content(self.path.strip("/"))
                self.send_response(404 if content is None else 200)
                self.send_header("Content-Length", str(len(content or b"")))
                self.end_headers()
                self.wfile.write(content or b"")

            def log_message(self, *_: object) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        super().__init__(self._server)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def publish(self, name: str, version: str, templates: Mapping[str, str]) -> None:
        """Add a chart."""
        archive = packed(chart(name, version, templates))
        path = f"{name}-{version}.tgz"
        self._archives[path] = archive
        entry: dict[str, object] = {
            "apiVersion": "v2",
            "name": name,
            "version": version,
            "created": datetime.now(UTC).isoformat(),
            "digest": hashlib.sha256(archive).hexdigest(),
            "urls": [f"{self.url}/{path}"],
        }
        self._entries.setdefault(name, []).append(entry)

    def _content(self, path: str) -> bytes | None:
        if path == "index.yaml":
            return yaml.safe_dump({"apiVersion": "v1", "entries": self._entries}).encode()
        return self._archives.get(path)
