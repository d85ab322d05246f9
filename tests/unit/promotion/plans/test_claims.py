"""What a message says of rollbacks and reverts decides nothing by itself: its author may be anybody."""

from __future__ import annotations

from pathlib import Path

import pytest

from headgate.promotion.config.model import Environment
from headgate.promotion.errors import PromotionError
from headgate.promotion.guards import parse_overrides
from headgate.promotion.plans.rollback import Rollback, prepare, revert, roll_back
from headgate.promotion.plans.trailers import (
    ENVIRONMENT,
    REVERTS,
    ROLLBACK_OF,
    ROLLBACK_TO,
    message,
)
from tests.support.fleets import Files, deployment, fleet_files, service
from tests.support.promoting import Story
from tests.support.signing import Person, allowed_signers
from tests.unit.promotion.plans.test_pull_requests import FIELDS, with_images

APP = "apps/base/my-app/deployment.yaml"
PROMOTERS = ".headgate/promoters"
OVERRIDE = parse_overrides(["not-rolled-back=it was the network"], "Bob <bob@example.com>")


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Person]:
    folder = tmp_path_factory.mktemp("keys")
    return {name: Person.make(folder, name) for name in ("bob", "eve")}


@pytest.fixture(params=["promoters are named", "nobody is named"])
def story(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    people: dict[str, Person],
    monkeypatch: pytest.MonkeyPatch,
) -> Story:
    """1.3.0 was good, 1.3.1 is good."""
    files = fleet_files()
    if request.param == "promoters are named":
        files[PROMOTERS] = allowed_signers(people["bob"])
    story = Story(tmp_path, people["bob"], monkeypatch, files=files)
    story.fleet.environment = people["bob"].environment()
    story.fleet.tag("1.3.0", sign=True)
    story.fleet.environment = {}
    story.runs("staging", change(story, "1"))
    story.promote()
    story.fleet.git("fetch", "-q", "--tags")
    return story


def change(story: Story, number: str, text: str = "change") -> str:
    return story.fleet.commit({APP: deployment("my-app", image=f"my-app:{number}")}, text)


def claim(bad: str, good: str, environment: str = "production") -> str:
    trailers = [(ENVIRONMENT, environment), (ROLLBACK_OF, bad), (ROLLBACK_TO, good)]
    return message(f"Roll {environment} back", [], trailers)


def prepared(story: Story, to: str = "") -> Rollback:
    with story.world() as world:
        return prepare(world, "production", to)


def rolled_back(story: Story, to: str = "") -> Rollback:
    with story.world() as world:
        rollback, _ = roll_back(world, prepare(world, "production", to), story.request)
        revert(world, rollback, story.request)
    story.fleet.git("fetch", "-q", "--tags")
    return rollback


def as_in(story: Story, revision: str, text: str) -> str:
    """A commit on main with the files of another one."""
    story.fleet.git("checkout", revision, "--", ".")
    return story.fleet.commit({}, text)


# Rollbacks that are not.


@pytest.mark.parametrize("content", ["another", "of the good commit", "of another version"])
def test_a_promoted_commit_that_calls_itself_a_rollback_is_rolled_back(story: Story, content: str) -> None:
    """Whoever writes a commit could otherwise keep a bad version from being rolled back."""
    good, parent = story.fleet.first, story.fleet.head()
    text = claim(parent, good)
    if content == "another":
        bad = change(story, "evil", text)
    elif content == "of the good commit":
        bad = as_in(story, good, text)
    else:
        later = change(story, "later")
        bad = as_in(story, parent, claim(later, parent))
    story.runs("staging", bad)
    if content == "of another version":
        story.runs("staging", bad)
        with pytest.raises(PromotionError, match="not-empty"):
            story.promote()  # the version is as production has it
        story.fleet.environment = story.person.environment()
        story.fleet.tag("1.3.2", bad, sign=True)
        story.fleet.environment = {}
    else:
        story.promote()
    rollback = prepared(story)
    assert not rollback.done
    assert rollback.before == bad


