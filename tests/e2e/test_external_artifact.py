"""Sources that other controllers reconcile: Headgate fetches, verifies and builds their artifacts.

The test plays those controllers: it serves archives on loopback and writes ``status.artifact``.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.cluster import Api, condition, until
from tests.support.manifests import config_map
from tests.support.othersources import FileServer, consumer, define, publish, undefine
from tests.support.workspace import Workspace

pytestmark = pytest.mark.e2e

Obj = dict[str, Any]


@pytest.fixture(scope="module", autouse=True)
def definitions(api: Api) -> Iterator[None]:
    """The kinds; left as they are where the cluster has them."""
    made = define(api)
    yield
    undefine(api, made)


@pytest.fixture
def files() -> Iterator[FileServer]:
    server = FileServer()
    yield server
    server.close()


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
