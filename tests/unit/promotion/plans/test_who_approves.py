"""Whose approvals count in each mode, and until when."""

from __future__ import annotations

from pathlib import Path

import pytest

from headgate.promotion.config.model import Approvals
from headgate.promotion.guards import parse_overrides
from headgate.promotion.plans.approvals import approve, approved_base
from headgate.promotion.plans.model import Mode, Plan
from headgate.promotion.plans.rollback import prepare, revert, roll_back
from tests.support.fleets import deployment, fleet_files
from tests.support.promoting import Story
from tests.support.signing import Person, allowed_signers
from tests.unit.promotion.plans.test_pull_requests import FIELDS, pinned, with_images

APP = "apps/base/my-app/deployment.yaml"
SIGNERS = ".headgate/signers"
STAGING = "apps/staging/kustomization.yaml"


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Person]:
    folder = tmp_path_factory.mktemp("keys")
    return {name: Person.make(folder, name) for name in ("bob", "eve", "rita")}


@pytest.fixture(params=["tag", "branch", "pin", "fields"])
def story(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    people: dict[str, Person],
    monkeypatch: pytest.MonkeyPatch,
) -> Story:
    """Bob promotes, and production needs one approval; staging runs something new."""
    return begun(request.param, tmp_path, people, monkeypatch)


def begun(
    mode: str, folder: Path, people: dict[str, Person], monkeypatch: pytest.MonkeyPatch, **policy: bool
) -> Story:
    files = {
        "tag": fleet_files(),
        "branch": fleet_files({"staging": {"branch": "main"}, "production": {"branch": "production"}}),
        "pin": pinned({"tag": "v1"}),
        "fields": with_images("1.0.0", "1.0.0"),
    }[mode]
    files[SIGNERS] = allowed_signers(*people.values())
    story = Story(folder, people["bob"], monkeypatch, files=files)
    fields = (
        {"fields": FIELDS} if mode == "fields" else {"source": "flux-system/pinned"} if mode == "pin" else {}
    )
    story.policy("production", approvals=Approvals(1, SIGNERS, **policy), **fields)
    story.fleet.tag("v1" if mode == "pin" else "1.0.0")
    if mode == "branch":
        story.fleet.git("push", "-q", "origin", "HEAD:refs/heads/production")
    changed = {APP: deployment("my-app", image="my-app:2")}
    if mode == "fields":
        changed = {STAGING: with_images("1.1.0", "")[STAGING]}
    story.runs("staging", story.fleet.commit(changed))
    if mode == "pin":
        story.fleet.tag("v2")
    return story


def approved(story: Story, person: Person, monkeypatch: pytest.MonkeyPatch) -> Plan:
    plan = story.compute().plan
    person.at_work(monkeypatch)
    with story.world() as world:
        base = approved_base(world.clone, plan.base.commit, plan.edits)
        approve(world.clone, "production", plan.digest, plan.candidate, base)
    story.person.at_work(monkeypatch)
    return plan


def test_a_rollback_ends_the_approvals_of_what_it_takes_back(
    story: Story, people: dict[str, Person], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "0 of 1" in story.refused()["approvals"]
    plan = approved(story, people["rita"], monkeypatch)
    story.fleet.commit({"README.md": "changes nothing\n"})
    assert story.refused() == {}
    story.promote()
    if story.requested:
        story.merge(story.requested[-1])
    with story.world() as world:
        rollback, _ = roll_back(
            world, prepare(world, "production", "v1" if plan.mode is Mode.PIN else ""), story.request
        )
        if not story.requested:
            revert(world, rollback, story.request)
    if plan.branch:
        story.merge(story.requested[-1])
    given = parse_overrides(["not-rolled-back=it was the network"], "Bob <bob@example.com>")
    again = story.compute(overrides=given).plan
    assert again.digest == plan.digest
    assert "before the last promotion or rollback" in story.refused(overrides=given)["approvals"]
    approved(story, people["rita"], monkeypatch)
    assert "approvals" not in story.refused(overrides=given)


def test_who_changed_copied_fields_does_not_approve_them(
    tmp_path: Path, people: dict[str, Person], monkeypatch: pytest.MonkeyPatch
) -> None:
    story = begun("fields", tmp_path, people, monkeypatch, not_author=True)
    newer = {STAGING: with_images("1.2.0", "")[STAGING]}
    story.runs("staging", story.fleet.commit(newer, author="Eve <eve@example.com>"))
    approved(story, people["eve"], monkeypatch)
    assert "eve@example.com: wrote or committed" in story.refused()["approvals"]
    approved(story, people["rita"], monkeypatch)
    assert story.refused() == {}
    by_hand = "apps/production/kustomization.yaml"
    story.fleet.commit({by_hand: with_images("", "0.9.0")[by_hand]})
    approved(story, people["eve"], monkeypatch)
    assert "eve@example.com: wrote or committed" in story.refused()["approvals"], "staging never had 0.9.0"


def test_who_made_what_a_rollback_took_back_does_not_approve_it(
    tmp_path: Path, people: dict[str, Person], monkeypatch: pytest.MonkeyPatch
) -> None:
    story = begun("tag", tmp_path, people, monkeypatch, not_author=True)
    changed = {APP: deployment("my-app", image="my-app:3")}
    story.runs("staging", story.fleet.commit(changed, author="Eve <eve@example.com>"))
    approved(story, people["rita"], monkeypatch)
    story.promote()
    with story.world() as world:
        roll_back(world, prepare(world, "production", ""), story.request)
    story.runs("staging", story.fleet.commit({"README.md": "later\n"}))
    approved(story, people["eve"], monkeypatch)
    assert "eve@example.com: wrote or committed" in story.refused()["approvals"]
