"""What else a GitRepository can say: sparse checkout, submodules, includes, verification, proxies, mutual TLS, Apps."""

from __future__ import annotations

import io
import tarfile
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from tests.support.cluster import SOURCE, Api, condition, until
from tests.support.gitserver import GitHttpServer
from tests.support.gitserver_proxy import HttpProxy
from tests.support.gitserver_repository import Repository
from tests.support.gitserver_tls import Authority
from tests.support.manifests import config_map
from tests.support.sshserver import generate_key
from tests.support.workspace import Workspace

pytestmark = pytest.mark.e2e

Obj = dict[str, Any]


def files_of(source: Obj) -> set[str]:
    """What is in a source's artifact."""
    with urllib.request.urlopen(source["status"]["artifact"]["url"], timeout=60) as answer:
        data = answer.read()
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        return {member.name for member in archive if member.isfile()}


def when(workspace: Workspace, name: str, field: str, value: object) -> Obj:
    """Wait until a source is Ready with this in its status."""

    def look() -> Obj | None:
        source = workspace.ready(name, kind=SOURCE)
        return source if source["status"].get(field) == value else None

    return until(f"{name} has {field} {value}", look)


def other_repository(workspace: Workspace, name: str) -> Repository:
    return Repository(workspace.server.root, f"{workspace.namespace}-{name}")


def test_sparse_checkout(workspace: Workspace) -> None:
    workspace.commit({"apps/a.yaml": config_map("a"), "docs/b.md": "b", "c.yaml": "c"})
    source = workspace.source(sparseCheckout=["./apps"])
    assert files_of(source) == {"apps/a.yaml"}
    assert source["status"]["observedSparseCheckout"] == ["./apps"]
    workspace.change("source", {"sparseCheckout": ["docs"]}, SOURCE)
    assert files_of(when(workspace, "source", "observedSparseCheckout", ["docs"])) == {"docs/b.md"}
    workspace.change("source", {"sparseCheckout": ["nope"]}, SOURCE)
    workspace.failed("source", "GitOperationFailed", "sparse checkout dir 'nope' does not exist", kind=SOURCE)
    workspace.change("source", {"sparseCheckout": None}, SOURCE)
    source = when(workspace, "source", "observedSparseCheckout", None)
    assert files_of(source) == {"apps/a.yaml", "docs/b.md", "c.yaml"}


def test_submodules_are_built_from(workspace: Workspace) -> None:
    module = other_repository(workspace, "module")
    commit = module.commit({"a.yaml": config_map("from-module")})
    workspace.repository.write(
        {".gitmodules": f'[submodule "m"]\n\tpath = apps\n\turl = ../{module.name}\n'},
    )
    workspace.repository.git("update-index", "--add", "--cacheinfo", f"160000,{commit},apps")
    workspace.repository.git("add", ".gitmodules")
    workspace.repository.git("commit", "-q", "--no-gpg-sign", "-m", "submodule")
    source = workspace.source(recurseSubmodules=True)
    assert source["status"]["observedRecurseSubmodules"] is True
    assert files_of(source) == {"apps/a.yaml"}
    workspace.kustomization("apps")
    workspace.ready("apps")
    workspace.change("source", {"recurseSubmodules": False}, SOURCE)
    assert files_of(when(workspace, "source", "observedRecurseSubmodules", None)) == set()


def test_includes_follow_what_they_include(workspace: Workspace) -> None:
    other = other_repository(workspace, "other")
    workspace.commit({"top.yaml": config_map("top")})
    include = [{"repository": {"name": "other"}, "fromPath": "deploy", "toPath": "apps"}]
    workspace.source(ready=False, include=include)
    message = workspace.failed(
        "source", "NotFound", "could not get resource for include 'other'", kind=SOURCE
    )
    assert condition(workspace.get("source", SOURCE), "IncludeUnavailable")["reason"] == message["reason"]

    other.commit({"deploy/a.yaml": config_map("a", v="1"), "elsewhere.yaml": "x"})
    workspace.source("other", url=workspace.server.url(other.name))
    source = workspace.ready("source", kind=SOURCE)
    assert condition(source, "IncludeUnavailable") == {}
    assert files_of(source) == {"top.yaml", "apps/a.yaml"}
    assert source["status"]["observedInclude"] == include
    included = workspace.get("other", SOURCE)["status"]["artifact"]
    assert source["status"]["includedArtifacts"] == [included]

    workspace.kustomization("apps")
    workspace.ready("apps")
    other.commit({"deploy/b.yaml": config_map("b")})
    workspace.request_reconcile(SOURCE, "other")
    # Only the change of the included source starts this.
    until("b is live", lambda: workspace.api.get("v1", "ConfigMap", "b", workspace.namespace))
    assert files_of(workspace.ready("source", kind=SOURCE)) == {"top.yaml", "apps/a.yaml", "apps/b.yaml"}


