"""Trees narrowed and put together: sparse checkout, includes, who closes what."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from headgate.documents.errors import FileMissing, NotAFile, TreeError
from headgate.documents.tree import EntryKind
from headgate.git.artifact.archive import pack
from headgate.git.cache.bare import Caches
from headgate.git.errors import IncludeFailed, SparsePathMissing, StorageFailed
from headgate.git.refs.reference import GitReference
from headgate.git.remote.client import Remote
from headgate.git.tree.commit import GitTree
from headgate.git.tree.compose import ComposedTree, TreeLayer
from headgate.git.url import RemoteUrl
from tests.support.gitserver import GitHttpServer
from tests.support.gitserver_repository import Repository

Files = dict[str, str | bytes | None]


class Workshop:
    def __init__(self, served: Path, server: GitHttpServer, caches: Caches) -> None:
        self._served, self._server, self._caches = served, server, caches
        self.trees: list[GitTree | ComposedTree] = []

    def tree(self, name: str, files: Files, **options: object) -> GitTree:
        commit = Repository(self._served, name).commit(files)
        remote = Remote(RemoteUrl.parse(self._server.url(f"{name}.git")), timeout=20)
        cache = self._caches.open("default", name, str(remote.url))
        remote.fetch(remote.resolve(GitReference(branch="main"), cache), cache)
        made = GitTree(cache, commit, **options)  # type: ignore[arg-type]
        self.trees.append(made)
        return made

    def compose(self, *layers: TreeLayer, ignore: str | None = None) -> ComposedTree:
        made = ComposedTree(layers, ignore=ignore)
        self.trees.append(made)
        return made


@pytest.fixture
def workshop(served: Path, server: GitHttpServer, caches: Caches) -> Iterator[Workshop]:
    made = Workshop(served, server, caches)
    yield made
    for tree in made.trees:
        tree.close()


APPS: Files = {
    "apps/a/x.yaml": "ax",
    "apps/b/y.yaml": "by",
    "apps-old/z": "z",
    "root.yaml": "r",
    "docs/d.md": "d",
}


def paths(tree: GitTree | ComposedTree) -> list[str]:
    return [entry.path for entry in tree.entries() if not entry.is_directory]


@pytest.mark.parametrize(
    ("sparse", "expected"),
    [
        (["apps"], ["apps/a/x.yaml", "apps/b/y.yaml"]),
        (["./apps/a", "docs/"], ["apps/a/x.yaml", "docs/d.md"]),
        (["root.yaml"], ["root.yaml"]),
        (["../apps/b"], ["apps/b/y.yaml"]),
        (["."], ["apps/a/x.yaml", "apps/b/y.yaml", "apps-old/z", "docs/d.md", "root.yaml"]),
    ],
)
def test_sparse_checkout(sparse: list[str], expected: list[str], workshop: Workshop) -> None:
    assert sorted(paths(workshop.tree("sparse", APPS, sparse=sparse))) == sorted(expected)


def test_a_sparse_path_that_is_not_there(workshop: Workshop) -> None:
    with pytest.raises(SparsePathMissing) as error:
        workshop.tree("sparse", APPS, sparse=["apps", "nope"])
    assert str(error.value) == (
        "failed to sparse checkout directories : sparse checkout dir 'nope' does not exist in repository"
    )
    assert error.value.reason == "GitOperationFailed"


def test_a_sourceignore_outside_of_a_sparse_checkout_does_not_count(workshop: Workshop) -> None:
    files: Files = {
        ".sourceignore": "*.yaml",
        "apps/a.yaml": "a",
        "apps/b.yaml": "b",
        "apps/.sourceignore": "b.yaml",
    }
    assert paths(workshop.tree("sparse", files, sparse=["apps"])) == ["apps/.sourceignore", "apps/a.yaml"]


def test_an_included_part_of_another_repository(workshop: Workshop) -> None:
    other = workshop.tree("other", {"deploy/base/b.yaml": "b", "deploy/k.yaml": "k", "src/x": "x"})
    tree = workshop.compose(
        TreeLayer(workshop.tree("top", {"t.yaml": "t"}, filtered=False)),
        TreeLayer(other.share(), "vendor/app", "deploy", name="other"),
    )
    assert paths(tree) == ["t.yaml", "vendor/app/base/b.yaml", "vendor/app/k.yaml"]
    assert tree.read("vendor/app/base/b.yaml") == b"b"
    assert tree.content_id("vendor/app/k.yaml") == other.content_id("deploy/k.yaml")
    assert tree.list("vendor") == ("app",)
    assert [tree.kind(p) for p in ("vendor", "t.yaml", "src")] == [
        EntryKind.DIRECTORY,
        EntryKind.FILE,
        EntryKind.MISSING,
    ]
    with pytest.raises(NotAFile):
        tree.read("vendor")
    with pytest.raises(NotAFile):
        tree.list("t.yaml")
    for missing in (tree.read, tree.list):
        with pytest.raises(FileMissing):
            missing("none")


def test_a_single_file_and_several_includes(workshop: Workshop) -> None:
    one, two = workshop.tree("one", {"d/a": "1"}), workshop.tree("two", {"b": "2"})
    tree = workshop.compose(
        TreeLayer(workshop.tree("top", {"t": "t"}, filtered=False)),
        TreeLayer(one.share(), "copied/a.txt", "d/a", name="one"),
        TreeLayer(two.share(), "copied/two", name="two"),
    )
    assert paths(tree) == ["copied/a.txt", "copied/two/b", "t"]


def test_paths_of_an_include_cannot_leave(workshop: Workshop) -> None:
    other = workshop.tree("other", {"d/a": "1"})
    tree = workshop.compose(
        TreeLayer(workshop.tree("top", {"t": "t"}, filtered=False)),
        TreeLayer(other.share(), "../../etc", "../d", name="other"),
    )
    assert paths(tree) == ["etc/a", "t"]


@pytest.mark.parametrize(
    ("mount", "source", "says"),
    [
        ("taken", "", "there is already something at 'taken'"),
        (".", "", "there is already something at '.'"),
        ("t", "", "there is already something at 't'"),
        ("t/below", "", "'t' is a file"),
        ("free", "nope", "there is no 'nope' in it"),
    ],
)
def test_includes_that_do_not_fit(mount: str, source: str, says: str, workshop: Workshop) -> None:
    top = workshop.tree("top", {"t": "t", "taken/x": "x"}, filtered=False)
    other = workshop.tree("other", {"d/a": "1"})
    with pytest.raises(IncludeFailed) as error:
        ComposedTree([TreeLayer(top.share()), TreeLayer(other.share(), mount, source, name="other")])
    assert str(error.value).startswith("failed to copy 'other' include from ")
    assert says in str(error.value)
    assert error.value.reason == "CopyFailure"
    # Only the first user of each is left.
    for tree in (top, other):
        tree.close()
        with pytest.raises(TreeError):
            tree.read("t" if tree is top else "d/a")


def test_the_rules_of_the_including_repository_hold_for_what_it_includes(workshop: Workshop) -> None:
    other = workshop.tree("other", {"a.md": "1", "b.yaml": "2", ".sourceignore": "nothing"})
    top = workshop.tree("top", {".sourceignore": "*.md", "t": "t"}, filtered=False)
    tree = workshop.compose(
        TreeLayer(top.share()), TreeLayer(other.share(), "o", name="other"), ignore="o/b.yaml"
    )
    assert paths(tree) == [".sourceignore", "o/.sourceignore", "t"]


def test_alone_it_is_the_tree_itself(workshop: Workshop) -> None:
    files: Files = {"a/b.yaml": "x", "a/c.png": "y", "d/e.png": "z", ".github/w.yml": "w", "e": "e"}
    plain = workshop.tree("one", files)
    composed = workshop.compose(TreeLayer(workshop.tree("two", files, filtered=False)))
    assert list(composed.entries()) == list(plain.entries())
    assert pack(composed, io.BytesIO()) == pack(plain, io.BytesIO())
    for path in ("", "a", "d", "a/b.yaml"):
        assert composed.content_id(path) == plain.content_id(path)


def test_it_can_be_packed(workshop: Workshop) -> None:
    other = workshop.tree("other", {f"f{number}": str(number) for number in range(20)})
    top = workshop.tree("top", {"a": "1", "z": "2"}, filtered=False)
    out = io.BytesIO()
    pack(workshop.compose(TreeLayer(top.share()), TreeLayer(other.share(), "m", name="other")), out)
    with tarfile.open(fileobj=io.BytesIO(out.getvalue())) as archive:
        found = {m.name: archive.extractfile(m).read() for m in archive if m.isfile()}  # type: ignore[union-attr]
    assert found == {"a": b"1", "z": b"2", **{f"m/f{number}": str(number).encode() for number in range(20)}}


def test_a_composed_tree_can_be_included(workshop: Workshop) -> None:
    inner = workshop.compose(
        TreeLayer(workshop.tree("one", {"a": "1"}, filtered=False)),
        TreeLayer(workshop.tree("two", {"b": "2"}), "two", name="two"),
    )
    tree = workshop.compose(
        TreeLayer(workshop.tree("top", {"t": "t"}, filtered=False)), TreeLayer(inner.share(), "in")
    )
    inner.close()
    assert tree.read("in/two/b") == b"2"


def test_sharing(workshop: Workshop) -> None:
    tree = workshop.tree("one", {"a": "1"})
    tree.share()
    tree.close()
    assert tree.read("a") == b"1"
    tree.close()
    with pytest.raises(TreeError):
        tree.read("a")
    with pytest.raises(StorageFailed):
        tree.share()
