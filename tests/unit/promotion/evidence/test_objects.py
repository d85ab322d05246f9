"""Evidence from the objects of a cluster: which of them belong to the repository, and what commit statuses say."""

from __future__ import annotations

from typing import Any

import pytest

from headgate.api import ObjectKey
from headgate.promotion.evidence.facts import healthy, soaked_since
from headgate.promotion.evidence.gather import only_of
from headgate.promotion.evidence.model import Evidence, EvidenceOrigin
from headgate.promotion.evidence.objects import evidence_of_objects
from headgate.promotion.evidence.statuses import MAX_COMMITS, evidence_of_statuses, kustomization_of
from headgate.promotion.forges.model import CommitStatus
from tests.support.evidence import (
    NOW,
    ago,
    commit,
    entry,
    evidence,
    git_repository,
    kustomization,
    recorded,
    running,
)

FLEET = ObjectKey("flux-system", "fleet")


def observed(
    sources: list[dict[str, Any]], kustomizations: list[dict[str, Any]], url: str = "fleet.git", **more: Any
) -> Evidence:
    return evidence_of_objects(
        "staging", "context 'one'", sources, kustomizations, lambda each: each.endswith(url), NOW, **more
    )


def test_what_a_cluster_runs() -> None:
    found = observed([git_repository()], [kustomization(history=[entry("sha256:a", 60, 1)])])
    assert (found.origin, found.detail, found.at, found.problem) == (
        EvidenceOrigin.CONTEXT,
        "context 'one'",
        NOW,
        "",
    )
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


def test_a_cluster_with_several_environments() -> None:
    """Each has its own GitRepositories; what uses none of them, but belongs to the repository, is in both."""
    other = ObjectKey("flux-system", "other")
    shared = evidence(
        running("apps"),
        running("others", source=other, ready=False),
        running("chart", source=None, commit="", attempted=""),
        sources={FLEET: commit(1), other: commit(2)},
        held={other: "why"},
        past=(evidence(running("others", source=other), running("apps")),),
    )
    found = only_of(shared, {FLEET})
    assert [each.key.name for each in found.kustomizations] == ["apps", "chart"]
    assert (found.sources, found.held) == ({FLEET: commit(1)}, {})
    assert [each.key.name for each in found.past[0].kustomizations] == ["apps"]
    assert healthy(found).commit == commit(1)
    assert only_of(shared, {ObjectKey("a", "b")}) == shared


def test_an_environment_without_kustomizations_does_not_run_those_of_others() -> None:
    other = ObjectKey("flux-system", "other")
    shared = evidence(running("others", source=other), sources={FLEET: commit(1), other: commit(2)})
    found = only_of(shared, {FLEET})
    assert (found.sources, found.kustomizations) == ({FLEET: commit(1)}, ())


def said(state: str, minutes: float = 5, author: str = "") -> CommitStatus:
    return CommitStatus(state, "", ago(minutes), author)


@pytest.mark.parametrize(
    ("context", "provider", "name"),
    [
        ("staging/kustomization/apps", "", "apps"),
        ("kustomization/infra/staging", "", "infra"),
        ("kustomization/apps/0c9c2e41", "", ""),
        ("kustomization/apps/0c9c2e41", "0c9c2e41", "apps"),
        ("kustomization/apps/0c9c2e42", "0c9c2e41", ""),
        ("helmrelease/apps/0c9c2e41", "0c9c2e41", ""),
        ("production/kustomization/apps", "", ""),
        ("kustomization/staging", "", ""),
        ("kustomization/staging/production", "", ""),
        ("ci/test", "", ""),
        ("kustomization", "", ""),
    ],
)
def test_which_statuses_are_those_of_an_environment(context: str, provider: str, name: str) -> None:
    assert kustomization_of(context, "staging", provider) == name


def status(commits: dict[str, dict[str, CommitStatus]], **more: Any) -> Evidence | None:
    return evidence_of_statuses("staging", commits, commits.__getitem__, source=FLEET, **more)


