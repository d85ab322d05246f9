"""Artifacts: the archive's layout, and the same bytes for the same tree."""

from __future__ import annotations

import gzip
import hashlib
import io
import random
import subprocess
import tarfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from headgate.git.artifact.archive import BATCH, Packed, pack
from headgate.git.artifact.pieces import Earlier, PieceWriter, member, write_index
from headgate.git.cache.bare import BareCache, Caches
from headgate.git.refs.reference import GitReference
from headgate.git.remote.client import Remote
from headgate.git.tree.commit import GitTree
from headgate.git.tree.listed import TreeEntry
from tests.support.gitserver_repository import Repository


@dataclass
class Files:
    """An archive's source in memory."""

    files: dict[str, bytes]
    asked: list[str] = field(default_factory=list)

    def entries(self) -> Iterator[TreeEntry]:
        yield TreeEntry("", is_directory=True)
        for path, content in self.files.items():
            yield TreeEntry(path, size=len(content))

    def contents(self, paths: Sequence[str]) -> Iterator[tuple[int, Iterator[bytes]]]:
        for path in paths:
            content = self.files[path]
            self.asked.append(path)
            yield len(content), iter([content[:3], content[3:]])

    def content_id(self, path: str) -> str:
        return hashlib.sha256(self.files[path]).hexdigest()


def packed(source: object, earlier: bytes | None = None) -> tuple[bytes, Packed]:
    out = io.BytesIO()
    result = pack(source, out, None if earlier is None else io.BytesIO(earlier))  # type: ignore[arg-type]
    return out.getvalue(), result


def unpacked(data: bytes) -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        return {m.name: archive.extractfile(m).read() for m in archive if m.isfile()}  # type: ignore[union-attr]


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
    assert unpacked(data) == files


@pytest.fixture
def tree(repository: Repository, remote: Remote, cache: BareCache) -> Iterator[GitTree]:
    repository.write({"run.sh": "x", "d/a.yaml": "a: 1\n", ".gitignore": "x"})
    (repository.work / "run.sh").chmod(0o755)
    repository.commit()
    opened = GitTree(cache, remote.fetch(remote.resolve(GitReference(branch="main"), cache), cache))
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
    again = GitTree(other, remote.fetch(remote.resolve(GitReference(branch="main"), other), other))
    assert packed(again)[1] == first
    again.close()
    repository.commit({"d/a.yaml": "a: 2\n"})
    changed = GitTree(other, remote.fetch(remote.resolve(GitReference(branch="main"), other), other))
    assert packed(changed)[1].digest != first.digest
    changed.close()


def _many() -> dict[str, bytes]:
    """Five MiB in files of all sizes, two of them large."""
    chance = random.Random(1)
    files = {f"d{n % 7}/{n:03}.yaml": chance.randbytes(chance.choice((10, 1000, 20_000))) for n in range(300)}
    return dict(sorted({**files, "large": chance.randbytes(2 << 20), "zero": bytes(1 << 20)}.items()))


def test_unchanged_pieces_are_taken_over_and_the_bytes_are_the_same() -> None:
    files = _many()
    first, _ = packed(Files(files))
    changed = Files({**files, "d3/003.yaml": b"new", "d9/more.yaml": b"more"})
    second, result = packed(changed, first)
    assert unpacked(second) == changed.files
    assert {"d3/003.yaml", "d9/more.yaml"} <= set(changed.asked)
    assert "large" not in changed.asked
    assert sum(len(files.get(path, b"")) for path in changed.asked) < 4 << 20
    assert packed(Files(changed.files)) == (second, result)


def test_nothing_is_read_for_a_tree_that_is_the_same() -> None:
    files = _many()
    first = packed(Files(files))
    again = Files(files)
    assert packed(again, first[0]) == first
    assert again.asked == []


@pytest.mark.parametrize("where", ["piece", "index", "end", "cut", "other", "empty"])
def test_of_a_damaged_artifact_nothing_wrong_is_taken_over(where: str) -> None:
    files = _many()
    whole = packed(Files(files))
    data = bytearray(whole[0])
    if where in ("piece", "index", "end"):
        data[{"piece": 5000, "index": -200, "end": -15}[where]] ^= 0xFF
    elif where == "cut":
        del data[len(data) // 2 :]
    else:
        data[:] = gzip.compress(b"another") if where == "other" else b""
    assert packed(Files(files), bytes(data)) == whole


def test_tar_reads_it_as_one_file(tmp_path: Path) -> None:
    files = _many()
    (tmp_path / "a.tar.gz").write_bytes(packed(Files(files))[0])
    subprocess.run(["tar", "-xzf", "a.tar.gz"], cwd=tmp_path, check=True)
    assert {name: (tmp_path / name).read_bytes() for name in files} == files


@pytest.mark.parametrize("count", [0, 1, 2000, 3000])
def test_the_index_takes_any_number_of_pieces(count: int) -> None:
    out = io.BytesIO()
    sink = PieceWriter(out)
    written = []
    for number in range(count):
        member([b"%d" % number], sink)
        written.append(sink.end(hashlib.sha256(b"%d" % number).digest()))
    write_index(written, sink)
    earlier, copy = Earlier(out), io.BytesIO()
    again = PieceWriter(copy)
    assert all(earlier.copy(piece.key, again) for piece in written)
    assert gzip.decompress(copy.getvalue() or gzip.compress(b"")) == b"".join(b"%d" % n for n in range(count))
    assert bytes(32) not in earlier
