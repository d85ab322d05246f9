"""Artifacts: the archive's layout, and the same bytes for the same tree."""

from __future__ import annotations

import hashlib
import io
import tarfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pytest

from headgate.git.artifact import BATCH, Packed, pack
from headgate.git.cache import BareCache, Caches
from headgate.git.client import Remote
from headgate.git.listed import Entry
from headgate.git.refs import Reference
from headgate.git.tree import GitTree
from tests.support.gitserver_repository import Repository


@dataclass
class Files:
    """An archive's source in memory."""

    files: dict[str, bytes]

    def entries(self) -> Iterator[Entry]:
        yield Entry("", is_directory=True)
        for path, content in self.files.items():
            yield Entry(path, size=len(content))

    def contents(self, paths: Sequence[str]) -> Iterator[tuple[int, Iterator[bytes]]]:
        for path in paths:
            content = self.files[path]
            yield len(content), iter([content[:3], content[3:]])


def packed(source: object) -> tuple[bytes, Packed]:
    out = io.BytesIO()
    result = pack(source, out)  # type: ignore[arg-type]
    return out.getvalue(), result


def test_digest_and_size_are_those_of_the_bytes() -> None:
    data, result = packed(Files({"a": b"hello world"}))
    assert result == Packed(f"sha256:{hashlib.sha256(data).hexdigest()}", len(data))


def test_nothing_of_time_or_place_is_in_it() -> None:
    data, _ = packed(Files({"a": b"1"}))
    assert data[4:8] == b"\0\0\0\0"
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        for member in archive:
            assert (member.mtime, member.uid, member.gid, member.uname, member.gname) == (0, 0, 0, "", "")


def test_more_files_than_a_batch_and_long_and_odd_names() -> None:
    files = {f"dir/{number:05}": str(number).encode() for number in range(BATCH * 2 + 1)}
    files["x" * 300] = b"long"
    files["ü"] = b"odd"
    data, _ = packed(Files(files))
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        found = {m.name: archive.extractfile(m).read() for m in archive if m.isfile()}  # type: ignore[union-attr]
    assert found == files


@pytest.fixture
def tree(repository: Repository, remote: Remote, cache: BareCache) -> Iterator[GitTree]:
    repository.write({"run.sh": "x", "d/a.yaml": "a: 1\n", ".gitignore": "x"})
    (repository.work / "run.sh").chmod(0o755)
    repository.commit()
    opened = GitTree(cache, remote.fetch(remote.resolve(Reference(branch="main"), cache), cache))
    yield opened
    opened.close()


def test_layout_is_that_of_flux(tree: GitTree) -> None:
    data, _ = packed(tree)
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        members = [(m.name, m.mode, m.isdir()) for m in archive]
    assert members == [
        (".", 0o750, True),
        ("d", 0o750, True),
        ("d/a.yaml", 0o600, False),
        ("run.sh", 0o700, False),
    ]


def test_one_commit_gives_one_digest_whatever_the_cache(
    tree: GitTree, remote: Remote, repository: Repository, caches: Caches
) -> None:
    first = packed(tree)[1]
    other = caches.open("other", "cache", str(remote.url))
    again = GitTree(other, remote.fetch(remote.resolve(Reference(branch="main"), other), other))
    assert packed(again)[1] == first
    again.close()
    repository.commit({"d/a.yaml": "a: 2\n"})
    changed = GitTree(other, remote.fetch(remote.resolve(Reference(branch="main"), other), other))
    assert packed(changed)[1].digest != first.digest
    changed.close()
