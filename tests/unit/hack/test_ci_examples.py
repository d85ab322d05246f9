"""The CI files that users copy are safe for pull requests from forks, and call what exists."""

from __future__ import annotations

import re
import shlex
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[3]
EXAMPLES = ROOT / "examples" / "ci"
GITHUB = EXAMPLES / "github/.github/workflows/headgate.yml"
GITEA = EXAMPLES / "gitea/.gitea/workflows/headgate.yml"
GITLAB = EXAMPLES / "gitlab/headgate.gitlab-ci.yml"
WORKFLOWS = [GITHUB, GITEA]
PAGE = ROOT / "docs" / "guide" / "pull-requests.md"

Mapping = dict[str, Any]


def loaded(path: Path) -> Mapping:
    """A file with every scalar as text: YAML 1.1 reads the key ``on`` as a boolean."""
    content: Mapping = yaml.load(path.read_text(), Loader=yaml.BaseLoader)
    return content


def steps(path: Path) -> list[Mapping]:
    (job,) = loaded(path)["jobs"].values()
    found: list[Mapping] = job["steps"]
    return found


def lines(path: Path) -> Iterator[str]:
    """Each line of a command that a file runs."""
    if path == GITLAB:
        (job,) = loaded(path).values()
        commands = job["script"]
    else:
        commands = [step["run"] for step in steps(path) if "run" in step]
    for command in commands:
        yield from (line.strip() for line in command.splitlines())


def calls(path: Path) -> list[list[str]]:
    """The arguments of each call of headgate, without redirections."""
    found = [line for line in lines(path) if line.startswith("headgate ")]
    # There are changes in nearly every pull request, and they are not a failure.
    assert all(line.endswith(" || test $? -eq 1") for line in found)
    return [shlex.split(re.split(r">|\|\|", line)[0])[1:] for line in found]


def test_there_is_one_file_for_each_forge() -> None:
    files = sorted(path for path in EXAMPLES.rglob("*") if path.is_file())
    assert files == sorted([GITHUB, GITEA, GITLAB])
    for path in files:
        assert f"../../{path.relative_to(ROOT)}" in PAGE.read_text()


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.parts[-4])
def test_a_workflow_runs_for_pull_requests_without_the_rights_of_the_repository(path: Path) -> None:
    """``pull_request_target`` and ``workflow_run`` have them, and ``push`` is for code that is already in."""
    assert list(loaded(path)["on"]) == ["pull_request"]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.parts[-4])
def test_a_workflow_has_no_secret_but_the_token_of_its_job(path: Path) -> None:
    text = path.read_text()
    assert "secrets." not in text
    assert re.findall(r"\$\{\{ (.+?) \}\}", "".join(str(step) for step in steps(path))) == ["github.token"]
    (with_token,) = [step for step in steps(path) if "GITHUB_TOKEN" in step.get("env", {})]
    assert with_token["run"] == "headgate diff --comment || test $? -eq 1"
    assert with_token["if"] == "github.event.pull_request.head.repo.full_name == github.repository"


def test_the_rights_are_the_least() -> None:
    github = loaded(GITHUB)
    assert github["permissions"] == {}
    assert github["jobs"]["diff"]["permissions"] == {"contents": "read", "pull-requests": "write"}
    rights = loaded(GITEA)["permissions"]
    assert {name for name, level in rights.items() if level == "write"} == {"issues", "pull-requests"}


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.parts[-4])
def test_a_checkout_has_all_tags_and_branches_and_leaves_no_credentials(path: Path) -> None:
    (checkout,) = [step["with"] for step in steps(path) if "actions/checkout@" in step.get("uses", "")]
    assert checkout == {"fetch-depth": "0", "persist-credentials": "false"}


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.parts[-4])
def test_actions_are_those_of_our_own_workflows_and_pinned(path: Path) -> None:
    ours = (ROOT / ".github" / "workflows" / "ci.yml").read_text()
    used = re.findall(r"\buses: (.+)$", path.read_text(), re.MULTILINE)
    assert len(used) == 2
    for each in used:
        name = each.removeprefix("https://github.com/")
        assert re.fullmatch(r"[\w.-]+/[\w.-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", name)
        assert f"uses: {name}\n" in ours


@pytest.mark.parametrize("path", [*WORKFLOWS, GITLAB], ids=lambda path: path.name)
def test_no_command_has_a_text_of_the_pull_request_in_it(path: Path) -> None:
    """A branch or title could hold a command; GitLab's variables come by the environment, quoted."""
    for line in lines(path):
        assert "${{" not in line
        for variable in re.findall(r"\$\{?(\w+)", line):
            assert variable in {
                "HEADGATE_VERSION",
                "HEADGATE_FORGE_TOKEN",
                "GITHUB_STEP_SUMMARY",
                "CI_DEFAULT_BRANCH",
            }
        assert not re.search(r"(?<![\"\w+:/=])\$(?!\?)", line), f"not quoted: {line}"


@pytest.mark.parametrize("path", [*WORKFLOWS, GITLAB], ids=lambda path: path.name)
def test_a_job_ends_and_calls_the_diff_with_and_without_a_comment(path: Path) -> None:
    jobs = loaded(path) if path == GITLAB else loaded(path)["jobs"]
    (job,) = jobs.values()
    assert int((job.get("timeout-minutes") or job["timeout"]).split()[0]) <= 15
    found = calls(path)
    assert ["diff", "--comment"] in found
    assert {each[0] for each in found} == {"diff"}
    assert any("--comment" not in each for each in found)


def test_the_job_of_gitlab_is_for_merge_requests_and_fetches_what_a_diff_needs() -> None:
    (job,) = loaded(GITLAB).values()
    assert job["rules"] == [{"if": '$CI_PIPELINE_SOURCE == "merge_request_event"'}]
    assert job["variables"]["GIT_DEPTH"] == "0"
    fetch = next(line for line in lines(GITLAB) if line.startswith("git fetch"))
    assert "--tags" in fetch
    assert "refs/remotes/origin/$CI_DEFAULT_BRANCH" in fetch


@pytest.mark.parametrize("path", [*WORKFLOWS, GITLAB], ids=lambda path: path.name)
def test_the_version_is_that_of_the_project(path: Path) -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert re.findall(r"HEADGATE_VERSION: (.+)", path.read_text()) == [version]
    assert any(line.endswith('"headgate==$HEADGATE_VERSION"') for line in lines(path))
