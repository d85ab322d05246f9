"""Promotions by branch, pin and copied fields: the branch only moves forward, and edits have exactly their effect."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from headgate.promotion.errors import ForgeError, PromotionError, PromotionRefused
from headgate.promotion.plans.model import Mode
from headgate.promotion.plans.modes import pinned_tag
from headgate.promotion.plans.trailers import trailers_of
from tests.support.fleets import deployment, fleet_files, git_repository, kustomization, overlay
from tests.support.promoting import Story
from tests.support.signing import Person

APP = "apps/base/my-app/deployment.yaml"


@pytest.fixture(scope="module")
def bob(tmp_path_factory: pytest.TempPathFactory) -> Person:
    return Person.make(tmp_path_factory.mktemp("keys"), "bob")


def change(story: Story, number: int) -> str:
    return story.fleet.commit({APP: deployment("my-app", image=f"my-app:{number}")})


# Production on a branch.


@pytest.fixture
def branch(tmp_path: Path, bob: Person, monkeypatch: pytest.MonkeyPatch) -> Story:
    files = fleet_files({"staging": {"branch": "main"}, "production": {"branch": "production"}})
    story = Story(tmp_path, bob, monkeypatch, files=files)
    story.fleet.git("push", "-q", "origin", "HEAD:refs/heads/production")
    story.runs("staging", change(story, 2))
    return story


def test_a_branch_moves_forward_and_a_record_says_why(branch: Story) -> None:
    branch.promote()
    refs = branch.fleet.remote_refs()
    assert refs["refs/heads/production"] == branch.fleet.head()
    record = branch.fleet.remote_git("log", "--format=%B", "refs/headgate/promotions/production")
    assert trailers_of(record)["Headgate-Promotion-From"] == f"production ({branch.fleet.first})"
    branch.runs("staging", change(branch, 3))
    branch.promote()
    log = branch.fleet.remote_git("rev-list", "--first-parent", "refs/headgate/promotions/production")
    assert len(log.split()) == 2


def test_a_branch_with_commits_that_main_lacks_does_not_move(branch: Story) -> None:
    branch.fleet.switch("production", branch.fleet.first)
    hotfix = branch.fleet.commit({"hotfix": "x\n"})
    branch.fleet.switch("main")
    refused = branch.refused()
    assert hotfix[:12] in refused["candidate"]
    assert "only moves forward" in refused["candidate"]


def test_a_server_that_takes_branches_only_gets_the_branch(branch: Story) -> None:
    hook = branch.fleet.remote / "hooks" / "pre-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(
        "#!/bin/sh\nwhile read old new ref; do case $ref in refs/headgate/*) exit 1;; esac; done\n"
    )
    hook.chmod(0o755)
    done = branch.promote()
    assert branch.fleet.remote_refs()["refs/heads/production"] == branch.fleet.head()
    assert "no record" in done.lines[1]


# Production pinned by a file.


def pinned(ref: dict[str, str]) -> dict[str, str]:
    """Production's folder follows main; what it runs is pinned by a second GitRepository."""
    files = fleet_files()
    pin = git_repository(ref, name="pinned").replace("ref:\n", "ref: # by headgate promote\n")
    folder = "clusters/production"
    files[f"{folder}/flux-system.yaml"] = git_repository({"branch": "main"})
    files[f"{folder}/sync.yaml"] = kustomization("flux-system", f"./{folder}")
    files[f"{folder}/pinned.yaml"] = pin
    files[f"{folder}/apps.yaml"] = kustomization("apps", "./apps/production", source="pinned")
    files[f"{folder}/infrastructure.yaml"] = kustomization(
        "infrastructure", "./infrastructure/production", source="pinned"
    )
    return files


@pytest.fixture(params=["tag", "commit"])
def pin(tmp_path: Path, bob: Person, monkeypatch: pytest.MonkeyPatch, request: Any) -> Story:
    story = Story(tmp_path, bob, monkeypatch, files=pinned({"tag": "v1"}))
    story.policy("production", source="flux-system/pinned")
    story.fleet.tag("v1")
    if request.param == "commit":
        text = pinned({"commit": story.fleet.first})["clusters/production/pinned.yaml"]
        story.fleet.commit({"clusters/production/pinned.yaml": text})
    story.runs("staging", change(story, 2))
    story.fleet.tag("v2")
    return story


