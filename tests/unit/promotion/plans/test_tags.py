"""A promotion by tag: the candidate is what staging runs healthy, and every guard that refuses changes nothing."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from headgate.promotion.config.model import Approvals
from headgate.promotion.errors import PlanOutdated, PromotionError, PromotionRefused, PushRefused
from headgate.promotion.guards import parse_overrides
from headgate.promotion.plans import digest
from headgate.promotion.plans.approvals import approve
from headgate.promotion.plans.compute import compute, compute_again, rendered_difference
from headgate.promotion.plans.execute import execute
from headgate.promotion.plans.model import Mode, PlanInvalid, decode, encode
from headgate.promotion.plans.modes import Wish
from headgate.promotion.plans.trailers import trailers_of
from tests.support.fleets import deployment, fleet_files, kustomization, overlay
from tests.support.promoting import KUSTOMIZATIONS, Story
from tests.support.signing import Person, allowed_signers

APP = "apps/base/my-app/deployment.yaml"


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Person]:
    folder = tmp_path_factory.mktemp("keys")
    return {name: Person.make(folder, name) for name in ("ada", "bob")}


@pytest.fixture
def story(tmp_path: Path, people: dict[str, Person], monkeypatch: pytest.MonkeyPatch) -> Story:
    """Production runs 1.3.0; staging has run a new image for two days."""
    story = Story(tmp_path, people["bob"], monkeypatch)
    story.fleet.tag("1.3.0")
    story.runs("staging", change(story, 2))
    return story


def change(story: Story, number: int) -> str:
    return story.fleet.commit({APP: deployment("my-app", image=f"my-app:{number}")})


def test_the_candidate_is_what_staging_runs_and_not_the_newest_commit(story: Story) -> None:
    runs = story.fleet.head()
    change(story, 3)
    done = story.promote()
    assert done.version == "1.3.1"
    assert story.fleet.remote_git("rev-parse", "1.3.1^{commit}").strip() == runs
    text = story.fleet.remote_git("for-each-ref", "--format=%(contents)", "refs/tags/1.3.1")
    said = trailers_of(text)
    assert text.startswith("Promote 1.3.1 to production\n")
    assert said["Headgate-Promotion-From"] == f"1.3.0 ({story.fleet.first})"
    assert said["Headgate-Promotion-Source-Environment"] == "staging"
    assert said["Headgate-Promotion-Digest"].startswith("sha256:")
    assert "soak=passed" in said["Headgate-Promotion-Guards"]
    assert "-----BEGIN SSH SIGNATURE-----" in text


def test_the_version_is_the_one_that_the_user_wants(story: Story) -> None:
    assert story.compute(wish=Wish(bump="minor")).plan.version == "1.4.0"
    assert story.compute(wish=Wish(version="2.0.0")).plan.version == "2.0.0"
    with pytest.raises(PromotionError, match="not in the range"):
        story.compute(wish=Wish(version="0.9.0"))


def test_a_second_run_has_nothing_to_promote(story: Story) -> None:
    story.promote()
    assert set(story.refused()) == {"not-empty"}


def test_evidence_that_is_missing_or_stale_refuses(story: Story) -> None:
    story.runs("staging", story.fleet.head(), age=700)
    assert {"evidence", "healthy"} <= set(story.refused())
    story.evidence.clear()
    refused = story.refused()
    assert {"evidence", "healthy"} <= set(refused)
    assert "nobody says what 'staging' runs" in refused["evidence"]


def test_a_refusal_names_every_guard_that_refuses(story: Story) -> None:
    story.policy("production", soak=86400.0)
    story.evidence.clear()
    guards = tuple(story.refused())
    assert len(guards) > 2
    with pytest.raises(PromotionRefused) as failed:
        story.promote()
    assert failed.value.guards == guards
    assert all(f"{guard}: " in str(failed.value) for guard in guards)


def test_staging_half_on_the_old_revision_refuses(story: Story) -> None:
    story.runs("staging", story.fleet.head(), apps=story.fleet.first)
    refused = story.refused()
    assert f"apps runs {story.fleet.first[:12]}" in refused["healthy"]


def test_staging_that_is_not_ready_refuses(story: Story) -> None:
    story.runs("staging", story.fleet.head(), ready=False, reason="HealthCheckFailed")
    assert "apps is not Ready (HealthCheckFailed)" in story.refused()["healthy"]


def test_a_short_soak_refuses_and_an_override_says_who_and_why(story: Story) -> None:
    story.policy("production", soak=86400.0)
    story.runs("staging", story.fleet.head(), since=timedelta(hours=3))
    assert "3h of 24h; passes at 2026-12-01 09:00 UTC" in story.refused()["soak"]
    with pytest.raises(PromotionRefused, match="soak"):
        story.promote()
    story.promote(overrides=parse_overrides(["soak=an outage"], "Bob <bob@example.com>"))
    text = story.fleet.remote_git("for-each-ref", "--format=%(contents)", "refs/tags/1.3.1")
    assert trailers_of(text)["Headgate-Promotion-Overrides"] == "soak by Bob <bob@example.com>: an outage"
    assert "soak=overridden" in trailers_of(text)["Headgate-Promotion-Guards"]


def test_commits_that_do_not_matter_do_not_reset_the_soak(story: Story) -> None:
    story.policy("production", soak=86400.0)
    before = story.fleet.head()
    story.runs("staging", before)
    for number in range(3):
        story.fleet.commit({"README.md": f"{number}\n"})
    # Staging has taken the newest commit; its content is the same, so its digest is, too.
    story.runs("staging", story.fleet.head())
    assert story.refused() == {}
    assert story.refused(wanted=before) == {}, "an earlier commit with the same content is as good"


def test_a_commit_that_staging_has_left_behind_is_not_proven_now(story: Story) -> None:
    before = story.fleet.head()
    story.runs("staging", change(story, 3))
    refused = story.refused(wanted=before)
    assert "healthy" in refused


def test_a_commit_that_staging_never_ran_is_refused(story: Story) -> None:
    newer = change(story, 3)
    assert "does not contain" in story.refused(wanted=newer)["candidate"]
    with pytest.raises(PromotionError, match="cannot be overridden"):
        parse_overrides(["candidate=please"], "x")


def test_production_does_not_go_backwards(story: Story) -> None:
    story.promote()
    assert "headgate rollback production" in story.refused(wanted=story.fleet.first)["candidate"]
    story.runs("staging", story.fleet.first)
    assert "already contains" in story.refused()["candidate"]
    assert story.compute().plan.notes == (), "nothing is taken back"


def test_a_force_pushed_branch_refuses_until_staging_has_it(story: Story) -> None:
    story.fleet.git("reset", "-q", "--hard", story.fleet.first)
    story.fleet.commit({APP: deployment("my-app", image="my-app:4")}, push=False)
    story.fleet.git("push", "-q", "-f", "origin", "HEAD:refs/heads/main")
    refused = story.refused()
    assert "force-pushed" in refused["candidate"]
    story.runs("staging", "0" * 40)
    refused = story.refused()
    assert "which the remote does not have" in refused["candidate"]
    assert refused["healthy"] == "not known, because of the candidate"
    story.runs("staging", story.fleet.head())
    assert "candidate" not in story.refused()


def test_a_squash_merge_is_a_commit_like_any_other(story: Story) -> None:
    story.fleet.switch("topic", "main")
    change(story, 5)
    change(story, 6)
    story.fleet.switch("main")
    story.fleet.git("merge", "-q", "--squash", "topic")
    squashed = story.fleet.commit({}, "Six (#12)")
    story.runs("staging", squashed)
    story.promote()
    assert story.fleet.remote_git("rev-parse", "1.3.1^{commit}").strip() == squashed


@pytest.mark.parametrize("options", [("--depth=1",), ("--filter=blob:none", "--no-checkout")])
def test_from_a_shallow_or_partial_clone(story: Story, options: tuple[str, ...]) -> None:
    story.fleet.work = story.fleet.clone("other", *options)
    assert story.promote().version == "1.3.1"


def test_a_tag_that_is_taken_is_a_race_with_one_winner(
    story: Story, people: dict[str, Person], monkeypatch: pytest.MonkeyPatch
) -> None:
    with story.world() as one, story.world() as other:
        mine, others = compute(one, "production"), compute(other, "production")
        execute(one, mine, story.request)
        people["ada"].at_work(monkeypatch)
        with pytest.raises(PushRefused) as refused:
            execute(other, others, story.request)
    assert refused.value.race
    assert [name for name in story.fleet.remote_refs() if "tags" in name] == [
        "refs/tags/1.3.0",
        "refs/tags/1.3.1",
    ]


def test_a_range_that_is_exhausted_says_what_to_do(
    tmp_path: Path, people: dict[str, Person], monkeypatch: pytest.MonkeyPatch
) -> None:
    files = fleet_files({"staging": {"branch": "main"}, "production": {"semver": "1.3.0"}})
    story = Story(tmp_path, people["bob"], monkeypatch, files=files)
    story.fleet.tag("1.3.0")
    story.runs("staging", change(story, 2))
    with pytest.raises(PromotionError, match=r"the range '1\.3\.0' is exhausted"):
        story.compute()


def test_a_range_without_a_version_says_how_to_begin(
    tmp_path: Path, people: dict[str, Person], monkeypatch: pytest.MonkeyPatch
) -> None:
    story = Story(tmp_path, people["bob"], monkeypatch)
    story.runs("staging", story.fleet.head())
    with pytest.raises(PromotionError, match=r"selects nothing yet: begin by hand"):
        story.compute()


def test_a_target_that_is_suspended_in_git_or_on_its_cluster_refuses(story: Story) -> None:
    story.runs("production", story.fleet.first, suspended=True)
    assert "Kustomization/flux-system/apps" in story.refused()["not-suspended"]
    story.evidence.pop("production")
    suspended = kustomization("apps", "./apps/production", suspend=True)
    story.runs("staging", story.fleet.commit({"clusters/production/apps.yaml": suspended}))
    assert "Kustomization/flux-system/apps" in story.refused()["not-suspended"]


def test_objects_that_never_ran_before_are_listed_and_refused_if_required(story: Story) -> None:
    kustomize = overlay(
        ["../base/my-app", "extra.yaml"], namespace="production", replicas=[{"name": "my-app", "count": 3}]
    )
    extra = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: extra}\n"
    commit = story.fleet.commit(
        {"apps/production/kustomization.yaml": kustomize, "apps/production/extra.yaml": extra}
    )
    story.runs("staging", commit)
    listed = {each.guard.value: each.message for each in story.compute().plan.verdicts}["proven"]
    assert listed == "never ran in staging: ConfigMap/production/extra"
    story.policy("production", require_proven=True)
    assert set(story.refused()) == {"proven"}
    story.policy("production", expect=("ConfigMap",))
    assert story.refused() == {}


def test_a_field_that_only_production_changes_is_not_proven(story: Story) -> None:
    kustomize = overlay(["../base/my-app"], namespace="production", replicas=[{"name": "my-app", "count": 5}])
    story.runs("staging", story.fleet.commit({"apps/production/kustomization.yaml": kustomize}))
    story.policy("production", require_proven=True)
    assert "Deployment/production/my-app" in story.refused()["proven"]
    story.policy("production", expect=("Deployment:spec.replicas",))
    assert story.refused() == {}


def test_what_cannot_be_built_refuses(story: Story) -> None:
    broken = overlay(["../base/my-app", "missing.yaml"], namespace="production")
    story.runs("staging", story.fleet.commit({"apps/production/kustomization.yaml": broken}))
    assert "missing.yaml" in story.refused()["rendered"]


def test_a_plan_is_applied_only_if_nothing_has_moved(story: Story) -> None:
    plan = story.compute().plan
    read, reasons = decode(encode(plan))
    assert (read, reasons) == (plan, {})
    with story.world() as world:
        assert compute_again(world, read, ()).plan == plan
        assert not rendered_difference(world, read).is_empty
    story.runs("staging", change(story, 3))
    with story.world() as world:
        again = compute_again(world, read, ())
        assert any(each.refuses for each in again.plan.verdicts), "staging has left the candidate behind"
    story.fleet.tag("1.3.1", story.fleet.first)
    with story.world() as world, pytest.raises(PlanOutdated):
        compute_again(world, read, ())
    with story.world() as world, pytest.raises(PlanOutdated):
        rendered_difference(world, read)


def test_a_plan_survives_commits_that_change_nothing(story: Story) -> None:
    plan = story.compute().plan
    story.runs("staging", story.fleet.commit({"README.md": "x\n"}))
    with story.world() as world:
        again = compute_again(world, plan, ())
        assert not any(each.refuses for each in again.plan.verdicts)
        execute(world, again, story.request)


@pytest.mark.parametrize(
    "content",
    [b"", b"{}", b"[]", b'{"schemaVersion": 2}', b"x" * (5 << 20), b'{"schemaVersion": 1, "mode": "tag"}'],
)
def test_a_file_that_is_no_plan(content: bytes) -> None:
    with pytest.raises(PlanInvalid):
        decode(content)


def test_approvals_of_the_difference_count_until_it_changes(
    story: Story, people: dict[str, Person], monkeypatch: pytest.MonkeyPatch
) -> None:
    story.fleet.commit({".headgate/signers": allowed_signers(*people.values())}, author="Bob")
    story.runs("staging", story.fleet.head())
    story.policy("production", approvals=Approvals(1, ".headgate/signers", not_author=True))
    plan = story.compute().plan
    assert plan.mode is Mode.TAG
    assert "0 of 1" in story.refused()["approvals"]

    def approval(name: str) -> None:
        people[name].at_work(monkeypatch)
        with story.world() as world:
            approve(world.clone, "production", plan.digest, plan.candidate, plan.base.commit)
        people["bob"].at_work(monkeypatch)

    approval("bob")
    assert "bob@example.com: wrote or committed" in story.refused()["approvals"]
    approval("ada")
    refused = story.refused()
    assert "ada@example.com: wrote" in refused["approvals"], "the committer of the test's commits"


def test_kustomizations_of_git_that_the_cluster_lacks_refuse(story: Story) -> None:
    story.runs("staging", story.fleet.head(), keys=KUSTOMIZATIONS[:1])
    assert "apps is in Git, but not on the cluster" in story.refused()["healthy"]


def test_values_of_secrets_are_in_no_plan_and_no_tag(story: Story) -> None:
    secret = "apiVersion: v1\nkind: Secret\nmetadata: {{name: token}}\nstringData: {{token: {}}}\n"
    base = overlay(["deployment.yaml", "service.yaml", "secret.yaml"])
    story.fleet.commit(
        {
            "apps/base/my-app/kustomization.yaml": base,
            "apps/base/my-app/secret.yaml": secret.format("hunter2"),
        }
    )
    story.runs("staging", story.fleet.head())
    first = story.compute().plan
    assert b"hunter2" not in encode(first)
    story.runs("staging", story.fleet.commit({"apps/base/my-app/secret.yaml": secret.format("hunter3")}))
    second = story.compute().plan
    assert first.digest != second.digest, "an approval covers values that it does not show"
    story.promote()
    assert "hunter" not in story.fleet.remote_git("for-each-ref", "--format=%(contents)")


@pytest.mark.parametrize("value", ["hunter2hunter2", "7391"])
def test_a_digest_is_no_oracle_for_a_value_that_a_new_object_copies(
    story: Story, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever knows all but the value must not find it by trying: no text with it takes part in a hash."""
    secret = f"apiVersion: v1\nkind: Secret\nmetadata: {{name: token}}\nstringData: {{token: '{value}'}}\n"
    copy = (
        f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: copy}}\ndata: {{url: 'db://app:{value}@db'}}\n"
    )
    base = overlay(["deployment.yaml", "service.yaml", "secret.yaml", "copy.yaml"])
    folder = "apps/base/my-app"
    story.fleet.commit(
        {f"{folder}/kustomization.yaml": base, f"{folder}/secret.yaml": secret, f"{folder}/copy.yaml": copy}
    )
    story.runs("staging", story.fleet.head())
    hashed: list[bytes] = []
    real = digest._json
    monkeypatch.setattr(digest, "_json", lambda each: hashed.append(real(each)) or hashed[-1])
    story.compute()
    assert hashed
    assert not [each for each in hashed if value.encode() in each]


def test_the_file_of_a_plan_matches_its_schema(story: Story) -> None:
    story.policy("production", soak=1e6)
    given = parse_overrides(["soak=an outage"], "Bob <bob@example.com>")
    schema = json.loads((Path(__file__).parents[4] / "docs/reference/plan.schema.json").read_text())
    matches(json.loads(encode(story.compute(overrides=given).plan)), schema, schema)


def matches(value: Any, schema: Any, root: Any) -> None:
    """Compare a value with the part of JSON Schema that this schema uses."""
    if "$ref" in schema:
        schema = root["$defs"][schema["$ref"].rpartition("/")[2]]
    if "const" in schema or "enum" in schema:
        assert value in schema.get("enum", [schema.get("const")])
        return
    kinds: Any = {"object": dict, "array": list, "string": str, "null": type(None)}
    wanted = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    assert isinstance(value, tuple(kinds[each] for each in wanted)), (value, schema)
    if isinstance(value, dict):
        assert set(value) == set(schema["required"]) == set(schema["properties"])
        for name, each in value.items():
            matches(each, schema["properties"][name], root)
    elif isinstance(value, list):
        for each in value:
            matches(each, schema["items"], root)
