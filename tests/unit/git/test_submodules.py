"""Submodules: fetched, nested and put in their places; and what a hostile ``.gitmodules`` cannot do."""

from __future__ import annotations

import socket
import threading
from pathlib import Path

import pytest

from headgate.git.cache.bare import BareCache
from headgate.git.checkout.submodules import fetch_submodules
from headgate.git.command.process import Cancellation
from headgate.git.credentials.secret import Credentials
from headgate.git.errors import GitCancelled, GitError, SubmoduleFailed
from headgate.git.refs.reference import GitReference
from headgate.git.remote.client import Remote
from headgate.git.tree.commit import GitTree
from headgate.git.tree.compose import ComposedTree, TreeLayer
from headgate.git.url import RemoteUrl
from tests.support.gitserver import GitHttpServer
from tests.support.gitserver_repository import Repository


def with_submodule(
    repository: Repository, path: str, url: str, commit: str, *, declared: str | None = None
) -> None:
    """Add a submodule without a check of its URL; ``declared`` is the path in .gitmodules."""
    modules = repository.work / ".gitmodules"
    known = modules.read_text() if modules.exists() else ""
    modules.write_text(f'{known}[submodule "{path}"]\n\tpath = {declared or path}\n\turl = {url}\n')
    repository.git("update-index", "--add", "--cacheinfo", f"160000,{commit},{path}")
    repository.git("add", "-f", ".gitmodules")
    repository.git("commit", "-q", "--no-gpg-sign", "-m", "submodule")


def tree_of(remote: Remote, cache: BareCache, ignore: str | None = None) -> ComposedTree:
    commit = remote.fetch(remote.resolve(GitReference(branch="main"), cache), cache)
    top = GitTree(cache, commit, filtered=False)
    try:
        layers = fetch_submodules(remote, cache, top)
    except BaseException:
        top.close()
        raise
    return ComposedTree([TreeLayer(top), *layers], ignore=ignore)


def test_at_their_places_and_nested(
    served: Path, server: GitHttpServer, repository: Repository, remote: Remote, cache: BareCache
) -> None:
    leaf, middle = Repository(served, "leaf"), Repository(served, "middle")
    old = leaf.commit({"leaf.yaml": "old"})
    leaf.commit({"leaf.yaml": "new"})
    middle.commit({"middle.yaml": "m"})
    with_submodule(middle, "deps/leaf", "../leaf.git", old)
    repository.commit({"top.yaml": "t", "pic.png": "x"})
    with_submodule(repository, "vendor/middle", server.url("middle.git"), middle.head())
    tree = tree_of(remote, cache)
    try:
        assert tree.read("vendor/middle/deps/leaf/leaf.yaml") == b"old"
        assert tree.read("vendor/middle/middle.yaml") == b"m"
        assert tree.list("") == ("top.yaml", "vendor")
        assert tree.list("vendor/middle") == ("deps", "middle.yaml")
    finally:
        tree.close()
    # A second reconcile requests only the refs.
    server.forget()
    tree_of(remote, cache).close()
    assert server.count("fetch") == 0


def test_a_cancelled_fetch_is_not_the_fault_of_the_submodule(
    server: GitHttpServer, repository: Repository, cache: BareCache
) -> None:
    cancellation, ended = Cancellation(), list[GitError]()
    remote = Remote(RemoteUrl.parse(server.url("repo.git")), timeout=600, cancellation=cancellation)

    def fetch() -> None:
        try:
            tree_of(remote, cache).close()
        except GitError as error:
            ended.append(error)

    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/m.git"
        repository.commit({"top.yaml": "t"})
        with_submodule(repository, "vendor/m", url, "1" * 40)
        thread = threading.Thread(target=fetch)
        thread.start()
        silent.settimeout(60)
        connection = silent.accept()[0]
        cancellation.cancel()
        thread.join(60)
        connection.close()
    assert [type(error) for error in ended] == [GitCancelled]
    assert ended[0].silent


def test_ignore_rules_are_those_of_the_whole(
    served: Path, server: GitHttpServer, repository: Repository, remote: Remote, cache: BareCache
) -> None:
    module = Repository(served, "module")
    module.commit({"a.txt": "1", "b.txt": "2", "c.md": "3", ".sourceignore": "/b.txt"})
    repository.commit({".sourceignore": "*.md", "b.txt": "stays"})
    with_submodule(repository, "m", server.url("module.git"), module.head())
    tree = tree_of(remote, cache, ignore="m/a.txt")
    try:
        assert [entry.path for entry in tree.entries() if not entry.is_directory] == [
            ".sourceignore",
            "b.txt",
            "m/.sourceignore",
        ]
    finally:
        tree.close()


