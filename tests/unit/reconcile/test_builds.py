"""From a tree to the objects to apply: substitution, common metadata, what is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from headgate.kustomize import BuildError, MemoryTree
from headgate.postbuild import Variables
from headgate.reconcile.builds import (
    BuildRules,
    PathNotFound,
    PostBuildFailed,
    StillEncrypted,
    build_directory,
    build_objects,
)
from headgate.reconcile.config import Config
from headgate.reconcile.decryption import DecryptionFailed, Keys
from headgate.reconcile.inputs import ClusterInputs, references, source_references
from headgate.reconcile.keys import SharedKeys

CONFIG = """\
apiVersion: v1
kind: ConfigMap
metadata:
  name: settings
data:
  region: ${region}
"""
ENCRYPTED = """\
apiVersion: v1
kind: Secret
metadata:
  name: password
stringData:
  value: ENC[AES256_GCM,data:x,iv:x,tag:x,type:str]
sops:
  mac: ENC[AES256_GCM,data:x,iv:x,tag:x,type:str]
"""


def _tree(**files: str) -> MemoryTree:
    return MemoryTree({f"app/{name}.yaml": text.encode() for name, text in files.items()})


def _spec(**fields: Any) -> dict[str, Any]:
    return {"path": "./app", **fields}


def test_variables_are_substituted() -> None:
    inputs = ClusterInputs("1", Variables({"region": "eu"}))
    built = build_objects(_tree(a=CONFIG), _spec(), inputs)
    assert [o["data"] for o in built.objects] == [{"region": "eu"}]


def test_without_post_build_variables_stay() -> None:
    assert build_objects(_tree(a=CONFIG), _spec()).objects[0]["data"] == {"region": "${region}"}


def test_a_variable_without_value_names_object_and_variable() -> None:
    inputs = ClusterInputs("1", Variables({"other": "x"}))
    with pytest.raises(PostBuildFailed, match=r"ConfigMap/settings.*region"):
        build_objects(_tree(a=CONFIG), _spec(), inputs)


def test_a_variable_without_value_is_empty_where_that_is_chosen() -> None:
    inputs = ClusterInputs("1", Variables({"other": "x"}))
    built = build_objects(_tree(a=CONFIG), _spec(), inputs, BuildRules(strict_substitutions=False))
    assert built.objects[0]["data"] == {"region": None}


@pytest.mark.parametrize(
    ("text", "value"),
    [("yes", True), ("2024-01-02", "2024-01-02"), ("0o17", 15), ("017", 15), ("2.0", 2), ("1e3", 1000)],
)
def test_what_is_substituted_is_read_as_flux_reads_it(text: str, value: Any) -> None:
    built = build_objects(_tree(a=CONFIG), _spec(), ClusterInputs("1", Variables({"region": text})))
    assert built.objects[0]["data"] == {"region": value}
    assert type(built.objects[0]["data"]["region"]) is type(value)


def test_whole_numbers_reach_the_api_server_as_such() -> None:
    numbers = "apiVersion: example.com/v1\nkind: Web\nmetadata: {name: web}\n"
    numbers += "spec: {replicas: 2.0, many: 1e6, ratio: 0.5, listed: [1.0, 1.5], huge: 1e30}\n"
    spec = build_objects(_tree(a=numbers), _spec()).objects[0]["spec"]
    assert repr(spec) == "{'replicas': 2, 'many': 1000000, 'ratio': 0.5, 'listed': [1, 1.5], 'huge': 1e+30}"


def test_files_beside_the_directory_are_read_as_far_as_the_source_reaches() -> None:
    files = {
        "app/kustomization.yaml": "resources: [../shared/config.yaml]\n",
        "shared/config.yaml": CONFIG,
        "out/kustomization.yaml": "resources: [../../config.yaml]\n",
    }
    assert len(build_objects(MemoryTree(files), _spec()).objects) == 1
    with pytest.raises(BuildError, match="leads out of the tree"):
        build_objects(MemoryTree(files), _spec(path="./out"))


def test_a_kustomization_file_among_the_resources_is_not_applied() -> None:
    files = {
        "app/kustomization.yaml": "resources: [config.yaml, other.yaml]\n",
        "app/config.yaml": CONFIG,
        "app/other.yaml": "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nmetadata: {name: a}\n",
    }
    assert [o["kind"] for o in build_objects(MemoryTree(files), _spec()).objects] == ["ConfigMap"]


def test_the_kustomization_file_is_read_as_flux_reads_it() -> None:
    text = "generatorOptions: {disableNameSuffixHash: yes}\n"
    text += "images: [{name: nginx, newTag: 1.10}]\nconfigMapGenerator: [{name: a, literals: [b=c]}]\n---\nmore: 1\n"
    built = build_objects(MemoryTree({"app/kustomization.yaml": text}), _spec(namePrefix="x-"))
    assert [o["metadata"]["name"] for o in built.objects] == ["x-a"]
    text = "resources: [pod.yaml]\nimages: [{name: nginx, newTag: 1.10}]\n"
    text += "labels: [{pairs: {a: 1, b: yes, c: 123456.789}}]\n"
    pod = "{apiVersion: v1, kind: Pod, metadata: {name: a}, spec: {containers: [{name: a, image: nginx}]}}"
    built = build_objects(MemoryTree({"app/kustomization.yaml": text, "app/pod.yaml": pod}), _spec())
    assert built.objects[0]["metadata"]["labels"] == {"a": "1", "b": "true", "c": "123456.79"}
    assert built.objects[0]["spec"]["containers"][0]["image"] == "nginx:1.1"


@pytest.mark.parametrize("keys", [None, Keys("1")])
def test_ciphertext_is_never_applied(keys: Keys | None) -> None:
    with pytest.raises((StillEncrypted, DecryptionFailed), match=r"Secret/password( is SOPS encrypted|: )"):
        build_objects(_tree(a=ENCRYPTED), _spec(), ClusterInputs(keys=keys))


def test_common_metadata_wins() -> None:
    text = CONFIG.replace("  name: settings", "  name: settings\n  labels:\n    team: a\n    app: x")
    spec = _spec(commonMetadata={"labels": {"team": "b"}, "annotations": {"note": "1"}})
    meta = build_objects(_tree(a=text), spec).objects[0]["metadata"]
    assert meta["labels"] == {"team": "b", "app": "x"}
    assert meta["annotations"] == {"note": "1"}


@pytest.mark.parametrize(("path", "what"), [("./gone", "no such directory"), ("./app/a.yaml", "is a file")])
def test_a_missing_path_is_told(path: str, what: str) -> None:
    with pytest.raises(PathNotFound, match=what):
        build_objects(_tree(a=CONFIG), {"path": path})


@pytest.mark.parametrize(
    ("path", "directory"),
    [(None, ""), ("./", ""), ("./apps/a", "apps/a"), ("/apps", "apps"), ("../../etc", "etc")],
)
def test_paths_stay_in_the_tree(path: str | None, directory: str) -> None:
    assert build_directory(path) == directory


def test_an_object_without_a_name_is_refused() -> None:
    with pytest.raises(BuildError, match=r"metadata\.name"):
        build_objects(_tree(a="apiVersion: v1\nkind: ConfigMap\n"), _spec())


def test_the_digest_follows_the_objects() -> None:
    one, same = build_objects(_tree(a=CONFIG), _spec()), build_objects(_tree(b=CONFIG), _spec())
    other = build_objects(_tree(a=CONFIG.replace("settings", "others")), _spec())
    assert one.digest == same.digest != other.digest


def test_all_references_of_a_kustomization_are_known() -> None:
    found = references(
        {
            "metadata": {"namespace": "team"},
            "spec": {
                "postBuild": {"substituteFrom": [{"kind": "ConfigMap", "name": "vars"}]},
                "decryption": {"provider": "sops", "secretRef": {"name": "keys"}},
                "kubeConfig": {"secretRef": {"name": "cluster"}},
            },
        }
    )
    assert [(r.kind, r.namespace, r.name) for r in found] == [
        ("ConfigMap", "team", "vars"),
        ("Secret", "team", "keys"),
        ("Secret", "team", "cluster"),
    ]


def test_keys_of_the_operator_concern_those_without_any() -> None:
    config = Config(
        Path("/data"), sops_age_secret="age", sops_vault_configmap="vaults", runtime_namespace="system"
    )
    shared = SharedKeys.of(config)

    def named(decryption: dict[str, Any] | None) -> list[str]:
        obj = {"metadata": {"namespace": "team"}, "spec": {"decryption": decryption}}
        return sorted(f"{r.kind} {r.namespace}/{r.name}" for r in references(obj, shared))

    assert named(None) == []
    assert named({"provider": "sops"}) == ["ConfigMap system/vaults", "Secret system/age"]
    own = {"provider": "sops", "secretRef": {"name": "keys"}}
    assert named(own) == ["ConfigMap system/vaults", "Secret team/keys"]
    assert SharedKeys.of(replace(config, runtime_namespace="")) == SharedKeys(None, None)


def test_all_references_of_a_source_are_known() -> None:
    spec = {
        "secretRef": {"name": "a"},
        "proxySecretRef": {"name": "b"},
        "verify": {"secretRef": {"name": "c"}},
    }
    found = source_references({"metadata": {"namespace": "team"}, "spec": spec})
    assert [r.name for r in found] == ["a", "b", "c"]
