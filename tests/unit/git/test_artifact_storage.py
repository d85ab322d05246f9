"""Artifacts on disk: paths, publishing, verifying, collecting."""

from __future__ import annotations

import errno
import os
import re
import time
from pathlib import Path

import pytest

from headgate.git.artifact.storage import ArtifactStorage, PathKey, StoredArtifact, advertised_address
from headgate.git.errors import StorageFailed
from tests.unit.git.test_artifact_archive import Files

A, B, C, D = ("a" * 40, "b" * 40, "c" * 40, "d" * 40)
SOURCE = Files({"a": b"1"})


@pytest.fixture
def storage(tmp_path: Path) -> ArtifactStorage:
    return ArtifactStorage(tmp_path / "storage", "source.example:9090")


def publish(storage: ArtifactStorage, commit: str, age: float = 0) -> StoredArtifact:
    artifact = storage.publish(SOURCE, "default", "app", commit, f"main@sha1:{commit}")
    changed = time.time() - age
    os.utime(storage.local_path(artifact.path), (changed, changed))
    return artifact


def names(storage: ArtifactStorage) -> list[str]:
    return sorted(os.listdir(storage.root / "gitrepository/default/app"))


def test_the_status_and_the_place_on_disk_are_as_in_flux(storage: ArtifactStorage) -> None:
    artifact = publish(storage, A)
    path = f"gitrepository/default/app/{A}.tar.gz"
    status = artifact.to_status()
    assert status["path"] == path
    assert status["url"] == f"http://source.example:9090/{path}"
    assert status["revision"] == f"main@sha1:{A}"
    assert (storage.root / path).stat().st_size == status["size"]
    assert set(status) == {"digest", "lastUpdateTime", "path", "revision", "size", "url"}
    assert storage.verify(path, str(status["digest"]))


@pytest.mark.parametrize(
    ("namespace", "name", "belongs"),
    [
        ("default", "app", True),
        ("default", "other", False),
        ("team", "app", False),
        ("../default", "app", False),
    ],
)
def test_whose_a_path_is(namespace: str, name: str, belongs: bool, storage: ArtifactStorage) -> None:
    assert storage.belongs(publish(storage, A).path, namespace, name) is belongs
    assert not storage.belongs("gitrepository/default/app/../../x.tar.gz", namespace, name)


def test_what_is_damaged_missing_or_replaced_is_seen(storage: ArtifactStorage) -> None:
    artifact = publish(storage, A)
    file = storage.local_path(artifact.path)
    assert not storage.verify(artifact.path, "sha256:" + "0" * 64)
    assert not storage.verify(artifact.path, "md5:00")
    content = file.read_bytes()
    file.write_bytes(content[:-1] + b"x")
    assert not storage.verify(artifact.path, artifact.digest)
    file.unlink()
    assert not storage.verify(artifact.path, artifact.digest)
    other = storage.root / "other"
    other.write_bytes(content)
    file.symlink_to(other)
    assert not storage.exists(artifact.path)


@pytest.mark.parametrize(
    "path",
    [
        "../../etc/passwd",
        f"/gitrepository/default/app/{A}.tar.gz",
        f"gitrepository/../app/{A}.tar.gz",
        f"gitrepository/default/../{A}.tar.gz",
        f"gitrepository/default/app/x/{A}.tar.gz",
        "gitrepository/default/app/latest.tar.gz",
        f"bucket/default/app/{A}.tar.gz",
        f"gitrepository/default/app/{A}.zip",
        "",
    ],
)
def test_a_path_from_a_status_never_leads_elsewhere(path: str, storage: ArtifactStorage) -> None:
    assert not storage.exists(path)
    with pytest.raises(StorageFailed):
        storage.local_path(path)


@pytest.mark.parametrize(
    ("namespace", "name"), [("..", "app"), ("default", "a/b"), ("default", "."), ("", "x")]
)
def test_names_are_checked(namespace: str, name: str, storage: ArtifactStorage) -> None:
    with pytest.raises(StorageFailed):
        storage.publish(SOURCE, namespace, name, A, "x")