def test_a_pin_moves_by_one_pull_request_that_changes_one_line(pin: Story) -> None:
    before = pin.fleet.head()
    computed = pin.compute()
    assert computed.plan.mode is Mode.PIN
    assert {each.guard.value: each.message for each in computed.plan.verdicts if each.refuses} == {}
    pin.promote()
    (wish,) = pin.requested
    assert (wish.branch, wish.base) == ("headgate/promote-production", "main")
    changed = pin.fleet.remote_git("diff", "--numstat", f"{before}..{wish.commit}").split()
    assert changed == ["1", "1", "clusters/production/pinned.yaml"]
    assert "# by headgate promote" in pin.fleet.remote_git(
        "show", f"{wish.commit}:clusters/production/pinned.yaml"
    )
    said = trailers_of(pin.fleet.remote_git("log", "-1", "--format=%B", wish.commit))
    assert said["Headgate-Promotion-Source-Environment"] == "staging"
    pin.merge(wish)
    assert "not-empty" in pin.refused(), "production follows it now"


def test_the_pull_request_is_updated_in_place(pin: Story) -> None:
    pin.promote()
    pin.promote()
    first, second = pin.requested
    assert first.commit == second.commit, "nothing has changed"
    pin.runs("staging", change(pin, 3))
    pin.fleet.tag("v3")
    pin.promote()
    assert pin.requested[2].commit != first.commit
    heads = [name for name in pin.fleet.remote_refs() if "promote" in name]
    assert heads == ["refs/heads/headgate/promote-production"]


def test_a_push_before_the_forge_failed_is_finished_by_a_second_run(pin: Story) -> None:
    pin.forge_fails = True
    with pytest.raises(ForgeError):
        pin.promote()
    pushed = pin.fleet.remote_refs()["refs/heads/headgate/promote-production"]
    pin.forge_fails = False
    pin.promote()
    assert [each.commit for each in pin.requested] == [pushed]


