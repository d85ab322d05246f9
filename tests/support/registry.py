"""A registry of OCI artifacts on loopback, to read from: what ``flux push artifact`` would have pushed."""

from __future__ import annotations

import hashlib
import http.server
import io
import json
import tarfile
from collections.abc import Mapping

from tests.support.serving import Served

_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_CONFIG = "application/vnd.cncf.flux.config.v1+json"
_CONTENT = "application/vnd.cncf.flux.content.v1.tar+gzip"


def packed(files: Mapping[str, str]) -> bytes:
    """A gzipped tar archive of text files."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for path, text in files.items():
            entry = tarfile.TarInfo(path)
            entry.size = len(text.encode())
            archive.addfile(entry, io.BytesIO(text.encode()))
    return buffer.getvalue()


class Registry(Served):
    """Serves manifests by tag and digest, and blobs by digest, as the OCI distribution specification says."""

    def __init__(self) -> None:
        self._found: dict[str, tuple[str, bytes]] = {}
        """Content type and content by path."""
        registry = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                found = registry._found.get(self.path)
                if self.path == "/v2/":
                    found = ("application/json", b"{}")
                kind, content = found or ("application/json", b'{"errors": [{"code": "NAME_UNKNOWN"}]}')
                self.send_response(200 if found else 404)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(content)))
                self.send_header("Docker-Content-Digest", _digest(content))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(content)

            do_HEAD = do_GET  # noqa: N815

            def log_message(self, *_: object) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        super().__init__(self._server)

    @property
    def host(self) -> str:
        """``host:port``."""
        return f"127.0.0.1:{self._server.server_port}"

    def push(self, name: str, tag: str, files: Mapping[str, str], annotations: Mapping[str, str]) -> str:
        """Store files as an artifact with these annotations; returns the digest of its manifest."""
        layer, config = packed(files), b"{}"
        manifest = {
            "schemaVersion": 2,
            "mediaType": _MANIFEST,
            "config": {"mediaType": _CONFIG, "digest": _digest(config), "size": len(config)},
            "layers": [{"mediaType": _CONTENT, "digest": _digest(layer), "size": len(layer)}],
            "annotations": dict(annotations),
        }
        content = json.dumps(manifest).encode()
        digest = _digest(content)
        for blob in (layer, config):
            self._found[f"/v2/{name}/blobs/{_digest(blob)}"] = ("application/octet-stream", blob)
        for reference in (tag, digest):
            self._found[f"/v2/{name}/manifests/{reference}"] = (_MANIFEST, content)
        tags = {"name": name, "tags": [tag]}
        self._found[f"/v2/{name}/tags/list"] = ("application/json", json.dumps(tags).encode())
        return digest


def _digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"