def test_the_newest_status_counts() -> None:
    """By its time: after a way back, the older commit has the newer status."""
    apps = "staging/kustomization/apps"
    found = status({commit(3): {"ci/test": said("failure")}, commit(2): {apps: said("success", 9)}})
    assert found is not None
    assert (found.origin, healthy(found).commit) == (EvidenceOrigin.COMMIT_STATUS, commit(2))
    assert soaked_since(found) == ago(9)
    back = status({commit(2): {apps: said("success", 9)}, commit(1): {apps: said("success", 4)}})
    assert back is not None
    assert (healthy(back).commit, soaked_since(back)) == (commit(1), ago(4))
    assert status({commit(1): {}}) is None


@pytest.mark.parametrize(("minutes", "is_stale"), [(0, False), (9, False), (11, True), (600, True)])
def test_statuses_are_as_old_as_the_oldest_of_them(minutes: float, is_stale: bool) -> None:
    apps, infra = "staging/kustomization/apps", "staging/kustomization/infra"
    found = status({commit(1): {apps: said("success", 1), infra: said("success", minutes)}})
    assert found is not None
    assert found.at == ago(max(minutes, 1))
    assert found.is_stale(NOW) is is_stale


@pytest.mark.parametrize("author", ["mallory", "", "flux", "flux-bot "])
def test_the_status_of_another_account_is_no_success_and_hides_no_failure(author: str) -> None:
    apps = "staging/kustomization/apps"
    good = {apps: said("success", 5, "Flux-Bot")}
    found = status({commit(1): good}, authors=["flux-bot"])
    assert found is not None
    assert healthy(found).commit == commit(1)
    for newer in (
        {commit(2): {apps: said("success", 1, author)}},
        {commit(2): {apps: said("failure", 1, author)}},
    ):
        found = status({**newer, commit(1): good}, authors=["flux-bot"])
        assert found is not None
        assert "is not Ready (StatusAuthorNotAccepted)" in healthy(found).problems[0]
    older = status({commit(2): good, commit(1): {apps: said("success", 9, author)}}, authors=["flux-bot"])
    assert older is not None
    assert healthy(older).commit == commit(2)


def test_without_authors_the_evidence_says_that_everybody_is_believed() -> None:
    commits = {commit(1): {"staging/kustomization/apps": said("success", 5, "mallory")}}
    open_, closed = status(commits), status(commits, authors=["flux"])
    assert open_ is not None
    assert closed is not None
    assert any("statusAuthors" in note for note in open_.notes)
    assert not any("statusAuthors" in note for note in closed.notes)


def test_half_on_the_old_commit() -> None:
    one, two = "staging/kustomization/one", "staging/kustomization/two"
    found = status(
        {commit(2): {one: said("success", 1)}, commit(1): {one: said("success"), two: said("success")}}
    )
    assert found is not None
    assert "not at the same commit" in healthy(found).problems[0]


@pytest.mark.parametrize(
    ("state", "reason"),
    [("failure", "ReconciliationFailed"), ("error", "ReconciliationFailed"), ("pending", "Progressing")],
)
def test_only_success_is_healthy(state: str, reason: str) -> None:
    ready = {"staging/kustomization/apps": said("success")}
    found = status({commit(1): {**ready, "staging/kustomization/infra": said(state)}})
    assert found is not None
    assert f"'flux-system/infra' is not Ready ({reason})" in healthy(found).problems[0]
    assert soaked_since(found) is None


def test_a_kustomization_without_a_status_is_not_healthy() -> None:
    """A commit that Flux skipped for it has none: it may run anything."""
    expected = [ObjectKey("flux-system", "apps"), ObjectKey("flux-system", "infra")]
    found = status({commit(1): {"staging/kustomization/apps": said("success")}}, expected=expected)
    assert found is not None
    assert healthy(found).problems == ("Kustomization 'flux-system/infra' is not Ready (NoStatus)",)


def test_the_number_of_requests_has_a_limit() -> None:
    asked: list[str] = []

    def read(each: str) -> dict[str, CommitStatus]:
        asked.append(each)
        return {}

    every = (commit(number) for number in range(1000))
    assert evidence_of_statuses("staging", every, read, source=FLEET) is None
    assert len(asked) == MAX_COMMITS
