"""Which commit an environment runs healthy, and how long its content has soaked."""

from __future__ import annotations

from typing import Any

import pytest

from headgate.api import ObjectKey
from headgate.promotion.evidence.facts import healthy, soaked_since
from headgate.promotion.evidence.model import Evidence, RunningKustomization
from tests.support.evidence import NOW, ago, commit, evidence, running

FLEET, PINS = ObjectKey("flux-system", "fleet"), ObjectKey("flux-system", "pins")


def test_all_at_one_commit_and_ready_is_healthy() -> None:
    found = healthy(evidence(running("infra", since=ago(90)), running("apps", since=ago(10))))
    assert (found.commit, found.since, found.problems) == (commit(1), ago(10), ())


@pytest.mark.parametrize(
    ("what", "changed", "problem"),
    [
        ("not Ready", {"ready": False, "reason": "HealthCheckFailed"}, "is not Ready (HealthCheckFailed)"),
        (
            "another revision",
            {"attempted": commit(2), "ready": False},
            f"is reconciling commit {commit(2)[:12]}",
        ),
        (
            "failed at another revision",
            {"attempted": commit(2), "ready": False, "reason": "ReconciliationFailed"},
            f"is not Ready (ReconciliationFailed) at commit {commit(2)[:12]}, and last succeeded at",
        ),
        ("another revision, Ready", {"attempted": commit(2)}, f"is reconciling commit {commit(2)[:12]}"),
        ("behind", {"commit": commit(0), "attempted": commit(0)}, "are not at the same commit"),
        ("suspended", {"suspended": True}, "is suspended"),
        ("nothing applied", {"commit": "", "attempted": ""}, "has applied no revision yet"),
    ],
)
def test_what_makes_an_environment_unhealthy(what: str, changed: dict[str, Any], problem: str) -> None:
    shown = evidence(running("infra"), running("apps", **changed))
    found = healthy(shown)
    assert not found.is_healthy, what
    assert (found.commit, found.since) == ("", None)
    assert problem in "\n".join(found.problems)


def test_half_on_the_old_revision_says_who_is_where() -> None:
    found = healthy(evidence(running("a", 1), running("b", 2), running("c", 2)))
    assert f"a at {commit(1)[:12]}; b, c at {commit(2)[:12]}" in found.problems[0]


def test_nothing_known_is_not_healthy() -> None:
    assert "no Kustomization" in healthy(evidence()).problems[0]
    assert soaked_since(evidence()) is None


def test_what_git_has_must_be_there() -> None:
    expected = [ObjectKey("flux-system", "apps"), ObjectKey("flux-system", "new")]
    found = healthy(evidence(running()), expected=expected)
    assert found.problems == ("Kustomization 'flux-system/new' is in Git, but not in the environment",)


def test_partly_known_evidence_is_not_healthy() -> None:
    assert healthy(evidence(running(), problem="one list was refused")).problems == ("one list was refused",)


def test_sources_at_different_commits() -> None:
    shown = evidence(running("cluster", 2, source=PINS), running("apps", 1))
    assert "name one as 'source'" in healthy(shown).problems[0]
    assert healthy(shown, FLEET).commit == commit(1)
    assert healthy(shown, PINS).commit == commit(2)
    assert "no Kustomization uses" in healthy(shown, ObjectKey("a", "b")).problems[0]


def test_a_kustomization_of_another_source_has_to_be_ready_only() -> None:
    chart = running("chart", source=None, commit="", attempted="")
    assert healthy(evidence(running(), chart)).commit == commit(1)
    assert not healthy(evidence(running(), running("chart", source=None, ready=False))).is_healthy


def test_the_soak_is_that_of_the_youngest_content() -> None:
    shown = evidence(running("infra", digest_since=ago(900)), running("apps", digest_since=ago(30)))
    assert soaked_since(shown) == ago(30)


def test_a_commit_that_changes_nothing_does_not_reset_the_soak() -> None:
    """Ready since the commit to the README, with a content that has run for long."""
    shown = evidence(running("apps", 9, since=ago(2), digest_since=ago(3000)))
    assert soaked_since(shown) == ago(3000)


def test_without_a_history_the_soak_is_that_of_the_condition() -> None:
    assert soaked_since(evidence(running(digest="", digest_since=None, since=ago(20)))) == ago(20)
    assert soaked_since(evidence(running(digest="", digest_since=None, since=None))) is None


@pytest.mark.parametrize("changed", [{"ready": False}, {"suspended": True}, {"attempted": commit(2)}])
def test_what_is_not_healthy_soaks_nothing(changed: dict[str, Any]) -> None:
    assert soaked_since(evidence(running("infra"), running("apps", **changed))) is None


def at(minutes: float, *, begun: float, **changed: Any) -> Evidence:
    """Evidence from the past: one Kustomization, observed until so many minutes ago."""
    return evidence(running(digest_since=ago(1), **changed), at=ago(minutes), begun=ago(begun))


def observed(*past: Evidence, **changed: Any) -> Evidence:
    return evidence(running(digest_since=ago(1), **changed), begun=ago(20), past=past)


@pytest.mark.parametrize(
    ("what", "past", "since"),
    [
        ("nothing before", (), 20),
        ("the same content", (at(21, begun=100),), 100),
        ("the same content of another commit", (at(21, begun=100, number=5),), 100),
        ("two in a row", (at(21, begun=100), at(101, begun=300)), 300),
        ("another content", (at(21, begun=100, digest="sha256:b"),), 20),
        ("another content in between", (at(21, begun=30, digest="sha256:b"), at(31, begun=90)), 20),
        ("not Ready in between", (at(21, begun=30, ready=False), at(31, begun=90)), 20),
        ("a gap", (at(40, begun=100),), 20),
        ("an observation that overlaps", (at(10, begun=100),), 20),
    ],
)
def test_observations_in_a_row_make_one_soak(what: str, past: tuple[Evidence, ...], since: float) -> None:
    assert soaked_since(observed(*past)) == ago(since), what


def test_a_kustomization_that_was_not_there_before_has_not_soaked() -> None:
    past = evidence(running("other"), at=ago(21), begun=ago(100))
    assert soaked_since(observed(past)) == ago(20)


def test_without_digests_git_says_what_is_the_same() -> None:
    asked: list[tuple[str, str, str]] = []

    def same(each: RunningKustomization, one: str, other: str) -> bool:
        asked.append((each.key.name, one, other))
        return one == commit(5)

    bare = {"digest": "", "digest_since": None, "since": ago(1)}
    past = (
        evidence(running(number=5, **bare), at=ago(21), begun=ago(100)),
        evidence(running(number=6, **bare), at=ago(101), begun=ago(200)),
    )
    shown = evidence(running(number=1, **bare), begun=ago(20), past=past)
    assert soaked_since(shown, same) == ago(100)
    assert asked == [("apps", commit(5), commit(1)), ("apps", commit(6), commit(1))]
    assert soaked_since(shown) == ago(20)


def test_the_soak_of_another_commit_needs_its_content() -> None:
    shown = evidence(running(digest_since=ago(60)))
    assert soaked_since(shown, commit=commit(1)) == ago(60)
    assert soaked_since(shown, commit=commit(2)) is None
    assert soaked_since(shown, lambda *_: True, commit=commit(2)) == ago(60)
    assert soaked_since(shown, lambda *_: False, commit=commit(2)) is None


@pytest.mark.parametrize(("age", "stale"), [(0, False), (599, False), (601, True), (-59, False), (-61, True)])
def test_evidence_grows_stale(age: float, stale: bool) -> None:
    assert evidence(at=ago(age / 60)).is_stale(NOW) is stale
