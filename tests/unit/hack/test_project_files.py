"""The Makefile explains itself, and the pinned dependencies are those the project names."""

from __future__ import annotations

import re
import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]


def names(requirements: list[str]) -> set[str]:
    """Normalized names of requirements, ``google-re2>=1.1`` to ``google-re2``."""
    return {
        re.sub(r"[-_.]+", "-", re.split(r"[<>=!~;\[ ]", each, maxsplit=1)[0]).lower() for each in requirements
    }


def pinned(file: str) -> set[str]:
    return names(re.findall(r"^[A-Za-z0-9].*", (ROOT / file).read_text(), re.MULTILINE))


def test_make_help_explains_every_target() -> None:
    targets = set(re.findall(r"^\.PHONY: (.+)$", (ROOT / "Makefile").read_text(), re.MULTILINE))
    shown = subprocess.run(
        ["make", "--no-print-directory", "help"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    explained = dict(re.findall(r"^  ([a-z][a-z0-9-]*) +(\S.*)$", shown, re.MULTILINE))
    assert {"help", "demo", "test", "test-e2e", "cluster-up", "clean"} <= targets
    assert targets - set(explained) == set()


@pytest.mark.parametrize("file", ["constraints.txt", "deploy/requirements.txt"])
def test_pins_have_hashes_and_name_no_registry(file: str) -> None:
    text = (ROOT / file).read_text()
    requirements = re.split(r"\n(?=[A-Za-z0-9])", re.sub(r"^#.*\n", "", text, flags=re.MULTILINE).strip())
    assert len(requirements) > 10
    assert [each for each in requirements if "==" not in each or "--hash=sha256:" not in each] == []
    assert re.findall(r"(?:https?:|--index|--extra-index|--find-links)\S*", text) == []


def test_every_dependency_is_pinned() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    dev = names(extras.pop("dev")) - {"headgate"}
    runtime = names(project["dependencies"]).union(*map(names, extras.values()))
    assert (runtime | dev) - pinned("constraints.txt") == set(), "make lock"
    assert runtime - pinned("deploy/requirements.txt") == set(), "make lock"
    assert (dev - runtime) & pinned("deploy/requirements.txt") == set(), "the image needs no tools"


def test_both_pin_the_same_versions() -> None:
    def versions(file: str) -> dict[str, str]:
        return dict(re.findall(r"^([\w.-]+)==([^ ;\\]+)", (ROOT / file).read_text(), re.MULTILINE))

    everything = versions("constraints.txt")
    assert {name: everything.get(name) for name in versions("deploy/requirements.txt")} == versions(
        "deploy/requirements.txt"
    )
