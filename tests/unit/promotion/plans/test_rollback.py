"""Rollback: production has the last good tree at once, the bad commit is not promoted again, and main gets a revert."""

from __future__ import annotations

from pathlib import Path

import pytest

from headgate.promotion.errors import ForgeError, PromotionError
from headgate.promotion.guards import parse_overrides
from headgate.promotion.plans.execute import Executed
from headgate.promotion.plans.revert import RevertConflicts
from headgate.promotion.plans.rollback import prepare, revert, roll_back
from headgate.promotion.plans.trailers import trailers_of
from tests.support.fleets import Files, config_map, deployment, fleet_files, overlay, service
from tests.support.promoting import Story
from tests.support.signing import Person
from tests.unit.promotion.plans.test_pull_requests import pinned, with_images

APP = "apps/base/my-app/deployment.yaml"


@pytest.fixture(scope="module")
def bob(tmp_path_factory: pytest.TempPathFactory) -> Person:
    return Person.make(tmp_path_factory.mktemp("keys"), "bob")


@pytest.fixture
def story(tmp_path: Path, bob: Person, monkeypatch: pytest.MonkeyPatch) -> Story:
    """1.3.0 was good; 1.3.1 is bad."""
    story = Story(tmp_path, bob, monkeypatch)
    story.fleet.tag("1.3.0")
    story.runs("staging", change(story, "bad"))
    story.promote()
    story.fleet.git("fetch", "-q", "--tags")
    return story


def change(story: Story, number: str) -> str:
    return story.fleet.commit(
        {APP: deployment("my-app", image=f"my-app:{number}"), "README.md": f"{number}\n"}
    )


def rolled_back(story: Story, name: str = "production", to: str = "") -> tuple[Executed, Executed]:
    with story.world() as world:
        rollback, done = roll_back(world, prepare(world, name, to), story.request)
        return done, revert(world, rollback, story.request)


def image(story: Story, revision: str) -> str:
    return story.fleet.remote_git("show", f"{revision}:{APP}")


def test_the_next_patch_version_has_the_tree_of_the_last_good_one(story: Story) -> None:
    bad = story.fleet.head()
    done, _ = rolled_back(story)
    assert done.version == "1.3.2"
    assert story.fleet.remote_git("diff", "1.3.0", "1.3.2") == ""
    assert story.fleet.remote_git("rev-parse", "1.3.2^{commit}^").strip() == bad
    text = story.fleet.remote_git("for-each-ref", "--format=%(contents)", "refs/tags/1.3.2")
    assert "SSH SIGNATURE" in text
    assert trailers_of(text)["Headgate-Rollback-Of"] == bad
    (wish,) = story.requested
    assert (wish.branch, wish.base) == ("headgate/revert-production", "main")
    assert f"Headgate-Reverts: {bad}" in wish.body
    diff = story.fleet.remote_git("diff", "--name-only", "main", wish.commit).split()
    assert diff == [APP], "files that production does not read stay"


def test_the_bad_commit_is_refused_until_it_is_reverted_or_overridden(story: Story) -> None:
    rolled_back(story)
    assert "which 1.3.2 rolled back" in story.refused()["not-rolled-back"]
    later = story.fleet.commit({"README.md": "later\n"})
    story.runs("staging", later)
    assert set(story.refused()) == {"not-rolled-back"}
    given = parse_overrides(["not-rolled-back=it was the network"], "Bob <bob@example.com>")
    assert story.refused(overrides=given) == {}
    story.runs("staging", story.fleet.git("rev-parse", "HEAD~1").strip())
    assert story.refused(overrides=given) == {}, "also the bad commit itself"
    story.fleet.git("fetch", "-q", "origin")
    story.fleet.git("merge", "-q", "--squash", "origin/headgate/revert-production")
    message = f"{story.requested[0].title} (#7)\n\n{story.requested[0].body}"
    reverted = story.fleet.commit({}, message)
    story.runs("staging", reverted)
    assert set(story.refused()) == {"not-empty"}, "production has this content already"
    story.runs("staging", change(story, "good"))
    assert story.refused() == {}
    assert story.promote().version == "1.3.3"


