"""Workflows, issue forms and Dependabot's configuration fit the Makefile and the files they name."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest
import yaml

from controlplane import binaries
from release import manifests

ROOT = Path(__file__).resolve().parents[3]
GITHUB = ROOT / ".github"
WORKFLOWS = sorted((GITHUB / "workflows").glob("*.yml"))
FORMS = sorted(each for each in (GITHUB / "ISSUE_TEMPLATE").glob("*.yml") if each.name != "config.yml")
PYTHONS = ["3.11", "3.12", "3.13", "3.14"]

Mapping = dict[str, Any]


def loaded(path: Path) -> Mapping:
    """A file with every scalar as text: YAML 1.1 reads the key ``on`` as a boolean, 3.10 as a number."""
    content: Mapping = yaml.load(path.read_text(), Loader=yaml.BaseLoader)
    return content


def jobs(*names: str) -> Iterator[tuple[str, Mapping]]:
    """Each job, as ``file:job``, of these workflows or all."""
    for path in WORKFLOWS:
        if not names or path.name in names:
            for name, job in loaded(path)["jobs"].items():
                yield f"{path.name}:{name}", job


def steps(job: Mapping) -> list[Mapping]:
    found: list[Mapping] = job.get("steps", [])
    return found


def commands(job: Mapping) -> str:
    return "\n".join(step["run"] for step in steps(job) if "run" in step)


def targets() -> set[str]:
    return set(re.findall(r"^\.PHONY: (.+)$", (ROOT / "Makefile").read_text(), re.MULTILINE))


def made(text: str) -> list[str]:
    """The targets of each ``make`` command of a text."""
    return re.findall(r"\bmake(?: --[a-z-]+)* ([a-z][a-z0-9-]*)", text)


def test_there_is_a_workflow_for_checks_and_one_for_releases() -> None:
    assert [path.name for path in WORKFLOWS] == ["ci.yml", "release.yml"]
    assert {"push", "pull_request", "workflow_call"} == loaded(GITHUB / "workflows/ci.yml")["on"].keys()
    assert loaded(GITHUB / "workflows/release.yml")["on"] == {"push": {"tags": ["v*"]}}


def test_every_make_target_that_a_workflow_calls_exists() -> None:
    called = {name: made(commands(job)) for name, job in jobs()}
    assert {each for names in called.values() for each in names} - targets() == set()
    assert sum(map(len, called.values())) >= 12


def test_every_variable_that_a_workflow_gives_to_make_is_read_there() -> None:
    makefile = (ROOT / "Makefile").read_text()
    given = {
        variable
        for _, job in jobs()
        for line in re.findall(r"\bmake (?:[^\n]|\\\n)*", commands(job))
        for variable in re.findall(r"(?:^|\s)([A-Z]+)=", line)
    }
    assert {"CLUSTER", "PYTHON", "RANGE", "TAG", "IMAGE", "DIGEST"} <= given
    assert [each for each in sorted(given) if f"$({each})" not in makefile] == []


def test_the_checks_of_a_developer_all_run() -> None:
    run = {line for _, job in jobs("ci.yml") for line in commands(job).splitlines()}
    assert run >= {
        "make lint",
        "make lint-workflows",
        "make test-unit PYTHON=python",
        "make test-e2e CLUSTER=local",
        "make test-e2e CLUSTER=kind",
        "make dist-check",
        "make manifests",
        "make image-check",
    }


def test_every_job_is_bounded_and_has_the_least_rights() -> None:
    for path in WORKFLOWS:
        assert loaded(path)["permissions"] == {}, path.name
        assert loaded(path)["concurrency"]["group"], path.name
    for name, job in jobs():
        if "uses" not in job:  # where GitHub takes no time-out: the called jobs have their own
            assert 0 < int(job["timeout-minutes"]) <= 120, name
        assert job["permissions"], name
    writing = {
        name: {key for key, level in job["permissions"].items() if level == "write"} for name, job in jobs()
    }
    assert {name: rights for name, rights in writing.items() if rights} == {
        "release.yml:image": {"packages", "id-token", "attestations"},
        "release.yml:pypi": {"id-token"},
        "release.yml:github": {"contents", "id-token", "attestations"},
    }


def test_jobs_that_publish_to_pypi_and_github_run_nothing_of_the_repository() -> None:
    for name, job in jobs("release.yml"):
        if name.endswith((":pypi", ":github")):
            assert [
                each["uses"] for each in steps(job) if each.get("uses", "").startswith("actions/checkout@")
            ] == []
            assert made(commands(job)) == []


def test_no_checkout_leaves_its_credentials() -> None:
    checkouts = [
        step
        for _, job in jobs()
        for step in steps(job)
        if step.get("uses", "").startswith("actions/checkout@")
    ]
    assert checkouts
    assert all(step["with"]["persist-credentials"] == "false" for step in checkouts)


def test_no_command_has_an_expression_in_it() -> None:
    """A branch or title could hold a command; what a shell needs comes by its environment."""
    assert [name for name, job in jobs() if "${{" in commands(job)] == []


def test_every_action_is_pinned_to_a_commit_and_says_its_version() -> None:
    pinned: dict[str, set[str]] = {}
    for path in WORKFLOWS:
        for used in re.findall(r"\buses: (.+)$", path.read_text(), re.MULTILINE):
            if used.startswith("./"):
                continue
            match = re.fullmatch(r"([\w.-]+/[\w./-]+)@([0-9a-f]{40} # v\d+\.\d+\.\d+)", used)
            assert match, f"{path.name}: {used}"
            pinned.setdefault("/".join(match[1].split("/")[:2]), set()).add(match[2])
    assert len(pinned) >= 9
    assert {action: pins for action, pins in pinned.items() if len(pins) > 1} == {}


def test_the_python_versions_are_those_that_the_project_names() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    classifiers = project["project"]["classifiers"]
    named = [each for each in classifiers if re.fullmatch(r"Programming Language :: Python :: 3\.\d+", each)]
    assert named == [f"Programming Language :: Python :: {each}" for each in PYTHONS]
    ci = loaded(GITHUB / "workflows/ci.yml")["jobs"]
    assert ci["unit"]["strategy"]["matrix"]["python"] == PYTHONS
    oldest = PYTHONS[0]
    assert project["project"]["requires-python"] == f">={oldest}"
    assert project["tool"]["mypy"]["python_version"] == oldest
    assert project["tool"]["ruff"]["target-version"] == f"py{oldest.replace('.', '')}"
    set_up = {
        step["with"]["python-version"]
        for _, job in jobs()
        for step in steps(job)
        if step.get("uses", "").startswith("actions/setup-python@")
    }
    assert set_up == {oldest, "${{ matrix.python }}"}


def test_the_control_plane_is_cached_by_what_decides_its_binaries() -> None:
    job = loaded(GITHUB / "workflows/ci.yml")["jobs"]["e2e-local"]
    restore, save = (each["with"] for each in steps(job) if each.get("uses", "").startswith("actions/cache/"))
    assert restore["path"] == save["path"]
    cached = Path(restore["path"]).expanduser()
    assert cached == Path("~/.cache").expanduser() / binaries.cache_folder().parent.relative_to(
        binaries.cache().parent
    )
    hashed = re.findall(r"'([^']+)'", restore["key"])
    decisive = [binaries.MODULES / "go.mod", binaries.MODULES / "go.sum", Path(binaries.__file__)]
    assert [ROOT / each for each in hashed] == decisive
    assert {"runner.os", "runner.arch"} <= set(re.findall(r"\$\{\{ ?(runner\.\w+)", restore["key"]))
    assert save["key"] == "${{ steps.cache.outputs.cache-primary-key }}"


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_jobs_wait_for_jobs_that_exist_and_get_files_that_those_before_have_made(path: Path) -> None:
    all_jobs: dict[str, Mapping] = loaded(path)["jobs"]

    def needs(name: str) -> list[str]:
        needed = all_jobs[name].get("needs", [])
        return [needed] if isinstance(needed, str) else needed

    def before(name: str) -> set[str]:
        return set(needs(name)).union(*(before(each) for each in needs(name)))

    def artifacts(name: str, action: str) -> Iterator[str]:
        for step in steps(all_jobs[name]):
            if step.get("uses", "").startswith(f"actions/{action}-artifact@"):
                yield step["with"].get("name") or step["with"]["pattern"]

    for name in all_jobs:
        assert set(needs(name)) <= all_jobs.keys(), name
        uploaded = {each for needed in before(name) for each in artifacts(needed, "upload")}
        for wanted in artifacts(name, "download"):
            for each in wanted.strip("{}").split(","):
                assert any(fnmatch(there, each) for there in uploaded), f"{name}: {each}"


def test_nothing_is_published_before_everything_was_checked() -> None:
    release: dict[str, Mapping] = loaded(GITHUB / "workflows/release.yml")["jobs"]
    assert release["ci"]["uses"] == "./.github/workflows/ci.yml"
    assert release["ci"]["needs"] == "version"
    assert {"ci", "dist"} <= set(release["image"]["needs"])
    assert "image" in release["manifests"]["needs"]
    assert {"dist", "manifests"} <= set(release["pypi"]["needs"])
    assert "pypi" in release["github"]["needs"]


def test_no_job_of_a_release_reads_a_cache() -> None:
    for name, job in jobs("release.yml"):
        for step in steps(job):
            assert not step.get("uses", "").startswith("actions/cache"), name
            assert "cache" not in step.get("with", {}), name


def test_the_release_page_describes_the_workflow() -> None:
    page = (ROOT / "docs" / "releasing.md").read_text()
    _, _, section = page.partition("\n## What the tag triggers\n")
    described = re.findall(r"^\| `([a-z]+)` \|", section.partition("\n## ")[0], re.MULTILINE)
    assert described == list(loaded(GITHUB / "workflows/release.yml")["jobs"])
    assert [each for each in manifests.INSTALLS if f"`{each}`" not in page] == []


@pytest.mark.parametrize("page", ["CONTRIBUTING.md", "docs/releasing.md", ".github/PULL_REQUEST_TEMPLATE.md"])
def test_every_make_target_that_a_page_names_exists(page: str) -> None:
    named = made(" ".join(re.findall(r"`+(?:sh)?\n?(make [^`]+)`", (ROOT / page).read_text())))
    assert named
    assert set(named) - targets() == set()


@pytest.mark.parametrize("path", FORMS, ids=lambda path: path.name)
def test_an_issue_form_is_one_that_github_shows(path: Path) -> None:
    form = loaded(path)
    assert form.keys() <= {"name", "description", "title", "labels", "body"}
    assert form["name"]
    assert form["description"]
    fields = [each for each in form["body"] if each["type"] != "markdown"]
    assert len({each["id"] for each in fields}) == len(fields)
    for each in form["body"]:
        assert each.keys() <= {"type", "id", "attributes", "validations"}
        assert each["type"] in {"markdown", "textarea", "input", "dropdown", "checkboxes"}
        assert each["attributes"]["value" if each["type"] == "markdown" else "label"]
        if each["type"] in {"dropdown", "checkboxes"}:
            assert each["attributes"]["options"]
    assert any(each.get("validations", {}).get("required") == "true" for each in fields)
    for target in re.findall(r"\(\.\./blob/main/([^)#]+)", path.read_text()):
        assert (ROOT / target).is_file(), target


def test_the_issue_forms_are_these_and_no_blank_one() -> None:
    assert [path.stem for path in FORMS] == ["bug", "difference-from-flux", "feature"]
    assert loaded(GITHUB / "ISSUE_TEMPLATE/config.yml") == {"blank_issues_enabled": "false"}
    page = (ROOT / "docs" / "releasing.md").read_text()
    labels = {label for path in FORMS for label in loaded(path)["labels"]}
    assert [label for label in sorted(labels) if f"`{label}`" not in page] == []


def test_a_bug_report_has_what_is_needed_to_find_it() -> None:
    fields = {each["id"]: each for each in loaded(GITHUB / "ISSUE_TEMPLATE/bug.yml")["body"] if "id" in each}
    required = {
        name for name, each in fields.items() if each.get("validations", {}).get("required") == "true"
    }
    assert required >= {"what", "reproduce", "resource", "events", "versions"}
    assert "--output=yaml" in fields["resource"]["attributes"]["placeholder"]
    assert "headgate version" in fields["versions"]["attributes"]["value"]


def test_dependabot_looks_where_there_is_something_to_renew() -> None:
    configuration = loaded(GITHUB / "dependabot.yml")
    assert configuration["version"] == "2"
    manifest = {"github-actions": ".github/workflows/ci.yml", "pip": "pyproject.toml", "gomod": "go.mod"}
    updates = {each["package-ecosystem"]: each for each in configuration["updates"]}
    assert updates.keys() == manifest.keys()
    for ecosystem, each in updates.items():
        assert (ROOT / each["directory"].strip("/") / manifest[ecosystem]).is_file(), ecosystem
        assert each["schedule"]["interval"] in {"weekly", "monthly"}
