"""Artifacts of other controllers as trees: what is in them, and what hostile ones cannot do."""

from __future__ import annotations

import gzip
import io
import os
import struct
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headgate.documents.errors import FileMissing, NotAFile, TooLarge
from headgate.documents.tree import EntryKind, MemoryTree, RecordingTree
from headgate.git.tree.tartree import ArchiveInvalid, ArchiveLimits, TarTree

Member = tuple[str, bytes | Callable[[tarfile.TarInfo], None] | None]


def archive(*members: Member, format: int = tarfile.PAX_FORMAT) -> bytes:
    """A tar.gz: bytes are a file, None a directory, a function makes anything else of the header."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz", format=format) as tar:
        for name, content in members:
            header = tarfile.TarInfo(name)
            if content is None:
                header.type = tarfile.DIRTYPE
                tar.addfile(header)
            elif isinstance(content, bytes):
                header.size = len(content)
                tar.addfile(header, io.BytesIO(content))
            else:
                content(header)
                tar.addfile(header)
    return out.getvalue()


def typed(kind: bytes, target: str = "") -> Callable[[tarfile.TarInfo], None]:
    def change(header: tarfile.TarInfo) -> None:
        header.type, header.linkname = kind, target

    return change


def tree(data: bytes, spool: Path, **options: Any) -> TarTree:
    return TarTree(io.BytesIO(data), spool, **options)


FILES = {"a.yaml": b"a: 1\n", "apps/b.yaml": b"b: 2\n", "apps/deep/c.yaml": b"", "é/ü.yaml": b"x"}


@pytest.mark.parametrize("format", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT])
@pytest.mark.parametrize("prefix", ["", "./"])
def test_files_are_those_of_the_archive(tmp_path: Path, format: int, prefix: str) -> None:
    long = "apps/" + "/".join(["directory" * 5] * 5) + "/d.yaml"
    files = {**FILES, long: b"long"}
    members: list[Member] = [(".", None), *((prefix + name, content) for name, content in files.items())]
    found, plain = tree(archive(*members, format=format), tmp_path), MemoryTree(files)
    for path in ("", "apps", "apps/deep", "apps/deep/c.yaml", "nothing", "é", long, *FILES):
        assert found.kind(path) is plain.kind(path)
        assert found.content_id(path) == plain.content_id(path)
        if plain.kind(path) is EntryKind.DIRECTORY:
            assert list(found.list(path)) == list(plain.list(path))
    assert {path: found.read(path) for path in files} == files
    found.close()


def test_what_is_not_there_is_said_as_by_other_trees(tmp_path: Path) -> None:
    found = tree(archive(("apps/b.yaml", b"x" * 100)), tmp_path, max_file_bytes=99)
    with pytest.raises(FileMissing):
        found.read("missing")
    with pytest.raises(NotAFile):
        found.read("apps")
    with pytest.raises(FileMissing):
        found.list("missing")
    with pytest.raises(TooLarge):
        found.read("apps/b.yaml")
    assert found.content_id("apps/b.yaml") not in ("", found.content_id("apps"))


def test_a_build_is_not_repeated_for_a_new_archive_with_the_same_files(tmp_path: Path) -> None:
    recording = RecordingTree(tree(archive(*FILES.items()), tmp_path))
    recording.read("apps/b.yaml")
    recording.list("apps")
    same = archive(("other", b"new"), *FILES.items(), format=tarfile.GNU_FORMAT)
    assert recording.inputs.unchanged_in(tree(same, tmp_path))
    changed = archive(*{**FILES, "apps/b.yaml": b"b: 3\n"}.items())
    assert not recording.inputs.unchanged_in(tree(changed, tmp_path))


def test_symbolic_links_are_left_out_and_hard_links_within_are_files(tmp_path: Path) -> None:
    found = tree(
        archive(
            ("a", b"content"),
            ("link", typed(tarfile.SYMTYPE, "/etc/passwd")),
            ("copy", typed(tarfile.LNKTYPE, "./a")),
        ),
        tmp_path,
    )
    assert list(found.list("")) == ["a", "copy"]
    assert found.read("copy") == b"content"


def test_the_last_of_several_files_of_one_name_counts(tmp_path: Path) -> None:
    assert tree(archive(("a", b"1"), ("./a", b"22")), tmp_path).read("a") == b"22"


@pytest.mark.parametrize(
    ("members", "what"),
    [
        ([("../a", b"")], "not a name"),
        ([("a/../../b", b"")], "not a name"),
        ([("..", None)], "not a name"),
        ([("/etc/passwd", b"")], "not a name"),
        ([("a\\b", b"")], "not a name"),
        ([("a/" * 300 + "b", b"")], "longer than"),
        ([("x" * 5000, b"")], "longer than"),
        ([("dev", typed(tarfile.CHRTYPE))], "neither a file nor a directory"),
        ([("dev", typed(tarfile.BLKTYPE))], "neither a file nor a directory"),
        ([("pipe", typed(tarfile.FIFOTYPE))], "neither a file nor a directory"),
        ([("copy", typed(tarfile.LNKTYPE, "/etc/passwd"))], "not a name"),
        (
            [("copy", typed(tarfile.LNKTYPE, "later")), ("later", b"")],
            "hard link to a file that does not precede it",
        ),
        ([("a", b""), ("a/b", b"")], "both a file and a directory"),
        ([("a/b", b""), ("a", b"")], "both a file and a directory"),
        ([("a", b""), ("a", None)], "both a file and a directory"),
        ([(".", b"")], "both a file and a directory"),
    ],
)
def test_hostile_entries_are_refused(tmp_path: Path, members: list[Member], what: str) -> None:
    with pytest.raises(ArchiveInvalid, match=what):
        tree(archive(*members), tmp_path)


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (b"", "not a tar archive"),
        (b"no gzip", "not gzip-compressed"),
        (archive(*FILES.items())[:-10], "compression is damaged"),
        (gzip.compress(b"no tar archive at all" * 100), "not a tar archive"),
        (gzip.compress(b""), "not a tar archive"),
        (gzip.compress(gzip.decompress(archive(("a", b"x" * 5000)))[:3000]), "not a tar archive|ends within"),
        (
            gzip.compress(gzip.decompress(archive(("a", b"x")))[:1024] + b"damaged" * 100),
            "damaged at byte 1024",
        ),
    ],
    ids=["empty", "no gzip", "cut", "no tar", "nothing in it", "cut before it was compressed", "damaged"],
)
def test_damaged_archives_are_refused(tmp_path: Path, data: bytes, what: str) -> None:
    with pytest.raises(ArchiveInvalid, match=what):
        tree(data, tmp_path)


def test_bombs_are_refused(tmp_path: Path) -> None:
    limits = ArchiveLimits(unpacked=10 << 20, entries=100)
    with pytest.raises(ArchiveInvalid, match="larger than the limit"):
        tree(gzip.compress(b"\0" * (20 << 20)), tmp_path, limits=limits)
    with pytest.raises(ArchiveInvalid, match="more than 100 entries"):
        tree(archive(*((str(i), b"") for i in range(101))), tmp_path, limits=limits)
    with pytest.raises(ArchiveInvalid, match="more than 100 directories"):
        tree(archive(*((f"{i}/x/y", b"") for i in range(60))), tmp_path, limits=limits)


def header(size: bytes, kind: bytes = b"0") -> bytes:
    raw = bytearray(tarfile.TarInfo("a").tobuf(tarfile.USTAR_FORMAT))
    raw[124:136], raw[156:157], raw[148:156] = size, kind, b" " * 8
    raw[148:156] = b"%06o\0 " % sum(raw)
    return bytes(raw)


@pytest.mark.parametrize(
    ("data", "what"),
    [
        # Sizes in base 256, as GNU tar writes large ones: negative, and beyond the end.
        (header(b"\xff" * 4 + struct.pack(">q", -1024)), "negative|damaged|not a tar archive"),
        (header(b"\xff" * 4 + struct.pack(">q", -512)) * 3, "negative|damaged|not a tar archive"),
        (header(b"\x80" + b"\0" * 3 + struct.pack(">q", 1 << 60)), "ends within|unexpected end|damaged"),
        # Extended headers of a gigabyte, which tarfile would read at once.
        (header(b"\x80" + b"\0" * 3 + struct.pack(">q", 1 << 30), b"x"), "header that is too large"),
        (header(b"\x80" + b"\0" * 3 + struct.pack(">q", 1 << 30), b"L"), "header that is too large"),
        # Extended headers that lead to others without end.
        (header(b"00000000000\0", b"x") * 5000, "damaged|not a tar archive|recursion"),
    ],
)
def test_crafted_headers_are_refused(tmp_path: Path, data: bytes, what: str) -> None:
    with pytest.raises(ArchiveInvalid, match=what):
        tree(gzip.compress(data + b"\0" * 1024), tmp_path)


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_any_damage_is_an_error_or_a_tree(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    raw = bytearray(gzip.decompress(archive(*FILES.items(), ("l", typed(tarfile.LNKTYPE, "a.yaml")))))
    for _ in range(data.draw(st.integers(1, 8))):
        raw[data.draw(st.integers(0, min(len(raw) - 1, 6000)))] = data.draw(st.integers(0, 255))
    try:
        found = tree(gzip.compress(bytes(raw), 1), tmp_path_factory.getbasetemp())
    except ArchiveInvalid:
        return
    pending = [""]
    while pending:
        path = pending.pop()
        assert found.content_id(path)
        for name in found.list(path):
            below = f"{path}/{name}" if path else name
            assert name not in ("", ".", "..")
            assert "/" not in name
            if found.kind(below) is EntryKind.FILE:
                found.read(below)
            else:
                pending.append(below)
    found.close()


def test_nothing_is_left_on_disk(tmp_path: Path) -> None:
    before = len(os.listdir("/proc/self/fd")) if os.path.exists("/proc/self/fd") else 0
    found = tree(archive(*FILES.items()), tmp_path)
    assert list(tmp_path.iterdir()) == []
    found.close()
    for data in (b"", b"no gzip", archive(("../a", b""))):
        with pytest.raises(ArchiveInvalid):
            tree(data, tmp_path)
    if before:
        assert len(os.listdir("/proc/self/fd")) == before


def test_a_shared_tree_is_there_until_its_last_user_closes_it(tmp_path: Path) -> None:
    found = tree(archive(*FILES.items()), tmp_path)
    other = found.share()
    found.close()
    assert other.read("a.yaml") == FILES["a.yaml"]
    other.close()
    with pytest.raises(ValueError, match="closed"):
        other.read("a.yaml")
