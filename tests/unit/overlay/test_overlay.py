"""What a Kustomization's fields make of a directory: the file found or generated, and what is written into it."""

from __future__ import annotations

from typing import Any

import pytest

from headgate.documents.yaml import Dialect, load_documents
from headgate.kustomize import BuildError, MemoryTree, RecordingTree, build
from headgate.overlay import prepare
from headgate.overlay.generate import find_or_generate

MAP = "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {}}}\n"


def written(files: dict[str, str], spec: dict[str, Any], path: str = "app") -> dict[str, Any]:
    tree = MemoryTree(files)
    file = find_or_generate(tree, path).file
    content = prepare(tree, path, spec).read(file)
    value = load_documents(content, file=file, dialect=Dialect.CONFIG)[0].value
    assert isinstance(value, dict)
    return value


def names(files: dict[str, str], spec: dict[str, Any], path: str = "app") -> list[str]:
    return [each["metadata"]["name"] for each in build(prepare(MemoryTree(files), path, spec), path)]


def test_a_directory_without_a_file_is_taken_as_it_is() -> None:
    files = {
        "app/b.yaml": MAP.format("b"),
        "app/a.yml": MAP.format("a"),
        "app/deep/er/c.yaml": MAP.format("c"),
        "app/own/kustomization.yaml": "namePrefix: x-\nresources: [d.yaml]\n",
        "app/own/d.yaml": MAP.format("d"),
        "app/own/unused.yaml": MAP.format("unused"),
        "app/readme.md": "no manifest",
    }
    found = find_or_generate(MemoryTree(files), "app")
    assert (found.file, found.generated) == ("app/kustomization.yaml", True)
    assert found.content["resources"] == ["./a.yml", "./b.yaml", "./deep/er/c.yaml", "./own"]
    assert names(files, {}) == ["a", "b", "c", "x-d"]


def test_the_root_of_a_source() -> None:
    assert names({"a.yaml": MAP.format("a")}, {"namePrefix": "p-"}, "") == ["p-a"]


def test_an_empty_directory_builds_nothing() -> None:
    assert names({"app/readme.md": ""}, {}) == []


@pytest.mark.parametrize("name", ["kustomization.yaml", "kustomization.yml", "Kustomization"])
def test_all_names_of_the_file(name: str) -> None:
    found = find_or_generate(MemoryTree({f"app/{name}": "namePrefix: a-\n"}), "app")
    assert (found.file, found.generated, found.content) == (f"app/{name}", False, {"namePrefix": "a-"})


def test_fields_of_the_spec_win() -> None:
    files = {
        "app/kustomization.yaml": "namespace: old\nnamePrefix: old-\nresources: [a.yaml]\nbuildMetadata: [x]\n"
    }
    spec = {
        "targetNamespace": "new",
        "namePrefix": "p-",
        "nameSuffix": "-s",
        "buildMetadata": ["managedByLabel"],
        "path": "./app",
    }
    content = written(files, spec)
    assert {key: content[key] for key in ("namespace", "namePrefix", "nameSuffix", "buildMetadata")} == {
        "namespace": "new",
        "namePrefix": "p-",
        "nameSuffix": "-s",
        "buildMetadata": ["managedByLabel"],
    }


def test_patches_and_components_are_added() -> None:
    files = {
        "app/kustomization.yaml": "resources: [a.yaml]\npatches: [{path: p.yaml}]\ncomponents: [../c1]\n",
        "c1/kustomization.yaml": "kind: Component\n",
        "c2/kustomization.yaml": "kind: Component\n",
    }
    target = {"kind": "ConfigMap", "name": "a", "labelSelector": ""}
    content = written(files, {"patches": [{"patch": "x: 1", "target": target}], "components": ["../c2"]})
    assert content["patches"] == [
        {"path": "p.yaml"},
        {"patch": "x: 1", "target": {"kind": "ConfigMap", "name": "a"}},
    ]
    assert content["components"] == ["../c1", "../c2"]


@pytest.mark.parametrize("component", ["/c", "https://example.com/c", "git@example.com:c"])
def test_components_are_local(component: str) -> None:
    with pytest.raises(BuildError, match="must be local and relative") as caught:
        written({"app/a.yaml": ""}, {"components": [component]})
    assert caught.value.field == "spec.components"


def test_missing_components_may_be_ignored() -> None:
    files = {"app/a.yaml": MAP.format("a")}
    spec = {"components": ["../none", "../../out"], "ignoreMissingComponents": True}
    assert "components" not in written(files, spec)
    assert written(files, {**spec, "ignoreMissingComponents": False})["components"] == [
        "../none",
        "../../out",
    ]


def test_images_are_merged_by_name() -> None:
    files = {
        "app/kustomization.yaml": "images: [{name: a, newTag: '1'}, {name: b, newName: c, newTag: '1'}]\n"
    }
    spec = {
        "images": [
            {"name": "a", "digest": "sha256:x"},
            {"name": "b", "newTag": "2"},
            {"name": "d", "newTag": "3"},
        ]
    }
    assert written(files, spec)["images"] == [
        {"name": "a", "digest": "sha256:x"},
        {"name": "b", "newName": "c", "newTag": "2"},
        {"name": "d", "newTag": "3"},
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[a]", "must be a mapping of fields"),
        ("a: [", "kustomization.yaml:2"),
    ],
)
def test_files_that_cannot_be_read(text: str, message: str) -> None:
    with pytest.raises(BuildError) as caught:
        written({"app/kustomization.yaml": text}, {})
    assert message in str(caught.value)
    assert caught.value.file == "app/kustomization.yaml"


def test_a_new_manifest_is_noticed() -> None:
    files = {"app/a.yaml": MAP.format("a"), "app/deep/b.yaml": MAP.format("b")}
    tree = RecordingTree(MemoryTree(files))
    build(prepare(tree, "app", {}), "app")
    assert tree.inputs.unchanged_in(MemoryTree({**files, "other/x.yaml": ""}))
    for new in ("app/c.yaml", "app/deep/c.yaml", "app/kustomization.yaml", "app/deep/Kustomization"):
        assert not tree.inputs.unchanged_in(MemoryTree({**files, new: ""})), new
