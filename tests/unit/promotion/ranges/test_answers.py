"""What a range of commits does to each environment, on real repositories."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from headgate.promotion.changes.model import ChangeType, Danger, EnvironmentAnswer
from headgate.promotion.clone import Clone
from headgate.promotion.config.model import Environment, Environments
from headgate.promotion.errors import CloneError, RevisionUnknown
from headgate.promotion.fleet import Fleet, FleetOptions
from headgate.promotion.ranges import Range, changes_of_range, fails, last_environments
from headgate.promotion.report.document import ChangeReport
from tests.support import fleets

IMAGE = "registry.example.com/my-app"
BASE = "apps/base/my-app/deployment.yaml"
STAGING = Environment("staging", "clusters/staging")
PRODUCTION = Environment("production", "clusters/production", after=("staging",))
ALL = Environments((STAGING, PRODUCTION))

Answers = Callable[..., ChangeReport]


@pytest.fixture
def fleet(tmp_path: Path) -> fleets.Fleet:
    made = fleets.Fleet(tmp_path)
    made.tag("1.0.0")
    return made


def report(fleet: fleets.Fleet, base: str = "", head: str = "", **options: Any) -> ChangeReport:
    with ExitStack() as stack:
        clone = stack.enter_context(Clone.open(fleet.work))
        opened = stack.enter_context(Fleet(clone, FleetOptions(**options)))
        return changes_of_range(opened, ALL.all, Range.of(opened, base, head))


def of(found: ChangeReport, name: str) -> EnvironmentAnswer:
    (answer,) = (each for each in found.environments if each.environment == name)
    return answer


def edit_base(fleet: fleets.Fleet) -> None:
    """On another branch, as for a pull request."""
    fleet.switch("edit", "main")
    fleet.commit({BASE: fleets.deployment("my-app", image=f"{IMAGE}:2.0.0")})


def test_an_edit_of_a_base_reaches_staging_on_merge_and_production_at_the_next_promotion(
    fleet: fleets.Fleet,
) -> None:
    edit_base(fleet)
    found = report(fleet)
    staging, production = of(found, "staging"), of(found, "production")
    assert (staging.follows, production.follows) == ("branch main", "semver >=1.0.0")
    assert [(i.before, i.after) for c in staging.on_merge.changes for i in c.images] == [
        (f"{IMAGE}:1.0.0", f"{IMAGE}:2.0.0")
    ]
    assert staging.at_promotion is None
    assert production.on_merge.is_empty
    assert production.at_promotion is not None
    (change,) = production.at_promotion.changes
    assert (str(change.ref), change.action) == ("Deployment/production/my-app", ChangeType.CHANGED)
    assert not fails(found, ("production-on-merge",), last_environments(ALL))
    assert fails(found, (), ())


def test_production_on_the_default_branch_changes_on_merge(tmp_path: Path) -> None:
    refs = {"staging": {"branch": "main"}, "production": {"branch": "main"}}
    fleet = fleets.Fleet(tmp_path, fleets.fleet_files(refs))
    edit_base(fleet)
    found = report(fleet)
    assert not of(found, "production").on_merge.is_empty
    assert of(found, "production").at_promotion is None
    assert fails(found, ("production-on-merge",), last_environments(ALL))


def test_a_promotion_counts_from_what_the_environment_really_follows(fleet: fleets.Fleet) -> None:
    fleet.commit({BASE: fleets.deployment("my-app", image=f"{IMAGE}:1.5.0")})
    fleet.switch("edit", "main")
    fleet.commit({"infrastructure/base/policy.yaml": fleets.config_map("policy", {"level": "baseline"})})
    found = report(fleet)
    assert {str(c.ref) for c in of(found, "staging").on_merge.changes} == {"ConfigMap/staging/policy"}
    promoted = of(found, "production").at_promotion
    assert promoted is not None
    assert {str(c.ref) for c in promoted.changes} == {
        "ConfigMap/production/policy",
        "Deployment/production/my-app",
    }
    assert set(promoted.base.values()) != set(promoted.head.values())


def test_a_kustomization_that_is_removed_lists_every_object_that_goes(fleet: fleets.Fleet) -> None:
    fleet.switch("remove", "main")
    fleet.commit({"clusters/production/apps.yaml": None})
    found = report(fleet)
    stages = [s for s in of(found, "production").stages if not s.is_empty]
    assert stages
    (gone,) = stages[-1].kustomizations
    assert (gone.action, Danger.KUSTOMIZATION_REMOVED in gone.dangers) == (ChangeType.REMOVED, True)
    assert {(str(c.ref), c.deletes) for c in gone.objects} == {
        ("Deployment/production/my-app", True),
        ("Service/production/my-app", True),
    }
    assert fails(found, ("delete",), ())
    assert fails(found, ("danger",), ())
    assert of(found, "staging").on_merge.is_empty


def test_commits_to_the_readme_change_nothing(fleet: fleets.Fleet) -> None:
    fleet.switch("edit", "main")
    for n in range(3):
        fleet.commit({"README.md": f"{n}\n"})
    found = report(fleet)
    assert found.is_empty
    assert not fails(found, (), ())


def test_the_working_tree_is_a_head(fleet: fleets.Fleet) -> None:
    fleet.write({BASE: fleets.deployment("my-app", image=f"{IMAGE}:9.9.9")})
    found = report(fleet, head=".")
    assert [i.after for c in of(found, "staging").on_merge.changes for i in c.images] == [f"{IMAGE}:9.9.9"]
    assert found.head_commit == ""


def test_a_tag_is_a_base(fleet: fleets.Fleet) -> None:
    fleet.commit({BASE: fleets.deployment("my-app", image=f"{IMAGE}:2.0.0")})
    found = report(fleet, "1.0.0", "main")
    assert not of(found, "staging").on_merge.is_empty
    assert not of(found, "production").stages[-1].is_empty


def test_one_commit_is_no_range_and_says_so(fleet: fleets.Fleet) -> None:
    found = report(fleet)
    assert found.is_empty
    assert "name another base" in found.notes[0]


def test_a_build_that_fails_is_not_taken_for_no_change(fleet: fleets.Fleet) -> None:
    fleet.switch("edit", "main")
    fleet.commit({"apps/staging/kustomization.yaml": fleets.overlay(["../missing"])})
    stage = of(report(fleet), "staging").on_merge
    assert stage.uncertain
    assert "missing" in stage.uncertain[0].message
    assert all(not c.deletes for c in stage.changes)


def test_unknown_revisions_and_unrelated_histories_are_errors(fleet: fleets.Fleet) -> None:
    with pytest.raises(RevisionUnknown, match="names no commit"):
        report(fleet, "1.9.9")
    fleet.git("checkout", "-q", "--orphan", "other")
    fleet.commit({}, push=False)
    with pytest.raises(CloneError, match="no commit in common"):
        report(fleet)


@pytest.mark.parametrize(
    ("environments", "last"),
    [
        ([("a", ()), ("b", ("a",)), ("c", ("b",))], {"c"}),
        ([("a", ()), ("b", ("a",)), ("c", ("a",))], {"b", "c"}),
        ([("staging", ()), ("production", ())], {"production"}),
        ([("staging", ()), ("prod", ()), ("production-eu", ())], {"prod", "production-eu"}),
        ([("production", ()), ("a", ()), ("b", ("a",))], {"b"}),
        ([("one", ()), ("two", ())], set()),
    ],
)
def test_the_last_environments_follow_from_the_graph_or_the_name(
    environments: list[tuple[str, tuple[str, ...]]], last: set[str]
) -> None:
    made = Environments(tuple(Environment(name, name, after=after) for name, after in environments))
    assert last_environments(made) == last
