"""Whether annotations let a new revision in."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from headgate.api import GitRepository, labels, reasons
from headgate.reconcile.source.gate import LONGEST, Closed, closed

MONDAY = datetime(2026, 11, 30, 12, tzinfo=UTC)
OFFICE = "[{cron: 0 9 * * 1-4, window: 7h, timeZone: Europe/Berlin}]"
WEEKEND = "[{cron: 0 0 * * 6, window: 48h}]"
SATURDAY = datetime(2026, 12, 5, tzinfo=UTC)


def source(**annotations: str) -> GitRepository:
    named = {f"promotion.headgate.dev/{name}": value for name, value in annotations.items()}
    meta: dict[str, Any] = {"name": "web", "namespace": "apps", "annotations": named}
    return GitRepository.from_object(
        {"metadata": meta, "spec": {"url": "https://example.com/a", "interval": "1h"}}
    )


def test_without_annotations_everything_comes_in() -> None:
    assert closed(source(), MONDAY, runs=True) is None
    assert closed(source(other="x"), MONDAY, runs=False) is None


@pytest.mark.parametrize("value", ["incident 42", "", "false", "  \n "])
@pytest.mark.parametrize("runs", [True, False])
def test_a_hold_keeps_everything_out_whatever_its_value(value: str, runs: bool) -> None:
    found = closed(source(hold=value, windows=OFFICE), MONDAY, runs=runs)
    assert found is not None
    assert (found.reason, found.opens) == (reasons.ON_HOLD, None)
    assert found.why == ("on hold: " + value if value.strip() else "on hold")


def test_a_long_reason_of_several_lines_is_shortened_to_one() -> None:
    found = closed(source(hold="a\n b\t" + "c" * 100_000), MONDAY, runs=True)
    assert found is not None
    assert found.why.startswith("on hold: a b c")
    assert len(found.why) < 600


def test_windows_let_in_while_one_is_open() -> None:
    assert closed(source(windows=OFFICE), MONDAY, runs=True) is None
    assert closed(source(windows=WEEKEND[:-1] + "," + OFFICE[1:]), MONDAY, runs=True) is None


def test_closed_windows_name_the_time_at_which_one_opens() -> None:
    assert closed(source(windows=WEEKEND), MONDAY, runs=True) == Closed(
        reasons.WINDOW_CLOSED, "held until the next window opens at 2026-12-05T00:00:00Z", SATURDAY
    )


def test_windows_let_in_what_runs_nowhere_yet() -> None:
    assert closed(source(windows=WEEKEND), MONDAY, runs=False) is None


def test_json_is_read_as_well() -> None:
    assert closed(source(windows='[{"cron": "0 0 * * 6", "window": "48h"}]'), SATURDAY, runs=True) is None


@pytest.mark.parametrize(
    ("windows", "problem"),
    [
        ("", "must be a list"),
        ("[]", "must have a window"),
        ("{cron: 0 9 * * *, window: 1h}", "must be a list"),
        ("[", "is not valid YAML"),
        ("[{cron: 0 9 * * *}]", "[0].window: is required"),
        ("[{cron: 0 9 * * *, window: 1h, timezone: UTC}]", "[0].timezone: is not a field"),
        ("[{cron: 0 9 * * *, window: 1h, timeZone: Mars}]", "[0].timeZone: must be a name"),
        ("[{cron: 0 9 31 2 *, window: 1h}]", "[0].cron: '0 9 31 2 *' never matches"),
        ("[&a {cron: 0 9 * * *, window: 1h}, *a]", "aliases"),
        ("[!!python/object/apply:os.system [x]]", "is not valid YAML"),
        ("[" * 5000, "is not valid YAML"),
        ("# " + "x" * LONGEST, "must have at most 16384 characters"),
    ],
)
@pytest.mark.parametrize("runs", [True, False])
def test_an_annotation_that_cannot_be_read_keeps_everything_out(
    windows: str, problem: str, runs: bool
) -> None:
    found = closed(source(windows=windows), MONDAY, runs=runs)
    assert found is not None
    assert (found.reason, found.opens) == (reasons.INVALID_ANNOTATION, None)
    assert f"metadata.annotations[{labels.WINDOWS}]" in found.why
    assert problem in found.why
    assert len(found.why) < 1000
