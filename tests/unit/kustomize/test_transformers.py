"""Each transformer, generator and plugin on its own: what it does, and what it says when it cannot."""

from __future__ import annotations

import json
from typing import Any

import pytest

from headgate.kustomize import BuildError, BuildOptions, MemoryTree, ResourceError, build
from headgate.kustomize.model.kustomization_file import ImageEntry
from headgate.kustomize.transform.generators import content_hash
from headgate.kustomize.transform.images import changed, split
from headgate.kustomize.transform.valueadd import insert_part

Obj = dict[str, Any]


def workload(name: str = "web", **spec: Any) -> Obj:
    containers = [
        {"name": "main", "image": "registry.example.com:5000/web:1.0"},
        {"name": "side", "image": "nginx"},
    ]
    template = {"spec": {"containers": containers, **spec}}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name},
        "spec": {"template": template},
    }


def run(kustomization: Obj, *objects: Obj, files: dict[str, str] | None = None) -> list[Obj]:
    import orjson

    tree = {
        "kustomization.yaml": orjson.dumps({"resources": ["all.yaml"], **kustomization}),
        "all.yaml": b"\n---\n".join(map(orjson.dumps, objects)) or b"# none\n",
        **{path: text.encode() for path, text in (files or {}).items()},
    }
    return build(MemoryTree(tree), "", BuildOptions())


def images(obj: Obj) -> list[str]:
    return [each["image"] for each in obj["spec"]["template"]["spec"]["containers"]]


# images


@pytest.mark.parametrize(
    ("entries", "expected"),
    [
        ([{"name": "nginx", "newTag": "2"}], ["registry.example.com:5000/web:1.0", "nginx:2"]),
        ([{"name": "registry.example.com:5000/web", "newName": "w"}], ["w:1.0", "nginx"]),
        (
            [{"name": "nginx", "digest": "sha256:ab"}],
            ["registry.example.com:5000/web:1.0", "nginx@sha256:ab"],
        ),
        (
            [{"name": "nginx", "newTag": "1", "digest": "sha256:a"}],
            ["registry.example.com:5000/web:1.0", "nginx:1@sha256:a"],
        ),
        # Twice, since kustomize comes by containers twice; with all else it does not show.
        (
            [{"name": "registry.example.com:5000/web", "tagSuffix": "-x"}],
            ["registry.example.com:5000/web:1.0-x-x", "nginx"],
        ),
        # One after the other: the second sees what the first made.
        (
            [{"name": "nginx", "newName": "a"}, {"name": "a", "newTag": "2"}],
            ["registry.example.com:5000/web:1.0", "a:2"],
        ),
        (
            [{"name": "a", "newTag": "2"}, {"name": "nginx", "newName": "a"}],
            ["registry.example.com:5000/web:1.0", "a"],
        ),
        # Names are expressions, in which a dot is any character.
        (
            [{"name": "registryXexample.com:5000/web", "newTag": "2"}],
            ["registry.example.com:5000/web:1.0", "nginx"],
        ),
        (
            [{"name": "registry.example.com:5000/w.b", "newTag": "2"}],
            ["registry.example.com:5000/web:2", "nginx"],
        ),
        ([{"name": ".*", "newTag": "2"}], ["registry.example.com:5000/web:2", "nginx:2"]),
        ([{"name": "(", "newTag": "2"}], ["registry.example.com:5000/web:1.0", "nginx"]),
        ([{"name": "ngin", "newTag": "2"}], ["registry.example.com:5000/web:1.0", "nginx"]),
    ],
)
def test_images(entries: list[Obj], expected: list[str]) -> None:
    assert images(run({"images": entries}, workload())[0]) == expected


def test_many_images_do_what_each_alone_does() -> None:
    entries = [{"name": f"app.{index}/x", "newTag": f"v{index}"} for index in range(50)]
    objects = []
    for index in range(50):
        obj = workload(f"w{index}")
        obj["spec"]["template"]["spec"]["containers"][1]["image"] = f"app.{index}/x:old"
        objects.append(obj)
    at_once = run({"images": entries}, *objects)
    assert [images(each)[1] for each in at_once] == [f"app.{index}/x:v{index}" for index in range(50)]


@pytest.mark.parametrize(
    ("image", "parts"),
    [
        ("a", ("a", "", "")),
        ("a:1", ("a", "1", "")),
        ("r:5000/a", ("r:5000/a", "", "")),
        ("r:5000/a:1@sha256:x", ("r:5000/a", "1", "sha256:x")),
        ("a@sha256:x", ("a", "", "sha256:x")),
    ],
)
def test_parts_of_images(image: str, parts: tuple[str, str, str]) -> None:
    assert split(image) == parts
    assert changed(image, ImageEntry("x")) == image


@pytest.mark.parametrize("field", ["containers", "initContainers"])
def test_an_image_that_is_not_text(field: str) -> None:
    obj = workload()
    obj["spec"]["template"]["spec"][field] = [{"name": "a", "image": "a"}, {"name": "b", "image": {"a": 1}}]
    where = rf"Deployment.apps/web, field spec\.template\.spec\.{field}\[1\]\.image: "
    with pytest.raises(ResourceError, match=where + "an image must be text, not a map"):
        run({"images": [{"name": "a", "newTag": "1"}]}, obj)
    obj["spec"]["template"]["spec"][field] = ["a"]
    where = rf"field spec\.template\.spec\.{field}: a container must be a map"
    with pytest.raises(ResourceError, match=where):
        run({"images": [{"name": "a", "newTag": "1"}]}, obj)


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


# generators


def test_generated_objects_and_their_hashes() -> None:
    generators = {
        "configMapGenerator": [
            {"name": "c", "literals": ["a=b", "q='x'"], "files": ["n=f.txt", "f.txt"], "envs": ["e.env"]}
        ],
        "secretGenerator": [{"name": "s", "literals": ["a=b"], "options": {"disableNameSuffixHash": True}}],
    }
    files = {"f.txt": "hello", "e.env": "\ufeff# c\nX=1\nY=a=b\n"}
    config_map, secret = run(generators, files=files)
    assert config_map["data"] == {"X": "1", "Y": "a=b", "a": "b", "q": "x", "n": "hello", "f.txt": "hello"}
    bare = {**config_map, "metadata": {"name": "c"}}
    assert config_map["metadata"]["name"] == f"c-{content_hash(bare)}"
    assert secret == {
        "apiVersion": "v1",
        "kind": "Secret",
        "type": "Opaque",
        "metadata": {"name": "s"},
        "data": {"a": "Yg=="},
    }


@pytest.mark.parametrize(
    ("generator", "text"),
    [
        ({}, "a generated ConfigMap must have a name"),
        (
            {"name": "a", "literals": ["x"]},
            "configMapGenerator[0].literals[0]: a literal must have the form",
        ),
        ({"name": "a", "literals": ["x=1", "x=2"]}, "the key 'x' is given more than once"),
        ({"name": "a", "files": ["none"]}, "none: no such file"),
        ({"name": "a", "files": ["../out"]}, "the path leads out of the tree"),
        ({"name": "a", "envs": ["bad.env"]}, "bad.env:2: is not valid UTF-8"),
    ],
)
def test_generators_that_cannot(generator: Obj, text: str) -> None:
    import orjson

    tree = {
        "kustomization.yaml": orjson.dumps({"configMapGenerator": [generator]}),
        "bad.env": b"a=b\n\xff=c\n",
    }
    with pytest.raises(BuildError) as caught:
        build(MemoryTree(tree), "")
    assert text in str(caught.value)


# patches


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


# replacements and variables


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
