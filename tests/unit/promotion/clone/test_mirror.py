"""The copy of the remote in which promotions are made: what the remote has counts, and pushes have one winner."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from headgate.git.verify.signature import split_tag, verify_ssh
from headgate.promotion.clone import Clone, RefUpdate
from headgate.promotion.clone.making import make_commit, make_tag, make_tree
from headgate.promotion.clone.mirror import mirror
from headgate.promotion.clone.pushing import push
from headgate.promotion.errors import CloneError, PushRefused, RevisionUnknown
from tests.support.fleets import Fleet
from tests.support.gitserver import GitHttpServer
from tests.support.signing import Person


@pytest.fixture(scope="module")
def ada(tmp_path_factory: pytest.TempPathFactory) -> Person:
    return Person.make(tmp_path_factory.mktemp("keys"), "ada")


@pytest.fixture
def fleet(tmp_path: Path, ada: Person, monkeypatch: pytest.MonkeyPatch) -> Fleet:
    ada.at_work(monkeypatch)
    return Fleet(tmp_path)


@contextmanager
def mirrored(folder: Path) -> Iterator[Clone]:
    with Clone.open(folder) as clone, mirror(clone) as copy:
        yield copy


def test_the_remote_counts_and_the_clone_stays_as_it_is(fleet: Fleet) -> None:
    fleet.tag("1.0.0")
    fleet.tag("9.9.9", push=False)
    other = fleet.clone("other")
    newest = fleet.commit({"README.md": "newer\n"})
    fleet.git("tag", "-f", "1.0.0", "HEAD~1")
    before = fleet.git("for-each-ref")
    for folder in (fleet.work, other):
        with mirrored(folder) as copy:
            assert copy.default_branch() == "main"
            assert copy.refs().ids == fleet.remote_refs()
            assert copy.resolve("main") == copy.resolve("origin/main") == newest
            with pytest.raises(RevisionUnknown):
                copy.resolve("9.9.9")
            assert set(copy.remote_urls()) >= {str(fleet.remote)} or folder == other
    assert not copy.git_dir.exists()
    assert fleet.git("for-each-ref") == before


@pytest.mark.parametrize("options", [("--depth=1",), ("--filter=blob:none", "--no-checkout"), ("--bare",)])
def test_the_history_is_complete_whatever_the_clone_is(fleet: Fleet, options: tuple[str, ...]) -> None:
    newer = fleet.commit({"README.md": "newer\n"})
    with mirrored(fleet.clone("other", *options)) as copy:
        assert copy.is_ancestor(fleet.first, newer)
        copy.git.read("fsck", "--connectivity-only", "--strict")
        assert copy.file(fleet.first, "README.md") == b"A fleet.\n"


def test_the_default_branch_may_have_any_name(tmp_path: Path) -> None:
    fleet = Fleet(tmp_path, branch="trunk")
    with mirrored(fleet.work) as copy:
        assert copy.default_branch() == "trunk"


def test_an_empty_remote_is_an_error(fleet: Fleet) -> None:
    for ref in fleet.remote_refs():
        fleet.remote_git("update-ref", "-d", ref)
    with pytest.raises(CloneError, match="has no branch"), mirrored(fleet.work):
        pass


@pytest.mark.parametrize("object_format", ["sha1", "sha256"])
def test_a_signed_tag_is_pushed_once(
    tmp_path: Path, ada: Person, monkeypatch: pytest.MonkeyPatch, object_format: str
) -> None:
    ada.at_work(monkeypatch)
    fleet = Fleet(tmp_path, object_format=object_format)
    with mirrored(fleet.work) as first, mirrored(fleet.work) as second:
        mine = make_tag(first, "1.0.0", fleet.first, "One\n\nA: b\n")
        others = make_tag(second, "1.0.0", fleet.first, "Another\n")
        push(first, [RefUpdate("refs/tags/1.0.0", mine)])
        push(first, [RefUpdate("refs/tags/1.0.0", mine)])
        with pytest.raises(PushRefused) as refused:
            push(second, [RefUpdate("refs/tags/1.0.0", others)])
        assert refused.value.race
        signed = split_tag(first.git.read("cat-file", "tag", mine))
        assert verify_ssh(signed, [ada.public.encode()]).startswith("SHA256:")
        assert b"\n\nOne\n\nA: b\n" in signed.payload
    assert fleet.remote_refs()["refs/tags/1.0.0"] == mine
    assert "1.0.0" not in fleet.git("tag")


def test_a_branch_moves_only_from_where_it_was(fleet: Fleet) -> None:
    fleet.git("push", "-q", "origin", "HEAD:refs/heads/production")
    newer = fleet.commit({"README.md": "newer\n"})
    newest = fleet.commit({"README.md": "newest\n"})
    with mirrored(fleet.work) as copy:
        push(copy, [RefUpdate("refs/heads/production", newer, fleet.first)])
        with pytest.raises(PushRefused) as refused:
            push(copy, [RefUpdate("refs/heads/production", newest, fleet.first)])
        assert refused.value.race
    assert fleet.remote_refs()["refs/heads/production"] == newer


def test_without_a_key_nothing_is_signed(fleet: Fleet, ada: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    ada.at_work(monkeypatch, sign=False)
    with mirrored(fleet.work) as copy:
        with pytest.raises(CloneError, match=r"user\.signingKey"):
            make_tag(copy, "1.0.0", fleet.first, "One\n")
        with pytest.raises(CloneError):
            make_commit(copy, fleet.first, [], "One\n", sign=True)
        make_tag(copy, "1.0.0", fleet.first, "One\n", sign=False)


def test_a_commit_changes_named_files_and_nothing_else(fleet: Fleet) -> None:
    with mirrored(fleet.work) as copy:
        tree = make_tree(copy, fleet.first, {"README.md": b"x\r\n"})
        commit = make_commit(copy, tree, [fleet.first], "Change\n", sign=True)
        assert copy.changed_paths(fleet.first, commit) == {"README.md"}
        assert copy.file(commit, "README.md") == b"x\r\n"
        without = make_tree(copy, fleet.first, {"README.md": None})
        assert copy.changed_paths(fleet.first, without) == {"README.md"}
        assert copy.file(make_commit(copy, without, [], "Less\n", sign=False), "README.md") is None


def test_over_http_with_credentials_that_no_message_shows(fleet: Fleet, tmp_path: Path) -> None:
    with (fleet.remote / "config").open("a") as config:
        config.write("[http]\n\treceivepack = true\n")
    with GitHttpServer(tmp_path) as server:
        server.require_basic("ada", "s3cret")
        plain = server.url("remote.git")
        fleet.git("remote", "set-url", "origin", plain)
        with pytest.raises(CloneError), mirrored(fleet.work):
            pass
        fleet.git("remote", "set-url", "origin", plain.replace("//", "//ada:s3cret@"))
        with mirrored(fleet.work) as copy:
            tag = make_tag(copy, "1.0.0", fleet.first, "One\n")
            push(copy, [RefUpdate("refs/tags/1.0.0", tag)])
        server.require_basic("ada", "another")
        with pytest.raises(CloneError) as failed, mirrored(fleet.work):
            pass
        assert "s3cret" not in str(failed.value)
    assert fleet.remote_refs()["refs/tags/1.0.0"] == tag


def test_only_what_the_clone_lacks_is_transferred(fleet: Fleet) -> None:
    fleet.commit({"large": "x" * 100_000})
    with mirrored(fleet.work) as copy:
        assert not [each for each in (copy.git_dir / "objects").rglob("*") if each.suffix == ".pack"]
        assert copy.git.text("count-objects").startswith("0 objects")


def test_after_a_push_the_branches_are_still_those_of_the_remote(fleet: Fleet) -> None:
    first = fleet.head()
    fleet.git("push", "-q", "origin", "HEAD:refs/heads/production")
    newest = fleet.commit({"README.md": "newer\n"})
    with mirrored(fleet.work) as copy:
        push(copy, [RefUpdate("refs/heads/production", newest, first)])
        copy.refresh()
        assert copy.default_branch() == "main"
        assert copy.tip("main") == newest
