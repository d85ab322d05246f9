"""Edits of a list of conditions."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from headgate.api import conditions as cond
from headgate.objects import Obj

T1 = datetime(2026, 1, 2, 3, 4, 5, 999_000, tzinfo=UTC)
T2 = T1 + timedelta(hours=1)
FIRST, SECOND = "2026-01-02T03:04:05Z", "2026-01-02T04:04:05Z"


def ready(status: str = "True", reason: str = "Succeeded", message: str = "done") -> Obj:
    return {
        "type": "Ready",
        "status": status,
        "reason": reason,
        "message": message,
        "observedGeneration": 1,
        "lastTransitionTime": FIRST,
    }


def test_a_new_condition() -> None:
    assert cond.with_condition([], "Ready", "True", "Succeeded", "done", 1, T1) == [ready()]


def test_the_same_again_keeps_its_time() -> None:
    assert cond.with_condition([ready()], "Ready", "True", "Succeeded", "done", 1, T2) == [ready()]


def test_a_new_generation_keeps_its_time() -> None:
    (condition,) = cond.with_condition([ready()], "Ready", "True", "Succeeded", "done", 2, T2)
    assert condition == ready() | {"observedGeneration": 2}


@pytest.mark.parametrize(
    "change", [{"status": "False"}, {"reason": "Other"}, {"message": "another revision"}]
)
def test_a_change_moves_the_time(change: dict[str, str]) -> None:
    new = ready() | change
    (condition,) = cond.with_condition(
        [ready()], "Ready", new["status"], new["reason"], new["message"], 1, T2
    )
    assert condition == new | {"lastTransitionTime": SECOND}


def test_the_list_given_stays_as_it_is() -> None:
    before = [ready()]
    cond.with_condition(before, "Ready", "False", "Failed", "no", 1, T2)
    assert before == [ready()]


def test_time_is_utc() -> None:
    local = T1.astimezone(timezone(timedelta(hours=5)))
    assert cond.with_condition([], "Ready", "True", "S", "", 1, local)[0]["lastTransitionTime"] == FIRST


def test_order() -> None:
    conditions: list[Obj] = []
    for type_, generation in (
        ("SourceVerified", 2),
        ("Old", 1),
        ("Ready", 2),
        ("ArtifactInStorage", 2),
        ("Stalled", 2),
        ("Reconciling", 2),
    ):
        conditions = cond.with_condition(conditions, type_, "True", "R", "", generation, T1)
    assert [c["type"] for c in conditions] == [
        "Stalled",
        "Reconciling",
        "Ready",
        "ArtifactInStorage",
        "SourceVerified",
        "Old",
    ]


def test_a_long_message_is_cut() -> None:
    (condition,) = cond.with_condition([], "Ready", "False", "R", "é" * 30_000, 1, T1)
    assert condition["message"] == "é" * 19_972 + " ... (10028 more characters)"
    # The next attempt fails with the same long message: nothing has changed.
    assert cond.with_condition([condition], "Ready", "False", "R", "é" * 30_000, 1, T2) == [condition]


def test_a_message_that_is_no_text_is_made_one() -> None:
    (condition,) = cond.with_condition([], "Ready", "False", "R", "apps/\udcff.yaml: no", 1, T1)
    assert condition["message"] == "apps/?.yaml: no"


def test_questions() -> None:
    conditions = [ready(), ready("False") | {"type": "Healthy"}]
    assert cond.is_true(conditions, "Ready")
    assert not cond.is_true(conditions, "Healthy")
    assert cond.get(conditions, "Missing") is None
    assert cond.without(conditions, "Ready", "Missing") == [conditions[1]]
    assert cond.of({"status": {"conditions": conditions}}) == conditions
    assert list(cond.of({})) == []
