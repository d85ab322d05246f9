"""Which Kustomizations a range of commits rebuilds, on real repositories; and the command."""

from __future__ import annotations

import json
from contextlib import ExitStack
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from headgate.cli import main
from headgate.promotion.clone import Clone
from headgate.promotion.config.model import Environment
from headgate.promotion.fleet import Fleet
from headgate.promotion.ranges import AffectedEnvironment, Range, affected_by
from tests.support import fleets
from tests.support.fleets import config_map, git_repository, kustomization, overlay

STAGING = Environment("staging", "clusters/staging")
PRODUCTION = Environment("production", "clusters/production")
BASE = "apps/base/my-app/deployment.yaml"


@pytest.fixture
def fleet(tmp_path: Path) -> fleets.Fleet:
    made = fleets.Fleet(tmp_path)
    made.tag("1.0.0")
    return made


def found(
    fleet: fleets.Fleet, base: str, head: str = "HEAD", env: Environment = STAGING
) -> AffectedEnvironment:
    with ExitStack() as stack:
        clone = stack.enter_context(Clone.open(fleet.work))
        opened = stack.enter_context(Fleet(clone))
        (one,) = affected_by(opened, [env], Range.of(opened, base, head))
        return one


def names(answer: AffectedEnvironment) -> dict[str, str]:
    return {each.key.name: each.why.value for each in answer.kustomizations}


def run(fleet: fleets.Fleet, *arguments: str) -> Result:
    return CliRunner().invoke(main, ["affected", "--repository", str(fleet.work), *arguments])


def test_a_commit_that_no_build_reads_rebuilds_nothing(fleet: fleets.Fleet) -> None:
    fleet.commit({"README.md": "words", "apps/base/my-app/unused.yaml": config_map("x", {})})
    answer = found(fleet, "HEAD~1")
    assert (names(answer), answer.unknown, answer.assumed) == ({}, (), False)
    assert answer.count > 1


def test_a_base_rebuilds_those_that_read_it_and_names_the_file(fleet: fleets.Fleet) -> None:
    fleet.commit({BASE: fleets.deployment("my-app", image="other:2")})
    answer = found(fleet, "HEAD~1")
    assert names(answer) == {"apps": "files"}
    assert [each.paths for each in answer.kustomizations] == [(BASE,)]


def test_a_change_that_is_reverted_within_the_range_rebuilds_nothing(fleet: fleets.Fleet) -> None:
    first = fleet.head()
    content = (fleet.work / BASE).read_text()
    fleet.commit({BASE: fleets.deployment("my-app", image="other:2")})
    fleet.commit({BASE: content})
    assert names(found(fleet, first)) == {}
    assert names(found(fleet, "HEAD~1")) == {"apps": "files"}


def test_a_broken_build_is_rebuilt_and_says_why_and_then_each_commit_rebuilds_it(fleet: fleets.Fleet) -> None:
    file = "apps/staging/kustomization.yaml"
    content = (fleet.work / file).read_text()
    fleet.commit({file: overlay(["missing.yaml"])})
    (broken,) = found(fleet, "HEAD~1").kustomizations
    assert (broken.key.name, "missing.yaml" in broken.problem) == ("apps", True)
    fleet.commit({"README.md": "words"})
    assert names(found(fleet, "HEAD~1")) == {"apps": "failed"}
    fleet.commit({file: content})
    (mended,) = found(fleet, "HEAD~1").kustomizations
    assert (mended.key.name, mended.problem) == ("apps", "")


def test_a_working_tree_counts_as_a_commit(fleet: fleets.Fleet) -> None:
    fleet.write({BASE: fleets.deployment("my-app", image="other:2")})
    assert names(found(fleet, "HEAD", ".")) == {"apps": "files"}


def test_an_environment_that_follows_tags_is_moved_and_says_so(fleet: fleets.Fleet) -> None:
    fleet.commit({BASE: fleets.deployment("my-app", image="other:2")})
    answer = found(fleet, "HEAD~1", env=PRODUCTION)
    assert (names(answer), answer.assumed) == ({"apps": "files"}, True)


