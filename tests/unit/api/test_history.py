"""The reconciliation history."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from headgate.api.history import upsert

START = datetime(2026, 1, 1, tzinfo=UTC)


def record(status: dict[str, Any], minute: int, digest: str, outcome: str = "Succeeded") -> None:
    upsert(
        status,
        digest=digest,
        duration=minute / 10,
        outcome=outcome,
        metadata={"revision": f"main@sha1:{minute}"},
        now=START + timedelta(minutes=minute),
    )


def test_a_repeat_raises_the_count_and_moves_to_the_front() -> None:
    status: dict[str, Any] = {}
    record(status, 1, "a")
    record(status, 2, "b")
    record(status, 3, "a")
    assert status["history"] == [
        {
            "digest": "a",
            "firstReconciled": "2026-01-01T00:01:00Z",
            "lastReconciled": "2026-01-01T00:03:00Z",
            "lastReconciledDuration": "300ms",
            "lastReconciledStatus": "Succeeded",
            "totalReconciliations": 2,
            "metadata": {"revision": "main@sha1:3"},
        },
        {
            "digest": "b",
            "firstReconciled": "2026-01-01T00:02:00Z",
            "lastReconciled": "2026-01-01T00:02:00Z",
            "lastReconciledDuration": "200ms",
            "lastReconciledStatus": "Succeeded",
            "totalReconciliations": 1,
            "metadata": {"revision": "main@sha1:2"},
        },
    ]


def test_another_outcome_is_another_entry() -> None:
    status: dict[str, Any] = {}
    record(status, 1, "a", "HealthCheckFailed")
    record(status, 2, "a")
    assert [(e["lastReconciledStatus"], e["totalReconciliations"]) for e in status["history"]] == [
        ("Succeeded", 1),
        ("HealthCheckFailed", 1),
    ]


def test_five_entries_are_kept() -> None:
    status: dict[str, Any] = {}
    for minute, digest in enumerate("abcdef"):
        record(status, minute, digest)
    assert [e["digest"] for e in status["history"]] == ["f", "e", "d", "c", "b"]


def test_the_list_that_was_there_stays_as_it_is() -> None:
    status: dict[str, Any] = {}
    record(status, 1, "a")
    before = status["history"]
    record(status, 2, "a")
    assert before[0]["totalReconciliations"] == 1
