"""Other controllers: archives on loopback, and sources of other kinds with the status that they would write."""

from __future__ import annotations

import hashlib
import http.server
import io
import tarfile
import threading
from typing import Any

from controlplane.rest import RestError
from tests.support.cluster import Api, until
from tests.support.workspace import Workspace

Obj = dict[str, Any]
VERSION = "source.toolkit.fluxcd.io/v1"
KINDS = {"OCIRepository": "ocirepositories", "Bucket": "buckets", "ExternalArtifact": "externalartifacts"}
_CRD = ("apiextensions.k8s.io/v1", "CustomResourceDefinition")


def name_of(kind: str) -> str:
    """The name of the definition of a kind."""
    return f"{KINDS[kind]}.source.toolkit.fluxcd.io"


def definition(kind: str) -> Obj:
    """The definition of a kind, as far as it matters here."""
    anything = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    schema = {"type": "object", "properties": {"spec": anything, "status": anything}}
    version = {
        "name": "v1",
        "served": True,
        "storage": True,
        "schema": {"openAPIV3Schema": schema},
        "subresources": {"status": {}},
    }
    plural = KINDS[kind]
    names = {"plural": plural, "singular": kind.lower(), "kind": kind, "listKind": f"{kind}List"}
    spec = {"group": "source.toolkit.fluxcd.io", "scope": "Namespaced", "names": names, "versions": [version]}
    return {
        "apiVersion": _CRD[0],
        "kind": _CRD[1],
        "metadata": {"name": name_of(kind)},
        "spec": spec,
    }


def define(api: Api, kinds: tuple[str, ...] = tuple(KINDS)) -> list[str]:
    """Define the kinds that the cluster does not have; returns the names of the new definitions."""
    made = [name_of(kind) for kind in kinds if api.get(*_CRD, name_of(kind)) is None]
    for kind in kinds:
        if name_of(kind) in made:
            api.apply(definition(kind))
    for kind in kinds:
        until(f"{kind} is served", lambda kind=kind: is_served(api, VERSION, kind))  # type: ignore[misc]
    return made


def undefine(api: Api, names: list[str]) -> None:
    """Delete definitions, and with them all objects of their kinds; waits until they are gone."""
    for name in names:
        api.remove(*_CRD, name)


def is_served(api: Api, api_version: str, kind: str) -> bool:
    """Whether the API server has the kind at this moment."""
    try:
        api.list(api_version, kind)
    except (KeyError, RestError):
        return False
    return True


class FileServer:
    """Archives by path; what is not there is 404, and ``broken`` makes every answer 500."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.asked: list[str] = []
        self.broken = False
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.asked.append(self.path)
                data = outer.files.get(self.path)
                self.send_response(500 if outer.broken else 404 if data is None else 200)
                self.send_header("Content-Length", "0" if outer.broken or data is None else str(len(data)))
                self.end_headers()
                if data is not None and not outer.broken:
                    self.wfile.write(data)

            def log_message(self, format: str, *args: Any) -> None:
                """Say nothing."""

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def packed(files: dict[str, str]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        for name, content in files.items():
            header = tarfile.TarInfo(name)
            header.size = len(content.encode())
            archive.addfile(header, io.BytesIO(content.encode()))
    return out.getvalue()


def publish(
    workspace: Workspace, server: FileServer, kind: str, revision: str, files: dict[str, str], **artifact: Any
) -> str:
    """What a controller does with a new artifact; returns its digest."""
    data, path = packed(files), f"/{kind.lower()}/{revision}.tar.gz"
    server.files[path] = data
    digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
    meta = {"name": "source", "namespace": workspace.namespace}
    source = {"apiVersion": VERSION, "kind": kind, "metadata": meta, "spec": {"interval": "1h"}}
    live = workspace.api.apply(source, manager="other-controller")
    status = {
        "artifact": {
            "revision": revision,
            "digest": digest,
            "url": server.url + path,
            "path": path,
            "lastUpdateTime": "2026-01-01T00:00:00Z",
            "size": len(data),
            **artifact,
        },
        "conditions": [
            {
                "type": "Ready",
                "status": "True",
                "reason": "Succeeded",
                "message": "stored",
                "lastTransitionTime": "2026-01-01T00:00:00Z",
            }
        ],
    }
    workspace.api.merge(live, {"status": status}, manager="other-controller", subresource="status")
    return digest


def consumer(workspace: Workspace, kind: str, name: str = "apps", **spec: Any) -> None:
    """A Kustomization of the source that :func:`publish` writes."""
    workspace.kustomization(name, sourceRef={"kind": kind, "name": "source"}, **{"path": "apps", **spec})
