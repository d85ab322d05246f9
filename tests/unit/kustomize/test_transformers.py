"""Each transformer, generator and plugin on its own: what it does, and what it says when it cannot."""

from __future__ import annotations

from typing import Any

import pytest

from headgate.kustomize import BuildError, MemoryTree, build
from headgate.kustomize.transform.valueadd import insert_part
from tests.support.transforming import run, workload

Obj = dict[str, Any]


# labels, annotations, names, namespace, replicas


def test_labels_and_selectors() -> None:
    plain = run({"labels": [{"pairs": {"a": "b"}}]}, workload())[0]
    assert plain["metadata"]["labels"] == {"a": "b"}
    assert "selector" not in plain["spec"]
    whole = run({"labels": [{"pairs": {"a": "b"}, "includeSelectors": True}]}, workload())[0]
    assert (
        whole["spec"]["selector"]["matchLabels"]
        == whole["spec"]["template"]["metadata"]["labels"]
        == {"a": "b"}
    )
    templates = run({"labels": [{"pairs": {"a": "b"}, "includeTemplates": True}]}, workload())[0]
    assert "selector" not in templates["spec"]
    assert templates["spec"]["template"]["metadata"]["labels"] == {"a": "b"}


def test_labels_where_there_is_no_map() -> None:
    obj = workload()
    obj["metadata"]["labels"] = ["x"]
    with pytest.raises(BuildError, match="field metadata/labels: "):
        run({"labels": [{"pairs": {"a": "b"}}]}, obj)


def test_annotations_reach_templates() -> None:
    obj = run({"commonAnnotations": {"a": "b"}}, workload())[0]
    assert obj["metadata"]["annotations"] == obj["spec"]["template"]["metadata"]["annotations"] == {"a": "b"}


def test_names_and_what_refers_to_them() -> None:
    config_map = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}}
    crd = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "x.y"},
    }
    obj = workload(volumes=[{"name": "v", "configMap": {"name": "c"}}])
    found = run({"namePrefix": "p-", "nameSuffix": "-s"}, obj, config_map, crd)
    assert [each["metadata"]["name"] for each in found] == ["p-web-s", "p-c-s", "x.y"]
    assert found[0]["spec"]["template"]["spec"]["volumes"][0]["configMap"]["name"] == "p-c-s"


def test_one_base_used_by_many_refers_to_its_own() -> None:
    count = 30
    files = {
        "base/kustomization.yaml": "resources: [w.yaml]\nconfigMapGenerator: [{name: c, literals: [a=b]}]\n",
        "base/w.yaml": "apiVersion: v1\nkind: Pod\nmetadata: {name: w}\n"
        "spec: {volumes: [{name: v, configMap: {name: c}}]}\n",
        "kustomization.yaml": f"resources: [{', '.join(f't{index}' for index in range(count))}]\nnameSuffix: -all\n",
        **{
            f"t{index}/kustomization.yaml": f"namePrefix: t{index}-\nresources: [../base]\n"
            for index in range(count)
        },
    }
    found = build(MemoryTree(files), "")
    referred = [each["spec"]["volumes"][0]["configMap"]["name"] for each in found if each["kind"] == "Pod"]
    assert referred == [each["metadata"]["name"] for each in found if each["kind"] == "ConfigMap"]
    assert len(set(referred)) == count


def test_namespace_moves_all_but_what_has_none() -> None:
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}}
    binding = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "RoleBinding",
        "metadata": {"name": "r"},
        "roleRef": {"kind": "Role", "name": "x", "apiGroup": "rbac.authorization.k8s.io"},
        "subjects": [{"kind": "ServiceAccount", "name": "default"}, {"kind": "User", "name": "u"}],
    }
    found = run({"namespace": "there"}, workload(), namespace, binding)
    assert [each["metadata"].get("namespace") for each in found] == ["there", None, "there"]
    assert found[2]["subjects"] == [
        {"kind": "ServiceAccount", "name": "default", "namespace": "there"},
        {"kind": "User", "name": "u"},
    ]


def test_namespace_that_makes_two_equal() -> None:
    first, second = workload(), workload()
    first["metadata"]["namespace"], second["metadata"]["namespace"] = "a", "b"
    with pytest.raises(BuildError, match="two resources end up with the same id"):
        run({"namespace": "c"}, first, second)


def test_replicas_by_any_name_it_had() -> None:
    files = {"sub/kustomization.yaml": "namePrefix: x-\nresources: [w.yaml]\n", "sub/w.yaml": ""}
    import orjson

    files["sub/w.yaml"] = orjson.dumps(workload()).decode()
    for name in ("web", "x-web"):
        kustomization = {"resources": ["sub"], "replicas": [{"name": name, "count": 7}]}
        assert run(kustomization, files=files)[0]["spec"]["replicas"] == 7


# plugins that are built in, configurations and definitions

