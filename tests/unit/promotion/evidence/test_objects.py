"""Evidence from the objects of a cluster: which of them belong to the repository, and what commit statuses say."""

from __future__ import annotations

from typing import Any

import pytest

from headgate.api import ObjectKey
from headgate.promotion.evidence.facts import healthy, soaked_since
from headgate.promotion.evidence.model import Evidence, Origin
from headgate.promotion.evidence.objects import evidence_of_objects
from headgate.promotion.evidence.statuses import evidence_of_statuses, statuses_of
from tests.support.evidence import NOW, ago, commit, entry, git_repository, kustomization, recorded

FLEET = ObjectKey("flux-system", "fleet")


def observed(
    sources: list[dict[str, Any]], kustomizations: list[dict[str, Any]], url: str = "fleet.git", **more: Any
) -> Evidence:
    return evidence_of_objects(
        "staging", "context 'one'", sources, kustomizations, lambda each: each.endswith(url), NOW, **more
    )


def test_what_a_cluster_runs() -> None:
    found = observed([git_repository()], [kustomization(history=[entry("sha256:a", 60, 1)])])
    assert (found.origin, found.detail, found.at, found.problem) == (Origin.CONTEXT, "context 'one'", NOW, "")
    assert found.sources == {FLEET: commit(1)}
    assert (healthy(found).commit, soaked_since(found)) == (commit(1), ago(60))


@pytest.mark.parametrize("scenario", ["branch-change", "git-commit", "git-name"])
def test_a_cluster_that_flux_reconciles(scenario: str) -> None:
    objects = recorded(scenario, "end")
    sources = [obj for name, obj in objects.items() if name.startswith("GitRepository/")]
    applied = [obj for name, obj in objects.items() if name.startswith("Kustomization/")]
    for each in sources:
        each["spec"] = {"url": "https://example.com/fleet.git"}
    found = observed(sources, applied)
    assert healthy(found).commit in found.sources.values()
    assert soaked_since(found) == ago(2)


def test_a_failed_health_check_that_flux_recorded() -> None:
    objects = recorded("health-exprs", "failed")
    objects["GitRepository/repo"]["spec"] = {"url": "https://example.com/fleet.git"}
    found = observed([objects["GitRepository/repo"]], [objects["Kustomization/app"]])
    assert "is not Ready (HealthCheckFailed)" in healthy(found).problems[0]
    assert soaked_since(found) is None


def test_a_url_that_nobody_knows_counts_with_a_note() -> None:
    mirror = git_repository(url="https://mirror.example.com/x.git")
    other = git_repository("other", url="https://mirror.example.com/y.git")
    only = observed([mirror], [kustomization()])
    assert healthy(only).commit == commit(1)
    assert "'flux-system/fleet'" in only.notes[0]
    named = observed([mirror, other], [kustomization()], expected=[FLEET])
    assert healthy(named).commit == commit(1)
    neither = observed([mirror, other], [kustomization()])
    assert "no GitRepository of context 'one'" in healthy(neither).problems[0]
    assert not observed([git_repository(), other], [kustomization()]).notes


STATUSES = {
    "staging/kustomization/apps": ("success", "reconciliation succeeded"),
    "kustomization/infra/staging": ("failure", "health check failed"),
    "production/kustomization/apps": ("success", ""),
    "ci/test": ("success", ""),
    "kustomization": ("success", ""),
    "staging/kustomization": ("success", ""),
}


def test_which_statuses_are_those_of_an_environment() -> None:
    assert statuses_of("staging", STATUSES) == {"apps": "success", "infra": "failure"}
    assert statuses_of("production", STATUSES) == {"apps": "success"}
    assert statuses_of("other", STATUSES) == {}
    twice = {"staging/kustomization/a/x": ("success", ""), "staging/kustomization/a/y": ("failure", "")}
    assert statuses_of("staging", twice) == statuses_of("staging", dict(reversed(twice.items())))
    assert statuses_of("staging", twice) == {"a": "failure"}


def status(commits: dict[str, dict[str, tuple[str, str]]], **more: Any) -> Evidence | None:
    return evidence_of_statuses("staging", commits, commits.__getitem__, NOW, source=FLEET, **more)


def test_the_newest_commit_with_a_status_counts() -> None:
    ready = {"staging/kustomization/apps": ("success", "")}
    found = status({commit(3): {"ci/test": ("failure", "")}, commit(2): ready, commit(1): ready})
    assert found is not None
    assert healthy(found).commit == commit(2)
    assert (found.origin, found.sources) == (Origin.COMMIT_STATUS, {FLEET: commit(2)})
    assert soaked_since(found) is None, "statuses have no times"
    assert status({commit(1): {}}) is None


@pytest.mark.parametrize(
    ("state", "reason"),
    [
        ("failure", "ReconciliationFailed"),
        ("pending", "Progressing"),
        ("running", "Progressing"),
        ("x", "Reconc"),
    ],
)
def test_only_success_is_healthy(state: str, reason: str) -> None:
    ready = {"staging/kustomization/apps": ("success", "")}
    found = status({commit(1): {**ready, "staging/kustomization/infra": (state, "")}})
    assert found is not None
    assert f"'flux-system/infra' is not Ready ({reason}" in healthy(found).problems[0]


def test_a_kustomization_without_a_status_is_not_healthy() -> None:
    """A commit that Flux skipped for it has none: it may run anything."""
    expected = [ObjectKey("flux-system", "apps"), ObjectKey("flux-system", "infra")]
    found = status({commit(1): {"staging/kustomization/apps": ("success", "")}}, expected=expected)
    assert found is not None
    assert healthy(found).problems == ("Kustomization 'flux-system/infra' is not Ready (NoStatus)",)
