"""Statuses that Flux has written: tests/data/flux-statuses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from headgate.insight import Fleet, Ref, explain
from headgate.insight.failing import suspects
from headgate.names import KUSTOMIZE_GROUP, SOURCE_GROUP

FOLDER = Path(__file__).resolve().parents[2] / "data" / "flux-statuses"


def recorded(scenario: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((FOLDER / f"{scenario}.json").read_text())
    return found


def ks(name: str) -> Ref:
    return Ref("Kustomization", "team", name, KUSTOMIZE_GROUP)


def git(name: str) -> Ref:
    return Ref("GitRepository", "team", name, SOURCE_GROUP)


@pytest.mark.parametrize(
    ("scenario", "states", "kind", "root", "file", "blocks"),
    [
        ("depends-chain", "2 blocked, 1 failed, 1 ready", "object", ks("one"), "bad/c.yaml", 2),
        ("depends-missing", "1 blocked, 1 ready", "missing", ks("ghost"), "", 1),
        ("source-missing", "1 blocked, 1 ready", "missing", git("ghost"), "", 1),
        ("health-timeout", "1 failed, 1 ready", "object", ks("app"), "", 0),
        ("invalid-field", "1 failed, 1 ready", "object", ks("app"), "", 0),
        ("path-missing", "1 failed, 1 ready", "object", ks("app"), "", 0),
        ("git-no-branch", "1 failed", "object", git("repo"), "", 0),
        ("suspend-resume", "2 ready", "", None, "", 0),
    ],
)
def test_what_flux_writes_has_states_and_a_root(
    scenario: str, states: str, kind: str, root: Ref | None, file: str, blocks: int
) -> None:
    report = explain(Fleet.of(recorded(scenario)))
    counts = sorted((state.value, count) for state, count in report.counts.items())
    assert ", ".join(f"{count} {state}" for state, count in counts) == states
    assert [each.root for each in report.causes] == ([root] if root else [])
    for cause in report.causes:
        assert (cause.type.value, cause.file, len(cause.blocked)) == (kind, file, blocks)
        assert cause.remedy


@pytest.mark.parametrize("scenario", ["health-timeout", "invalid-field"])
def test_messages_of_flux_name_the_object(scenario: str) -> None:
    (app,) = (each for each in recorded(scenario) if each["kind"] == "Kustomization")
    assert [str(each.ref) for each in suspects(app)] == ["Deployment/team/web"]
