"""Words for states, numbers, durations and revisions."""

from __future__ import annotations

from datetime import timedelta

import pytest

from headgate.health import HealthStatus
from headgate.insight import Cause, Ref, RootType, State
from headgate.insight.values import WORST_FIRST
from headgate.page.html.times import ago
from headgate.page.views.values import moment
from headgate.page.views.words import (
    BADGES,
    badge,
    counted,
    first_line,
    headline,
    seconds_words,
    short_revision,
)
from tests.page.fleets import NOW


def test_every_state_and_health_has_a_badge() -> None:
    assert set(WORST_FIRST) == set(State)
    assert {each.value for each in State} <= set(BADGES)
    looks = {badge(each.value).look for each in State}
    assert len(looks) == len(State)
    for each in HealthStatus:
        assert badge(each.value).look in {each.value for each in State} | {"missing", "unknown"}
    assert badge("").word == "No verdict"
    assert badge("Bewildered").look == "unknown"


@pytest.mark.parametrize(
    ("type", "state", "said"),
    [
        (RootType.OBJECT, "failed", "fails"),
        (RootType.OBJECT, "stalled", "fails, and is not retried"),
        (RootType.OBJECT, "suspended", "is suspended"),
        (RootType.OBJECT, "progressing", "is in progress"),
        (RootType.MISSING, "missing", "does not exist"),
        (RootType.UNKNOWN, "unknown", "cannot be read"),
        (RootType.CYCLE, "blocked", "waits for itself"),
    ],
)
def test_each_kind_of_cause_has_a_headline(type: RootType, state: str, said: str) -> None:
    assert headline(Cause(type, Ref("Kustomization", "shop", "a"), state)) == said


@pytest.mark.parametrize(
    ("revision", "short"),
    [
        ("main@sha1:5394cb7f48332b2de7c17dd8b8384bbc84b7e738", "main@5394cb7f"),
        ("sha1:5394cb7f48332b2de7c17dd8b8384bbc84b7e738", "5394cb7f"),
        ("v1.2.3@sha1:5394cb7f48332b2de7c17dd8b8384bbc84b7e738", "v1.2.3@5394cb7f"),
        ("refs/heads/a@b@sha1:5394cb7f48332b2de7c17dd8b8384bbc84b7e738", "refs/heads/a@b@5394cb7f"),
        ("latest", "latest"),
        ("", ""),
        ("x" * 300, "x" * 79 + "…"),
    ],
)
def test_revisions_are_short(revision: str, short: str) -> None:
    assert short_revision(revision) == short


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0, "0 ms"),
        (0.9994, "999 ms"),
        (9.94, "9.9 s"),
        (59.4, "59 s"),
        (60, "1 min"),
        (3600, "1 h"),
        (7320, "2 h 2 min"),
    ],
)
def test_durations_are_rounded(seconds: float, said: str) -> None:
    assert seconds_words(seconds) == said


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0, "less than a minute ago"),
        (59.9, "less than a minute ago"),
        (60, "1 minute ago"),
        (3599, "59 minutes ago"),
        (3600, "1 hour ago"),
        (47 * 3600, "47 hours ago"),
        (48 * 3600, "2 days ago"),
        (-1, "in less than a minute"),
        (-61, "in 1 minute"),
        (-7200, "in 2 hours"),
    ],
)
def test_times_are_relative(seconds: float, said: str) -> None:
    assert ago(NOW - timedelta(seconds=seconds), NOW) == said


@pytest.mark.parametrize(
    "text", ["", "yesterday", "2026-13-01T00:00:00Z", "9" * 400, "2026-06-01", "0001-01-01T00:00:00+14:00"]
)
def test_a_time_that_is_none_is_no_error(text: str) -> None:
    found = moment(text)
    assert found is None or found.tzinfo is not None


def test_first_lines_are_cut_and_visible() -> None:
    assert first_line("one\ntwo") == "one"
    assert first_line("a\u202eb") == "a\\u202eb"
    assert len(first_line("x" * 1000, 100)) == 100
    assert counted(1, "dependency", "dependencies") == "1 dependency"