def test_includes_in_a_circle_and_on_top_of_files_are_refused(workspace: Workspace) -> None:
    workspace.commit({"apps/a.yaml": config_map("a")})
    workspace.source("one", ready=False, include=[{"repository": {"name": "two"}}])
    workspace.source("two", ready=False, include=[{"repository": {"name": "one"}}])
    workspace.failed("one", "CopyFailure", "it includes 'one' itself", kind=SOURCE)
    workspace.source("plain")
    workspace.source("on-top", ready=False, include=[{"repository": {"name": "plain"}, "toPath": "apps"}])
    workspace.failed("on-top", "CopyFailure", "there is already something at 'apps'", kind=SOURCE)
    assert condition(workspace.get("on-top", SOURCE), "StorageOperationFailed")["status"] == "True"


def test_verification(workspace: Workspace, tmp_path: Path) -> None:
    key = generate_key()
    (tmp_path / "key").write_bytes(key.private)
    (tmp_path / "key").chmod(0o600)
    (tmp_path / "key.pub").write_text(key.public)
    workspace.repository.git("config", "gpg.format", "ssh")
    workspace.repository.git("config", "user.signingKey", str(tmp_path / "key"))
    signed = workspace.repository.commit({"apps/a.yaml": config_map("a")}, sign=True)
    workspace.repository.tag("v1.0.0", sign=True)
    workspace.secret("keys", {"ada.sshpub": key.public})
    workspace.secret("others", {"bob.sshpub": generate_key().public})

    source = workspace.source(verify={"mode": "HEAD", "secretRef": {"name": "keys"}})
    assert source["status"]["sourceVerificationMode"] == "HEAD"
    verified = condition(source, "SourceVerified")
    assert (verified["status"], verified["reason"]) == ("True", "Succeeded")
    assert verified["message"].startswith(f"verified signature of\n\t- commit '{signed}' with key 'SHA256:")

    # An unsigned commit does not get in; what there is stays.
    workspace.repository.commit({"apps/b.yaml": config_map("b")})
    workspace.request_sources()
    workspace.failed("source", "InvalidCommitSignature", "it is not signed", kind=SOURCE)
    status = workspace.get("source", SOURCE)["status"]
    assert status["artifact"]["revision"] == f"main@sha1:{signed}"
    assert condition(workspace.get("source", SOURCE), "SourceVerified")["status"] == "False"

    tag = workspace.source(
        "tag", ref={"tag": "v1.0.0"}, verify={"mode": "TagAndHEAD", "secretRef": {"name": "keys"}}
    )
    assert "- tag 'v1.0.0@" in condition(tag, "SourceVerified")["message"]
    for name, reason, message, spec in (
        ("others", "InvalidCommitSignature", "no matching key", {"ref": {"commit": signed}}),
        ("missing", "VerificationError", "public keys secret error", {}),
    ):
        workspace.source(name, ready=False, verify={"mode": "HEAD", "secretRef": {"name": name}}, **spec)
        workspace.failed(name, reason, message, kind=SOURCE)
    workspace.source("no-tag", ready=False, verify={"mode": "Tag", "secretRef": {"name": "keys"}})
    workspace.failed("no-tag", "InvalidVerificationMode", kind=SOURCE)
    assert condition(workspace.get("no-tag", SOURCE), "Stalled")["status"] == "True"

    workspace.change("source", {"verify": None}, SOURCE)
    source = when(workspace, "source", "sourceVerificationMode", None)
    assert condition(source, "SourceVerified") == {}


