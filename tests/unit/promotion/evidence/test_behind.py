"""How far an environment is behind, and which commits matter to it: real commits, and paths that builds read."""

from __future__ import annotations

from pathlib import Path

import pytest

from headgate.documents.tree import FolderTree, Inputs, MemoryTree, RecordingTree
from headgate.kustomize import assemble
from headgate.promotion.clone import Clone
from headgate.promotion.errors import HistoryMissing
from headgate.promotion.evidence.behind import Behind, PathChange, ReadPaths, behind, parse_log
from tests.support.gitserver_repository import Repository
from tests.support.manifests import config_map

OVERLAY = "resources: [../base, local.yaml]\n"
FILES = {
    "README.md": "fleet\n",
    "apps/base/kustomization.yaml": "resources: [a.yaml]\n",
    "apps/base/a.yaml": config_map("a"),
    "apps/staging/kustomization.yaml": OVERLAY,
    "apps/staging/local.yaml": config_map("b"),
    "apps/production/kustomization.yaml": OVERLAY,
    "apps/production/local.yaml": config_map("b"),
    "plain/one.yaml": config_map("one"),
    "plain/sub/two.yaml": config_map("two"),
}


def inputs_of(folder: Path, *paths: str) -> list[Inputs]:
    """What builds of these directories read."""
    found = []
    for path in paths:
        tree = RecordingTree(FolderTree(folder))
        assemble(tree, path)
        found.append(tree.inputs)
    return found


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    made = Repository(tmp_path / "served")
    made.commit(FILES)
    return made


def count(repository: Repository, base: str, *paths: str) -> Behind:
    with Clone.open(repository.work) as clone:
        return behind(clone, base, repository.head(), ReadPaths(inputs_of(repository.work, *paths)))


def test_fifty_commits_to_the_readme_matter_to_nobody(repository: Repository) -> None:
    base = repository.head()
    for number in range(50):
        repository.commit({"README.md": f"{number}\n"})
    assert count(repository, base, "apps/staging") == Behind(50, 0)


def test_nothing_is_behind_nothing(repository: Repository) -> None:
    assert count(repository, repository.head(), "apps/staging") == Behind(0, 0)


@pytest.mark.parametrize(
    ("what", "files", "matters"),
    [
        ("a file of the base", {"apps/base/a.yaml": config_map("a", v="2")}, True),
        ("a file of the overlay", {"apps/staging/local.yaml": config_map("b", v="2")}, True),
        ("the kustomization file", {"apps/staging/kustomization.yaml": OVERLAY + "namePrefix: x-\n"}, True),
        ("another overlay", {"apps/production/local.yaml": config_map("b", v="2")}, False),
        ("a new file that nobody lists", {"apps/staging/new.yaml": config_map("n")}, False),
        ("a kustomization file of another name", {"apps/staging/Kustomization": ""}, True),
        ("ignore rules", {"apps/.sourceignore": "*.yaml\n"}, True),
        ("a new folder", {"docs/deep/a.md": "x"}, False),
        ("a deleted file that nobody reads", {"plain/one.yaml": None}, False),
    ],
)
def test_what_matters_to_an_overlay(
    repository: Repository, what: str, files: dict[str, str | None], matters: bool
) -> None:
    base, read = repository.head(), ReadPaths(inputs_of(repository.work, "apps/staging"))
    repository.commit(files)
    with Clone.open(repository.work) as clone:
        assert behind(clone, base, repository.head(), read) == Behind(1, int(matters)), what


def listed(tree: MemoryTree, *folders: str) -> ReadPaths:
    """The record of a build that reads every file of these folders, as one without a kustomization file does."""
    recording = RecordingTree(tree)
    for folder in folders:
        for name in recording.list(folder):
            path = f"{folder}/{name}".lstrip("/")
            if recording.kind(path).value == "file":
                recording.read(path)
    return ReadPaths([recording.inputs])


@pytest.mark.parametrize(
    ("path", "modified", "existed", "matters"),
    [
        ("plain/new.yaml", False, {"plain"}, True),
        ("plain/one.yaml", False, {"plain"}, True),
        ("plain/one.yaml", True, {"plain"}, True),
        ("plain/sub/new.yaml", False, {"plain", "plain/sub"}, True),
        ("plain/other/new.yaml", False, {"plain"}, True),
        ("plain/other/deep/new.yaml", False, {"plain", "plain/other"}, False),
        ("plain/unread.txt", True, {"plain"}, False),
        ("else/new.yaml", False, {""}, False),
    ],
)
def test_what_matters_to_a_directory_that_is_listed(
    path: str, modified: bool, existed: set[str], matters: bool
) -> None:
    tree = MemoryTree({name: content for name, content in FILES.items() if name.startswith("plain/")})
    read = listed(tree, "plain", "plain/sub")
    assert read.concerned(PathChange(path, modified), existed.__contains__) is matters


def test_a_folder_of_which_everything_counts() -> None:
    read = ReadPaths([], ["clusters/staging/"])
    assert read.concerned(PathChange("clusters/staging/new.yaml", True), lambda _: True)
    assert not read.concerned(PathChange("clusters/staging-2/new.yaml", True), lambda _: True)


def test_a_merge_counts_once_for_what_it_brings(repository: Repository) -> None:
    """Its commits count themselves; the merge only if it changes something by itself."""
    base = repository.head()
    repository.switch("topic", "main")
    repository.commit({"apps/base/a.yaml": config_map("a", v="2")})
    repository.switch("main")
    repository.commit({"README.md": "x\n"})
    repository.git("merge", "-q", "--no-edit", "--no-ff", "topic")
    assert count(repository, base, "apps/staging") == Behind(3, 1)


def test_a_shallow_clone_says_so(repository: Repository, tmp_path: Path) -> None:
    base = repository.head()
    for number in range(3):
        repository.commit({"README.md": f"{number}\n"})
    shallow = tmp_path / "shallow"
    repository.git("clone", "-q", "--depth=2", f"file://{repository.path}", str(shallow))
    with Clone.open(shallow) as clone, pytest.raises(HistoryMissing):
        behind(clone, base, clone.resolve("HEAD"), ReadPaths([]))


def test_paths_may_be_any_text() -> None:
    """Also one that looks like the beginning of the next commit, or has a line break."""
    commit, other = "a" * 40, "b" * 40
    strange = f"\x01{other}"
    output = f"\x01{commit}\0\nM\0{strange}\0A\0x\ny\0\x01{other}\0\0".encode()
    assert list(parse_log(output)) == [
        (commit, (PathChange(strange, True), PathChange("x\ny", False))),
        (other, ()),
    ]
    assert list(parse_log(b"")) == []
