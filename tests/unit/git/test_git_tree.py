"""A commit as a tree: what it holds, what it hides, and that nothing leads out of it."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from headgate.documents.errors import FileMissing, NotAFile, TooLarge, TreeError
from headgate.documents.tree import EntryKind, blob_id
from headgate.git.cache.bare import BareCache
from headgate.git.errors import IgnoreInvalid
from headgate.git.refs.reference import GitReference
from headgate.git.remote.client import Remote
from headgate.git.tree.commit import GitTree
from headgate.git.tree.listed import TreeEntry
from headgate.kustomize import BuildError, RecordingTree, build
from tests.support.gitserver_repository import Repository


class Fetcher:
    def __init__(self, repository: Repository, remote: Remote, cache: BareCache) -> None:
        self.repository, self._remote, self._cache = repository, remote, cache
        self.trees: list[GitTree] = []

    def tree(self, files: dict[str, str | bytes | None] | None = None, **options: object) -> GitTree:
        if files is not None:
            self.repository.commit(files)
        commit = self._remote.fetch(
            self._remote.resolve(GitReference(branch="main"), self._cache), self._cache
        )
        self.trees.append(GitTree(self._cache, commit, **options))  # type: ignore[arg-type]
        return self.trees[-1]


@pytest.fixture
def fetcher(repository: Repository, remote: Remote, cache: BareCache) -> Fetcher:
    return Fetcher(repository, remote, cache)


@pytest.fixture(autouse=True)
def close(fetcher: Fetcher) -> object:
    yield
    for tree in fetcher.trees:
        tree.close()


def test_files_and_directories(fetcher: Fetcher) -> None:
    tree = fetcher.tree({"a.yaml": "a: 1\n", "d/e/f.yaml": "f", "d/g": b"\x00\xff"})
    assert tree.list("") == ("a.yaml", "d")
    assert tree.list("d") == ("e", "g")
    assert tree.read("d/g") == b"\x00\xff"
    assert [tree.kind(path) for path in ("", "d", "a.yaml", "x")] == [
        EntryKind.DIRECTORY,
        EntryKind.DIRECTORY,
        EntryKind.FILE,
        EntryKind.MISSING,
    ]
    with pytest.raises(FileMissing):
        tree.read("x")
    with pytest.raises(NotAFile):
        tree.read("d")
    with pytest.raises(NotAFile):
        tree.list("a.yaml")
    with pytest.raises(FileMissing):
        tree.list("x")


def test_ids_are_of_contents_and_listings(fetcher: Fetcher) -> None:
    old = fetcher.tree({"a/x": "1", "b/y": "2"})
    new = fetcher.tree({"a/x": "changed", "a/z": "3"})
    assert old.content_id("a/x") == blob_id(b"1")
    assert old.content_id("a/x") != new.content_id("a/x")
    assert old.content_id("a") != new.content_id("a")
    assert (old.content_id("b/y"), old.content_id("b")) == (new.content_id("b/y"), new.content_id("b"))
    assert old.content_id("missing") == ""


def test_symbolic_links_and_submodules_are_not_there(fetcher: Fetcher, tmp_path: Path) -> None:
    work = fetcher.repository.work
    (work / "d").mkdir()
    os.symlink("/etc/passwd", work / "absolute")
    os.symlink("../../..", work / "d" / "up")
    os.symlink("file", work / "inside")
    commit = fetcher.repository.commit({"file": "x"})
    fetcher.repository.git("update-index", "--add", "--cacheinfo", f"160000,{commit},module")
    fetcher.repository.git("commit", "-q", "--no-gpg-sign", "-m", "module")
    tree = fetcher.tree()
    assert tree.list("") == ("d", "file", "module")
    assert tree.list("d") == ()
    assert tree.list("module") == ()
    for path in ("absolute", "d/up", "d/up/x", "inside"):
        assert tree.kind(path) is EntryKind.MISSING
    for path in ("absolute", "d/up", "inside"):
        assert tree.left_out(path).startswith("is a symbolic link")
    assert tree.left_out("gone") == tree.left_out("file") == ""


def test_why_a_build_finds_nothing_is_reported(fetcher: Fetcher) -> None:
    work = fetcher.repository.work
    (work / "shared").mkdir()
    (work / "app").mkdir()
    os.symlink("../shared/a.yaml", work / "app" / "a.yaml")
    os.symlink("shared", work / "linked")
    files = {
        "shared/a.yaml": "{apiVersion: v1, kind: ConfigMap, metadata: {name: a}}",
        "app/kustomization.yaml": "resources: [a.yaml]\n",
        "below/kustomization.yaml": "resources: [../linked/a.yaml]\n",
        "logo/kustomization.yaml": "configMapGenerator: [{name: a, files: [logo.png]}]\n",
        "logo/logo.png": "x",
    }
    tree = fetcher.tree(files)
    link = "is a symbolic link, which artifacts do not contain: name the file that it points to"
    for path, says in {
        "app": f"app/a.yaml: no such file or directory: it {link}",
        "below": f"linked/a.yaml: no such file or directory: linked {link}",
        "logo": "logo/logo.png: no such file: it is excluded by the ignore rules",
    }.items():
        with pytest.raises(BuildError, match=says):
            build(RecordingTree(tree), path)


@pytest.mark.parametrize("name", ["..", ".", ".git", ".GIT"])
def test_names_that_lead_elsewhere_are_dropped(name: str, fetcher: Fetcher) -> None:
    repository = fetcher.repository
    repository.commit({"good": "x"})
    blob = repository.git("hash-object", "-w", "good").strip()
    # mktree refuses such names, the object format does not.
    raw = b"".join(
        mode + b" " + entry.encode() + b"\0" + bytes.fromhex(blob)
        for entry, mode in sorted([("good", b"100644"), (name, b"100644")])
    )
    (repository.work / "raw").write_bytes(raw)
    evil = repository.git("hash-object", "-t", "tree", "-w", "--literally", "raw").strip()
    commit = repository.git("commit-tree", evil, "-m", "evil", time=1_700_000_000).strip()
    repository.git("update-ref", "refs/heads/main", commit)
    tree = fetcher.tree()
    assert tree.list("") == ("good",)


def test_odd_names_are_kept(fetcher: Fetcher) -> None:
    names = ["a b", "ü.yaml", "tab\there", "new\nline", "-dash", "..."]
    tree = fetcher.tree({name: name for name in names})
    assert sorted(names) == list(tree.list(""))
    for name in names:
        assert tree.read(name) == name.encode()


def test_ignored_files_are_not_there(fetcher: Fetcher) -> None:
    files: dict[str, str | bytes | None] = {
        "a.yaml": "x",
        "b.md": "x",
        "d/c.md": "x",
        "pic.png": "x",
        ".sourceignore": "*.md",
    }
    tree = fetcher.tree(files)
    # A directory stays although all its files are hidden, as in Flux's artifacts.
    assert tree.list("") == (".sourceignore", "a.yaml", "d", "pic.png")
    assert tree.kind("b.md") is EntryKind.MISSING
    tree = fetcher.tree(ignore="*.yaml\n!*.md")
    assert tree.list("") == (".sourceignore", "b.md", "d", "pic.png")


def test_an_oversized_sourceignore_is_refused(fetcher: Fetcher) -> None:
    with pytest.raises(IgnoreInvalid, match="larger than"):
        fetcher.tree({".sourceignore": "#" * (1024 * 1024 + 1)})


def test_a_file_over_the_limit_is_listed_but_not_read(fetcher: Fetcher) -> None:
    tree = fetcher.tree({"big": "x" * 1001}, max_file_bytes=1000)
    assert tree.kind("big") is EntryKind.FILE
    with pytest.raises(TooLarge):
        tree.read("big")
    assert [(size, b"".join(chunks)) for size, chunks in tree.contents(["big"])] == [(1001, b"x" * 1001)]


def test_entries_are_in_order_with_modes(fetcher: Fetcher) -> None:
    fetcher.repository.write({"b/run.sh": "x", "a.yaml": "y"})
    (fetcher.repository.work / "b" / "run.sh").chmod(0o755)
    tree = fetcher.tree({})
    assert list(tree.entries()) == [
        TreeEntry("", is_directory=True),
        TreeEntry("a.yaml", size=1),
        TreeEntry("b", is_directory=True),
        TreeEntry("b/run.sh", is_executable=True, size=1),
    ]


def test_threads_read_at_the_same_time(fetcher: Fetcher) -> None:
    tree = fetcher.tree({f"f{number}": str(number) * 100 for number in range(50)})
    wrong: list[str] = []

    def read() -> None:
        for number in range(50):
            if tree.read(f"f{number}") != (str(number) * 100).encode():
                wrong.append(f"f{number}")

    threads = [threading.Thread(target=read) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_a_closed_tree_refuses(fetcher: Fetcher) -> None:
    tree = fetcher.tree({"a": "x"})
    tree.close()
    tree.close()
    with pytest.raises(TreeError, match="closed"):
        tree.read("a")


def test_more_trees_than_processes(repository: Repository, fetcher: Fetcher) -> None:
    trees = [fetcher.tree({"a": str(number)}) for number in range(12)]
    for _ in range(2):
        assert [int(tree.read("a")) for tree in trees] == list(range(12))