def test_one_without_a_url_stays_an_empty_directory(
    repository: Repository, remote: Remote, cache: BareCache
) -> None:
    commit = repository.commit({"a": "1"})
    repository.git("update-index", "--add", "--cacheinfo", f"160000,{commit},m")
    repository.git("commit", "-q", "--no-gpg-sign", "-m", "no url")
    tree = tree_of(remote, cache)
    assert (tree.list(""), tree.list("m")) == (("a", "m"), ())
    tree.close()


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("ext::sh -c touch% flag", "unprintable"),
        ("file:///etc", "scheme 'file'"),
        ("/etc", "no scheme"),
        ("../../../etc", "not found"),
        ("-u./flag", "no scheme"),
        ("--upload-pack=touch:x", "no scheme"),
        ("ssh://-oProxyCommand=touch/x", "malformed"),
        ("git@-oProxyCommand=touch:x", "malformed"),
    ],
)
def test_urls_that_are_refused(
    url: str, says: str, repository: Repository, remote: Remote, cache: BareCache
) -> None:
    commit = repository.commit({"a": "1"})
    with_submodule(repository, "m", url, commit)
    with pytest.raises(SubmoduleFailed) as error:
        tree_of(remote, cache)
    assert str(error.value).startswith("unable to fetch the submodule at 'm': ")
    assert says in str(error.value)
    assert not (repository.work / "flag").exists()


@pytest.mark.parametrize("path", ["../outside", "/etc", ".git", "a/../../b"])
def test_paths_that_lead_elsewhere_are_not_looked_up(
    path: str, server: GitHttpServer, repository: Repository, remote: Remote, cache: BareCache
) -> None:
    commit = repository.commit({"a": "1"})
    with_submodule(repository, "m", server.url("none.git"), commit, declared=path)
    tree = tree_of(remote, cache)
    assert tree.list("") == ("a", "m")
    tree.close()


def test_a_commit_that_is_not_there(
    served: Path, server: GitHttpServer, repository: Repository, remote: Remote, cache: BareCache
) -> None:
    Repository(served, "module").commit()
    repository.commit()
    with_submodule(repository, "m", server.url("module.git"), "1" * 40)
    with pytest.raises(SubmoduleFailed, match=f"commit {'1' * 40} not found"):
        tree_of(remote, cache)


def test_a_circle_ends(
    server: GitHttpServer, repository: Repository, remote: Remote, cache: BareCache
) -> None:
    commit = repository.commit({"a": "1"})
    with_submodule(repository, "m", server.url(), commit)
    for _ in range(15):
        with_submodule(repository, "m", server.url(), repository.head())
    with pytest.raises(SubmoduleFailed, match="deeper than 10 levels"):
        tree_of(remote, cache)


def test_credentials_go_to_the_same_server_only(
    served: Path, server: GitHttpServer, repository: Repository, cache: BareCache, tmp_path: Path
) -> None:
    own, foreign = Repository(served, "own"), Repository(tmp_path / "elsewhere", "foreign")
    repository.commit({"a": "1"})
    own.commit({"b": "2"})
    foreign.commit({"c": "3"})
    server.require_basic("ada", "s3cret")
    data = {"username": b"ada", "password": b"s3cret"}
    url = RemoteUrl.parse(server.url())
    with GitHttpServer(tmp_path / "elsewhere") as other:
        with_submodule(repository, "own", "../own.git", own.head())
        with_submodule(repository, "foreign", other.url("foreign.git"), foreign.head())
        tree = tree_of(Remote(url, Credentials.from_secret(url, data), timeout=20), cache)
        assert (tree.read("own/b"), tree.read("foreign/c")) == (b"2", b"3")
        tree.close()
        assert [request for request in other.requests if request.authorization] == []


def test_caches_of_submodules_that_are_gone_go(
    served: Path, server: GitHttpServer, repository: Repository, remote: Remote, cache: BareCache
) -> None:
    one, two = Repository(served, "one"), Repository(served, "two")
    one.commit()
    two.commit()
    repository.commit()
    with_submodule(repository, "m", server.url("one.git"), one.head())
    tree_of(remote, cache).close()
    first = cache.submodule(server.url("one.git")).path
    assert first.is_dir()
    (repository.work / ".gitmodules").unlink()
    with_submodule(repository, "m", server.url("two.git"), two.head())
    tree_of(remote, cache).close()
    assert not first.exists()
    assert cache.submodule(server.url("two.git")).path.is_dir()


def test_without_asking_the_server(
    served: Path, server: GitHttpServer, repository: Repository, remote: Remote, cache: BareCache
) -> None:
    module = Repository(served, "module")
    module.commit({"b": "2"})
    repository.commit({"a": "1"})
    with_submodule(repository, "m", "../module.git", module.head())
    tree_of(remote, cache).close()
    server.fail_with = 500
    top = GitTree(cache, repository.head(), filtered=False)
    tree = ComposedTree([TreeLayer(top), *fetch_submodules(remote, cache, top, offline=True)])
    assert tree.read("m/b") == b"2"
    tree.close()
