"""Sources that other controllers reconcile: Headgate fetches, verifies and builds their artifacts.

The test plays those controllers: it serves archives on loopback and writes ``status.artifact``.
"""

from __future__ import annotations

import hashlib
import http.server
import io
import tarfile
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from controlplane.rest import RestError
from tests.support.cluster import Api, condition, until
from tests.support.manifests import config_map
from tests.support.workspace import Workspace

pytestmark = pytest.mark.e2e

Obj = dict[str, Any]
VERSION = "source.toolkit.fluxcd.io/v1"
KINDS = {"OCIRepository": "ocirepositories", "Bucket": "buckets", "ExternalArtifact": "externalartifacts"}


@pytest.fixture(scope="module", autouse=True)
def definitions(api: Api) -> Iterator[None]:
    """The kinds, as far as they matter here; left as they are where the cluster has them."""
    made = []
    anything = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    for kind, plural in KINDS.items():
        name = f"{plural}.source.toolkit.fluxcd.io"
        if api.get("apiextensions.k8s.io/v1", "CustomResourceDefinition", name):
            continue
        schema = {"type": "object", "properties": {"spec": anything, "status": anything}}
        version = {
            "name": "v1",
            "served": True,
            "storage": True,
            "schema": {"openAPIV3Schema": schema},
            "subresources": {"status": {}},
        }
        names = {"plural": plural, "singular": kind.lower(), "kind": kind, "listKind": f"{kind}List"}
        spec = {
            "group": "source.toolkit.fluxcd.io",
            "scope": "Namespaced",
            "names": names,
            "versions": [version],
        }
        made.append(name)
        api.apply(
            {
                "apiVersion": "apiextensions.k8s.io/v1",
                "kind": "CustomResourceDefinition",
                "metadata": {"name": name},
                "spec": spec,
            }
        )
    for kind in KINDS:
        until(f"{kind} is served", lambda kind=kind: _is_served(api, kind))
    yield
    for name in made:
        api.delete("apiextensions.k8s.io/v1", "CustomResourceDefinition", name)


def _is_served(api: Api, kind: str) -> bool:
    try:
        api.list(VERSION, kind)
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


@pytest.fixture
def files() -> Iterator[FileServer]:
    server = FileServer()
    yield server
    server.close()


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
    workspace.kustomization(name, sourceRef={"kind": kind, "name": "source"}, **{"path": "apps", **spec})


@pytest.mark.parametrize("kind", ["OCIRepository", "Bucket"])
def test_an_artifact_and_its_successor_are_applied(
    workspace: Workspace, files: FileServer, kind: str
) -> None:
    consumer(workspace, kind)
    workspace.failed("apps", "ArtifactFailed", "not found")
    publish(workspace, files, kind, "v1", {"apps/a.yaml": config_map("a", version="1")})
    workspace.ready("apps", "v1")
    publish(workspace, files, kind, "v2", {"apps/b.yaml": config_map("b", version="2")})
    workspace.ready("apps", "v2")
    assert workspace.config_map("a") is None
    live = workspace.config_map("b")
    assert live is not None
    assert live["data"] == {"version": "2"}


def test_one_download_serves_all_that_use_it(workspace: Workspace, files: FileServer) -> None:
    manifests = {f"apps/{n}/{n}.yaml": config_map(n) for n in "abc"}
    for name in "abc":
        consumer(workspace, "OCIRepository", name, path=f"apps/{name}")
    publish(workspace, files, "OCIRepository", "v1", manifests)
    for name in "abc":
        workspace.ready(name, "v1")
    assert files.asked == ["/ocirepository/v1.tar.gz"]


def test_the_origin_revision_is_recorded(workspace: Workspace, files: FileServer) -> None:
    origin = {"org.opencontainers.image.revision": "main@sha1:abc"}
    publish(workspace, files, "OCIRepository", "v1", {"apps/a.yaml": config_map("a")}, metadata=origin)
    consumer(workspace, "OCIRepository")
    live = workspace.ready("apps", "v1")
    assert live["status"]["lastAppliedOriginRevision"] == "main@sha1:abc"


@pytest.mark.parametrize(
    ("artifact", "message"),
    [
        ({"digest": "sha256:" + "0" * 64}, "computed digest doesn't match"),
        ({"digest": ""}, "empty digest"),
        ({"url": "file:///etc/passwd"}, "not an HTTP address"),
    ],
)
def test_what_is_not_verified_is_not_applied_until_it_is_fixed(
    workspace: Workspace, files: FileServer, artifact: Obj, message: str
) -> None:
    publish(workspace, files, "OCIRepository", "v1", {"apps/a.yaml": config_map("a")}, **artifact)
    consumer(workspace, "OCIRepository")
    workspace.failed("apps", "ArtifactFailed", message)
    assert workspace.config_map("a") is None
    publish(workspace, files, "OCIRepository", "v2", {"apps/a.yaml": config_map("a")})
    workspace.ready("apps", "v2")


def test_an_archive_that_leads_out_of_itself_is_refused(workspace: Workspace, files: FileServer) -> None:
    publish(workspace, files, "OCIRepository", "v1", {"apps/a.yaml": config_map("a"), "../../evil": "x"})
    consumer(workspace, "OCIRepository")
    workspace.failed("apps", "ArtifactFailed", "not a name that an artifact may hold")


def test_a_missing_file_is_waited_for(workspace: Workspace, files: FileServer) -> None:
    publish(workspace, files, "OCIRepository", "v1", {"apps/a.yaml": config_map("a")})
    data = files.files.pop("/ocirepository/v1.tar.gz")
    consumer(workspace, "OCIRepository")
    workspace.failed("apps", "ArtifactFailed", "Source is not ready, artifact not found, retrying in 5s")
    files.files["/ocirepository/v1.tar.gz"] = data
    workspace.ready("apps", "v1")


def test_a_server_out_of_order_holds_up_nobody_else(workspace: Workspace, files: FileServer) -> None:
    files.broken = True
    publish(workspace, files, "OCIRepository", "v1", {"apps/a.yaml": config_map("a")})
    consumer(workspace, "OCIRepository")
    until("the artifact is requested", lambda: files.asked)
    workspace.commit({"other/b.yaml": config_map("b")})
    workspace.source("git")
    workspace.kustomization("other", sourceRef={"kind": "GitRepository", "name": "git"})
    workspace.ready("other")
    files.broken = False
    workspace.ready("apps", "v1")
    assert condition(workspace.get("apps"))["status"] == "True"
