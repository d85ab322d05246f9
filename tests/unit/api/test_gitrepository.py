"""GitRepositories from raw objects, and sources of any kind."""

from __future__ import annotations

from typing import Any

import pytest

from headgate.api import (
    Artifact,
    GitRepository,
    GitRepositoryRef,
    InvalidSpec,
    InvalidStatus,
    ObjectKey,
)

ARTIFACT = {
    "digest": "sha256:1",
    "lastUpdateTime": "2026-01-01T00:00:00Z",
    "path": "a/b.tar.gz",
    "revision": "main@sha1:1",
    "size": 7,
    "url": "http://source/a/b.tar.gz",
}


def obj(**spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "source.toolkit.fluxcd.io/v1",
        "kind": "GitRepository",
        "metadata": {"name": "repo", "namespace": "flux-system", "generation": 1},
        "spec": {"url": "https://example.org/repo.git", "interval": "1m"} | spec,
    }


def parse(**spec: Any) -> GitRepository:
    return GitRepository.from_object(obj(**spec))


def test_minimal() -> None:
    repo = parse()
    assert repo.key == ObjectKey("flux-system", "repo")
    assert (repo.spec.interval, repo.spec.timeout, repo.spec.provider) == (60, 60, "generic")
    assert repo.spec.ignore is None
    assert repo.ref == GitRepositoryRef(branch="master")


@pytest.mark.parametrize(
    ("ref", "expected"),
    [
        ({}, GitRepositoryRef(branch="master")),
        ({"branch": "main"}, GitRepositoryRef(branch="main")),
        ({"semver": ">=1.0.0"}, GitRepositoryRef(semver=">=1.0.0")),
        ({"commit": "abc", "branch": "main"}, GitRepositoryRef(commit="abc", branch="main")),
        ({"tag": None}, GitRepositoryRef(branch="master")),
    ],
)
def test_ref(ref: dict[str, Any], expected: GitRepositoryRef) -> None:
    assert parse(ref=ref).ref == expected


def test_all_fields() -> None:
    spec = parse(
        timeout="2m",
        secretRef={"name": "auth"},
        provider="azure",
        serviceAccountName="git",
        verify={"mode": "head", "secretRef": {"name": "keys"}},
        proxySecretRef={"name": "proxy"},
        ignore="",
        suspend=True,
        recurseSubmodules=True,
        include=[
            {"repository": {"name": "other"}, "fromPath": "deploy"},
            {"repository": {"name": "x"}, "toPath": "y"},
        ],
        sparseCheckout=["apps"],
    ).spec
    assert spec.timeout == 120
    assert spec.secret_ref is not None
    assert spec.secret_ref.name == "auth"
    assert (spec.provider, spec.service_account_name) == ("azure", "git")
    assert spec.verify is not None
    assert (spec.verify.mode, spec.verify.secret_ref.name) == ("HEAD", "keys")
    assert spec.proxy_secret_ref is not None
    assert spec.proxy_secret_ref.name == "proxy"
    assert spec.ignore == ""
    assert spec.suspend
    assert spec.recurse_submodules
    assert [i.target_path for i in spec.include] == ["other", "y"]
    assert spec.include[0].from_path == "deploy"
    assert spec.sparse_checkout == ("apps",)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"url": None}, "spec.url: is required"),
        ({"url": "ext::sh -c id"}, "spec.url: must begin with one of http://, https://, ssh://"),
        ({"url": "file:///etc"}, "spec.url: must begin with one of"),
        ({"url": "-u:x@ftp://s3cret"}, "spec.url: must begin with one of"),
        ({"provider": "gcp"}, "spec.provider: must be one of generic, aws, azure, github, not 'gcp'"),
        ({"serviceAccountName": "x"}, "spec.serviceAccountName: can only be set when provider is"),
        ({"verify": {"mode": "HEAD"}}, "spec.verify.secretRef: is required"),
        ({"include": [{}]}, "spec.include[0].repository: is required"),
        ({"ref": "main"}, "spec.ref: must be a mapping, not a string"),
    ],
)
def test_invalid(spec: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidSpec) as error:
        parse(**spec)
    assert str(error.value).startswith(message)
    assert "s3cret" not in str(error.value)


def test_an_artifact_has_what_consumers_need() -> None:
    assert Artifact.parse(ARTIFACT) == Artifact("main@sha1:1", "sha256:1", "http://source/a/b.tar.gz")


@pytest.mark.parametrize("name", ["revision", "url"])
def test_unusable_artifact(name: str) -> None:
    with pytest.raises(InvalidStatus, match=rf"status\.artifact\.{name}: is required"):
        Artifact.parse({k: v for k, v in ARTIFACT.items() if k != name})
