"""``headgate compare`` builds each Kustomization once, however its folder is spelled and whatever it waits for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from headgate.cli import main
from headgate.promotion.fleet import building
from headgate.reconcile.kustomization.build.builds import build_directory, build_objects
from tests.support import fleets

NAMES = ("staging", "production")
VARIABLES = {"substituteFrom": [{"kind": "ConfigMap", "name": "variables"}]}


def applied_by_itself() -> dict[str, str]:
    return {
        f"clusters/{name}/itself.yaml": fleets.kustomization("flux-system", f"./clusters/{name}/")
        for name in NAMES
    }


def with_variables(**spec: Any) -> dict[str, str]:
    """``apps`` reads a ConfigMap that ``infrastructure`` makes."""
    files = {}
    for name in NAMES:
        path = f"./apps/{name}"
        files[f"clusters/{name}/apps.yaml"] = fleets.kustomization("apps", path, postBuild=VARIABLES, **spec)
        variables = {
            "name": "variables",
            "literals": ["level=high"],
            "options": {"disableNameSuffixHash": True},
        }
        files[f"infrastructure/{name}/kustomization.yaml"] = fleets.overlay(
            ["../base"], namespace=fleets.NAMESPACE, configMapGenerator=[variables]
        )
    return files


FLEETS: dict[str, Mapping[str, str]] = {
    "plain": {},
    "applied by itself": applied_by_itself(),
    "with variables of another Kustomization": with_variables(),
    "with variables of a dependency": with_variables(dependsOn=[{"name": "infrastructure"}]),
    "with variables that nobody has": {
        f"clusters/{name}/apps.yaml": fleets.kustomization("apps", f"./apps/{name}", postBuild=VARIABLES)
        for name in NAMES
    },
}


@pytest.mark.parametrize("options", [(), ("--at", "main")], ids=["as they run", "at one revision"])
@pytest.mark.parametrize("files", FLEETS.values(), ids=FLEETS)
def test_each_folder_is_built_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, files: Mapping[str, str], options: tuple[str, ...]
) -> None:
    fleet = fleets.Fleet(tmp_path, {**fleets.fleet_files(), **files})
    fleet.tag("1.0.0")
    fleet.commit({"README.md": "later\n"})
    built: Counter[str] = Counter()

    def counted(tree: Any, spec: Mapping[str, Any], *others: Any) -> Any:
        built[build_directory(spec["path"])] += 1
        return build_objects(tree, spec, *others)

    monkeypatch.setattr(building, "build_objects", counted)
    done = CliRunner().invoke(main, ["compare", *NAMES, "--repository", str(fleet.work), *options])
    assert done.exit_code == 1, done.output
    assert "spec.replicas" in done.output
    assert dict(built) == {
        f"{folder}/{name}": 1 for folder in ("clusters", "infrastructure", "apps") for name in NAMES
    }
