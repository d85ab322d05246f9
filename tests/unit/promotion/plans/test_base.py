"""What a promotion starts from: nobody who may push can choose a base that hides what it brings."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from headgate.promotion.config.model import Approvals
from headgate.promotion.errors import CloneError, PromotionError
from headgate.promotion.guards import parse_overrides
from headgate.promotion.plans.base import base_of
from headgate.promotion.plans.compute import compute
from headgate.promotion.plans.execute import execute
from headgate.promotion.plans.world import source_of
from tests.support.fleets import deployment, fleet_files, git_repository
from tests.support.promoting import Story
from tests.support.signing import Person, allowed_signers
from tests.unit.promotion.plans.test_pull_requests import FIELDS, pinned, with_images

APP = "apps/base/my-app/deployment.yaml"
PROMOTERS = ".headgate/promoters"
VERIFY = {"verify": {"mode": "Tag", "secretRef": {"name": "keys"}}}


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Person]:
    folder = tmp_path_factory.mktemp("keys")
    return {name: Person.make(folder, name) for name in ("bob", "eve")}


@pytest.fixture
def story(tmp_path: Path, people: dict[str, Person], monkeypatch: pytest.MonkeyPatch) -> Story:
    """Bob may promote; production runs 1.3.0, and staging an image that production does not have."""
    files = fleet_files()
    files |= {
        PROMOTERS: allowed_signers(people["bob"]),
        ".headgate/signers": allowed_signers(*people.values()),
    }
    files["clusters/production/flux-system.yaml"] = git_repository({"semver": ">=1.0.0"}, **VERIFY)
    story = Story(tmp_path, people["bob"], monkeypatch, files=files)
    story.silent.add("production")
    signed_by(story, people["bob"], "1.3.0")
    story.runs("staging", change(story, 2))
    return story


def change(story: Story, number: int) -> str:
    return story.fleet.commit({APP: deployment("my-app", image=f"my-app:{number}")})


def signed_by(story: Story, person: Person, name: str, commit: str = "HEAD") -> str:
    story.fleet.environment = person.environment()
    try:
        return story.fleet.tag(name, commit, sign=True)
    finally:
        story.fleet.environment = {}


def test_a_version_of_somebody_who_may_promote_is_a_base(story: Story) -> None:
    assert story.refused() == {}
    verdicts = {each.guard.value: each.message for each in story.compute().plan.verdicts}
    assert "the tag 1.3.0" in verdicts["base"]
    assert "is signed by bob@example.com" in verdicts["base"]


def test_a_promotion_and_a_rollback_are_bases_themselves(story: Story) -> None:
    story.promote()
    story.runs("staging", change(story, 3))
    assert story.refused() == {}


@pytest.mark.parametrize("needs", ["verify", "approvals", "promoters"])
def test_a_version_that_anybody_else_has_signed_hides_nothing(
    story: Story, people: dict[str, Person], needs: str
) -> None:
    """Approvers would see no change from it to the candidate, and production still runs 1.3.0."""
    plain = git_repository({"semver": ">=1.0.0"})
    if needs == "approvals":
        story.policy("production", approvals=Approvals(1, ".headgate/signers"))
        story.fleet.commit({"clusters/production/flux-system.yaml": plain, PROMOTERS: None})
    elif needs == "promoters":
        story.fleet.commit({"clusters/production/flux-system.yaml": plain})
    else:
        story.fleet.commit({PROMOTERS: None})
    story.runs("staging", change(story, 3))
    signed_by(story, people["eve"], "1.3.1")
    refused = story.refused()
    assert "it is not known whether production runs the tag 1.3.1" in refused["base"]
    if needs == "promoters":
        assert f"nobody in {PROMOTERS} has signed it" in refused["base"]
    story.runs("production", story.fleet.first)
    refused = story.refused()
    assert f"production runs {story.fleet.first[:12]}, and should follow the tag 1.3.1" in refused["base"]
    given = parse_overrides(["base=I have seen it"], "Bob <bob@example.com>")
    assert "base" not in story.refused(overrides=given)


FORGED: dict[str, Callable[[Story], Any]] = {
    "an unsigned one": lambda s: s.fleet.tag("1.3.1"),
    "no tag object": lambda s: s.fleet.tag("1.3.1", annotated=False),
    "an old signature under another name": lambda s: s.fleet.git(
        "push", "-q", "origin", "refs/tags/1.3.0:refs/tags/1.3.1"
    ),
    "a signature for another commit": lambda s: s.fleet.git(
        "push", "-q", "origin", f"{resigned(s)}:refs/tags/1.3.1"
    ),
}


def resigned(story: Story) -> str:
    """The object of the tag 1.3.0 with its signature, for another commit and name."""
    content = story.fleet.git("cat-file", "tag", "1.3.0")
    first, head = story.fleet.git("rev-parse", "1.3.0^{commit}").strip(), story.fleet.head()
    file = story.fleet.folder / "tag"
    file.write_text(content.replace(first, head).replace("tag 1.3.0\n", "tag 1.3.1\n"))
    return story.fleet.git("hash-object", "-w", "-t", "tag", str(file)).strip()


@pytest.mark.parametrize("forge", FORGED.values(), ids=FORGED)
def test_a_version_that_nobody_has_signed_is_no_base(story: Story, forge: Callable[[Story], Any]) -> None:
    story.runs("staging", change(story, 3))
    forge(story)
    assert "base" in story.refused()


@pytest.mark.parametrize("mode", ["HEAD", "TagAndHEAD"])
def test_a_commit_that_the_target_would_not_take_is_refused(story: Story, mode: str) -> None:
    verify = {"mode": mode, "secretRef": {"name": "keys"}}
    source = git_repository({"semver": ">=1.0.0"}, verify=verify)
    tip = story.fleet.commit({"clusters/production/flux-system.yaml": source})
    signed_by(story, story.person, "1.3.1", tip)
    story.runs("staging", change(story, 3))
    assert (
        "has no signature, as 'verify' of GitRepository flux-system/flux-system"
        in story.refused()["rendered"]
    )
    story.fleet.environment = story.person.environment()
    story.fleet.git("commit", "-q", "-S", "--allow-empty", "-m", "signed")
    story.fleet.git("push", "-q", "origin", "HEAD:refs/heads/main")
    story.runs("staging", story.fleet.head())
    assert story.refused() == {}
    with story.world() as world, pytest.raises(PromotionError, match="--no-sign: 'verify'"):
        execute(world, compute(world, "production"), story.request, sign=False)


def test_what_the_target_has_taken_is_a_base_whoever_signed_it(
    story: Story, people: dict[str, Person]
) -> None:
    tagged = signed_by(story, people["eve"], "1.3.1")
    story.runs("staging", change(story, 3))
    story.runs("production", tagged)
    assert story.refused() == {}
    story.runs("production", tagged, age=3600.0)
    assert "is from 2026-11-30 11:00 UTC" in story.refused()["base"]


def test_commits_that_change_nothing_do_not_make_the_base_another_one(
    story: Story, people: dict[str, Person]
) -> None:
    runs = story.fleet.head()
    story.fleet.commit({"README.md": "later\n"})
    signed_by(story, people["eve"], "1.3.1")
    story.runs("staging", change(story, 3))
    story.runs("production", runs)
    assert story.refused() == {}


def test_promoters_that_the_policy_names_must_exist(story: Story) -> None:
    with story.world() as world:
        object.__setattr__(world.environments, "promoters", "missing")
        target = world.environments["production"]
        source = source_of(target, world.render(target))
        base = world.follows(source)
        assert base is not None
        with pytest.raises(CloneError, match="promoters: 'missing' does not exist on the branch 'main'"):
            base_of(world, target, source, base)


def test_without_evidence_only_an_accepted_commit_takes_its_place(
    tmp_path: Path, people: dict[str, Person], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Overrides of the guards about evidence must not let whoever pushes tags choose the candidate."""
    files = fleet_files({"staging": {"semver": ">=0.1.0"}, "production": {"semver": ">=1.0.0"}})
    story = Story(tmp_path, people["bob"], monkeypatch, files=files)
    story.fleet.tag("1.0.0")
    story.fleet.switch("elsewhere", "main")
    evil = change(story, 666)
    story.fleet.tag("2.0.0", evil)
    story.fleet.remote_git("update-ref", "-d", "refs/heads/elsewhere")
    assert "nobody says which commit of flux-system/flux-system staging runs" in story.refused()["candidate"]