def test_a_proxy(workspace: Workspace) -> None:
    workspace.commit({"apps/a.yaml": config_map("a")})
    with HttpProxy(("ada", "pr0xy")) as proxy:
        workspace.secret("proxy", {"address": proxy.url, "username": "ada", "password": "pr0xy"})
        workspace.source(proxySecretRef={"name": "proxy"})
        assert proxy.targets
        workspace.source("none", ready=False, proxySecretRef={"name": "none"})
        workspace.failed("none", "AuthenticationFailed", "failed to configure proxy options", kind=SOURCE)


def test_mutual_tls(workspace: Workspace) -> None:
    workspace.commit({"apps/a.yaml": config_map("a")})
    authority, clients = Authority(), Authority("clients")
    with GitHttpServer(workspace.server.root, tls=authority.server_context(clients=clients)) as server:
        issued = clients.issue("operator")
        trust = {"ca.crt": authority.certificate.decode()}
        workspace.secret("trust", trust)
        workspace.secret(
            "client", trust | {"tls.crt": issued.certificate.decode(), "tls.key": issued.key.decode()}
        )
        url = server.url(workspace.repository.name)
        workspace.source(url=url, secretRef={"name": "client"})
        workspace.source("none", ready=False, url=url, secretRef={"name": "trust"})
        workspace.failed("none", "GitOperationFailed", kind=SOURCE)


def test_providers_that_do_not_fit(workspace: Workspace) -> None:
    workspace.commit({"apps/a.yaml": config_map("a")})
    workspace.source("github", ready=False, provider="github")
    workspace.failed(
        "github", "InvalidProviderConfiguration", "github app data must be specified", kind=SOURCE
    )
    assert condition(workspace.get("github", SOURCE), "Stalled")["status"] == "True"
    workspace.secret("app", {"githubAppID": "1"})
    workspace.source("generic", ready=False, secretRef={"name": "app"})
    workspace.failed("generic", "InvalidProviderConfiguration", "provider is not set to github", kind=SOURCE)
    workspace.source("azure", ready=False, provider="azure", serviceAccountName="tenant")
    workspace.failed("azure", "FeatureGateDisabled", "ObjectLevelWorkloadIdentity", kind=SOURCE)


def test_sha256_repositories(workspace: Workspace) -> None:
    repository = Repository(workspace.server.root, f"{workspace.namespace}-new", object_format="sha256")
    commit = repository.commit({"apps/a.yaml": config_map("a")})
    source = workspace.source(url=workspace.server.url(repository.name))
    assert source["status"]["artifact"]["revision"] == f"main@sha256:{commit}"
    assert files_of(source) == {"apps/a.yaml"}
    workspace.kustomization("apps")
    workspace.ready("apps", f"main@sha256:{commit}")
    newer = repository.commit({"apps/b.yaml": config_map("b")})
    workspace.request_reconcile(SOURCE, "source")
    workspace.ready("apps", f"main@sha256:{newer}")
    assert workspace.config_map("b") is not None


def test_a_suspended_source_is_not_asked(workspace: Workspace) -> None:
    revision = workspace.commit({"apps/a.yaml": config_map("a")})
    source = workspace.source()
    workspace.change("source", {"suspend": True}, SOURCE)
    newer = workspace.repository.commit({"apps/a.yaml": config_map("a", v="2")})
    stamp = workspace.request_reconcile(SOURCE, "source")
    until(
        "the request is answered",
        lambda: workspace.get("source", SOURCE)["status"].get("lastHandledReconcileAt") == stamp,
    )
    status = workspace.get("source", SOURCE)["status"]
    assert status["artifact"] == source["status"]["artifact"]
    assert status["artifact"]["revision"] == revision
    workspace.change("source", {"suspend": False}, SOURCE)
    workspace.ready("source", f"main@sha1:{newer}", kind=SOURCE)


def test_nothing_of_another_namespace_can_be_included(
    workspace: Workspace, api: Api, git_server: GitHttpServer
) -> None:
    workspace.commit({"top.yaml": config_map("top")})
    neighbor = Workspace(api, git_server, "neighbor")
    neighbor.commit({"secret.yaml": config_map("secret")})
    neighbor.source("other")
    for name in ("other", f"{neighbor.namespace}/other", f"../{neighbor.namespace}/other"):
        workspace.source(ready=False, include=[{"repository": {"name": name}}])
        workspace.failed("source", "NotFound", f"could not get resource for include '{name}'", kind=SOURCE)
    neighbor.close()
