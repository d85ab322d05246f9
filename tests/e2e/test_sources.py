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

from tests.support.area import Area
from tests.support.cluster import SOURCE, until
from tests.support.gitserver import GitHttpServer
from tests.support.gitserver_tls import Authority
from tests.support.manifests import config_map
from tests.support.sshserver import SshServer, generate_key

pytestmark = pytest.mark.e2e

REFUSED = "AuthenticationFailed|GitOperationFailed"


def refused(area: Area, name: str) -> str:
    """Wait until the source says that it is not let in; the message."""

    def look() -> str:
        conditions = (area.get(name, SOURCE).get("status") or {}).get("conditions") or []
        return next((c["message"] for c in conditions if c["type"] == "Ready" and c["status"] == "False"), "")

    return until(f"{name} is not let in", look)


def test_basic_authentication(area: Area) -> None:
    area.commit({"apps/a.yaml": config_map("a")})
    with GitHttpServer(area.server.root) as server:
        server.require_basic("ada", "correct horse")
        url = server.url(area.repository.name)
        area.secret("right", {"username": "ada", "password": "correct horse"})
        area.secret("wrong", {"username": "ada", "password": "battery staple"})
        area.source("right", url=url, secretRef={"name": "right"})
        area.source("wrong", ready=False, url=url, secretRef={"name": "wrong"})
        area.source("none", ready=False, url=url)
        assert "battery staple" not in refused(area, "wrong")
        assert "authentication" in refused(area, "none")
        # The Secret is put right, and a request asks for another try.
        area.secret("wrong", {"username": "ada", "password": "correct horse"})
        area.poke(SOURCE, "wrong")
        area.ready("wrong", kind=SOURCE)


def test_bearer_token(area: Area) -> None:
    area.commit({"apps/a.yaml": config_map("a")})
    authority = Authority()
    with GitHttpServer(area.server.root, tls=authority.server_context()) as server:
        server.require_bearer("a-token")
        area.secret("token", {"bearerToken": "a-token", "ca.crt": authority.certificate.decode()})
        area.source(url=server.url(area.repository.name), secretRef={"name": "token"})


def test_https_with_a_private_authority(area: Area) -> None:
    revision = area.commit({"apps/a.yaml": config_map("a")})
    authority = Authority()
    with GitHttpServer(area.server.root, tls=authority.server_context()) as server:
        url = server.url(area.repository.name)
        area.secret("ca", {"ca.crt": authority.certificate.decode()})
        area.secret("other-ca", {"ca.crt": Authority().certificate.decode()})
        area.source("trusted", url=url, secretRef={"name": "ca"})
        area.source("unknown", ready=False, url=url)
        area.source("other", ready=False, url=url, secretRef={"name": "other-ca"})
        assert area.get("trusted", SOURCE)["status"]["artifact"]["revision"] == revision
        for name in ("unknown", "other"):
            assert "certificate" in refused(area, name)


@pytest.fixture
def ssh(area: Area) -> Iterator[SshServer]:
    with SshServer(area.server.root) as server:
        yield server


def test_ssh_with_known_hosts(area: Area, ssh: SshServer) -> None:
    revision = area.commit({"apps/a.yaml": config_map("a")})
    key, stranger = generate_key(), generate_key()
    ssh.authorize(key)
    algorithm, public = stranger.public.split()[:2]
    secrets: dict[str, dict[str, bytes]] = {
        "right": ssh.secret(key),
        "stranger": ssh.secret(stranger),
        "other-host": {
            **ssh.secret(key),
            "known_hosts": f"[127.0.0.1]:{ssh.port} {algorithm} {public}\n".encode(),
        },
    }
    for name, data in secrets.items():
        area.secret(name, {field: value.decode() for field, value in data.items()})
        area.source(name, ready=False, url=ssh.url(area.repository.name), secretRef={"name": name})
    area.ready("right", revision, kind=SOURCE)
    assert "authentication" in refused(area, "stranger").lower() or "denied" in refused(area, "stranger")
    assert "host key" in refused(area, "other-host").lower()
    assert "PRIVATE KEY" not in refused(area, "stranger") + refused(area, "other-host")


def test_references(area: Area) -> None:
    first = area.repository.commit({"apps/a.yaml": config_map("a", v="1")})
    area.repository.tag("v1.0.0")
    second = area.repository.commit({"apps/a.yaml": config_map("a", v="2")})
    area.repository.tag("v1.1.0", annotated=True)
    area.repository.tag("v2.0.0-rc.1")
    third = area.repository.commit({"apps/a.yaml": config_map("a", v="3")})
    area.repository.git("branch", "release", first)
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
        area.source(name, ready=False, ref=ref)
    found = {name: area.ready(name, kind=SOURCE)["status"]["artifact"]["revision"] for name in cases}
    assert found == {name: revision for name, (_, revision) in cases.items()}


def download(artifact: dict[str, Any]) -> bytes:
    with urllib.request.urlopen(artifact["url"], timeout=60) as answer:
        return bytes(answer.read())


def test_who_knows_only_the_commit_gets_no_files(area: Area) -> None:
    """Nobody is asked for credentials there, and whoever reads a Kustomization's status knows its commits."""
    area.commit({"apps/a.yaml": config_map("a")})
    artifact, other = (area.source(name)["status"]["artifact"] for name in ("source", "other"))
    assert download(artifact)
    url, commit = artifact["url"], artifact["revision"].partition(":")[2]
    folder, _, file = url.rpartition("/")
    assert file.startswith(commit)
    mark = other["url"].rpartition("/")[2].removeprefix(commit)
    for guess in ("", f"{commit}.tar.gz", f"{commit}{mark}", "latest.tar.gz", f"{commit}-{'0' * 32}.tar.gz"):
        with pytest.raises(urllib.error.HTTPError) as refusal:
            urllib.request.urlopen(f"{folder}/{guess}", timeout=60)
        assert refusal.value.code == 404


def test_the_artifact_is_what_its_digest_says_and_holds_what_is_not_ignored(area: Area) -> None:
    files: dict[str, str | bytes | None] = {
        "apps/a.yaml": config_map("a"),
        "README.md": "read me",
        "logo.png": b"\x89PNG",
        "docs/b.yaml": "b: 1\n",
    }
    revision = area.commit(files)
    source = area.source(ignore="/*\n!/apps\n")
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

    # Without spec.ignore: what Flux leaves out by default is left out.
    plain = area.source("plain")["status"]["artifact"]
    with tarfile.open(fileobj=io.BytesIO(gzip.decompress(download(plain)))) as archive:
        names = {m.name.removeprefix("./") for m in archive.getmembers() if m.isfile()}
    assert names == {"apps/a.yaml", "README.md", "docs/b.yaml"}

    # Another commit with the same content: another revision of the same content.
    again = area.ready("source", area.commit({"README.md": "read me again"}), kind=SOURCE)["status"][
        "artifact"
    ]
    assert again["digest"] == artifact["digest"]
    assert again["url"] != artifact["url"]
    assert download(again) == content
