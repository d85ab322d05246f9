"""Bad commits, and their reverts: what a rollback marked may not be promoted until the history takes it back."""

from __future__ import annotations

from pathlib import Path

import pytest

from headgate.promotion.clone import Clone
from headgate.promotion.guards import Bad
from headgate.promotion.plans.history import bad_commits, marks
from headgate.promotion.plans.revert import RevertConflicts, reverted_tree
from headgate.promotion.plans.trailers import (
    REVERTS,
    ROLLBACK_OF,
    ROLLBACK_TO,
    audit,
    message,
    reverted_commits,
    trailers_of,
)
from tests.support.fleets import Fleet


class Story:
    """1.0.0 was good; then came a merge and a commit, which were bad together; 1.0.1 rolled them back."""

    def __init__(self, folder: Path) -> None:
        self.fleet = Fleet(folder, {"a": "1\n", "b": "1\n", "README.md": "x\n"})
        self.good = self.fleet.first
        self.fleet.switch("topic", self.good)
        self.side = self.fleet.commit({"a": "2\n"}, "side")
        self.fleet.switch("main")
        self.fleet.commit({"docs": "y\n"}, "unrelated")
        self.fleet.git("merge", "-q", "--no-ff", "--no-edit", "topic")
        self.bad = self.fleet.commit({"b": "2\n"}, "bad")
        text = message("Roll back", [], [(ROLLBACK_OF, self.bad), (ROLLBACK_TO, self.good)])
        self.fleet.git("checkout", "-q", "--detach", self.bad)
        self.fleet.git("rm", "-q", "-r", ".")
        self.fleet.git("checkout", self.good, "--", ".")
        self.fleet.git("commit", "-q", "-m", text)
        self.rollback = self.fleet.head()
        self.fleet.tag("1.0.1")
        self.fleet.switch("main")

    def bad_in(self, candidate: str) -> list[bool]:
        """Of each bad commit in a candidate, whether it is reverted."""
        with Clone.open(self.fleet.work) as clone:
            found = bad_commits(clone, candidate, marks(clone, ["main"]))
            assert all(each.by == "1.0.1" for each in found)
            return [each.reverted for each in found]


@pytest.fixture
def story(tmp_path: Path) -> Story:
    return Story(tmp_path)


def test_a_marked_commit_is_bad_wherever_it_is_contained(story: Story) -> None:
    assert story.bad_in(story.bad) == [False]
    assert story.bad_in(story.fleet.commit({"README.md": "z\n"})) == [False]
    assert story.bad_in(story.good) == story.bad_in(story.side) == []
    assert story.bad_in(story.rollback) == [True], "the rollback takes it back"


def test_a_mark_in_no_tag_and_no_branch_that_counts_is_ignored(story: Story) -> None:
    text = message("Roll back", [], [(ROLLBACK_OF, story.good)])
    story.fleet.switch("feature", story.good)
    story.fleet.commit({"a": "9\n"}, text)
    story.fleet.switch("main")
    assert story.bad_in(story.side) == []


def test_a_mark_of_something_that_does_not_exist_is_ignored(story: Story) -> None:
    story.fleet.commit({}, message("Roll back", [], [(ROLLBACK_OF, "f" * 40)]))
    story.fleet.commit({}, message("Roll back", [], [(ROLLBACK_OF, "--all")]))
    assert story.bad_in(story.fleet.head()) == [False]


REVERTED = {
    "the line of our revert": lambda s: message("Revert", [], [(REVERTS, s.bad)]),
    "in a squash merge": lambda s: (
        f"Revert it (#12)\n\n* Revert\n\n{REVERTS}: {s.bad}\n\nCo-authored-by: A <a@x>\n"
    ),
    "git revert of the commit": lambda s: f'Revert "bad"\n\nThis reverts commit {s.bad}.\n',
    "with a short id": lambda s: f'Revert "bad"\n\nThis reverts commit {s.bad[:12]}.\n',
}


@pytest.mark.parametrize("text", REVERTED.values(), ids=REVERTED)
def test_a_revert_on_top_of_it_counts(story: Story, text: object) -> None:
    reverted = story.fleet.commit({"b": "1\n"}, text(story))  # type: ignore[operator]
    later = story.fleet.commit({"README.md": "z\n"})
    assert story.bad_in(reverted) == story.bad_in(later) == [True]
    story.fleet.commit({"b": "2\n"}, f"Reapply\n\nThis reverts commit {reverted}.\n")
    assert story.bad_in(story.fleet.head()) == [False], "a revert of the revert brings it back"
    story.fleet.commit({"b": "1\n"}, f"Revert again\n\nThis reverts commit {story.fleet.head()}.\n")
    assert story.bad_in(story.fleet.head()) == [True]


