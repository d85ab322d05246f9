"""``headgate diff --live`` and ``--server``: options that fit together, contexts, clusters that do not answer."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from headgate.cli import main
from tests.support import fleets

NAMED = {"name": "nowhere"}


@pytest.fixture
def fleet(tmp_path: Path) -> fleets.Fleet:
    made = fleets.Fleet(tmp_path)
    made.tag("1.0.0")
    made.switch("edit", "main")
    return made


@pytest.fixture
def nowhere(tmp_path: Path) -> str:
    """A kubeconfig whose only context leads to no server."""
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{**NAMED, "cluster": {"server": "http://127.0.0.1:1"}}],
        "users": [{**NAMED, "user": {}}],
        "contexts": [{**NAMED, "context": {"cluster": "nowhere", "user": "nowhere"}}],
        "current-context": "nowhere",
    }
    path = tmp_path / "kubeconfig"
    path.write_text(json.dumps(config))
    return str(path)


def run(fleet: fleets.Fleet, *arguments: str) -> Result:
    return CliRunner().invoke(main, ["diff", "--repository", str(fleet.work), *arguments])


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--live", "--server"), "give one of them"),
        (("--server", "--base", "1.0.0"), "--base: with --live and --server"),
        (("--context", "staging=x"), "--context: only with --live or --server"),
        (("--kubeconfig", "x"), "--kubeconfig: only with --live or --server"),
        (("--live", "--context", "x"), "'x' is not of the form ENV=NAME"),
        (("--live", "--context", "qa=x"), "no environment is named 'qa'"),
        (("--live",), "give --context production=NAME"),
        (("--server", "--context", "production=x"), "give --context staging=NAME"),
    ],
)
def test_options_that_do_not_fit_are_usage_errors(
    fleet: fleets.Fleet, arguments: tuple[str, ...], words: str
) -> None:
    done = run(fleet, *arguments)
    assert done.exit_code == 2, done.output
    assert words in done.stderr


@pytest.mark.parametrize("how", ["--live", "--server"])
def test_a_cluster_that_does_not_answer_is_an_error_of_its_environment(
    fleet: fleets.Fleet, nowhere: str, how: str
) -> None:
    given = [how, "--kubeconfig", nowhere, "--env", "staging", "-o", "json"]
    done = run(fleet, *given)
    assert done.exit_code == 3, done.output
    report = json.loads(done.stdout)
    assert (report["comparedWith"], report["base"]) == (how.removeprefix("--"), None)
    (staging,) = report["environments"]
    (problem,) = staging["onMerge"]["problems"]
    assert "the cluster of environment 'staging' cannot be read: " in problem["message"]
    assert staging["onMerge"]["approximate"] is (how == "--live")


def test_contexts_come_from_flags_then_from_headgate_yaml(fleet: fleets.Fleet, nowhere: str) -> None:
    fleet.switch("main")
    config = "environments:\n"
    for name in ("staging", "production"):
        config += f"- {{name: {name}, cluster: clusters/{name}, context: {name}-of-the-file}}\n"
    fleet.commit({"headgate.yaml": config})
    given = ["--live", "--kubeconfig", nowhere, "--context", "production=of-the-flag", "-o", "json"]
    done = run(fleet, *given)
    assert done.exit_code == 3, done.output
    staging, production = json.loads(done.stdout)["environments"]
    assert "(context staging-of-the-file)" in staging["onMerge"]["problems"][0]["message"]
    assert "(context of-the-flag)" in production["onMerge"]["problems"][0]["message"]


@pytest.mark.parametrize("output", ["text", "markdown"])
def test_each_form_says_what_it_was_compared_with(fleet: fleets.Fleet, nowhere: str, output: str) -> None:
    given = ["--kubeconfig", nowhere, "--env", "staging", "-o", output]
    live, server = run(fleet, "--live", *given).stdout, run(fleet, "--server", *given).stdout
    assert "approximate" in live
    assert "approximate" not in server
    assert "by dry runs" in server
