"""Trees: what a path names, links, limits, and what a recording tree says a build depended on."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

import pytest

from headgate.documents.tree import blob_id, resolve
from headgate.kustomize import (
    BuildError,
    BuildOptions,
    EntryKind,
    FileMissing,
    FolderTree,
    MemoryTree,
    NotAFile,
    OverlayTree,
    PathOutside,
    RecordingTree,
    Seen,
    TooLarge,
    Tree,
    TreeError,
    build,
)

FILES = {"a/one.yaml": b"1", "a/two.yaml": b"2", "top": b"3"}


@pytest.fixture(params=["memory", "folder", "overlay"])
def tree(request: pytest.FixtureRequest, tmp_path: Path) -> Tree:
    if request.param == "memory":
        return MemoryTree(FILES)
    if request.param == "overlay":
        return OverlayTree(
            MemoryTree({"a/one.yaml": "old", "top": "3"}), {"a/one.yaml": b"1", "a/two.yaml": b"2"}
        )
    for path, content in FILES.items():
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_bytes(content)
    return FolderTree(tmp_path)


def test_kinds(tree: Tree) -> None:
    kinds = {path: tree.kind(path) for path in ("", "a", "top", "a/one.yaml", "none", "top/x", "a/none")}
    assert kinds == {
        "": EntryKind.DIRECTORY,
        "a": EntryKind.DIRECTORY,
        "top": EntryKind.FILE,
        "a/one.yaml": EntryKind.FILE,
        "none": EntryKind.MISSING,
        "top/x": EntryKind.MISSING,
        "a/none": EntryKind.MISSING,
    }


def test_reading(tree: Tree) -> None:
    assert tree.read("a/one.yaml") == b"1"
    with pytest.raises(FileMissing, match=r"a/none: no such file"):
        tree.read("a/none")
    with pytest.raises(NotAFile, match=r"^a: is a directory, not a file"):
        tree.read("a")


def test_listing(tree: Tree) -> None:
    assert list(tree.list("a")) == ["one.yaml", "two.yaml"]
    assert list(tree.list("")) == ["a", "top"]
    with pytest.raises(TreeError):
        tree.list("none")


def test_content_ids_are_gits_and_equal_in_all_trees(tree: Tree) -> None:
    assert tree.content_id("top") == "e440e5c842586965a7fb77deda2eca68612b1f53" == blob_id(b"3")
    assert tree.content_id("none") == ""
    assert tree.content_id("a") == MemoryTree(FILES).content_id("a") != tree.content_id("")


def test_a_path_with_a_null_is_missing(tmp_path: Path) -> None:
    tree = FolderTree(tmp_path)
    assert tree.kind("a\0b") is EntryKind.MISSING
    assert tree.content_id("a\0b") == ""
    with pytest.raises(FileMissing):
        tree.read("a\0b")


def test_a_file_that_is_too_large(tmp_path: Path) -> None:
    (tmp_path / "big").write_bytes(b"x" * 11)
    (tmp_path / "fits").write_bytes(b"x" * 10)
    tree = FolderTree(tmp_path, max_file_bytes=10)
    assert len(tree.read("fits")) == 10
    with pytest.raises(TooLarge, match="big: is larger than 10 bytes"):
        tree.read("big")


def test_a_file_that_says_it_is_empty_is_read_whole() -> None:
    assert b"Linux" in FolderTree(Path("/")).read("proc/version")


def test_a_named_pipe_holds_nobody(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    tree = FolderTree(tmp_path)
    assert tree.kind("pipe") is EntryKind.MISSING
    with pytest.raises(FileMissing):
        tree.read("pipe")


@pytest.fixture
def linked(tmp_path: Path) -> FolderTree:
    root = tmp_path / "root"
    (root / "real").mkdir(parents=True)
    (root / "real/file").write_text("inside")
    (tmp_path / "secret").write_text("outside")
    os.symlink("real", root / "folder")
    os.symlink("real/file", root / "link")
    os.symlink("../secret", root / "out")
    os.symlink("..", root / "up")
    os.symlink(str(tmp_path / "secret"), root / "absolute")
    os.symlink("circle", root / "circle")
    os.symlink("nowhere", root / "dangling")
    return FolderTree(root)


@pytest.mark.parametrize(
    ("path", "real"),
    [
        ("link", "real/file"),
        ("folder", "real"),
        ("folder/file", "real/file"),
        ("real/file", "real/file"),
        ("", ""),
    ],
)
def test_links_inside_are_followed(linked: FolderTree, path: str, real: str) -> None:
    assert resolve(linked, path) == real
    assert linked.kind(path) is linked.kind(real)
    assert linked.content_id(path) == linked.content_id(real)


@pytest.mark.parametrize("path", ["out", "absolute", "up/secret", "circle", "dangling"])
def test_links_that_lead_out_or_nowhere_are_missing(linked: FolderTree, path: str) -> None:
    assert linked.kind(path) is EntryKind.MISSING
    assert linked.content_id(path) == ""
    with pytest.raises(TreeError):
        linked.read(path)


def test_a_link_out_says_so(linked: FolderTree) -> None:
    with pytest.raises(PathOutside, match="out: is a symbolic link that leads out of the tree"):
        linked.read("out")


# What a build depended on

KUSTOMIZATION = "resources: [map.yaml, base]\nconfigMapGenerator:\n- {name: c, files: [value]}\n"
BUILD = {
    "app/kustomization.yaml": KUSTOMIZATION,
    "app/map.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n",
    "app/value": "x",
    "app/base/kustomization.yml": "namePrefix: b-\n",
    "other": "y",
}


def recorded(files: dict[str, str]) -> RecordingTree:
    tree = RecordingTree(MemoryTree(files))
    with contextlib.suppress(BuildError):
        build(tree, "app", BuildOptions())
    return tree


def test_inputs_are_what_was_read_listed_and_missing() -> None:
    inputs = recorded(BUILD).inputs
    assert {path for path, seen in inputs.items() if seen.content} == {
        "app/kustomization.yaml",
        "app/map.yaml",
        "app/value",
        "app/base/kustomization.yml",
    }
    assert inputs["app/map.yaml"] == Seen(EntryKind.FILE, blob_id(BUILD["app/map.yaml"].encode()))
    assert inputs["app/base/kustomization.yaml"] == Seen(EntryKind.MISSING)
    assert "other" not in inputs


@pytest.mark.parametrize(
    ("change", "same"),
    [
        ({"other": "z"}, True),
        ({"app/unused.yaml": "z"}, True),
        ({"app/map.yaml": BUILD["app/map.yaml"] + "# more\n"}, False),
        ({"app/value": "y"}, False),
        ({"app/Kustomization": "namePrefix: z-\n"}, False),
        ({"app/base/kustomization.yaml": "namePrefix: z-\n"}, False),
        ({"app/map.yaml/x": "now a directory"}, False),
    ],
)
def test_a_build_is_to_be_done_again_only_when_an_input_changed(change: dict[str, str], same: bool) -> None:
    files = {**BUILD, **change}
    if "app/map.yaml/x" in change:
        del files["app/map.yaml"]
    assert recorded(BUILD).inputs.unchanged_in(MemoryTree(files)) is same


def test_a_file_that_went_is_a_change() -> None:
    files = {path: text for path, text in BUILD.items() if path != "app/value"}
    assert not recorded(BUILD).inputs.unchanged_in(MemoryTree(files))


def test_inputs_do_not_depend_on_what_is_cached() -> None:
    assert dict(recorded(BUILD).inputs) == dict(recorded(BUILD).inputs)


def test_a_failed_build_says_what_has_to_change() -> None:
    files = {**BUILD, "app/map.yaml": "kind: ["}
    inputs = recorded(files).inputs
    assert inputs.unchanged_in(MemoryTree(files))
    assert not inputs.unchanged_in(MemoryTree(BUILD))
    missing = {**BUILD, "app/kustomization.yaml": "resources: [none.yaml]"}
    assert not recorded(missing).inputs.unchanged_in(MemoryTree({**missing, "app/none.yaml": "x"}))


def test_what_a_link_led_to_is_an_input(tmp_path: Path) -> None:
    (tmp_path / "app").mkdir()
    (tmp_path / "app/kustomization.yaml").write_text("resources: [link.yaml]\n")
    for name in ("one", "two"):
        (tmp_path / f"app/{name}.yaml").write_text(
            f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}}}\n"
        )
    os.symlink("one.yaml", tmp_path / "app/link.yaml")
    tree = RecordingTree(FolderTree(tmp_path))
    assert build(tree, "app")[0]["metadata"]["name"] == "one"
    assert tree.inputs.unchanged_in(FolderTree(tmp_path))
    (tmp_path / "app/link.yaml").unlink()
    os.symlink("two.yaml", tmp_path / "app/link.yaml")
    assert not tree.inputs.unchanged_in(FolderTree(tmp_path))


def test_where_a_linked_directory_is_now_is_an_input(tmp_path: Path) -> None:
    (tmp_path / "app").mkdir()
    (tmp_path / "app/kustomization.yaml").write_text("resources: [../current]\n")
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "kustomization.yaml").write_text(f"resources: [map.yaml]\nnamePrefix: {name}-\n")
        (tmp_path / name / "map.yaml").write_text("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n")
    os.symlink("one", tmp_path / "current")
    tree = RecordingTree(FolderTree(tmp_path))
    assert build(tree, "app")[0]["metadata"]["name"] == "one-a"
    assert tree.inputs.unchanged_in(FolderTree(tmp_path))
    (tmp_path / "current").unlink()
    os.symlink("two", tmp_path / "current")
    assert not tree.inputs.unchanged_in(FolderTree(tmp_path))
    (tmp_path / "current").unlink()
    os.symlink("/", tmp_path / "current")
    assert not tree.inputs.unchanged_in(FolderTree(tmp_path))