def test_the_file_name_is_a_commit(storage: ArtifactStorage) -> None:
    with pytest.raises(StorageFailed):
        storage.publish(SOURCE, "default", "app", "../x", "x")
    assert storage.publish(SOURCE, "default", "app", "e" * 64, "x").path.endswith(f"{'e' * 64}.tar.gz")


def test_a_failure_half_way_leaves_the_old_artifact_and_no_rest(storage: ArtifactStorage) -> None:
    artifact = publish(storage, A)

    class Broken(Files):
        def contents(self, paths: object) -> object:  # type: ignore[override]
            raise StorageFailed("gone")

    with pytest.raises(StorageFailed):
        storage.publish(Broken({"a": b"2"}), "default", "app", A, "x")
    assert names(storage) == [f"{A}.tar.gz"]
    assert storage.verify(artifact.path, artifact.digest)


def test_collecting_keeps_the_current_the_newest_and_the_young(tmp_path: Path) -> None:
    storage = ArtifactStorage(tmp_path, "h", retention_ttl=60, retention_records=2)
    for commit, age in ((A, 300), (B, 200), (C, 30), (D, 10)):
        current = publish(storage, commit, age)
    assert sorted(storage.collect(current.path)) == [f"{A}.tar.gz", f"{B}.tar.gz"]
    assert names(storage) == [f"{C}.tar.gz", f"{D}.tar.gz"]


def test_collecting_bounds_the_number_even_of_young_ones(tmp_path: Path) -> None:
    storage = ArtifactStorage(tmp_path, "h", retention_ttl=60, retention_records=2)
    for commit, age in ((A, 4), (B, 3), (C, 2), (D, 1)):
        current = publish(storage, commit, age)
    storage.collect(current.path)
    assert names(storage) == [f"{C}.tar.gz", f"{D}.tar.gz"]


def test_the_current_one_is_kept_however_old_it_is(tmp_path: Path) -> None:
    storage = ArtifactStorage(tmp_path, "h", retention_ttl=60, retention_records=2)
    current = publish(storage, A, 9999)
    for commit in (B, C):
        publish(storage, commit, 1)
    storage.collect(current.path)
    assert f"{A}.tar.gz" in names(storage)


def test_rests_of_a_killed_process_are_collected(storage: ArtifactStorage) -> None:
    current = publish(storage, A)
    rest = storage.root / f"gitrepository/default/app/.{B}.tmp"
    rest.write_bytes(b"half")
    os.utime(rest, (1, 1))
    assert storage.collect(current.path) == [rest.name]