def force_pushed(story: Story, *commits: Files) -> None:
    """Somebody takes the bad commit out of main and pushes others instead; staging runs the last one."""
    story.fleet.git("reset", "-q", "--hard", story.fleet.first)
    for files in commits:
        story.fleet.commit(files, push=False)
    story.fleet.git("push", "-q", "-f", "origin", "HEAD:refs/heads/main")
    story.runs("staging", story.fleet.head())


BAD = {APP: deployment("my-app", image="my-app:bad")}
COPIES: dict[str, tuple[Files, ...]] = {
    "rebased": ({"docs": "x\n"}, BAD),
    "squashed with other changes": ({**BAD, "apps/base/my-app/service.yaml": service("my-app", port=81)},),
    "formatted in another way": ({APP: "# An app.\n" + deployment("my-app", image="my-app:bad")},),
    "with another change to the same object": ({APP: deployment("my-app", image="my-app:bad", tty=True)},),
    "moved to another file": (
        {
            APP: None,
            "apps/base/my-app/app.yaml": deployment("my-app", image="my-app:bad"),
            "apps/base/my-app/kustomization.yaml": overlay(["app.yaml", "service.yaml"]),
        },
    ),
}


@pytest.mark.parametrize("commits", COPIES.values(), ids=COPIES)
def test_a_copy_of_the_bad_commit_is_refused_too(story: Story, commits: tuple[Files, ...]) -> None:
    bad = story.fleet.head()
    rolled_back(story)
    force_pushed(story, *commits)
    assert set(story.refused()) == {"not-rolled-back"}
    said = story.refused()["not-rolled-back"]
    assert f"contains the changes of {bad[:12]}, which 1.3.2 rolled back" in said
    given = parse_overrides(["not-rolled-back=it was the network"], "Bob <bob@example.com>")
    story.promote(overrides=given)
    story.runs("staging", story.fleet.commit({"apps/base/my-app/service.yaml": service("my-app", port=82)}))
    assert story.refused() == {}, "once decided, production has it"


FIXES: dict[str, Files] = {
    "another value": {APP: deployment("my-app", image="my-app:good")},
    "nothing of it": {"apps/base/my-app/service.yaml": service("my-app", port=81)},
}


@pytest.mark.parametrize("files", FIXES.values(), ids=FIXES)
def test_a_history_without_the_bad_commit_or_a_copy_passes(story: Story, files: Files) -> None:
    rolled_back(story)
    force_pushed(story, files)
    assert story.refused() == {}


def test_an_object_that_was_bad_is_recognized_with_and_without_a_fix(story: Story) -> None:
    def extra(value: str) -> Files:
        kustomize = overlay(["deployment.yaml", "service.yaml", "extra.yaml"])
        return {
            "apps/base/my-app/kustomization.yaml": kustomize,
            "apps/base/my-app/extra.yaml": config_map("extra", {"v": value}),
        }

    force_pushed(story, {APP: deployment("my-app", image="my-app:good")})
    story.promote()
    story.runs("staging", story.fleet.commit(extra("bad")))
    story.promote()
    rolled_back(story)
    force_pushed(story, {APP: deployment("my-app", image="my-app:good")}, extra("bad"))
    assert "not-rolled-back" in story.refused()
    story.runs("staging", story.fleet.commit(extra("good")))
    assert story.refused() == {}


def test_a_second_run_finishes_what_the_forge_did_not(story: Story) -> None:
    story.forge_fails = True
    with pytest.raises(ForgeError):
        rolled_back(story)
    tags = [name for name in story.fleet.remote_refs() if "tags" in name]
    story.forge_fails = False
    done, _ = rolled_back(story)
    assert "already follows the rollback 1.3.2" in done.lines[0]
    assert len(story.requested) == 1
    rolled_back(story)
    assert story.requested[0].commit == story.requested[1].commit
    assert [name for name in story.fleet.remote_refs() if "tags" in name] == tags


def test_further_back_and_to_a_version(story: Story) -> None:
    story.runs("staging", change(story, "worse"))
    story.promote()
    done, _ = rolled_back(story)
    assert done.version == "1.3.3"
    assert story.fleet.remote_git("diff", "1.3.1", "1.3.3") == ""
    done, _ = rolled_back(story, to="1.3.0")
    assert done.version == "1.3.4"
    assert story.fleet.remote_git("diff", "1.3.0", "1.3.4") == ""
    with story.world() as world:
        assert prepare(world, "production", "1.3.0").done, "a third run has nothing to do"


