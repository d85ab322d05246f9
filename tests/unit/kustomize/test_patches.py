"""Patches: by identity, by target, strategic merge and JSON."""

from __future__ import annotations

import json
from typing import Any

import pytest

from headgate.kustomize import BuildError, MemoryTree, build
from tests.support.transforming import images, run, workload

Obj = dict[str, Any]


def test_patches_by_id_by_target_and_as_json() -> None:
    merge = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web"},
        "spec": {"replicas": 3},
    }
    json_patch = [{"op": "add", "path": "/metadata/labels", "value": {"a": "b"}}]
    import orjson

    entries = [
        {"patch": orjson.dumps(merge).decode()},
        {"target": {"kind": "Dep.*"}, "patch": orjson.dumps({**merge, "spec": {"paused": True}}).decode()},
        {"target": {"name": "web"}, "patch": orjson.dumps(json_patch).decode()},
    ]
    (obj,) = run({"patches": entries}, workload())
    assert (obj["spec"]["replicas"], obj["spec"]["paused"], obj["metadata"]["labels"]) == (
        3,
        True,
        {"a": "b"},
    )


def test_what_a_json_patch_sees_of_the_names_noted_before() -> None:
    # Most JSON patches do not come near the notes; those that do find one for each patch, whatever it changed.
    notes = "/metadata/annotations/internal.config.kubernetes.io~1"
    patches: list[Obj] = [{"op": "add", "path": "/x", "value": 1}] * 3
    patches += [
        {"op": "replace", "path": "/metadata/name", "value": "b"},
        {"op": "copy", "from": f"{notes}previousNames", "path": "/seen"},
        {"op": "add", "path": f"{notes}prefixes", "value": "p,q"},
        {"op": "add", "path": "/y", "value": 1},
        {"op": "copy", "from": f"{notes}prefixes", "path": "/prefixes"},
    ]
    entries = [{"target": {"kind": "ConfigMap"}, "patch": json.dumps([patch])} for patch in patches]
    files = {
        "base/kustomization.yaml": "namePrefix: m,n-\nresources: [all.yaml]\n",
        "base/all.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, annotations: {n: '1'}}\n",
        "kustomization.yaml": json.dumps({"resources": ["base"], "patches": entries}),
    }
    (found,) = build(MemoryTree(files), "")
    assert (found["seen"], found["prefixes"]) == ("a,m,n-a,m,n-a,m,n-a,m,n-a,b", "m,n-")
    assert found["metadata"] == {"name": "b", "annotations": {"n": "1"}}


def test_lists_are_merged_by_their_keys() -> None:
    patch = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec: {template: {spec: {containers: %s}}}"
    for containers, expected in (
        ("[{name: new, image: n}, {name: side, image: s}]", ["n", "s", "registry.example.com:5000/web:1.0"]),
        ("[{name: side, $patch: delete}]", ["registry.example.com:5000/web:1.0"]),
        ("[{$patch: replace}, {name: z, image: z}]", ["z"]),
    ):
        assert images(run({"patches": [{"patch": patch % containers}]}, workload())[0]) == expected


def test_a_patch_may_delete_or_rename() -> None:
    delete = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\n$patch: delete\n"
    assert run({"patches": [{"patch": delete}]}, workload()) == []
    rename = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: other}\n"
    target = {"kind": "Deployment"}
    assert run({"patches": [{"patch": rename, "target": target}]}, workload())[0]["metadata"]["name"] == "web"
    options = {"patch": rename, "target": target, "options": {"allowNameChange": True}}
    assert run({"patches": [options]}, workload())[0]["metadata"]["name"] == "other"


def test_a_patch_that_names_two_the_same() -> None:
    rename = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: same}\n"
    entry = {"patch": rename, "target": {"kind": "Deployment"}, "options": {"allowNameChange": True}}
    with pytest.raises(BuildError, match="two resources end up with the same id"):
        run({"patches": [entry]}, workload("a"), workload("b"))


def test_of_a_key_given_twice_in_a_patch_the_first_counts() -> None:
    patch = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web, name: b}\nspec: {replicas: 1, replicas: 2}\n"
    assert run({"patches": [{"patch": patch}]}, workload())[0]["spec"]["replicas"] == 1
