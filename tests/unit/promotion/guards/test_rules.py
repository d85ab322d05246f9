"""The guards of a promotion: each passes when its condition holds, and refuses whenever something is missing."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from headgate.api import ObjectKey
from headgate.api.windows import Window
from headgate.promotion.config.model import Approvals, Environment
from headgate.promotion.errors import PromotionError
from headgate.promotion.evidence.model import Evidence, EvidenceOrigin, RunningKustomization
from headgate.promotion.guards import (
    Approval,
    Bad,
    Base,
    Facts,
    Guard,
    GuardVerdict,
    Override,
    Soak,
    evaluate,
    parse_overrides,
)

NOW = datetime(2026, 11, 30, 12, 0, tzinfo=UTC)
COMMIT, OLD = "a" * 40, "b" * 40
APPS, INFRA = ObjectKey("flux-system", "apps"), ObjectKey("flux-system", "infrastructure")
DAY = 86400.0


def running(key: ObjectKey = APPS, **fields: Any) -> RunningKustomization:
    given: dict[str, Any] = {
        "ready": True,
        "commit": COMMIT,
        "attempted": COMMIT,
        "since": NOW - timedelta(days=2),
    }
    return RunningKustomization(key, **given | fields)


def evidence(*kustomizations: RunningKustomization, age: float = 5.0, problem: str = "") -> Evidence:
    at = NOW - timedelta(seconds=age)
    source = {ObjectKey("flux-system", "flux-system"): COMMIT}
    return Evidence("staging", EvidenceOrigin.CONTEXT, "staging", at, source, kustomizations, {}, problem)


PRODUCTION = Environment("production", "clusters/production", after=("staging",), soak=DAY)
SOAKED = Soak(True, NOW - timedelta(days=2))
GOOD = Facts(
    PRODUCTION,
    NOW,
    COMMIT,
    evidence={"staging": evidence(running(APPS), running(INFRA))},
    expected={"staging": frozenset({APPS, INFRA})},
    soaks={"staging": {APPS: SOAKED, INFRA: SOAKED}},
    unproven=(),
    bad=(),
    is_empty=False,
    base=Base("production runs it"),
)


def verdict(guard: Guard, facts: Facts) -> GuardVerdict:
    return next(each for each in evaluate(facts) if each.guard is guard)


def test_a_proven_promotion_passes_every_guard() -> None:
    assert [each.message for each in evaluate(GOOD) if each.refuses] == []
    assert [each.guard for each in evaluate(GOOD)] == list(Guard)


def test_facts_that_nobody_gathered_refuse() -> None:
    """Only guards without a policy, and those that report a find, pass on nothing."""
    strict = replace(
        PRODUCTION,
        require_proven=True,
        approvals=Approvals(1, "signers"),
    )
    refusing = {each.guard for each in evaluate(Facts(strict, NOW, "")) if each.refuses}
    assert refusing == {
        Guard.EVIDENCE,
        Guard.CANDIDATE,
        Guard.BASE,
        Guard.HEALTHY,
        Guard.SOAK,
        Guard.PROVEN,
        Guard.NOT_ROLLED_BACK,
        Guard.NOT_EMPTY,
        Guard.APPROVALS,
    }


def with_evidence(*kustomizations: RunningKustomization, **fields: Any) -> Facts:
    return replace(GOOD, evidence={"staging": evidence(*kustomizations, **fields)})


REFUSED = {
    "no evidence": (Guard.EVIDENCE, replace(GOOD, evidence={}), "staging: nobody says what it runs"),
    "the reason why there is none": (
        Guard.EVIDENCE,
        replace(GOOD, evidence={"staging": "no context is named"}),
        "staging: no context is named",
    ),
    "evidence older than ten minutes": (
        Guard.EVIDENCE,
        with_evidence(running(APPS), running(INFRA), age=700),
        "the context staging is 11m40s old, and proves nothing after 10m",
    ),
    "evidence from the future": (
        Guard.EVIDENCE,
        with_evidence(running(APPS), running(INFRA), age=-600),
        "in the future",
    ),
    "partial evidence": (
        Guard.EVIDENCE,
        with_evidence(running(APPS), running(INFRA), problem="Kustomizations may not be listed"),
        "may not be listed",
    ),
    "a candidate from elsewhere": (
        Guard.CANDIDATE,
        replace(GOOD, candidate_problem="main no longer contains it"),
        "main no longer contains it",
    ),
    "health that is not known": (Guard.HEALTHY, replace(GOOD, evidence={}), "staging: not known"),
    "health that was known once": (
        Guard.HEALTHY,
        with_evidence(running(APPS), running(INFRA), age=700),
        "staging: not known",
    ),
    "an environment without Kustomizations": (
        Guard.HEALTHY,
        replace(GOOD, expected={}),
        "no Kustomization that could prove anything",
    ),
    "a Kustomization that is not Ready": (
        Guard.HEALTHY,
        with_evidence(running(APPS, ready=False, reason="HealthCheckFailed"), running(INFRA)),
        "staging: Kustomization/flux-system/apps is not Ready (HealthCheckFailed)",
    ),
    "a Kustomization that the cluster lacks": (
        Guard.HEALTHY,
        with_evidence(running(APPS)),
        "Kustomization/flux-system/infrastructure is in Git, but not on the cluster",
    ),
    "a suspended Kustomization": (
        Guard.HEALTHY,
        with_evidence(running(APPS, suspended=True), running(INFRA)),
        "apps is suspended",
    ),
    "an environment half on the old revision": (
        Guard.HEALTHY,
        replace(
            with_evidence(running(APPS, commit=OLD, attempted=OLD), running(INFRA)),
            soaks={"staging": {APPS: Soak(False), INFRA: SOAKED}},
        ),
        "apps runs bbbbbbbbbbbb",
    ),
    "a Kustomization that is on its way": (
        Guard.HEALTHY,
        with_evidence(running(APPS, commit=OLD), running(INFRA)),
        "apps is reconciling commit aaaaaaaaaaaa, and last succeeded at bbbbbbbbbbbb",
    ),
    "a short soak": (
        Guard.SOAK,
        replace(
            GOOD,
            soaks={"staging": {APPS: Soak(True, NOW - timedelta(hours=3, minutes=12)), INFRA: SOAKED}},
        ),
        "3h12m of 24h; passes at 2026-12-01 08:48 UTC",
    ),
    "a soak that nobody knows": (Guard.SOAK, replace(GOOD, soaks={}), "0s of 24h"),
    "a soak of something that is not Ready": (
        Guard.SOAK,
        replace(GOOD, soaks={"staging": {APPS: Soak(True, None), INFRA: SOAKED}}),
        "begins when staging is Ready with this content",
    ),
    "a soak of other content": (
        Guard.SOAK,
        replace(GOOD, soaks={"staging": {APPS: Soak(False, NOW - timedelta(days=9)), INFRA: SOAKED}}),
        "0s of 24h",
    ),
    "a soak that begins in the future": (
        Guard.SOAK,
        replace(GOOD, soaks={"staging": {APPS: Soak(True, NOW + timedelta(days=1)), INFRA: SOAKED}}),
        "0s of 24h",
    ),
    "a soak by stale evidence": (
        Guard.SOAK,
        with_evidence(running(APPS), running(INFRA), age=700),
        "not known what staging runs",
    ),
    "an unproven object, if required": (
        Guard.PROVEN,
        replace(
            GOOD,
            environment=replace(PRODUCTION, require_proven=True),
            unproven=("Ingress/production/my-app",),
        ),
        "never ran in staging: Ingress/production/my-app",
    ),
    "a commit that was rolled back": (
        Guard.NOT_ROLLED_BACK,
        replace(GOOD, bad=(Bad(OLD, "1.4.1", reverted=False),)),
        "bbbbbbbbbbbb, which 1.4.1 rolled back",
    ),
    "a history that could not be read": (
        Guard.NOT_ROLLED_BACK,
        replace(GOOD, bad=None),
        "could not be read",
    ),
    "a Kustomization that cannot be built": (
        Guard.RENDERED,
        replace(GOOD, problems=("apps/kustomization.yaml: no such file",)),
        "apps/kustomization.yaml",
    ),
    "a promotion without a change": (
        Guard.NOT_EMPTY,
        replace(GOOD, is_empty=True),
        "aaaaaaaaaaaa changes nothing in production",
    ),
    "a suspended target": (
        Guard.NOT_SUSPENDED,
        replace(GOOD, suspended=("GitRepository/flux-system/flux-system",)),
        "suspended: GitRepository/flux-system/flux-system; production would not act",
    ),
    "a window that is shut": (
        Guard.WINDOW,
        replace(
            GOOD, environment=replace(PRODUCTION, windows=(Window("0 9 * * 1-4", 7 * 3600.0, "Asia/Tokyo"),))
        ),
        "closed; opens at 2026-12-01 00:00 UTC",
    ),
    "a plan of yesterday": (
        Guard.PLAN,
        replace(GOOD, plan_problem="the candidate is another one"),
        "the candidate is another one; make a new plan",
    ),
}


@pytest.mark.parametrize(("guard", "facts", "message"), REFUSED.values(), ids=REFUSED)
def test_what_is_missing_refuses_and_is_named(guard: Guard, facts: Facts, message: str) -> None:
    found = verdict(guard, facts)
    assert found.refuses
    assert message in found.message


def test_a_soak_says_when_it_passes() -> None:
    begin = NOW - timedelta(hours=3)
    facts = replace(GOOD, soaks={"staging": {APPS: Soak(True, begin), INFRA: SOAKED}})
    assert verdict(Guard.SOAK, facts).passes_at == begin + timedelta(days=1)
    facts = replace(facts, environment=replace(PRODUCTION, soak=3 * 3600.0))
    assert not verdict(Guard.SOAK, facts).refuses, "to the second"


def test_an_open_window_says_until_when() -> None:
    """A Monday, 12:00 UTC."""
    for window, message in [
        (Window("0 9 * * 1-4", 7 * 3600.0), "open until 2026-11-30 16:00 UTC"),
        (Window("0 9 * * 1-4", 7 * 3600.0, "Europe/Berlin"), "open until 2026-11-30 15:00 UTC"),
    ]:
        facts = replace(GOOD, environment=replace(PRODUCTION, windows=(window,)))
        assert (verdict(Guard.WINDOW, facts).passed, verdict(Guard.WINDOW, facts).message) == (True, message)


def test_every_environment_before_counts() -> None:
    both = replace(GOOD, environment=replace(PRODUCTION, after=("staging", "qa")))
    assert verdict(Guard.EVIDENCE, both).message == "qa: nobody says what it runs"
    assert verdict(Guard.HEALTHY, both).refuses
    assert verdict(Guard.SOAK, both).refuses


def test_unproven_objects_are_listed_even_where_they_do_not_refuse() -> None:
    found = verdict(Guard.PROVEN, replace(GOOD, unproven=("Ingress/production/my-app",)))
    assert not found.refuses
    assert "Ingress/production/my-app" in found.message


def test_a_base_that_the_target_may_not_run_refuses() -> None:
    refused = verdict(Guard.BASE, replace(GOOD, base=Base("", "production runs 1.3.0")))
    assert (refused.passed, refused.message) == (False, "production runs 1.3.0")


def test_a_revert_that_is_only_claimed_refuses() -> None:
    bad = (Bad(OLD, "1.3.2", reverted=False, claimed=True),)
    message = verdict(Guard.NOT_ROLLED_BACK, replace(GOOD, bad=bad)).message
    assert message.startswith(
        f"contains the changes of {OLD[:12]}, which 1.3.2 rolled back, although a message says"
    )
    assert message.endswith("passes when the candidate no longer has all of these changes")


def test_a_bad_commit_that_the_target_follows_again_passes_and_is_named() -> None:
    bad = (Bad(OLD, "1.3.2", reverted=False, decided=True),)
    found = verdict(Guard.NOT_ROLLED_BACK, replace(GOOD, bad=bad))
    assert found.passed
    assert f"{OLD[:12]}, which 1.3.2 rolled back before, and production follows it again" in found.message


def test_why_bad_commits_are_not_known_is_said() -> None:
    refused = verdict(Guard.NOT_ROLLED_BACK, replace(GOOD, bad=None, bad_problem="too many"))
    assert (refused.passed, refused.message) == (False, "too many")


def test_a_bad_commit_that_the_candidate_reverts_passes() -> None:
    assert not verdict(Guard.NOT_ROLLED_BACK, replace(GOOD, bad=(Bad(OLD, "1.4.1", True),))).refuses


APPROVED = {
    "enough": ([Approval("ada@x", "k1"), Approval("bob@x", "k2")], True),
    "one is missing": ([Approval("ada@x", "k1")], False),
    "the same person with two keys": ([Approval("ada@x", "k1"), Approval("ADA@x", "k2")], False),
    "one key under two names": ([Approval("ada@x", "k1"), Approval("ada@y", "k1")], False),
    "the author": ([Approval("ada@x", "k1"), Approval("bob@x", "k2", "wrote a commit")], False),
    "nobody that is trusted": ([Approval("ada@x", "k1"), Approval("", "k3")], False),
}


@pytest.mark.parametrize(("given", "passes"), APPROVED.values(), ids=APPROVED)
def test_approvals_count_distinct_people(given: list[Approval], passes: bool) -> None:
    wanted = replace(PRODUCTION, approvals=Approvals(2, "signers", not_author=True))
    found = verdict(Guard.APPROVALS, replace(GOOD, environment=wanted, approvals=tuple(given)))
    assert found.passed is passes
    assert all(each.problem in found.message for each in given)


@pytest.mark.parametrize("guard", Guard)
def test_an_override_lets_a_guard_pass_if_it_may(guard: Guard) -> None:
    facts = Facts(
        replace(PRODUCTION, require_proven=True, approvals=Approvals(1, "signers")),
        NOW,
        "",
        problems=("x",),
        suspended=("x",),
        plan_problem="x",
    )
    given = [Override(guard, "an outage", "Ada <ada@x>")]
    found = next(each for each in evaluate(facts, given) if each.guard is guard)
    if not found.passed:
        assert found.refuses is not guard.overridable
        assert found.word == ("overridden" if guard.overridable else "refused")
    assert [each.override for each in evaluate(GOOD, given)] == [None] * len(Guard), "nothing to override"


def test_overrides_are_read_with_their_reason() -> None:
    given = parse_overrides(["soak=an outage:\nmore = worse", "window=now"], "Ada <ada@x>")
    assert given[0] == Override(Guard.SOAK, "an outage: more = worse", "Ada <ada@x>")
    assert given[1].guard is Guard.WINDOW


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("soak", "lacks the reason"),
        ("soak= \n ", "lacks the reason"),
        ("sok=x", "no guard 'sok'"),
        ("plan=x", "cannot be overridden"),
        ("candidate=x", "cannot be overridden"),
        ("soak=" + "x" * 600, "more than 500"),
    ],
)
def test_an_override_that_makes_no_sense_is_refused(given: str, message: str) -> None:
    with pytest.raises(PromotionError, match=message):
        parse_overrides([given], "Ada <ada@x>")
