"""GitRepositories against real Git servers: each way in, each kind of reference, and the artifact that comes of it."""

from __future__ import annotations

import gzip
import hashlib
import io
import tarfile
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.cluster import SOURCE, until
from tests.support.gitserver import GitHttpServer
from tests.support.gitserver_tls import Authority
from tests.support.manifests import config_map
from tests.support.sshserver import SshServer, generate_key
from tests.support.workspace import Workspace

pytestmark = pytest.mark.e2e

REFUSED = "AuthenticationFailed|GitOperationFailed"


def refused(workspace: Workspace, name: str) -> str:
    """Wait until the source says that it is not let in; the message."""

    def look() -> str:
        conditions = (workspace.get(name, SOURCE).get("status") or {}).get("conditions") or []
        return next((c["message"] for c in conditions if c["type"] == "Ready" and c["status"] == "False"), "")

    return until(f"{name} is not let in", look)


def test_basic_authentication(workspace: Workspace) -> None:
    workspace.commit({"apps/a.yaml": config_map("a")})
    with GitHttpServer(workspace.server.root) as server:
        server.require_basic("ada", "correct horse")
        url = server.url(workspace.repository.name)
        workspace.secret("right", {"username": "ada", "password": "correct horse"})
        workspace.secret("wrong", {"username": "ada", "password": "battery staple"})
        workspace.source("right", url=url, secretRef={"name": "right"})
        workspace.source("wrong", ready=False, url=url, secretRef={"name": "wrong"})
        workspace.source("none", ready=False, url=url)
        assert "battery staple" not in refused(workspace, "wrong")
        assert "authentication" in refused(workspace, "none")
        # The Secret is put right, and a request asks for another try.
        workspace.secret("wrong", {"username": "ada", "password": "correct horse"})
        workspace.request_reconcile(SOURCE, "wrong")
        workspace.ready("wrong", kind=SOURCE)


def test_bearer_token(workspace: Workspace) -> None:
    workspace.commit({"apps/a.yaml": config_map("a")})
    authority = Authority()
    with GitHttpServer(workspace.server.root, tls=authority.server_context()) as server:
        server.require_bearer("a-token")
        workspace.secret("token", {"bearerToken": "a-token", "ca.crt": authority.certificate.decode()})
        workspace.source(url=server.url(workspace.repository.name), secretRef={"name": "token"})


def test_https_with_a_private_authority(workspace: Workspace) -> None:
    revision = workspace.commit({"apps/a.yaml": config_map("a")})
    authority = Authority()
    with GitHttpServer(workspace.server.root, tls=authority.server_context()) as server:
        url = server.url(workspace.repository.name)
        workspace.secret("ca", {"ca.crt": authority.certificate.decode()})
        workspace.secret("other-ca", {"ca.crt": Authority().certificate.decode()})
        workspace.source("trusted", url=url, secretRef={"name": "ca"})
        workspace.source("unknown", ready=False, url=url)
        workspace.source("other", ready=False, url=url, secretRef={"name": "other-ca"})
        assert workspace.get("trusted", SOURCE)["status"]["artifact"]["revision"] == revision
        for name in ("unknown", "other"):
            assert "certificate" in refused(workspace, name)


@pytest.fixture
def ssh(workspace: Workspace) -> Iterator[SshServer]:
    with SshServer(workspace.server.root) as server:
        yield server


def test_ssh_with_known_hosts(workspace: Workspace, ssh: SshServer) -> None:
    revision = workspace.commit({"apps/a.yaml": config_map("a")})
    key, unknown = generate_key(), generate_key()
    ssh.authorize(key)
    algorithm, public = unknown.public.split()[:2]
    secrets: dict[str, dict[str, bytes]] = {
        "right": ssh.secret(key),
        "unknown-key": ssh.secret(unknown),
        "other-host": {
            **ssh.secret(key),
            "known_hosts": f"[127.0.0.1]:{ssh.port} {algorithm} {public}\n".encode(),
        },
    }
    for name, data in secrets.items():
        workspace.secret(name, {field: value.decode() for field, value in data.items()})
        workspace.source(name, ready=False, url=ssh.url(workspace.repository.name), secretRef={"name": name})
    workspace.ready("right", revision, kind=SOURCE)
    assert "authentication" in refused(workspace, "unknown-key").lower() or "denied" in refused(
        workspace, "unknown-key"
    )
    assert "host key" in refused(workspace, "other-host").lower()
    assert "PRIVATE KEY" not in refused(workspace, "unknown-key") + refused(workspace, "other-host")