PREFIX = """\
apiVersion: builtin
kind: PrefixTransformer
metadata: {name: p}
prefix: p-
fieldSpecs: [{path: metadata/name}]
"""
VALUE = """\
apiVersion: builtin
kind: ValueAddTransformer
metadata: {name: v}
value: x
targets: [{fieldPath: spec/n}]
"""


def test_built_in_transformers_from_files_and_inline() -> None:
    (obj,) = run({"transformers": [PREFIX, "t.yaml"]}, workload(), files={"t.yaml": VALUE})
    assert (obj["metadata"]["name"], obj["spec"]["n"]) == ("p-web", "x")


@pytest.mark.parametrize(
    ("path", "position", "result"), [("/a/b", 1, "/a/x/b"), ("a/b", 9, "a/b/x"), ("", 0, "x"), ("/", 0, "/x")]
)
def test_parts_of_file_paths(path: str, position: int, result: str) -> None:
    assert insert_part(path, position, "x") == result


def test_validators_may_not_change_anything() -> None:
    with pytest.raises(BuildError, match="the validator PrefixTransformer changes resources"):
        run({"validators": ["v.yaml"]}, workload(), files={"v.yaml": PREFIX})


def test_configurations_and_crds_add_references() -> None:
    thing = {
        "apiVersion": "example.com/v1",
        "kind": "Thing",
        "metadata": {"name": "t"},
        "spec": {"one": "c", "two": {"name": "c"}},
    }
    config_map = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}}
    configuration = "nameReference:\n- kind: ConfigMap\n  fieldSpecs: [{kind: Thing, path: spec/one}]\n"
    definitions = """\
com.example.v1.Thing:
  Schema:
    properties: {apiVersion: {}, kind: {}, metadata: {}, spec: {$ref: spec}}
spec:
  Schema:
    properties: {two: {x-kubernetes-object-ref-api-version: v1, x-kubernetes-object-ref-kind: ConfigMap}}
"""
    kustomization = {"namePrefix": "p-", "configurations": ["c.yaml"], "crds": ["d.yaml"]}
    found = run(kustomization, thing, config_map, files={"c.yaml": configuration, "d.yaml": definitions})
    assert found[0]["spec"] == {"one": "p-c", "two": {"name": "p-c"}}


def test_definitions_that_double_without_end() -> None:
    levels = "".join(
        f"d{level}: {{Schema: {{properties: {{a: {{$ref: d{level + 1}}}, b: {{$ref: d{level + 1}}}}}}}}}\n"
        for level in range(60)
    )
    top = "com.example.Thing: {Schema: {properties: {apiVersion: {}, kind: {}, metadata: {}, spec: {$ref: d0}}}}\n"
    with pytest.raises(BuildError, match=r"d.yaml: the definitions expand to more than 100000 fields"):
        run({"crds": ["d.yaml"]}, workload(), files={"d.yaml": top + levels})


def test_an_openapi_document_makes_lists_of_custom_resources_merge() -> None:
    thing = {
        "apiVersion": "example.com/v1",
        "kind": "Thing",
        "metadata": {"name": "t"},
        "spec": {"l": [{"name": "a", "v": 1}, {"name": "b"}]},
    }
    patch = "apiVersion: example.com/v1\nkind: Thing\nmetadata: {name: t}\nspec: {l: [{name: a, v: 2}]}\n"
    document = """\
definitions:
  thing:
    type: object
    x-kubernetes-group-version-kind: [{group: example.com, version: v1, kind: Thing}]
    properties:
      spec:
        type: object
        properties:
          l:
            type: array
            x-kubernetes-patch-merge-key: name
            x-kubernetes-patch-strategy: merge
            items: {type: object}
"""
    assert run({"patches": [{"patch": patch}]}, thing)[0]["spec"]["l"] == [{"name": "a", "v": 2}]
    kustomization = {"patches": [{"patch": patch}], "openapi": {"path": "o.yaml"}}
    assert run(kustomization, thing, files={"o.yaml": document})[0]["spec"]["l"] == [
        {"name": "a", "v": 2},
        {"name": "b"},
    ]


def test_origins_are_reported_when_asked_for() -> None:
    kustomization = {
        "buildMetadata": ["originAnnotations", "transformerAnnotations", "managedByLabel"],
        "namePrefix": "p-",
        "images": [{"name": "a"}, {"name": "b"}],
    }
    (obj,) = run(kustomization, workload())
    annotations = obj["metadata"]["annotations"]
    assert annotations["config.kubernetes.io/origin"] == "path: all.yaml\n"
    assert annotations["alpha.config.kubernetes.io/transformations"].count("kind: ImageTagTransformer") == 2
    assert obj["metadata"]["labels"]["app.kubernetes.io/managed-by"].startswith("kustomize-v5")


def test_local_configuration_does_not_come_out() -> None:
    obj = workload()
    obj["metadata"]["annotations"] = {"config.kubernetes.io/local-config": "true"}
    assert run({}, obj) == []


def test_values_of_the_caller_are_his() -> None:
    first = run({}, workload())
    first[0]["metadata"]["name"] = "changed"
    assert run({}, workload())[0]["metadata"]["name"] == "web"
