"""References on a real server: what they resolve to, and what the error says if they do not."""

from __future__ import annotations

import socket
import time

import pytest

from headgate.borders import Retry
from headgate.git.cache.bare import BareCache
from headgate.git.errors import (
    GitTimedOut,
    RefNotFound,
    RemoteUnreachable,
    RepositoryEmpty,
    RepositoryNotFound,
)
from headgate.git.refs.reference import GitReference
from headgate.git.remote.client import Remote
from headgate.git.url import RemoteUrl
from tests.support.gitserver import GitHttpServer
from tests.support.gitserver_repository import Repository


def test_branch_tag_name_commit_and_range(repository: Repository, remote: Remote, cache: BareCache) -> None:
    first = repository.commit({"a": "1"})
    repository.tag("v1.0.0")
    second = repository.commit({"a": "2"})
    repository.tag("v1.1.0", annotated=True)
    third = repository.commit({"a": "3"})
    repository.tag("v2.0.0-rc.1")
    repository.git("update-ref", "refs/pull/7/head", first)
    repository.switch("release/1", second)
    repository.switch("main")

    def revision(reference: GitReference) -> str:
        return remote.resolve(reference, cache).revision

    assert revision(GitReference(branch="main")) == f"main@sha1:{third}"
    assert revision(GitReference(branch="release/1")) == f"release/1@sha1:{second}"
    assert revision(GitReference(tag="v1.0.0")) == f"v1.0.0@sha1:{first}"
    assert revision(GitReference(tag="v1.1.0")) == f"v1.1.0@sha1:{second}"
    assert revision(GitReference(semver=">=1.0.0")) == f"v1.1.0@sha1:{second}"
    assert revision(GitReference(semver=">=1.0.0-0")) == f"v2.0.0-rc.1@sha1:{third}"
    assert revision(GitReference(name="refs/pull/7/head")) == f"refs/pull/7/head@sha1:{first}"
    assert revision(GitReference(commit=first)) == f"sha1:{first}"
    assert revision(GitReference(commit=first, branch="main")) == f"main@sha1:{first}"


def test_no_reference_is_the_branch_master(
    served: object, remote: Remote, cache: BareCache, tmp_path: object
) -> None:
    repository = Repository(served, branch="master")  # type: ignore[arg-type]
    commit = repository.commit()
    assert remote.resolve(GitReference(), cache).revision == f"master@sha1:{commit}"


def test_of_two_tags_of_one_version_that_of_the_younger_commit_wins(
    repository: Repository, remote: Remote, cache: BareCache
) -> None:
    young = repository.commit({"a": "1"}, time=1_800_000_000)
    repository.tag("v1.0.0+build.1")
    repository.commit({"a": "2"}, time=1_700_000_000)
    repository.tag("v1.0.0+build.2")
    assert remote.resolve(GitReference(semver="1.x"), cache).revision == f"v1.0.0+build.1@sha1:{young}"


def test_asking_costs_one_exchange(
    server: GitHttpServer, repository: Repository, remote: Remote, cache: BareCache
) -> None:
    repository.commit()
    for reference in (GitReference(branch="main"), GitReference(commit=repository.head())):
        server.forget()
        remote.resolve(reference, cache)
        assert (server.count("info/refs"), server.count("ls-refs"), server.count("fetch")) == (1, 1, 0)


@pytest.mark.parametrize(
    ("reference", "says"),
    [
        (GitReference(), 'couldn\'t find remote ref "refs/heads/master"'),
        (GitReference(branch="nope"), 'couldn\'t find remote ref "refs/heads/nope"'),
        (GitReference(tag="nope"), 'couldn\'t find remote ref "refs/tags/nope"'),
        (GitReference(semver="^3"), "no match found for semver: ^3"),
        (
            GitReference(name="refs/pull/1/head"),
            "unable to resolve ref 'refs/pull/1/head' to a specific commit",
        ),
    ],
)
def test_nothing_by_that_name(
    reference: GitReference, says: str, repository: Repository, remote: Remote, cache: BareCache
) -> None:
    repository.commit()
    with pytest.raises(RefNotFound) as error:
        remote.resolve(reference, cache)
    assert str(error.value) == f"unable to clone '{remote.url}': {says}"
    assert (error.value.reason, error.value.retry) == ("GitOperationFailed", Retry.BACK_OFF)


def test_an_empty_repository(repository: Repository, remote: Remote, cache: BareCache) -> None:
    with pytest.raises(RepositoryEmpty, match="git repository is empty") as error:
        remote.resolve(GitReference(branch="main"), cache)
    assert error.value.reason == "EmptyGitRepository"


def test_a_repository_that_is_not_there(server: GitHttpServer, cache: BareCache) -> None:
    remote = Remote(RemoteUrl.parse(server.url("other.git")), timeout=20)
    with pytest.raises(RepositoryNotFound, match="repository not found"):
        remote.resolve(GitReference(branch="main"), cache)


def test_a_server_that_is_not_there(cache: BareCache) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        remote = Remote(RemoteUrl.parse(f"http://127.0.0.1:{taken.getsockname()[1]}/repo.git"), timeout=20)
        with pytest.raises(RemoteUnreachable, match="the connection is refused"):
            remote.resolve(GitReference(branch="main"), cache)


def test_a_server_that_is_out_of_order(server: GitHttpServer, remote: Remote, cache: BareCache) -> None:
    server.fail_with = 503
    with pytest.raises(RemoteUnreachable, match="503"):
        remote.resolve(GitReference(branch="main"), cache)


def test_a_server_that_does_not_answer(server: GitHttpServer, cache: BareCache) -> None:
    server.hang = True
    remote = Remote(RemoteUrl.parse(server.url()), timeout=0.5)
    with pytest.raises(GitTimedOut) as error:
        remote.resolve(GitReference(branch="main"), cache)
    assert str(error.value) == f"unable to clone '{server.url()}': not finished within 0.5 s"


def test_the_time_limit_covers_all_that_is_asked(server: GitHttpServer, cache: BareCache) -> None:
    remote = Remote(RemoteUrl.parse(server.url()), timeout=0.01)
    time.sleep(0.02)
    with pytest.raises(GitTimedOut):
        remote.resolve(GitReference(branch="main"), cache)
    assert server.requests == []


def test_hostile_names_never_reach_a_shell_or_an_option(
    server: GitHttpServer, repository: Repository, remote: Remote, cache: BareCache
) -> None:
    repository.commit()
    for name in ("--upload-pack=touch${IFS}flag", "$(touch${IFS}flag)", "`x`", "a;b"):
        with pytest.raises(RefNotFound):
            remote.resolve(GitReference(branch=name), cache)