def test_references(workspace: Workspace) -> None:
    first = workspace.repository.commit({"apps/a.yaml": config_map("a", v="1")})
    workspace.repository.tag("v1.0.0")
    second = workspace.repository.commit({"apps/a.yaml": config_map("a", v="2")})
    workspace.repository.tag("v1.1.0", annotated=True)
    workspace.repository.tag("v2.0.0-rc.1")
    third = workspace.repository.commit({"apps/a.yaml": config_map("a", v="3")})
    workspace.repository.git("branch", "release", first)
    cases: dict[str, tuple[dict[str, str], str]] = {
        "branch": ({"branch": "release"}, f"release@sha1:{first}"),
        "tag": ({"tag": "v1.0.0"}, f"v1.0.0@sha1:{first}"),
        "semver": ({"semver": "~1"}, f"v1.1.0@sha1:{second}"),
        "pre-release": ({"semver": ">=1.0.0-0"}, f"v2.0.0-rc.1@sha1:{second}"),
        "commit": ({"branch": "main", "commit": first}, f"main@sha1:{first}"),
        "commit-alone": ({"commit": second}, f"sha1:{second}"),
        "name": ({"name": "refs/tags/v1.1.0"}, f"refs/tags/v1.1.0@sha1:{second}"),
        "main": ({"branch": "main"}, f"main@sha1:{third}"),
    }
    for name, (ref, _) in cases.items():
        workspace.source(name, ready=False, ref=ref)
    found = {name: workspace.ready(name, kind=SOURCE)["status"]["artifact"]["revision"] for name in cases}
    assert found == {name: revision for name, (_, revision) in cases.items()}


def download(artifact: dict[str, Any]) -> bytes:
    with urllib.request.urlopen(artifact["url"], timeout=60) as answer:
        return bytes(answer.read())


def test_who_knows_only_the_commit_gets_no_files(workspace: Workspace) -> None:
    """The artifact server needs no credentials, and whoever reads a Kustomization's status knows its commits."""
    workspace.commit({"apps/a.yaml": config_map("a")})
    artifact, other = (workspace.source(name)["status"]["artifact"] for name in ("source", "other"))
    assert download(artifact)
    url, commit = artifact["url"], artifact["revision"].partition(":")[2]
    folder, _, file = url.rpartition("/")
    assert file.startswith(commit)
    mark = other["url"].rpartition("/")[2].removeprefix(commit)
    for guess in ("", f"{commit}.tar.gz", f"{commit}{mark}", "latest.tar.gz", f"{commit}-{'0' * 32}.tar.gz"):
        with pytest.raises(urllib.error.HTTPError) as refusal:
            urllib.request.urlopen(f"{folder}/{guess}", timeout=60)
        assert refusal.value.code == 404


def test_the_artifact_is_what_its_digest_says_and_holds_what_is_not_ignored(workspace: Workspace) -> None:
    files: dict[str, str | bytes | None] = {
        "apps/a.yaml": config_map("a"),
        "README.md": "read me",
        "logo.png": b"\x89PNG",
        "docs/b.yaml": "b: 1\n",
    }
    revision = workspace.commit(files)
    source = workspace.source(ignore="/*\n!/apps\n")
    artifact = source["status"]["artifact"]
    content = download(artifact)
    assert artifact["digest"] == f"sha256:{hashlib.sha256(content).hexdigest()}"
    assert artifact["size"] == len(content)
    assert artifact["revision"] == revision
    with tarfile.open(fileobj=io.BytesIO(gzip.decompress(content))) as archive:
        members = {m.name: m for m in archive.getmembers() if m.isfile()}
        assert {name.removeprefix("./") for name in members} == {"apps/a.yaml"}
        (member,) = members.values()
        extracted = archive.extractfile(member)
        assert extracted is not None
        assert extracted.read().decode() == config_map("a")

    # Without spec.ignore, Headgate excludes what Flux excludes by default.
    plain = workspace.source("plain")["status"]["artifact"]
    with tarfile.open(fileobj=io.BytesIO(gzip.decompress(download(plain)))) as archive:
        names = {m.name.removeprefix("./") for m in archive.getmembers() if m.isfile()}
    assert names == {"apps/a.yaml", "README.md", "docs/b.yaml"}

    # Another commit with the same content: another revision of the same content.
    again = workspace.ready("source", workspace.commit({"README.md": "read me again"}), kind=SOURCE)[
        "status"
    ]["artifact"]
    assert again["digest"] == artifact["digest"]
    assert again["url"] != artifact["url"]
    assert download(again) == content
