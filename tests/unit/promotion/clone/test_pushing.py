"""What is written to the remote: only if it still is what the caller read, all or nothing, without hooks."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from headgate.promotion.clone import Clone, RefUpdate
from headgate.promotion.clone.making import make_commit, make_tag, make_tree
from headgate.promotion.clone.pushing import fetch, push, remote_refs
from headgate.promotion.errors import CloneError, PushRefused
from tests.support.fleets import Fleet
from tests.support.sshserver import generate_key


@pytest.fixture
def fleet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Fleet:
    config = tmp_path / "gitconfig"
    config.write_text("[user]\n  name = Pat\n  email = pat@example.com\n")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(config))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    return Fleet(tmp_path)


@pytest.fixture
def clone(fleet: Fleet) -> Iterator[Clone]:
    with Clone.open(fleet.work) as opened:
        yield opened


def commit(clone: Clone, parent: str, message: str = "x\n") -> str:
    return make_commit(clone, parent, [parent], message)


def test_a_tag_is_created_once(fleet: Fleet, clone: Clone) -> None:
    tags = [make_tag(clone, "1.0.0", fleet.first, text, sign=False) for text in ("one\n", "two\n")]
    push(clone, [RefUpdate("refs/tags/1.0.0", tags[0])])
    with pytest.raises(PushRefused) as caught:
        push(clone, [RefUpdate("refs/tags/1.0.0", tags[1])])
    assert caught.value.race
    assert fleet.remote_refs()["refs/tags/1.0.0"] == tags[0]


def test_a_push_that_already_happened_counts_as_done(fleet: Fleet, clone: Clone) -> None:
    tag = make_tag(clone, "1.0.0", fleet.first, "one\n", sign=False)
    update = RefUpdate("refs/tags/1.0.0", tag)
    push(clone, [update])
    push(clone, [update])
    assert clone.git.text("cat-file", "-t", tag) == "tag"


def test_all_refs_change_or_none(fleet: Fleet, clone: Clone) -> None:
    new = commit(clone, fleet.first)
    before = fleet.remote_refs()
    with pytest.raises(PushRefused):
        push(clone, [RefUpdate("refs/tags/new", new), RefUpdate("refs/heads/main", new, expected=new)])
    assert fleet.remote_refs() == before


def test_a_branch_moves_forward_only(fleet: Fleet, clone: Clone) -> None:
    new = commit(clone, fleet.first)
    push(clone, [RefUpdate("refs/heads/main", new, expected=fleet.first)])
    with pytest.raises(PushRefused, match="only moves forward"):
        push(clone, [RefUpdate("refs/heads/main", fleet.first, expected=new)])
    aside = commit(clone, fleet.first, "aside\n")
    push(clone, [RefUpdate("refs/heads/main", aside, expected=new, rewrite=True)])
    assert fleet.remote_refs()["refs/heads/main"] == aside


def test_someone_else_was_first(fleet: Fleet, clone: Clone) -> None:
    mine = commit(clone, fleet.first, "mine\n")
    theirs = fleet.commit()
    with pytest.raises(PushRefused, match="run the command again") as caught:
        push(clone, [RefUpdate("refs/heads/main", mine, expected=fleet.first)])
    assert caught.value.race
    assert fleet.remote_refs()["refs/heads/main"] == theirs


def test_a_refusal_of_the_server_is_no_race_and_quotes_it(fleet: Fleet, clone: Clone) -> None:
    hook = fleet.remote / "hooks/pre-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\necho protected by policy >&2\nexit 1\n")
    hook.chmod(0o755)
    with pytest.raises(PushRefused, match="protected by policy") as caught:
        push(clone, [RefUpdate("refs/tags/1", fleet.first)])
    assert not caught.value.race


def test_no_hook_of_the_clone_runs(fleet: Fleet, clone: Clone, tmp_path: Path) -> None:
    hooks = fleet.work / ".git/hooks"
    hooks.mkdir(exist_ok=True)
    for name in ("pre-push", "reference-transaction", "post-commit"):
        (hooks / name).write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\nexit 1\n")
        (hooks / name).chmod(0o755)
    push(clone, [RefUpdate("refs/tags/1", commit(clone, fleet.first))])
    assert not (tmp_path / "ran").exists()


def test_a_tree_is_edited_without_a_checkout(fleet: Fleet, clone: Clone) -> None:
    tree = make_tree(clone, fleet.first, {"README.md": None, "new/x.yaml": b"a: 1\n"})
    assert clone.changed_paths(f"{fleet.first}^{{tree}}", tree) == {"README.md", "new/x.yaml"}
    new = make_commit(clone, tree, [fleet.first], "Change\n\nA: b\n", at=datetime(2026, 1, 2, tzinfo=UTC))
    found = clone.commit(new)
    assert (found.author_email, found.trailers, found.committed_at.year) == (
        "pat@example.com",
        (("A", "b"),),
        2026,
    )
    assert fleet.git("status", "--porcelain") == ""
    with pytest.raises(CloneError, match="cannot be removed"):
        make_tree(clone, fleet.first, {"nothing": None})


@pytest.mark.parametrize("path", ["../x", "/x", ".git/config", "a//b", ""])
def test_a_path_outside_the_tree_is_refused(fleet: Fleet, clone: Clone, path: str) -> None:
    with pytest.raises(CloneError):
        make_tree(clone, fleet.first, {path: b""})


def test_a_tag_is_signed_with_the_users_key_and_leaves_no_local_ref(
    fleet: Fleet, clone: Clone, tmp_path: Path
) -> None:
    with pytest.raises(CloneError, match=r"user\.signingKey"):
        make_tag(clone, "1.0.0", fleet.first, "no key\n")
    (tmp_path / "key").write_bytes(generate_key().private)
    (tmp_path / "key").chmod(0o600)
    with (tmp_path / "gitconfig").open("a") as config:
        config.write(f"  signingKey = {tmp_path / 'key'}\n[gpg]\n  format = ssh\n")
    tag = make_tag(clone, "1.0.0", fleet.first, "signed\n")
    content = clone.git.text("cat-file", "tag", tag)
    assert "BEGIN SSH SIGNATURE" in content
    assert "refs/tags/1.0.0" not in clone.refs().ids


def test_single_refs_are_fetched(fleet: Fleet, clone: Clone) -> None:
    fleet.remote_git("update-ref", "refs/headgate/env/staging", fleet.first)
    fetch(clone, ["+refs/headgate/env/*:refs/headgate/env/*"])
    assert clone.refs().ids["refs/headgate/env/staging"] == fleet.first
    assert remote_refs(clone, ["refs/headgate/*"]).ids == {"refs/headgate/env/staging": fleet.first}


def test_a_remote_that_cannot_be_reached_is_named_without_credentials(fleet: Fleet, clone: Clone) -> None:
    fleet.git("remote", "set-url", "origin", "https://ada:hunter2@127.0.0.1:9/x")
    with pytest.raises(CloneError) as caught:
        remote_refs(clone)
    assert "origin" in str(caught.value)
    assert "hunter2" not in str(caught.value)