def test_windows_soak_and_approvals_do_not_hold_it_up(story: Story) -> None:
    story.policy("production", soak=1e6)
    story.evidence.clear()
    assert rolled_back(story)[0].version == "1.3.2"


def test_a_merge_is_reverted_as_a_whole(story: Story) -> None:
    story.fleet.switch("topic", "HEAD~1")
    story.fleet.commit(
        {"apps/base/my-app/service.yaml": "apiVersion: v1\nkind: Service\nmetadata: {name: my-app}\n"}
    )
    story.fleet.switch("main")
    story.fleet.git("merge", "-q", "--no-ff", "--no-edit", "topic")
    story.runs("staging", story.fleet.commit({}))
    story.promote()
    rolled_back(story)
    (wish,) = story.requested
    assert story.fleet.remote_git("diff", "1.3.1", wish.commit) == ""


def test_a_revert_that_conflicts_leaves_the_rollback_done(story: Story) -> None:
    change(story, "later")
    with pytest.raises(RevertConflicts, match="by hand"):
        rolled_back(story)
    assert story.fleet.remote_git("diff", "1.3.0", "1.3.2") == ""


def test_nothing_to_revert_is_said(story: Story) -> None:
    story.fleet.git("checkout", story.fleet.first, "--", ".")
    story.fleet.commit({})
    _, reverted = rolled_back(story)
    assert "no revert is needed" in reverted.lines[0]