def test_reverts_of_all_its_commits_count_and_of_some_do_not(story: Story) -> None:
    brought = story.fleet.git("rev-list", "--no-merges", f"{story.good}..{story.bad}").split()
    brought.remove(story.bad)
    text = "\n".join(f"This reverts commit {each}." for each in brought)
    assert story.bad_in(story.fleet.commit({}, f"Some\n\n{text}\n")) == [False]
    story.fleet.commit({}, f"All\n\n{text}\nThis reverts commit {story.bad}.\n")
    assert story.bad_in(story.fleet.head()) == [True]


def test_the_revert_takes_everything_back_and_nothing_else(story: Story) -> None:
    tip = story.fleet.commit({"README.md": "z\n", "c": "new\n"})
    with Clone.open(story.fleet.work) as clone:
        tree = reverted_tree(clone, "main", tip, story.bad, story.good)
        assert tree is not None
        files = {name: story.fleet.git("cat-file", "-p", f"{tree}:{name}") for name in ("a", "b", "c")}
        assert files == {"a": "1\n", "b": "1\n", "c": "new\n"}
        story.fleet.git("read-tree", "--reset", "-u", tree)
        done = story.fleet.commit({}, "reverted")
        assert reverted_tree(clone, "main", done, story.bad, story.good) is None, "nothing is left of it"


def test_files_that_the_environment_does_not_read_stay(story: Story) -> None:
    tip = story.fleet.commit({"docs": "another\n", "b": "3\n"})
    with Clone.open(story.fleet.work) as clone:
        tree = reverted_tree(clone, "main", tip, story.bad, story.good, {"a", "README.md"})
        assert tree is not None
        assert clone.changed_paths(tip, tree) == {"a"}
        assert reverted_tree(clone, "main", tip, story.bad, story.good, {"README.md"}) is None


def test_a_revert_restores_links_modes_and_what_was_a_directory(story: Story) -> None:
    fleet = story.fleet
    (fleet.work / "link").symlink_to("a")
    (fleet.work / "run.sh").write_text("#!/bin/sh\n")
    (fleet.work / "run.sh").chmod(0o755)
    good = fleet.commit({"folder/x": "1\n", "gone": "1\n", "other": "1\n"})
    (fleet.work / "link").unlink()
    (fleet.work / "link").symlink_to("b")
    (fleet.work / "run.sh").chmod(0o644)
    fleet.git("rm", "-q", "-r", "folder", "gone")
    bad = fleet.commit({"folder": "a file\n", "new": "2\n", "other": "2\n"})
    paths = {"link", "run.sh", "folder", "folder/x", "gone", "new"}
    with Clone.open(fleet.work) as clone:
        tree = reverted_tree(clone, "main", bad, bad, good, paths)
        assert tree is not None
        assert clone.changed_paths(tree, good) == {"other"}, (
            "contents, modes and kinds are those of the good commit"
        )


def test_a_revert_that_conflicts_says_what_to_do(story: Story) -> None:
    tip = story.fleet.commit({"b": "3\n"})
    with Clone.open(story.fleet.work) as clone, pytest.raises(RevertConflicts) as failed:
        reverted_tree(clone, "main", tip, story.bad, story.good)
    assert "the same lines of b" in str(failed.value)
    assert f"Headgate-Reverts: {story.bad}" in str(failed.value)


def test_trailers_cannot_be_forged_through_values() -> None:
    text = message(
        "Promote\nHeadgate-Rollback-Of: x",
        ["A body."],
        [("A", "b\nHeadgate-Rollback-Of: " + "0" * 40), ("C", ""), ("D", "x" * 5000)],
    )
    found = trailers_of(text)
    assert set(found) == {"A", "D"}
    assert len(found["D"]) == 2000
    assert ROLLBACK_OF not in trailers_of("Subject\n\nHeadgate-Rollback-Of: x\n\nSigned-off-by: y")


@pytest.mark.parametrize("hidden", ["\u202e", "\u2066", "\u200b", "\u00ad", "\ufeff", "\u0090", "\U000e0041"])
def test_a_message_has_no_character_that_a_reader_does_not_see(hidden: str) -> None:
    text = message(f"Promote {hidden}a", [f"b{hidden}"], [("A", f"c{hidden}d é")])
    assert hidden not in text
    number = f"{ord(hidden):x}"
    assert text.count(number) == 3
    assert trailers_of(text)["A"].endswith("d é")


def test_reverts_are_read_from_any_line() -> None:
    assert reverted_commits("x\n\nThis reverts commit abcdef1, reversing\nchanges made to 0000000.\n") == [
        "abcdef1"
    ]
    assert reverted_commits(f"{REVERTS}: not-an-id\n") == []
    assert Bad("a", "b", True).reverted


def test_the_audit_says_who_decided_what() -> None:
    found = dict(audit(environment="p", before="1", sources=["s"], digest="d", verdicts=[], approvals=[]))
    assert found["Headgate-Promotion-To"] == "p"
    assert "Headgate-Promotion-Overrides" not in trailers_of(message("x", [], list(found.items())))
