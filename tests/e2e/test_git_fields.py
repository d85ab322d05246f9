"""What else a GitRepository can say: sparse checkout, submodules, includes, verification, proxies, mutual TLS, Apps."""

from __future__ import annotations

import io
import tarfile
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from tests.support.area import Area
from tests.support.cluster import SOURCE, Api, condition, until
from tests.support.gitserver import GitHttpServer
from tests.support.gitserver_proxy import HttpProxy
from tests.support.gitserver_repository import Repository
from tests.support.gitserver_tls import Authority
from tests.support.manifests import config_map
from tests.support.sshserver import generate_key

pytestmark = pytest.mark.e2e

Obj = dict[str, Any]


def files_of(source: Obj) -> set[str]:
    """What is in a source's artifact."""
    with urllib.request.urlopen(source["status"]["artifact"]["url"], timeout=60) as answer:
        data = answer.read()
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        return {member.name for member in archive if member.isfile()}


def when(area: Area, name: str, field: str, value: object) -> Obj:
    """Wait until a source is Ready with this in its status."""

    def look() -> Obj | None:
        source = area.ready(name, kind=SOURCE)
        return source if source["status"].get(field) == value else None

    return until(f"{name} has {field} {value}", look)


def other_repository(area: Area, name: str) -> Repository:
    return Repository(area.server.root, f"{area.namespace}-{name}")


def test_sparse_checkout(area: Area) -> None:
    area.commit({"apps/a.yaml": config_map("a"), "docs/b.md": "b", "c.yaml": "c"})
    source = area.source(sparseCheckout=["./apps"])
    assert files_of(source) == {"apps/a.yaml"}
    assert source["status"]["observedSparseCheckout"] == ["./apps"]
    area.change("source", {"sparseCheckout": ["docs"]}, SOURCE)
    assert files_of(when(area, "source", "observedSparseCheckout", ["docs"])) == {"docs/b.md"}
    area.change("source", {"sparseCheckout": ["nope"]}, SOURCE)
    area.failed("source", "GitOperationFailed", "sparse checkout dir 'nope' does not exist", kind=SOURCE)
    area.change("source", {"sparseCheckout": None}, SOURCE)
    source = when(area, "source", "observedSparseCheckout", None)
    assert files_of(source) == {"apps/a.yaml", "docs/b.md", "c.yaml"}


def test_submodules_are_built_from(area: Area) -> None:
    module = other_repository(area, "module")
    commit = module.commit({"a.yaml": config_map("from-module")})
    area.repository.write(
        {".gitmodules": f'[submodule "m"]\n\tpath = apps\n\turl = ../{module.name}\n'},
    )
    area.repository.git("update-index", "--add", "--cacheinfo", f"160000,{commit},apps")
    area.repository.git("add", ".gitmodules")
    area.repository.git("commit", "-q", "--no-gpg-sign", "-m", "submodule")
    source = area.source(recurseSubmodules=True)
    assert source["status"]["observedRecurseSubmodules"] is True
    assert files_of(source) == {"apps/a.yaml"}
    area.kustomization("apps")
    area.ready("apps")
    area.change("source", {"recurseSubmodules": False}, SOURCE)
    assert files_of(when(area, "source", "observedRecurseSubmodules", None)) == set()


def test_includes_follow_what_they_include(area: Area) -> None:
    other = other_repository(area, "other")
    area.commit({"top.yaml": config_map("top")})
    include = [{"repository": {"name": "other"}, "fromPath": "deploy", "toPath": "apps"}]
    area.source(ready=False, include=include)
    message = area.failed("source", "NotFound", "could not get resource for include 'other'", kind=SOURCE)
    assert condition(area.get("source", SOURCE), "IncludeUnavailable")["reason"] == message["reason"]

    other.commit({"deploy/a.yaml": config_map("a", v="1"), "elsewhere.yaml": "x"})
    area.source("other", url=area.server.url(other.name))
    source = area.ready("source", kind=SOURCE)
    assert condition(source, "IncludeUnavailable") == {}
    assert files_of(source) == {"top.yaml", "apps/a.yaml"}
    assert source["status"]["observedInclude"] == include
    included = area.get("other", SOURCE)["status"]["artifact"]
    assert source["status"]["includedArtifacts"] == [included]

    area.kustomization("apps")
    area.ready("apps")
    other.commit({"deploy/b.yaml": config_map("b")})
    area.poke(SOURCE, "other")
    # Nothing but the change of what is included starts this.
    until("b is live", lambda: area.api.get("v1", "ConfigMap", "b", area.namespace))
    assert files_of(area.ready("source", kind=SOURCE)) == {"top.yaml", "apps/a.yaml", "apps/b.yaml"}