def test_a_first_version_has_nothing_before_it(
    tmp_path: Path, bob: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    story = Story(tmp_path, bob, monkeypatch)
    story.fleet.tag("1.0.0")
    with pytest.raises(PromotionError, match="no earlier version"):
        rolled_back(story)


def test_a_range_without_room_says_so(tmp_path: Path, bob: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    files = fleet_files({"staging": {"branch": "main"}, "production": {"semver": ">=1.0.0 <=1.0.1"}})
    story = Story(tmp_path, bob, monkeypatch, files=files)
    story.fleet.tag("1.0.0")
    change(story, "2")
    story.fleet.tag("1.0.1")
    with pytest.raises(PromotionError, match="exhausted"):
        rolled_back(story)


def test_a_branch_rolls_back_and_forward_again(
    tmp_path: Path, bob: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = fleet_files({"staging": {"branch": "main"}, "production": {"branch": "production"}})
    story = Story(tmp_path, bob, monkeypatch, files=files)
    story.fleet.git("push", "-q", "origin", "HEAD:refs/heads/production")
    story.runs("staging", change(story, "bad"))
    story.promote()
    rolled_back(story)
    assert story.fleet.remote_git("diff", story.fleet.first, "production") == ""
    assert "not-rolled-back" in story.refused()
    (wish,) = story.requested
    assert wish.base == "main"
    story.merge(wish)
    story.runs("staging", change(story, "good"))
    assert story.refused() == {}
    story.promote()
    assert story.fleet.remote_refs()["refs/heads/production"] == story.fleet.head()


def test_a_forged_record_does_not_choose_what_a_branch_rolls_back_to(
    tmp_path: Path, bob: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = fleet_files({"staging": {"branch": "main"}, "production": {"branch": "production"}})
    story = Story(tmp_path, bob, monkeypatch, files=files)
    story.fleet.git("push", "-q", "origin", "HEAD:refs/heads/production")
    story.runs("staging", change(story, "bad"))
    story.promote()
    story.fleet.switch("elsewhere", "main~1")
    for before in (change(story, "evil"), "refs/heads/elsewhere"):
        text = f"Promote\n\nHeadgate-Promotion-From: x ({before})"
        record = story.fleet.git("commit-tree", "-m", text, "main^{tree}").strip()
        story.fleet.git("push", "-q", "-f", "origin", f"{record}:refs/headgate/promotions/production")
        refs = story.fleet.remote_refs()
        with pytest.raises(PromotionError, match="name a commit with --to"):
            rolled_back(story)
        assert story.fleet.remote_refs() == refs


def test_a_pin_rolls_back_by_a_pull_request(
    tmp_path: Path, bob: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    story = Story(tmp_path, bob, monkeypatch, files=pinned({"tag": "v1"}))
    story.policy("production", source="flux-system/pinned")
    story.fleet.tag("v1")
    story.runs("staging", change(story, "bad"))
    story.fleet.tag("v2")
    story.promote()
    story.merge(story.requested.pop())
    rolled_back(story, to="v1")
    (wish,) = story.requested
    assert wish.branch == "headgate/rollback-production"
    assert "tag: v1" in story.fleet.remote_git("show", f"{wish.commit}:clusters/production/pinned.yaml")
    story.merge(wish)
    assert "not-rolled-back" in story.refused()


@pytest.mark.parametrize("by", ["tag", "commit"])
def test_a_pin_returns_to_what_was_pinned_before(
    tmp_path: Path, bob: Person, monkeypatch: pytest.MonkeyPatch, by: str
) -> None:
    story = Story(tmp_path, bob, monkeypatch, files=pinned({"tag": "v1"}))
    story.policy("production", source="flux-system/pinned")
    first = story.fleet.tag("v1")
    if by == "commit":
        text = pinned({"commit": first})["clusters/production/pinned.yaml"]
        story.fleet.commit({"clusters/production/pinned.yaml": text})
    story.runs("staging", change(story, "bad"))
    story.fleet.tag("v2")
    story.promote()
    story.merge(story.requested.pop())
    story.fleet.commit({"README.md": "x\n"}, "Ordinary\n\nHeadgate-Promotion-To: production")
    rolled_back(story)
    (wish,) = story.requested
    file = story.fleet.remote_git("show", f"{wish.commit}:clusters/production/pinned.yaml")
    assert ("tag: v1" if by == "tag" else f"commit: {first}") in file


def test_fields_roll_back_by_a_pull_request(
    tmp_path: Path, bob: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    story = Story(tmp_path, bob, monkeypatch, files=with_images("1.1.0", "1.0.0"))
    story.policy("production", fields=("kustomization.yaml:images[].newTag",))
    story.runs("staging", story.fleet.first)
    story.promote()
    story.merge(story.requested.pop())
    rolled_back(story)
    (wish,) = story.requested
    assert "newTag: 1.0.0" in story.fleet.remote_git(
        "show", f"{wish.commit}:apps/production/kustomization.yaml"
    )


def test_a_version_that_somebody_tagged_elsewhere_is_not_brought_back(story: Story) -> None:
    story.runs("staging", change(story, "worse"))
    story.promote()
    story.fleet.switch("elsewhere", "main~2")
    change(story, "evil")
    story.fleet.git("push", "-q", "origin", "HEAD:refs/tags/v1.3.1")
    before = story.fleet.remote_refs()
    with pytest.raises(PromotionError, match=r"v1\.3\.1 names .* name it with --to [0-9a-f]{40}"):
        rolled_back(story)
    assert story.fleet.remote_refs() == before


def test_what_a_rollback_brought_back_may_be_brought_back_again(story: Story) -> None:
    rolled_back(story)
    story.runs("staging", story.merge(story.requested[0]))
    story.runs("staging", change(story, "third"))
    assert story.promote().version == "1.3.3"
    done, _ = rolled_back(story)
    assert story.fleet.remote_git("diff", "1.3.2", done.version) == ""


@pytest.mark.parametrize("name", ["refs/heads/one", "heads/two", "--all", "HEAD"])
def test_a_commit_that_names_refs_as_a_rollback_is_none(story: Story, name: str) -> None:
    text = f"Roll back\n\nHeadgate-Promotion-To: production\nHeadgate-Rollback-Of: {name}\nHeadgate-Rollback-To: {name}"
    forged = story.fleet.commit({APP: deployment("my-app", image="my-app:forged")}, text)
    for branch, other in (("one", "two"), ("two", "one")):
        message = text.replace(name, f"refs/heads/{other}")
        tip = story.fleet.git("commit-tree", "-p", forged, "-m", message, f"{forged}^{{tree}}").strip()
        story.fleet.git("push", "-q", "origin", f"{tip}:refs/heads/{branch}")
        story.fleet.git("push", "-q", "-f", "origin", f"{tip}:refs/tags/1.3.5")
    with story.world() as world:
        assert prepare(world, "production").bad == tip
