"""Replacements and variables."""

from __future__ import annotations

from typing import Any

import pytest

from headgate.kustomize import BuildError
from tests.support.transforming import images, run, workload

Obj = dict[str, Any]


def test_replacements() -> None:
    source = {"kind": "Deployment", "fieldPath": "spec.template.spec.containers.[name=main].image"}
    entry = {
        "source": {**source, "options": {"delimiter": ":", "index": 2}},
        "targets": [
            {
                "select": {"kind": "Deployment"},
                "fieldPaths": ["metadata.labels.version", "spec.template.spec.containers.*.image"],
                "options": {"create": True},
            }
        ],
    }
    (obj,) = run({"replacements": [entry]}, workload())
    assert (obj["metadata"]["labels"], images(obj)) == ({"version": 1.0}, ["1.0", "1.0"])


def test_a_replacement_that_renames_is_followed_by_the_next() -> None:
    entries = [
        {"sourceValue": "new", "targets": [{"select": {"name": "web"}, "fieldPaths": ["metadata.name"]}]},
        {
            "sourceValue": "x",
            "targets": [
                {"select": {"name": "new"}, "fieldPaths": ["metadata.labels.a"], "options": {"create": True}}
            ],
        },
    ]
    (obj,) = run({"replacements": entries}, workload())
    assert obj["metadata"] == {"name": "new", "labels": {"a": "x"}}


@pytest.mark.parametrize("path", [".", " ", ".."])
def test_a_path_without_names_copies_the_whole_object(path: str) -> None:
    source: Obj = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}, "data": {"a": "b"}}
    entry = {
        "source": {"kind": "ConfigMap", "fieldPath": path},
        "targets": [
            {"select": {"kind": "ConfigMap"}, "fieldPaths": ["data.a"]},
            {"select": {"kind": "Deployment"}, "fieldPaths": ["spec.template.spec.containers.0"]},
        ],
    }
    deployment, kept = run({"replacements": [entry]}, workload(), source)
    assert deployment["spec"]["template"]["spec"]["containers"][0] == kept
    assert kept["data"] == {"a": ""}


def test_rejected_targets_are_left_alone() -> None:
    entry = {
        "sourceValue": "x",
        "targets": [
            {"select": {"kind": "Deployment"}, "reject": [{"name": "b"}], "fieldPaths": ["metadata.name"]}
        ],
    }
    assert [
        each["metadata"]["name"] for each in run({"replacements": [entry]}, workload("a"), workload("b"))
    ] == ["x", "b"]


def test_variables() -> None:
    obj = workload()
    obj["spec"]["template"]["spec"]["containers"][0]["args"] = ["--name=$(NAME)", "$$(NAME)", "$(OTHER)"]
    var = {"name": "NAME", "objref": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}}
    (found,) = run({"vars": [var], "namePrefix": "p-"}, obj)
    args = found["spec"]["template"]["spec"]["containers"][0]["args"]
    assert args == ["--name=p-web", "$(NAME)", "$(OTHER)"]


def test_a_variable_that_fits_several() -> None:
    first, second = workload(), workload()
    first["metadata"]["namespace"] = "x"
    var = {"name": "NAME", "objref": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}}
    with pytest.raises(BuildError, match="the variable 'NAME' matches several objects"):
        run({"vars": [var]}, first, second)