@pytest.mark.parametrize("signed", [True, False])
def test_a_branch_is_as_good_as_its_record(
    tmp_path: Path, people: dict[str, Person], monkeypatch: pytest.MonkeyPatch, signed: bool
) -> None:
    files = fleet_files({"staging": {"branch": "main"}, "production": {"branch": "production"}})
    files[PROMOTERS] = allowed_signers(people["bob"])
    story = Story(tmp_path, people["bob"], monkeypatch, files=files)
    story.fleet.git("push", "-q", "origin", "HEAD:refs/heads/production")
    story.runs("staging", change(story, 2))
    story.promote()
    if not signed:
        people["eve"].at_work(monkeypatch)
        record = "refs/headgate/promotions/production"
        story.fleet.git("fetch", "-q", "origin", record)
        copied = ["commit-tree", "-S", "-m", story.fleet.git("log", "-1", "--format=%B", "FETCH_HEAD")]
        story.fleet.environment = people["eve"].environment()
        forged = story.fleet.git(*copied, "FETCH_HEAD^{tree}").strip()
        story.fleet.git("push", "-q", "-f", "origin", f"{forged}:{record}")
    story.silent.add("production")
    story.runs("staging", change(story, 3))
    assert ("base" in story.refused()) is not signed


def test_a_pin_and_copied_fields_of_the_default_branch_need_no_proof(
    tmp_path: Path, people: dict[str, Person], monkeypatch: pytest.MonkeyPatch
) -> None:
    story = Story(tmp_path / "fields", people["bob"], monkeypatch, files=with_images("1.1.0", "1.0.0"))
    story.policy("production", fields=FIELDS, approvals=Approvals(1, ".headgate/signers"))
    story.silent.add("production")
    story.runs("staging", story.fleet.first)
    assert "base" not in story.refused()
    first = "0" * 40
    story = Story(tmp_path / "pin", people["bob"], monkeypatch, files=pinned({"commit": first}))
    story.fleet.commit(pinned({"commit": story.fleet.first}))
    story.policy("production", source="flux-system/pinned", approvals=Approvals(1, ".headgate/signers"))
    story.silent.add("production")
    story.runs("staging", change(story, 2), since=timedelta(days=3))
    assert "base" not in story.refused()


def test_where_nothing_is_approved_verified_or_signed_nobody_is_deceived(
    tmp_path: Path, people: dict[str, Person], monkeypatch: pytest.MonkeyPatch
) -> None:
    story = Story(tmp_path, people["bob"], monkeypatch)
    story.silent.add("production")
    story.fleet.tag("1.0.0")
    story.runs("staging", change(story, 2))
    assert story.refused() == {}
    story.fleet.tag("1.0.1")
    story.runs("staging", change(story, 3))
    story.runs("production", story.fleet.first)
    assert "base" in story.refused(), "what it runs contradicts the tag"