def test_a_mark_on_a_tag_of_anybody_does_not_choose_the_last_good_version(
    story: Story, people: dict[str, Person], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It says that 1.3.1 is bad, so that a rollback of 1.3.2 would return to the older 1.3.0."""
    was = story.fleet.head()
    story.runs("staging", change(story, "2"))
    story.promote()
    story.fleet.switch("elsewhere", was)
    change(story, "x", claim(was, story.fleet.first))
    people["eve"].at_work(monkeypatch)
    story.fleet.environment = people["eve"].environment()
    story.fleet.tag("x", sign=True)
    story.fleet.environment = {}
    people["bob"].at_work(monkeypatch)
    assert prepared(story).good == was


def test_a_forged_mark_does_not_let_production_go_backwards(story: Story) -> None:
    good = story.fleet.head()
    story.runs("staging", change(story, "2", claim(good, story.fleet.first)))
    story.promote()
    story.runs("staging", good)
    assert "already contains" in story.refused()["candidate"]


def test_a_rollback_that_nobody_named_has_signed_is_not_taken_for_done(
    tmp_path: Path, people: dict[str, Person], monkeypatch: pytest.MonkeyPatch
) -> None:
    files = {**fleet_files(), PROMOTERS: allowed_signers(people["bob"])}
    story = Story(tmp_path, people["bob"], monkeypatch, files=files)
    story.fleet.environment = people["bob"].environment()
    story.fleet.tag("1.3.0", sign=True)
    story.fleet.environment = {}
    story.runs("staging", change(story, "bad"))
    story.promote()
    people["eve"].at_work(monkeypatch)
    with story.world() as world:
        rollback = prepare(world, "production", "")
        with pytest.raises(PromotionError, match="your signature would not count, so nothing was pushed"):
            roll_back(world, rollback, story.request)
        monkeypatch.setattr(type(world.promoters), "are_named", False)
        roll_back(world, rollback, story.request)
        monkeypatch.undo()
    people["bob"].at_work(monkeypatch)
    with pytest.raises(PromotionError, match=r"nobody in .* has signed it.*--to"):
        prepared(story)
    with pytest.raises(PromotionError, match=r"already runs the content of 1\.3\.0"):
        prepared(story, "1.3.0")


def test_a_version_that_nobody_named_has_signed_is_not_brought_back_by_its_name(
    tmp_path: Path, people: dict[str, Person], monkeypatch: pytest.MonkeyPatch
) -> None:
    files = {**fleet_files(), PROMOTERS: allowed_signers(people["bob"])}
    story = Story(tmp_path, people["bob"], monkeypatch, files=files)
    story.fleet.tag("1.3.0")
    story.runs("staging", change(story, "bad"))
    story.promote(overrides=parse_overrides(["base=the first one"], "Bob <bob@example.com>"))
    for to in ("", "1.3.0"):
        with pytest.raises(PromotionError, match=rf"the tag 1\.3\.0 names .* with --to {story.fleet.first}"):
            prepared(story, to)
    assert prepared(story, story.fleet.first).good == story.fleet.first


@pytest.mark.parametrize("by", ["promotion", "push"])
def test_a_branch_that_received_a_claim_is_not_rolled_back_yet(
    tmp_path: Path, people: dict[str, Person], monkeypatch: pytest.MonkeyPatch, by: str
) -> None:
    files = fleet_files({"staging": {"branch": "main"}, "production": {"branch": "production"}})
    story = Story(tmp_path, people["bob"], monkeypatch, files=files)
    story.fleet.git("push", "-q", "origin", "HEAD:refs/heads/production")
    good = change(story, "good")
    between = change(story, "between")
    forged = as_in(story, good, claim(between, good))
    story.runs("staging", forged)
    if by == "promotion":
        story.promote()
    else:
        story.fleet.git("push", "-q", "origin", f"{forged}:refs/heads/production")
    if by == "promotion":
        assert prepared(story).good == story.fleet.first, "as its record says"
    else:
        with pytest.raises(PromotionError, match="name a commit with --to"):
            prepared(story)
    assert not prepared(story, story.fleet.first).done


def test_copied_fields_are_rolled_back_only_if_the_files_say_so(
    tmp_path: Path, people: dict[str, Person], monkeypatch: pytest.MonkeyPatch
) -> None:
    story = Story(tmp_path, people["bob"], monkeypatch, files=with_images("1.1.0", "1.0.0"))
    story.policy("production", fields=FIELDS)
    story.runs("staging", story.fleet.first)
    story.promote()
    story.merge(story.requested.pop())
    story.fleet.commit({"README.md": "x\n"}, claim(story.fleet.head(), story.fleet.first))
    assert not prepared(story).done
    rolled_back(story)
    story.merge(story.requested.pop())
    assert prepared(story).done


# Reverts that are none.


@pytest.mark.parametrize("claims", ["git", "ours"])
def test_a_revert_that_is_only_claimed_does_not_let_the_bad_commit_pass(story: Story, claims: str) -> None:
    bad = story.fleet.head()
    rolled_back(story)
    text = (
        f"Tidy up\n\nThis reverts commit {bad}.\n" if claims == "git" else message("x", [], [(REVERTS, bad)])
    )
    story.runs("staging", story.fleet.commit({"README.md": "no revert\n"}, text))
    assert "although a message says that it reverts them" in story.refused()["not-rolled-back"]
    other = {"apps/base/my-app/service.yaml": service("my-app", port=81)}
    story.runs("staging", story.fleet.commit(other))
    assert "not-rolled-back" in story.refused(), "with whatever else changes"
    story.runs("staging", change(story, "fixed"))
    assert story.refused() == {}, "what it brought is not there any longer"


def test_a_merged_rollback_is_a_revert_only_if_its_files_are(
    tmp_path: Path, people: dict[str, Person], monkeypatch: pytest.MonkeyPatch
) -> None:
    files = fleet_files({"staging": {"branch": "main"}, "production": {"branch": "production"}})
    story = Story(tmp_path, people["bob"], monkeypatch, files=files)
    story.fleet.git("push", "-q", "origin", "HEAD:refs/heads/production")
    story.runs("staging", change(story, "bad"))
    story.promote()
    rollback = rolled_back(story)
    story.fleet.git("fetch", "-q", "origin")
    story.fleet.git("merge", "-q", "-s", "ours", "--no-edit", rollback.done)
    story.runs("staging", story.fleet.commit({}))
    assert set(story.refused()) == {"not-rolled-back"}


# What somebody has decided.


def test_an_override_counts_until_the_next_rollback(story: Story) -> None:
    rolled_back(story)
    assert "not-rolled-back" in story.refused()
    story.promote(overrides=OVERRIDE)
    files: Files = {"apps/base/my-app/service.yaml": service("my-app", port=82)}
    story.runs("staging", story.fleet.commit(files))
    assert story.refused() == {}, "production follows it again, so that nothing is brought back"
    verdicts = {each.guard.value: each.message for each in story.compute().plan.verdicts}
    assert "and production follows it again" in verdicts["not-rolled-back"]
    story.promote()
    story.runs("staging", story.fleet.commit({"apps/base/my-app/service.yaml": service("my-app", port=83)}))
    assert story.refused() == {}, "also after the promotion that needed no override"
    with story.world() as world:
        roll_back(world, prepare(world, "production", "1.3.0"), story.request)
    assert "not-rolled-back" in story.refused()
    story.runs("staging", change(story, "and something else"))
    assert "not-rolled-back" in story.refused(), "a rollback ends it"


def test_the_rollback_of_another_environment_is_decided_each_time(
    tmp_path: Path, people: dict[str, Person], monkeypatch: pytest.MonkeyPatch
) -> None:
    files = fleet_files(
        {"staging": {"branch": "main"}, "qa": {"semver": "1.x"}, "production": {"semver": "2.x"}}
    )
    environments = (
        Environment("staging", "clusters/staging"),
        Environment("qa", "clusters/qa", after=("staging",)),
        Environment("production", "clusters/production", after=("staging",)),
    )
    story = Story(tmp_path, people["bob"], monkeypatch, *environments, files=files)
    story.fleet.tag("1.0.0")
    story.fleet.tag("2.0.0")
    story.runs("staging", change(story, "bad"))
    for name in ("qa", "production"):
        story.promote(name)
    story.fleet.git("fetch", "-q", "--tags")
    rolled_back(story)
    for port in (81, 82):
        story.runs(
            "staging", story.fleet.commit({"apps/base/my-app/service.yaml": service("my-app", port=port)})
        )
        assert set(story.refused(name="qa")) == {"not-rolled-back"}, "qa has never decided it"
        story.promote("qa", overrides=OVERRIDE)
