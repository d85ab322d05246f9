"""Kustomizations from raw objects."""

from __future__ import annotations

from typing import Any

import pytest

from headgate.api import InvalidSpec, Kustomization, ObjectKey, Reference
from headgate.api.kustomization import Dependency, Patch, Selector, SubstituteReference


def obj(**spec: Any) -> dict[str, Any]:
    minimal = {"interval": "10m", "prune": True, "sourceRef": {"kind": "GitRepository", "name": "repo"}}
    return {
        "apiVersion": "kustomize.toolkit.fluxcd.io/v1",
        "kind": "Kustomization",
        "metadata": {"name": "apps", "namespace": "flux-system", "generation": 3},
        "spec": {k: v for k, v in (minimal | spec).items() if v is not ...},
    }


def parse(**spec: Any) -> Kustomization:
    return Kustomization.from_object(obj(**spec))


def test_minimal() -> None:
    ks = parse()
    assert (ks.key, ks.generation, ks.requested_at) == (ObjectKey("flux-system", "apps"), 3, None)
    assert ks.source == Reference("GitRepository", "repo", "flux-system")
    assert (ks.timeout, ks.retry_interval, ks.deletion_policy) == (570, 600, "MirrorPrune")
    assert ks.dependencies == ()
    assert [ks.spec.wait, ks.spec.force, ks.spec.suspend] == [False] * 3


@pytest.mark.parametrize(
    ("interval", "timeout", "expected"),
    [
        ("10m", ..., 570),
        ("1m", ..., 30),
        ("10s", ..., 30),
        ("10m", "5s", 5),
        ("1m", "10m", 600),
        ("1h", "0s", 0),
    ],
)
def test_timeout(interval: str, timeout: Any, expected: float) -> None:
    assert parse(interval=interval, timeout=timeout).timeout == expected


def test_retry_interval() -> None:
    assert parse(retryInterval="30s").retry_interval == 30


def test_references() -> None:
    ks = parse(
        sourceRef={"kind": "Bucket", "name": "b", "namespace": "other"},
        dependsOn=[{"name": "a"}, {"name": "b", "namespace": "other", "readyExpr": "true"}],
        healthChecks=[{"kind": "Deployment", "name": "web", "namespace": "apps"}],
    )
    assert str(ks.source) == "Bucket/other/b"
    assert ks.dependencies == (ObjectKey("flux-system", "a"), ObjectKey("other", "b"))
    assert ks.spec.depends_on[1] == Dependency("b", "other", "true")
    assert ks.spec.health_checks == (Reference("Deployment", "web", "apps", "apps/v1"),)


def test_requested_at() -> None:
    raw = obj()
    raw["metadata"]["annotations"] = {"reconcile.fluxcd.io/requestedAt": "now"}
    assert Kustomization.from_object(raw).requested_at == "now"


def test_nested_fields() -> None:
    spec = parse(
        commonMetadata={"labels": {"team": "a"}, "annotations": None},
        postBuild={
            "substitute": {"a": "1"},
            "substituteFrom": [{"kind": "Secret", "name": "vars", "optional": True}],
        },
        patches=[{"patch": "- op: remove", "target": {"kind": "Deployment", "labelSelector": "app=web"}}],
        images=[{"name": "nginx", "newTag": "2", "digest": "sha256:1"}],
        decryption={"provider": "sops", "secretRef": {"name": "keys"}},
        kubeConfig={"secretRef": {"name": "remote", "key": "config"}},
        healthCheckExprs=[{"apiVersion": "a/v1", "kind": "B", "current": "true"}],
        ignore=[{"paths": ["/spec/replicas"], "target": {"name": "web"}}],
        buildMetadata=["originAnnotations"],
        components=["../c"],
    ).spec
    assert spec.common_metadata is not None
    assert spec.common_metadata.labels == {"team": "a"}
    assert spec.common_metadata.annotations == {}
    assert spec.post_build is not None
    assert spec.post_build.substitute_from == (SubstituteReference("Secret", "vars", True),)
    assert spec.post_build.substitute_strategy == "WithVariables"
    assert spec.patches == (Patch("- op: remove", Selector(kind="Deployment", label_selector="app=web")),)
    assert (spec.images[0].new_tag, spec.images[0].new_name, spec.images[0].digest) == ("2", "", "sha256:1")
    assert spec.decryption is not None
    assert spec.decryption.secret_ref is not None
    assert spec.decryption.secret_ref.name == "keys"
    assert spec.kube_config is not None
    assert spec.kube_config.secret_ref is not None
    assert (spec.kube_config.secret_ref.name, spec.kube_config.secret_ref.key) == ("remote", "config")
    assert spec.health_check_exprs[0].current == "true"
    assert spec.ignore[0].paths == ("/spec/replicas",)
    assert spec.build_metadata == ("originAnnotations",)
    assert spec.components == ("../c",)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"interval": ...}, "spec.interval: is required"),
        (
            {"interval": "soon"},
            'spec.interval: must be a duration such as "30s", "10m" or "1h30m", not \'soon\'',
        ),
        ({"interval": 600}, "spec.interval: must be a string, not a whole number"),
        ({"timeout": "-1s"}, "spec.timeout: must not be negative, got '-1s'"),
        ({"prune": ...}, "spec.prune: is required"),
        ({"prune": "yes"}, "spec.prune: must be true or false, not a string"),
        ({"sourceRef": ...}, "spec.sourceRef: is required"),
        ({"sourceRef": {"kind": "GitRepository"}}, "spec.sourceRef.name: is required"),
        ({"sourceRef": {"name": "x"}}, "spec.sourceRef.kind: is required"),
        (
            {"sourceRef": {"kind": "HelmChart", "name": "x"}},
            "spec.sourceRef.kind: must be one of OCIRepository, GitRepository, Bucket, ExternalArtifact, not",
        ),
        ({"dependsOn": [{"name": "a"}, {}]}, "spec.dependsOn[1].name: is required"),
        ({"dependsOn": "a"}, "spec.dependsOn: must be a list, not a string"),
        ({"components": ["a", 1]}, "spec.components[1]: must be a string, not a whole number"),
        ({"deletionPolicy": "Keep"}, "spec.deletionPolicy: must be one of MirrorPrune, Delete,"),
        (
            {"buildMetadata": ["all"]},
            "spec.buildMetadata: must be one of originAnnotations, transformerAnnotations,",
        ),
        ({"kubeConfig": {}}, "spec.kubeConfig: exactly one of configMapRef and secretRef must be set"),
        ({"commonMetadata": {"labels": {"a": 1}}}, "spec.commonMetadata.labels.a: must be a string"),
        ({"decryption": {"provider": "age"}}, "spec.decryption.provider: must be one of sops, not 'age'"),
        (
            {"postBuild": {"substituteFrom": [{"name": "a"}]}},
            "spec.postBuild.substituteFrom[0].kind: is required",
        ),
    ],
)
def test_invalid(spec: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidSpec) as error:
        parse(**spec)
    assert str(error.value).startswith(message)


def test_no_spec_at_all() -> None:
    raw = obj()
    del raw["spec"]
    with pytest.raises(InvalidSpec, match=r"^spec: must be a mapping"):
        Kustomization.from_object(raw)


def test_a_value_of_the_wrong_type_is_not_quoted() -> None:
    with pytest.raises(InvalidSpec) as error:
        parse(postBuild={"substitute": {"password": ["s3cret"]}})
    assert "s3cret" not in str(error.value)