def test_includes_in_a_circle_and_on_top_of_files_are_refused(area: Area) -> None:
    area.commit({"apps/a.yaml": config_map("a")})
    area.source("one", ready=False, include=[{"repository": {"name": "two"}}])
    area.source("two", ready=False, include=[{"repository": {"name": "one"}}])
    area.failed("one", "CopyFailure", "it includes 'one' itself", kind=SOURCE)
    area.source("plain")
    area.source("on-top", ready=False, include=[{"repository": {"name": "plain"}, "toPath": "apps"}])
    area.failed("on-top", "CopyFailure", "there is already something at 'apps'", kind=SOURCE)
    assert condition(area.get("on-top", SOURCE), "StorageOperationFailed")["status"] == "True"


def test_verification(area: Area, tmp_path: Path) -> None:
    key = generate_key()
    (tmp_path / "key").write_bytes(key.private)
    (tmp_path / "key").chmod(0o600)
    (tmp_path / "key.pub").write_text(key.public)
    area.repository.git("config", "gpg.format", "ssh")
    area.repository.git("config", "user.signingKey", str(tmp_path / "key"))
    signed = area.repository.commit({"apps/a.yaml": config_map("a")}, sign=True)
    area.repository.tag("v1.0.0", sign=True)
    area.secret("keys", {"ada.sshpub": key.public})
    area.secret("others", {"bob.sshpub": generate_key().public})

    source = area.source(verify={"mode": "HEAD", "secretRef": {"name": "keys"}})
    assert source["status"]["sourceVerificationMode"] == "HEAD"
    verified = condition(source, "SourceVerified")
    assert (verified["status"], verified["reason"]) == ("True", "Succeeded")
    assert verified["message"].startswith(f"verified signature of\n\t- commit '{signed}' with key 'SHA256:")

    # An unsigned commit does not get in; what there is stays.
    area.repository.commit({"apps/b.yaml": config_map("b")})
    area.poke_sources()
    area.failed("source", "InvalidCommitSignature", "it is not signed", kind=SOURCE)
    status = area.get("source", SOURCE)["status"]
    assert status["artifact"]["revision"] == f"main@sha1:{signed}"
    assert condition(area.get("source", SOURCE), "SourceVerified")["status"] == "False"

    tag = area.source(
        "tag", ref={"tag": "v1.0.0"}, verify={"mode": "TagAndHEAD", "secretRef": {"name": "keys"}}
    )
    assert "- tag 'v1.0.0@" in condition(tag, "SourceVerified")["message"]
    for name, reason, told, spec in (
        ("others", "InvalidCommitSignature", "no matching key", {"ref": {"commit": signed}}),
        ("missing", "VerificationError", "public keys secret error", {}),
    ):
        area.source(name, ready=False, verify={"mode": "HEAD", "secretRef": {"name": name}}, **spec)
        area.failed(name, reason, told, kind=SOURCE)
    area.source("no-tag", ready=False, verify={"mode": "Tag", "secretRef": {"name": "keys"}})
    area.failed("no-tag", "InvalidVerificationMode", kind=SOURCE)
    assert condition(area.get("no-tag", SOURCE), "Stalled")["status"] == "True"

    area.change("source", {"verify": None}, SOURCE)
    source = when(area, "source", "sourceVerificationMode", None)
    assert condition(source, "SourceVerified") == {}