def cluster(*documents: str) -> fleets.Files:
    return {
        "c/kustomization.yaml": overlay(["all.yaml"]),
        "c/all.yaml": "---\n".join(documents),
    }


def test_specs_new_ones_suspended_ones_and_variables(tmp_path: Path) -> None:
    env = Environment("c", "c")
    source = git_repository({"branch": "main"})

    def one(name: str, path: str = "", **spec: object) -> str:
        return kustomization(name, path or f"apps/{name}", **spec)

    after = {"substituteFrom": [{"kind": "ConfigMap", "name": "values"}]}
    base = [
        source,
        one("flux-system", path="./c"),
        one("vars"),
        one("uses", postBuild=after, dependsOn=[{"name": "vars"}]),
        one("off", suspend=True),
        one("spec"),
        one("gone"),
    ]
    apps = {f"apps/{name}/cm.yaml": config_map(name, {"a": "1"}) for name in ("off", "spec", "gone", "new")}
    apps["apps/vars/cm.yaml"] = config_map("values", {"color": "red"}, "flux-system")
    apps["apps/uses/cm.yaml"] = config_map("uses", {"color": "${color}"})
    fleet = fleets.Fleet(tmp_path, {**cluster(*base), **apps})
    changed = [*base[:4], one("off", suspend=True), one("spec", interval="7m"), one("new")]
    fleet.commit(cluster(*changed))
    assert names(found(fleet, "HEAD~1", env=env)) == {
        "flux-system": "files",
        "spec": "spec",
        "new": "created",
    }
    fleet.commit(
        {
            "apps/vars/cm.yaml": config_map("values", {"color": "blue"}, "flux-system"),
            "apps/off/cm.yaml": config_map("off", {"a": "2"}),
        }
    )
    assert names(found(fleet, "HEAD~1", env=env)) == {"vars": "files", "uses": "variables"}


@pytest.mark.parametrize("span", ["HEAD~1..HEAD", "HEAD~1", "HEAD~1..", "HEAD~1..main"])
def test_the_command_lists_them_with_status_1(fleet: fleets.Fleet, span: str) -> None:
    fleet.commit({BASE: fleets.deployment("my-app", image="other:2")})
    done = run(fleet, span, "--env", "staging")
    assert done.exit_code == 1, done.output
    assert f"  flux-system/apps  files: {BASE}\n" in done.stdout
    assert run(fleet, span, "-o", "name").stdout == "Kustomization/flux-system/apps\n"


def test_its_status_is_0_if_nothing_is_rebuilt_and_3_if_a_revision_does_not_exist(
    fleet: fleets.Fleet,
) -> None:
    fleet.commit({"README.md": "words"})
    assert run(fleet, "HEAD~1..HEAD").exit_code == 0
    missing = run(fleet, "nothing..HEAD")
    assert (missing.exit_code, "'nothing' names no commit" in missing.stderr) == (3, True)
    assert run(fleet, "HEAD~1..HEAD", "--env", "nowhere").exit_code == 2
    assert run(fleet, "HEAD~1...HEAD").exit_code == 2


def test_json_has_the_fields_of_the_schema(fleet: fleets.Fleet) -> None:
    fleet.commit({BASE: fleets.deployment("my-app", image="other:2")})
    document = json.loads(run(fleet, "HEAD~1..HEAD", "-o", "json").stdout)
    schema = json.loads((Path(__file__).parents[4] / "docs/reference/affected.schema.json").read_text())
    environment = schema["properties"]["environments"]["items"]
    one = environment["properties"]["kustomizations"]["items"]
    assert document.keys() == schema["properties"].keys() == set(schema["required"])
    for each in document["environments"]:
        assert each.keys() == environment["properties"].keys() == set(environment["required"])
        for listed in each["kustomizations"]:
            assert listed.keys() == one["properties"].keys() == set(one["required"])
            assert listed["why"] in one["properties"]["why"]["enum"]
