"""The user's clone, of every kind that Git makes: revisions, refs, history, files."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from headgate.documents.errors import TreeError
from headgate.documents.tree import EntryKind
from headgate.git.refs.reference import GitReference
from headgate.promotion.clone import Clone
from headgate.promotion.clone.urls import repository_key
from headgate.promotion.errors import CloneError, HistoryMissing, RevisionUnknown
from tests.support.fleets import Fleet, deployment

COMMIT = re.compile(r"[0-9a-f]{40}")


@pytest.fixture
def fleet(tmp_path: Path) -> Fleet:
    made = Fleet(tmp_path)
    made.tag("1.0.0")
    made.commit({"README.md": "two"}, "second", author="Bob <Bob@example.org>")
    made.tag("v1.1.0", annotated=False)
    made.commit(
        {"apps/base/my-app/deployment.yaml": deployment("my-app", "a:3")}, "third\n\nWhy.\n\nKey: value\n"
    )
    return made


@pytest.mark.parametrize("place", ["work", "apps/base", "bare", "mirror", "worktree"])
def test_every_kind_of_clone_knows_the_same(fleet: Fleet, place: str) -> None:
    folder = fleet.work / place if place == "apps/base" else fleet.folder / place
    if place in ("bare", "mirror"):
        fleet.clone(place, f"--{place}")
    if place == "worktree":
        fleet.git("worktree", "add", "-q", "--detach", str(folder), "HEAD")
    with Clone.open(folder) as clone:
        head = fleet.head()
        assert clone.default_branch() == "main"
        assert clone.resolve("1.0.0") == fleet.first
        assert clone.resolve("main") == clone.resolve("origin/main") == clone.resolve(head) == head
        assert clone.resolve("main~2") == fleet.first
        assert clone.refs().commit("refs/heads/main") == head
        assert clone.refs().commit("refs/tags/1.0.0") == fleet.first
        assert clone.select(GitReference(semver="1.x")).revision.startswith("v1.1.0@sha1:")
        assert clone.tree(head).read("README.md") == b"two"
        assert clone.file(fleet.first, "README.md") == b"A fleet.\n"


def test_branches_are_those_of_the_remote_not_local_ones(fleet: Fleet) -> None:
    before = fleet.head()
    fleet.commit({"README.md": "not pushed"}, push=False)
    fleet.git("branch", "scratch")
    with Clone.open(fleet.work) as clone:
        assert clone.refs().ids["refs/heads/main"] == before
        assert "refs/heads/scratch" not in clone.refs().ids
        assert clone.resolve("HEAD") != before


def test_the_tip_of_a_branch_is_never_a_tag_of_its_name(fleet: Fleet) -> None:
    tip = fleet.head()
    fleet.switch("other", "main")
    fleet.commit({"x": "y"})
    fleet.tag("main", annotated=False)
    for place in (fleet.work, fleet.clone("copy"), fleet.clone("bare", "--bare")):
        with Clone.open(place) as clone:
            assert clone.tip("main") == tip
            with pytest.raises(RevisionUnknown, match="no branch 'absent'"):
                clone.tip("absent")


def test_history_between_two_revisions(fleet: Fleet) -> None:
    head = fleet.head()
    with Clone.open(fleet.work) as clone:
        found = clone.commits(fleet.first, head)
        assert [each.message.splitlines()[0] for each in found] == ["third", "second"]
        assert found[0].trailers == (("Key", "value"),)
        assert found[0].parents == (found[1].id,)
        assert clone.contributor_emails(fleet.first, head) == {"bob@example.org", "ada@example.com"}
        assert clone.changed_paths(fleet.first, head) == {"README.md", "apps/base/my-app/deployment.yaml"}
        assert clone.merge_base(fleet.first, head) == fleet.first
        assert clone.is_ancestor(fleet.first, head)
        assert not clone.is_ancestor(head, fleet.first)
        with pytest.raises(CloneError, match="more than 1 commits"):
            clone.commits(fleet.first, head, limit=1)


def test_co_authors_count_as_authors(fleet: Fleet) -> None:
    base = fleet.head()
    fleet.commit(message="x\n\nCo-authored-by: Eve <EVE@example.org>\nCo-authored-by: broken\n")
    with Clone.open(fleet.work) as clone:
        assert clone.contributor_emails(base, fleet.head()) == {"ada@example.com", "eve@example.org"}


def test_merges_and_what_they_bring_have_authors(fleet: Fleet) -> None:
    base = fleet.head()
    fleet.switch("side", "main")
    fleet.commit({"side": "1"}, author="Carol <carol@example.org>", push=False)
    fleet.switch("main")
    fleet.git("merge", "-q", "--no-ff", "-m", "merge", "side", author="Mallory <mallory@example.org>")
    with Clone.open(fleet.work) as clone:
        assert clone.contributor_emails(base, fleet.head()) == {
            "carol@example.org",
            "mallory@example.org",
            "ada@example.com",
        }


def test_who_commits_the_work_of_others_contributes(fleet: Fleet) -> None:
    base = fleet.head()
    fleet.environment = {"GIT_COMMITTER_EMAIL": "Rita@example.org"}
    fleet.commit({"x": "y"}, author="Carol <carol@example.org>")
    with Clone.open(fleet.work) as clone:
        assert clone.contributor_emails(base, fleet.head()) == {"carol@example.org", "rita@example.org"}


@pytest.mark.parametrize("place", ["work", "bare"])
def test_a_repository_may_have_sha256_ids(tmp_path: Path, place: str) -> None:
    fleet = Fleet(tmp_path, object_format="sha256")
    head = fleet.commit({"README.md": "two"})
    folder = fleet.work if place == "work" else fleet.clone("bare", "--bare")
    with Clone.open(folder) as clone:
        assert len(head) == 64
        assert clone.resolve("HEAD") == clone.select(GitReference(branch="main")).commit == head
        assert clone.changed_paths(fleet.first, head) == {"README.md"}
        assert clone.tree(fleet.first).read("README.md") == b"A fleet.\n"
        assert clone.tree(head).read("README.md") == b"two"
        assert clone.files_with(head, ["^two$"]) == {"README.md"}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder to another user")
def test_a_clone_of_another_user_says_how_to_trust_it(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.delenv("SUDO_UID", raising=False)
    for path in (fleet.work, fleet.work / ".git"):
        os.chown(path, 12345, 12345)
    with pytest.raises(CloneError, match=r"git config --global --add safe\.directory"):
        Clone.open(fleet.work)


def test_many_files_are_read_alike_together_and_alone(tmp_path: Path) -> None:
    files: dict[str, str | bytes | None] = {f"many/{i}.yaml": f"n: {i}\n" for i in range(200)}
    files |= {f"apps/{i}/kustomization.yaml": f"namePrefix: p{i}-\n" for i in range(70)}
    files |= {"many/large.yaml": "x" * 300_000, "many/binary": b"\0\n\xff", "many/empty.yaml": ""}
    fleet = Fleet(tmp_path, files)
    with Clone.open(fleet.work) as clone:
        tree = clone.tree(fleet.first)
        for path, content in reversed(files.items()):
            assert tree.read(path) == (content.encode() if isinstance(content, str) else content)
        with pytest.raises(TreeError, match="no such file"):
            tree.read("many/none.yaml")


@pytest.mark.parametrize("kind", ["symbolic link", "directory"])
def test_what_should_be_a_file_and_is_none_is_not_taken_for_absent(fleet: Fleet, kind: str) -> None:
    if kind == "directory":
        head = fleet.commit({"headgate.yaml/x": "y\n"})
    else:
        (fleet.work / "headgate.yaml").symlink_to("README.md")
        head = fleet.commit({})
    with Clone.open(fleet.work) as clone:
        assert clone.file(fleet.first, "headgate.yaml") is None
        with pytest.raises(CloneError, match=f"headgate.yaml is a {kind} in {head[:12]}: replace it"):
            clone.file(head, "headgate.yaml")


def test_unrelated_histories_have_no_merge_base(fleet: Fleet) -> None:
    fleet.git("checkout", "-q", "--orphan", "other")
    other = fleet.commit({"README.md": "new start"})
    with Clone.open(fleet.work) as clone:
        assert clone.merge_base(fleet.first, other) is None


def test_a_force_pushed_branch_is_where_the_remote_has_it(fleet: Fleet) -> None:
    fleet.git("push", "-q", "--force", "origin", f"{fleet.first}:refs/heads/main")
    with Clone.open(fleet.work) as clone:
        assert clone.resolve("origin/main") == fleet.first
        assert not clone.is_ancestor(fleet.head(), fleet.first)


def test_a_shallow_clone_says_what_to_fetch(fleet: Fleet) -> None:
    with Clone.open(fleet.clone("shallow", "--depth=1")) as clone:
        with pytest.raises(HistoryMissing, match="git fetch --unshallow"):
            clone.resolve("HEAD~1")
        with pytest.raises(HistoryMissing, match="git fetch --unshallow"):
            clone.resolve(fleet.first)


def test_a_shallow_clone_does_not_take_missing_history_for_none(fleet: Fleet) -> None:
    path = fleet.clone("shallow", "--depth=1", "--no-single-branch")
    old = fleet.clone("old", "--bare")
    with Clone.open(path) as clone, Clone.open(old) as full:
        head = clone.resolve("HEAD")
        # The first commit comes with its own ref, so both ends are known and the middle is not.
        clone.git.as_user("fetch", "--depth=1", "-q", "origin", "refs/tags/1.0.0:refs/tags/1.0.0")
        clone.refresh()
        assert full.is_ancestor(fleet.first, head)
        with pytest.raises(HistoryMissing):
            clone.is_ancestor(fleet.first, head)
        with pytest.raises(HistoryMissing):
            clone.merge_base(fleet.first, head)
        with pytest.raises(HistoryMissing):
            clone.commits(fleet.first, head)


def test_a_partial_clone_fetches_nothing_and_says_what_is_missing(fleet: Fleet) -> None:
    with Clone.open(fleet.clone("partial", "--filter=blob:none", "--bare")) as clone:
        assert clone.is_partial
        with pytest.raises(CloneError, match="partial clone"):
            clone.tree(clone.resolve("main"))


@pytest.mark.parametrize(
    "revision", ["nothing", "", "-h", "--all", "main:README.md", "a\nb", "f" * 40, "refs/heads/../x", "@{-9}"]
)
def test_what_is_no_revision_is_refused(fleet: Fleet, revision: str) -> None:
    with Clone.open(fleet.work) as clone, pytest.raises(RevisionUnknown):
        clone.resolve(revision)


def test_what_is_no_repository_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CloneError, match="not in a Git repository"):
        Clone.open(tmp_path)
    with pytest.raises(CloneError, match="not a folder"):
        Clone.open(tmp_path / "nothing")


def test_the_default_branch_may_have_any_name(tmp_path: Path) -> None:
    fleet = Fleet(tmp_path, branch="trunk")
    with Clone.open(fleet.work) as clone:
        assert clone.default_branch() == "trunk"
    fleet.git("symbolic-ref", "--delete", "refs/remotes/origin/HEAD")
    with Clone.open(fleet.work) as clone:
        assert clone.default_branch() == "trunk"
    fleet.switch("other", "HEAD")
    fleet.commit()
    with Clone.open(fleet.work) as clone, pytest.raises(CloneError, match="--default-branch"):
        clone.default_branch()


def test_a_range_without_a_tag_says_so(fleet: Fleet) -> None:
    with Clone.open(fleet.work) as clone, pytest.raises(RevisionUnknown, match="git fetch --tags"):
        clone.select(GitReference(semver=">=9"))


def test_the_work_tree_is_what_a_commit_of_it_would_be(fleet: Fleet) -> None:
    fleet.write({".gitignore": "*.log\n", ".sourceignore": "secret/\n"})
    fleet.commit()
    fleet.write(
        {
            "README.md": "changed",
            "apps/base/my-app/service.yaml": None,
            "new/file.yaml": "a: 1\n",
            "debug.log": "ignored",
            "secret/x.yaml": "hidden",
            "apps/run.sh": "#!/bin/sh\n",
        }
    )
    os.chmod(fleet.work / "apps/run.sh", 0o755)
    os.symlink("README.md", fleet.work / "link.yaml")
    with Clone.open(fleet.work / "apps") as clone:
        tree = clone.working_tree()
        found = {e.path: tree.content_id(e.path) for e in tree.entries() if not e.is_directory}
        contents = {path: tree.read(path) for path in found}
        tree.close()
        (fleet.work / "debug.log").unlink()
        fleet.git("add", "-A")
        fleet.git("commit", "-q", "-m", "all")
        made = clone.tree(fleet.head())
        assert found == {e.path: made.content_id(e.path) for e in made.entries() if not e.is_directory}
        assert contents == {path: made.read(path) for path in found}
        assert made.kind("secret/x.yaml") is EntryKind.MISSING


def test_reading_the_work_tree_runs_no_program_of_the_clone(fleet: Fleet, tmp_path: Path) -> None:
    fleet.write({".gitattributes": "*.md filter=evil diff=evil\n"})
    fleet.commit()
    for key in ("filter.evil.clean", "filter.evil.process", "core.fsmonitor", "diff.evil.textconv"):
        fleet.git("config", key, f"touch {tmp_path}/ran; cat")
    hooks = fleet.work / ".git/hooks"
    hooks.mkdir(exist_ok=True)
    for name in ("post-index-change", "reference-transaction"):
        (hooks / name).write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\n")
        (hooks / name).chmod(0o755)
    fleet.write({"README.md": "changed"})
    with Clone.open(fleet.work) as clone:
        tree = clone.working_tree()
        assert tree.read("README.md") == b"changed"
        assert clone.files_with(clone.resolve("HEAD"), ["fleet"])
        tree.close()
    assert not (tmp_path / "ran").exists()


def test_a_bare_clone_has_no_work_tree(fleet: Fleet) -> None:
    with Clone.open(fleet.remote) as clone, pytest.raises(CloneError, match="no work tree"):
        clone.working_tree()


@pytest.mark.parametrize(
    "url",
    [
        "https://github.com/Org/repo",
        "https://user:token@github.com/org/repo.git",
        "ssh://git@github.com/org/repo.git",
        "ssh://git@github.com:22/org/repo",
        "git@github.com:org/repo.git",
        "github.com:org/repo",
        "git://github.com/org/repo/",
    ],
)
def test_one_repository_has_many_urls(url: str) -> None:
    assert repository_key(url) == "github.com/org/repo"


@pytest.mark.parametrize(
    "url", ["https://github.com/org/repo2", "https://gitlab.com/org/repo", "", "https://["]
)
def test_other_urls_are_other_repositories(url: str) -> None:
    assert repository_key(url) != "github.com/org/repo"