def test_what_cannot_be_deleted_is_reported_and_the_rest_goes(
    storage: ArtifactStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    current = publish(storage, A)
    rests = [storage.root / f"gitrepository/default/app/.{commit}.tmp" for commit in (B, C)]
    for age, rest in enumerate(rests, start=1):
        rest.write_bytes(b"half")
        os.utime(rest, (age, age))
    unlink = Path.unlink

    def refuse(path: Path, missing_ok: bool = False) -> None:
        if path == rests[0]:
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        unlink(path, missing_ok)

    monkeypatch.setattr(Path, "unlink", refuse)
    with pytest.raises(StorageFailed) as caught:
        storage.collect(current.path)
    assert str(caught.value) == (
        f"garbage collection of artifacts failed: Permission denied: '{rests[0]}'; "
        f"let the operator write to '{rests[0].parent}'; Headgate retries"
    )
    assert [rest.exists() for rest in rests] == [True, False]


def test_a_deleted_source_whose_artifacts_cannot_be_deleted(
    storage: ArtifactStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(storage, A)
    folder = storage.root / "gitrepository/default/app"

    def refuse(path: Path) -> None:
        raise OSError(errno.EROFS, "Read-only file system", str(path))

    monkeypatch.setattr("shutil.rmtree", refuse)
    with pytest.raises(
        StorageFailed, match=f"for deleted resource failed: Read-only file system: '{folder}'; let the op"
    ):
        storage.remove_all("default", "app")


def test_deleting_a_source(storage: ArtifactStorage) -> None:
    publish(storage, A)
    storage.publish(SOURCE, "default", "other", A, "x")
    assert storage.remove_all("default", "app")
    assert not storage.remove_all("default", "app")
    assert os.listdir(storage.root / "gitrepository/default") == ["other"]
    storage.remove_all("default", "other")
    assert os.listdir(storage.root / "gitrepository") == []


@pytest.mark.parametrize(
    ("address", "advertised", "expected"),
    [
        ("127.0.0.1:9090", None, "127.0.0.1:9090"),
        (":9090", None, "localhost:9090"),
        ("0.0.0.0:9090", None, "pod-1:9090"),
        ("[::]:9090", None, "pod-1:9090"),
        (":9090", "source.ns.svc", "source.ns.svc"),
    ],
)
def test_advertised_address(
    address: str, advertised: str | None, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOSTNAME", "pod-1")
    assert advertised_address(address, advertised) == expected


def hidden(root: Path) -> ArtifactStorage:
    return ArtifactStorage(root, "source.example:9090", path_key=PathKey(root))


def test_with_a_key_a_path_cannot_be_guessed(tmp_path: Path) -> None:
    """It depends on the source, the commit and the storage; all else stays as it is."""
    first, second = hidden(tmp_path / "one"), hidden(tmp_path / "two")
    paths = [
        storage.publish(SOURCE, namespace, name, commit, f"main@sha1:{commit}").path
        for storage in (first, second)
        for namespace, name, commit in (
            ("default", "app", A),
            ("default", "app", B),
            ("default", "web", A),
            ("other", "app", A),
            ("default-app", "app", A),
        )
    ]
    marks = [path.rpartition("-")[2] for path in paths]
    assert len(set(marks)) == len(paths)
    for path, mark in zip(paths, marks, strict=True):
        assert re.fullmatch(r"[0-9a-f]{32}\.tar\.gz", mark)
        assert re.fullmatch(rf"gitrepository/[a-z-]+/[a-z]+/(?:{A}|{B})-{mark}", path)
    assert not any(first.exists(path) for path in paths[5:])
    assert (first.root / PathKey.FILE).stat().st_mode & 0o777 == 0o600


def test_a_path_is_the_same_after_a_restart(tmp_path: Path) -> None:
    before = publish(hidden(tmp_path), A)
    after = hidden(tmp_path)
    assert after.verify(before.path, before.digest)
    assert publish(after, A).path == before.path
    os.utime(after.local_path(before.path), (1, 1))
    assert after.collect(publish(after, B).path) == [before.path.rpartition("/")[2]]
    assert not after.exists(before.path)


def test_what_is_named_differently_is_stored_again(tmp_path: Path) -> None:
    """After encryption is turned on or off, or the key is lost, the source learns that its artifact is missing."""
    plain, with_key = ArtifactStorage(tmp_path, "h"), hidden(tmp_path)
    of_flux = publish(plain, A)
    assert not with_key.verify(of_flux.path, of_flux.digest)
    marked = publish(with_key, A)
    assert not plain.verify(marked.path, marked.digest)
    (tmp_path / PathKey.FILE).write_bytes(b"half")
    assert not hidden(tmp_path).verify(marked.path, marked.digest)
    assert len((tmp_path / PathKey.FILE).read_bytes()) == PathKey.SIZE
    old = time.time() - 999
    for name in names(plain):
        os.utime(tmp_path / "gitrepository/default/app" / name, (old, old))
    current = publish(hidden(tmp_path), A)
    hidden(tmp_path).collect(current.path)
    assert names(plain) == [current.path.rpartition("/")[2]]


def test_without_room_for_the_key_nothing_is_published(tmp_path: Path) -> None:
    (tmp_path / "storage").write_text("a file")
    with pytest.raises(StorageFailed, match="unable to store the key of artifact paths"):
        publish(hidden(tmp_path / "storage"), A)