def test_a_tag_pin_needs_a_tag(tmp_path: Path, bob: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    story = Story(tmp_path, bob, monkeypatch, files=pinned({"tag": "v1"}))
    story.policy("production", source="flux-system/pinned")
    story.fleet.tag("v1")
    story.runs("staging", change(story, 2))
    with pytest.raises(PromotionError, match="no tag names"):
        story.compute()


@pytest.fixture
def by_tag(tmp_path: Path, bob: Person, monkeypatch: pytest.MonkeyPatch) -> Story:
    """Production is pinned to v1.9.0; staging runs a commit that no tag names yet."""
    story = Story(tmp_path, bob, monkeypatch, files=pinned({"tag": "v1.9.0"}))
    story.policy("production", source="flux-system/pinned")
    story.fleet.tag("v1.9.0")
    story.runs("staging", change(story, 2))
    return story


@pytest.mark.parametrize("other", ["zzz", "99.0.0", "v99.0.0-rc.1", "v2", "v1.10.0.1", "x/v1.10.0", "V9.0.0"])
def test_a_tag_of_another_form_does_not_get_into_a_pin(by_tag: Story, other: str) -> None:
    by_tag.fleet.tag(other)
    with pytest.raises(PromotionError, match=r"no tag names .* in the form of 'v1\.9\.0'"):
        by_tag.compute()
    by_tag.fleet.tag("v1.10.0")
    assert [each.after for each in by_tag.compute().plan.edits] == ["v1.10.0"]


def test_nobody_chooses_between_two_tags_of_one_commit(by_tag: Story) -> None:
    by_tag.fleet.tag("v1.10.0")
    by_tag.fleet.tag("v9.9.9", annotated=False)
    with pytest.raises(
        PromotionError, match=r"2 tags name .* such as 'v1.10.0' and 'v9.9.9': delete all but one"
    ):
        by_tag.compute()


def test_a_second_tag_of_what_runs_already_does_not_move_the_pin(by_tag: Story) -> None:
    by_tag.fleet.tag("v9.9.9", by_tag.fleet.first)
    by_tag.runs("staging", by_tag.fleet.first)
    assert by_tag.compute().plan.edits == ()


def test_a_tag_beside_the_default_branch_does_not_get_into_a_pin(by_tag: Story) -> None:
    by_tag.fleet.switch("side", by_tag.fleet.first)
    beside = change(by_tag, 3)
    by_tag.fleet.tag("v1.10.0")
    by_tag.fleet.switch("main")
    with (
        by_tag.world() as world,
        pytest.raises(PromotionError, match=r"'v1.10.0' names .* 'main' does not contain"),
    ):
        pinned_tag(world.clone, beside, "v1.9.0")


def test_a_pin_without_effect_is_refused(
    tmp_path: Path, bob: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The cluster folder is read at the pinned commit, so an edit on main changes nothing."""
    files = fleet_files({"staging": {"branch": "main"}, "production": {"tag": "v1"}})
    story = Story(tmp_path, bob, monkeypatch, files=files)
    story.fleet.tag("v1")
    story.runs("staging", change(story, 2))
    story.fleet.tag("v2")
    assert "second GitRepository" in story.refused()["rendered"]


# Both on one branch: fields are copied.


def with_images(staging: str, production: str) -> dict[str, str]:
    files = fleet_files({"staging": {"branch": "main"}, "production": {"branch": "main"}})
    for name, tag in (("staging", staging), ("production", production)):
        images = [{"name": "registry.example.com/my-app", "newTag": tag}]
        head = "# what runs here\n"
        files[f"apps/{name}/kustomization.yaml"] = head + overlay(
            ["../base/my-app"], namespace=name, images=images
        )
    return files


FIELDS = ("kustomization.yaml:images[].newTag",)


@pytest.fixture
def fields(tmp_path: Path, bob: Person, monkeypatch: pytest.MonkeyPatch) -> Story:
    story = Story(tmp_path, bob, monkeypatch, files=with_images("1.1.0", "1.0.0"))
    story.policy("production", fields=FIELDS)
    story.runs("staging", story.fleet.first)
    return story


def test_fields_are_copied_and_nothing_else(fields: Story) -> None:
    assert fields.refused() == {}
    fields.promote()
    (wish,) = fields.requested
    diff = fields.fleet.remote_git("diff", "-U0", f"{fields.fleet.first}..{wish.commit}")
    lines = [line for line in diff.splitlines() if line[:1] in "+-" and line[:3] not in ("+++", "---")]
    assert lines == ["-  newTag: 1.0.0", "+  newTag: 1.1.0"]
    fields.merge(wish)
    assert "not-empty" in fields.refused()


def test_what_staging_runs_is_copied_and_not_what_main_has(fields: Story) -> None:
    newer = with_images("1.2.0", "1.0.0")["apps/staging/kustomization.yaml"]
    fields.fleet.commit({"apps/staging/kustomization.yaml": newer})
    assert [each.after for each in fields.compute().plan.edits] == ["1.1.0"]


def test_an_edit_without_effect_is_refused(fields: Story) -> None:
    patch = [{"path": "image.yaml"}]
    image = deployment("my-app", image="my-app:fixed")
    images = [{"name": "unused", "newTag": "1.0.0"}]
    text = overlay(["../base/my-app"], namespace="production", images=images, patches=patch)
    new = with_images("1.1.0", "x")["apps/staging/kustomization.yaml"].replace(
        "registry.example.com/my-app", "unused"
    )
    files = {"apps/production/kustomization.yaml": text, "apps/production/image.yaml": image}
    fields.runs("staging", fields.fleet.commit(files | {"apps/staging/kustomization.yaml": new}))
    refused = fields.refused()
    assert "change nothing that is applied" in refused["rendered"]
    assert "not-empty" in refused
    with pytest.raises(PromotionRefused):
        fields.promote()


def test_an_edit_with_another_effect_is_refused(fields: Story) -> None:
    """The name prefix is part of every object's name."""
    fields.policy("production", fields=("kustomization.yaml:namePrefix",))
    files = {}
    for name, prefix in (("staging", "new-"), ("production", "old-")):
        files[f"apps/{name}/kustomization.yaml"] = overlay(
            ["../base/my-app"], namespace=name, namePrefix=prefix
        )
    fields.runs("staging", fields.fleet.commit(files))
    assert "is removed" in fields.refused()["rendered"]


def test_an_edit_that_reaches_another_environment_is_refused(fields: Story) -> None:
    """Staging is made from production's overlay."""
    image = {"name": "registry.example.com/my-app", "newName": "mine", "newTag": "1.0.0"}
    production = overlay(["../base/my-app"], namespace="production", images=[image])
    unused = {"name": "registry.example.com/my-app", "newTag": "1.1.0"}
    staging = overlay(["../production"], namespace="staging", images=[unused])
    files = {"apps/production/kustomization.yaml": production, "apps/staging/kustomization.yaml": staging}
    fields.runs("staging", fields.fleet.commit(files))
    assert "it would also change 'staging': Deployment/staging/my-app" in fields.refused()["rendered"]


def test_fields_that_select_nothing_are_an_error(fields: Story) -> None:
    for wrong, message in [
        ("kustomization.yaml:images[].digest", "selects nothing"),
        ("missing.yaml:a", "selects nothing"),
        ("../staging/kustomization.yaml:images[].newTag", "leads out"),
        ("/etc/passwd:a", "leads out"),
        ("kustomization.yaml", "not of the form"),
    ]:
        fields.policy("production", fields=(wrong,))
        with pytest.raises(PromotionError, match=message):
            fields.compute()


def test_environments_on_one_branch_without_fields_cannot_be_promoted(fields: Story) -> None:
    fields.policy("production", fields=())
    with pytest.raises(PromotionError, match="a change reaches both at once"):
        fields.compute()
