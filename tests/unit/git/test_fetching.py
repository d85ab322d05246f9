"""Fetching single commits: shallow, once, from servers of every age, and again if the cache is damaged."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import pytest

from headgate.git.cache.bare import MAX_PACKS, BareCache, Caches
from headgate.git.errors import GitTimedOut, RefNotFound, StorageFailed
from headgate.git.refs.reference import GitReference, Resolved
from headgate.git.remote.client import Remote
from headgate.git.tree.commit import GitTree
from headgate.git.url import RemoteUrl
from tests.support.gitserver import GitHttpServer
from tests.support.gitserver_repository import Repository

MAIN = GitReference(branch="main")


def fetch(remote: Remote, cache: BareCache, reference: GitReference = MAIN) -> str:
    return remote.fetch(remote.resolve(reference, cache), cache)


def content(cache: BareCache, commit: str, path: str = "a") -> bytes:
    tree = GitTree(cache, commit)
    try:
        return tree.read(path)
    finally:
        tree.close()


def objects(cache: BareCache, kind: str) -> int:
    _, listing = cache.git("cat-file", "--batch-all-objects", "--batch-check=%(objecttype)")
    return listing.decode().split().count(kind)


def test_one_commit_without_its_history(repository: Repository, remote: Remote, cache: BareCache) -> None:
    for number in range(5):
        commit = repository.commit({"a": str(number)})
    assert fetch(remote, cache) == commit
    assert content(cache, commit) == b"4"
    assert (objects(cache, "commit"), objects(cache, "blob")) == (1, 1)


def test_nothing_is_fetched_twice(
    server: GitHttpServer, repository: Repository, remote: Remote, cache: BareCache
) -> None:
    repository.commit({"a": "1"})
    fetch(remote, cache)
    server.forget()
    fetch(remote, cache)
    assert (server.count("ls-refs"), server.count("fetch")) == (1, 0)


def test_a_new_commit_brings_only_what_is_new(
    server: GitHttpServer, repository: Repository, remote: Remote, cache: BareCache
) -> None:
    big = random.Random(1).randbytes(400_000)
    repository.commit({"big": big, "a": "1"})
    fetch(remote, cache)
    before = size(cache.path)
    new = repository.commit({"a": "2"})
    fetch(remote, cache)
    assert content(cache, new) == b"2"
    assert content(cache, new, "big") == big
    assert size(cache.path) - before < 100_000


def test_after_a_force_push(repository: Repository, remote: Remote, cache: BareCache) -> None:
    repository.commit({"a": "1"})
    old = repository.commit({"a": "2"})
    fetch(remote, cache)
    repository.git("reset", "-q", "--hard", "HEAD~1")
    new = repository.commit({"a": "3"})
    assert fetch(remote, cache) == new
    assert not cache.has(old)


def test_an_annotated_tag_leads_to_its_commit(
    repository: Repository, remote: Remote, cache: BareCache
) -> None:
    commit = repository.commit({"a": "1"})
    repository.tag("v1.0.0", annotated=True)
    repository.commit({"a": "2"})
    assert fetch(remote, cache, GitReference(tag="v1.0.0")) == commit
    assert content(cache, commit) == b"1"


def test_an_old_commit_by_its_id(repository: Repository, remote: Remote, cache: BareCache) -> None:
    old = repository.commit({"a": "1"})
    repository.commit({"a": "2"})
    assert fetch(remote, cache, GitReference(commit=old)) == old
    assert fetch(remote, cache, GitReference(commit=old, branch="main")) == old


def test_a_commit_of_another_branch_is_not_in_this_one(
    repository: Repository, remote: Remote, cache: BareCache
) -> None:
    repository.commit({"a": "1"})
    repository.switch("other", "HEAD")
    other = repository.commit({"a": "2"})
    repository.switch("main")
    with pytest.raises(RefNotFound, match=f"commit {other} not found in refs/heads/main"):
        fetch(remote, cache, GitReference(commit=other, branch="main"))
    assert fetch(remote, cache, GitReference(commit=other, branch="other")) == other


def test_a_commit_that_is_nowhere(repository: Repository, remote: Remote, cache: BareCache) -> None:
    repository.commit({"a": "1"})
    with pytest.raises(RefNotFound, match="not found"):
        fetch(remote, cache, GitReference(commit="1" * 40))


@pytest.mark.parametrize("environment", [{"GIT_PROTOCOL": ""}, {"GIT_PROTOCOL": "version=1"}])
def test_a_server_that_gives_out_no_single_commits(
    environment: dict[str, str],
    server: GitHttpServer,
    repository: Repository,
    remote: Remote,
    cache: BareCache,
) -> None:
    server.backend_environment = environment
    old = repository.commit({"a": "1"})
    new = repository.commit({"a": "2"})
    assert fetch(remote, cache) == new
    assert fetch(remote, cache, GitReference(commit=old)) == old
    assert content(cache, old) == b"1"


def test_sha256_repositories(served: Path, server: GitHttpServer, caches: Caches) -> None:
    repository = Repository(served, "new", object_format="sha256")
    commit = repository.commit({"a": "1"})
    remote = Remote(RemoteUrl.parse(server.url("new.git")), timeout=20)
    cache = caches.open("default", "new", str(remote.url))
    resolved = remote.resolve(MAIN, cache)
    assert resolved.revision == f"main@sha256:{commit}"
    assert remote.fetch(resolved, cache) == commit
    assert content(cache, commit) == b"1"


def test_a_repository_that_changed_its_hash(
    served: Path, server: GitHttpServer, remote: Remote, cache: BareCache
) -> None:
    Repository(served).commit({"a": "1"})
    fetch(remote, cache)
    shutil.rmtree(served)
    shutil.rmtree(served.with_name("served.work"))
    commit = Repository(served, object_format="sha256").commit({"a": "2"})
    assert fetch(remote, cache) == commit


def test_the_cache_stays_small(repository: Repository, remote: Remote, cache: BareCache) -> None:
    for number in range(MAX_PACKS + 3):
        repository.commit({"a": random.Random(number).randbytes(20_000)})
        fetch(remote, cache)
    assert objects(cache, "commit") <= MAX_PACKS
    assert size(cache.path) < (MAX_PACKS + 3) * 20_000


def test_a_pinned_commit_outlives_newer_ones_and_a_repack(
    repository: Repository, remote: Remote, cache: BareCache
) -> None:
    first = repository.commit({"a": "first"})
    fetch(remote, cache)
    with_pin = GitTree(cache, first)
    for number in range(MAX_PACKS + 2):
        repository.commit({"a": str(number)})
        fetch(remote, cache)
    assert with_pin.read("a") == b"first"
    with_pin.close()
    repository.commit({"a": "last"})
    fetch(remote, cache)
    assert not cache.has(first)


def test_a_fetch_that_was_killed_leaves_nothing_in_the_way(
    server: GitHttpServer, repository: Repository, remote: Remote, cache: BareCache
) -> None:
    repository.commit({"a": "1"})
    fetch(remote, cache)
    commit = repository.commit({"a": "2"})
    resolved = remote.resolve(MAIN, cache)
    server.hang = True
    impatient = Remote(remote.url, timeout=0.5)
    with pytest.raises(GitTimedOut):
        impatient.fetch(resolved, cache)
    for name in ("shallow.lock", "packed-refs.lock", "objects/pack/tmp_pack_x"):
        (cache.path / name).write_text("")
    server.hang = False
    assert remote.fetch(resolved, cache) == commit
    assert not (cache.path / "shallow.lock").exists()
    assert not (cache.path / "objects/pack/tmp_pack_x").exists()


def test_locks_of_an_earlier_process_are_removed(
    repository: Repository, remote: Remote, caches: Caches, cache: BareCache, tmp_path: Path
) -> None:
    repository.commit({"a": "1"})
    fetch(remote, cache)
    (cache.path / "shallow.lock").write_text("")
    restarted = Caches(tmp_path / "caches").open("default", "app", str(remote.url))
    assert restarted.path == cache.path
    commit = repository.commit({"a": "2"})
    assert fetch(remote, restarted) == commit


@pytest.mark.parametrize("damage", ["truncated", "removed", "config", "head", "half-made"])
def test_a_damaged_cache_is_created_again(
    damage: str, repository: Repository, remote: Remote, tmp_path: Path, cache: BareCache
) -> None:
    repository.commit({"a": "1", "b": random.Random(2).randbytes(5000)})
    fetch(remote, cache)
    for pack in (cache.path / "objects" / "pack").glob("*.pack"):
        pack.chmod(0o600)
        if damage == "truncated":
            pack.write_bytes(pack.read_bytes()[:100])
        elif damage == "removed":
            pack.unlink()
    if damage == "config":
        (cache.path / "config").write_text("[core\n")
    elif damage == "head":
        (cache.path / "HEAD").unlink()
    elif damage == "half-made":
        shutil.rmtree(cache.path / "objects")
    restarted = Caches(tmp_path / "caches").open("default", "app", str(remote.url))
    commit = repository.commit({"a": "2"})
    assert fetch(remote, restarted) == commit
    assert content(restarted, commit) == b"2"
    assert len(content(restarted, commit, "b")) == 5000


def test_a_blob_that_is_lost_is_fetched_again(
    repository: Repository, remote: Remote, cache: BareCache
) -> None:
    commit = repository.commit({"a": "1"})
    fetch(remote, cache)
    shutil.rmtree(cache.path / "objects" / "pack")
    with pytest.raises(StorageFailed):
        GitTree(cache, commit)
    assert fetch(remote, cache) == commit
    assert content(cache, commit) == b"1"


def test_a_disk_that_cannot_be_written(remote: Remote, tmp_path: Path, repository: Repository) -> None:
    repository.commit()
    (tmp_path / "file").write_text("")
    cache = Caches(tmp_path / "file").open("default", "app", "x")
    with pytest.raises(StorageFailed, match="cannot be written") as error:
        remote.fetch(Resolved(repository.head(), "x", "refs/heads/main"), cache)
    assert error.value.reason == "ArchiveOperationFailed"


def test_each_source_and_url_has_a_cache_of_its_own(caches: Caches) -> None:
    one = caches.open("default", "app", "https://example.com/a")
    assert caches.open("default", "app", "https://example.com/a") is one
    assert caches.open("other", "app", "https://example.com/a").path != one.path
    one.path.mkdir(parents=True)
    caches.open("default", "app", "https://example.com/b")
    assert not one.path.exists()
    caches.drop("default", "app")
    assert caches.holding("default", "app", "a" * 40) is None
    for bad in ("..", "a/b", "", "-x", "A"):
        with pytest.raises(StorageFailed):
            caches.open("default", bad, "x")


def test_the_cache_with_a_commit_outlives_a_change_of_the_url(
    caches: Caches, remote: Remote, repository: Repository, tmp_path: Path
) -> None:
    commit, url = repository.commit({"a": "1"}), str(remote.url)
    one = caches.open("default", "app", url)
    remote.fetch(Resolved(commit, "x", "refs/heads/main"), one)
    assert caches.open("default", "app", "https://example.com/b", sparing=commit) is not one
    assert caches.holding("default", "app", commit) is one
    assert caches.open("default", "app", url, sparing=commit) is one
    restarted = Caches(tmp_path / "caches")
    other = restarted.open("default", "app", "https://example.com/b", sparing=commit)
    found = restarted.holding("default", "app", commit)
    assert found is not None
    assert found.path == one.path
    assert restarted.holding("default", "app", "b" * 40) is None
    # Whoever opens it without the commit in mind has no use for the other one.
    assert restarted.open("default", "app", "https://example.com/b") is other
    assert not one.path.exists()
    assert restarted.holding("default", "app", commit) is None


def size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