def test_a_proxy(area: Area) -> None:
    area.commit({"apps/a.yaml": config_map("a")})
    with HttpProxy(("ada", "pr0xy")) as proxy:
        area.secret("proxy", {"address": proxy.url, "username": "ada", "password": "pr0xy"})
        area.source(proxySecretRef={"name": "proxy"})
        assert proxy.targets
        area.source("none", ready=False, proxySecretRef={"name": "none"})
        area.failed("none", "AuthenticationFailed", "failed to configure proxy options", kind=SOURCE)


def test_mutual_tls(area: Area) -> None:
    area.commit({"apps/a.yaml": config_map("a")})
    authority, clients = Authority(), Authority("clients")
    with GitHttpServer(area.server.root, tls=authority.server_context(clients=clients)) as server:
        issued = clients.issue("operator")
        trust = {"ca.crt": authority.certificate.decode()}
        area.secret("trust", trust)
        area.secret(
            "client", trust | {"tls.crt": issued.certificate.decode(), "tls.key": issued.key.decode()}
        )
        url = server.url(area.repository.name)
        area.source(url=url, secretRef={"name": "client"})
        area.source("none", ready=False, url=url, secretRef={"name": "trust"})
        area.failed("none", "GitOperationFailed", kind=SOURCE)


def test_providers_that_do_not_fit(area: Area) -> None:
    area.commit({"apps/a.yaml": config_map("a")})
    area.source("github", ready=False, provider="github")
    area.failed("github", "InvalidProviderConfiguration", "github app data must be specified", kind=SOURCE)
    assert condition(area.get("github", SOURCE), "Stalled")["status"] == "True"
    area.secret("app", {"githubAppID": "1"})
    area.source("generic", ready=False, secretRef={"name": "app"})
    area.failed("generic", "InvalidProviderConfiguration", "provider is not set to github", kind=SOURCE)
    area.source("azure", ready=False, provider="azure", serviceAccountName="tenant")
    area.failed("azure", "FeatureGateDisabled", "ObjectLevelWorkloadIdentity", kind=SOURCE)


def test_sha256_repositories(area: Area) -> None:
    repository = Repository(area.server.root, f"{area.namespace}-new", object_format="sha256")
    commit = repository.commit({"apps/a.yaml": config_map("a")})
    source = area.source(url=area.server.url(repository.name))
    assert source["status"]["artifact"]["revision"] == f"main@sha256:{commit}"
    assert files_of(source) == {"apps/a.yaml"}
    area.kustomization("apps")
    area.ready("apps", f"main@sha256:{commit}")
    newer = repository.commit({"apps/b.yaml": config_map("b")})
    area.poke(SOURCE, "source")
    area.ready("apps", f"main@sha256:{newer}")
    assert area.config_map("b") is not None


def test_a_suspended_source_is_not_asked(area: Area) -> None:
    revision = area.commit({"apps/a.yaml": config_map("a")})
    source = area.source()
    area.change("source", {"suspend": True}, SOURCE)
    newer = area.repository.commit({"apps/a.yaml": config_map("a", v="2")})
    stamp = area.poke(SOURCE, "source")
    until(
        "the request is answered",
        lambda: area.get("source", SOURCE)["status"].get("lastHandledReconcileAt") == stamp,
    )
    status = area.get("source", SOURCE)["status"]
    assert status["artifact"] == source["status"]["artifact"]
    assert status["artifact"]["revision"] == revision
    area.change("source", {"suspend": False}, SOURCE)
    area.ready("source", f"main@sha1:{newer}", kind=SOURCE)


def test_nothing_of_another_namespace_can_be_included(
    area: Area, api: Api, git_server: GitHttpServer
) -> None:
    area.commit({"top.yaml": config_map("top")})
    neighbour = Area(api, git_server, "neighbour")
    neighbour.commit({"secret.yaml": config_map("secret")})
    neighbour.source("other")
    for name in ("other", f"{neighbour.namespace}/other", f"../{neighbour.namespace}/other"):
        area.source(ready=False, include=[{"repository": {"name": name}}])
        area.failed("source", "NotFound", f"could not get resource for include '{name}'", kind=SOURCE)
    neighbour.close()
