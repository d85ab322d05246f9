"""From a tree to the objects to apply: substitution, common metadata, what is refused."""

from __future__ import annotations

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
from headgate.reconcile.decryption import DecryptionFailed, Keys
from headgate.reconcile.inputs import ClusterInputs, references, source_references

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


def test_all_references_of_a_source_are_known() -> None:
    spec = {
        "secretRef": {"name": "a"},
        "proxySecretRef": {"name": "b"},
        "verify": {"secretRef": {"name": "c"}},
    }
    found = source_references({"metadata": {"namespace": "team"}, "spec": spec})
    assert [r.name for r in found] == ["a", "b", "c"]
