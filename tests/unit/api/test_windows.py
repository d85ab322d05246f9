"""Windows of time: which notations count, when they are open, and what clocks that change do to them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headgate.api import InvalidSpec
from headgate.api import windows as windows_module
from headgate.api.windows import (
    MAX_WINDOWS,
    Window,
    closes_at,
    is_open,
    opens_at,
    parse_windows,
)

HOUR = 3600.0
BERLIN = "Europe/Berlin"
OFFICE = Window("0 9 * * 1-4", 7 * HOUR, BERLIN)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


def test_a_list_becomes_windows() -> None:
    values = [
        {"cron": "0 9 * * 1-4", "window": "7h", "timeZone": BERLIN},
        {"cron": "*/5 0-6/2 1,15 jan-mar MON", "window": "1h30m"},
    ]
    assert parse_windows(values, "windows") == (
        OFFICE,
        Window("*/5 0-6/2 1,15 jan-mar MON", 1.5 * HOUR, "UTC"),
    )
    assert parse_windows([], "windows") == ()


VALID = {"cron": "0 9 * * *", "window": "1h"}


@pytest.mark.parametrize(
    ("values", "field", "problem"),
    [
        (None, "at.windows", "must be a list"),
        ({"cron": "0 9 * * *"}, "at.windows", "must be a list"),
        ("always", "at.windows", "must be a list"),
        (["always"], "at.windows[0]", "must be a mapping"),
        ([VALID, {"cron": "0 9 * * *"}], "at.windows[1].window", "is required"),
        ([{"window": "1h"}], "at.windows[0].cron", "is required"),
        ([VALID | {"timezone": BERLIN}], "at.windows[0].timezone", "cron, window, timeZone"),
        ([VALID | {"cron": 5}], "at.windows[0].cron", "must be a string"),
        ([VALID | {"cron": "0 9 * *"}], "at.windows[0].cron", "five fields"),
        ([VALID | {"cron": "0 0 9 * * *"}], "at.windows[0].cron", "five fields"),
        ([VALID | {"cron": "@daily"}], "at.windows[0].cron", "five fields"),
        ([VALID | {"cron": "60 9 * * *"}], "at.windows[0].cron", "must be a cron expression"),
        ([VALID | {"cron": "0 25 * * *"}], "at.windows[0].cron", "must be a cron expression"),
        ([VALID | {"cron": "*/0 9 * * *"}], "at.windows[0].cron", "must be a cron expression"),
        ([VALID | {"cron": "0 9 * foo *"}], "at.windows[0].cron", "numbers, names of months"),
        ([VALID | {"cron": "R 9 * * *"}], "at.windows[0].cron", "numbers, names of months"),
        ([VALID | {"cron": "H(0-30) 9 * * *"}], "at.windows[0].cron", "numbers, names of months"),
        ([VALID | {"cron": "0 9 L * *"}], "at.windows[0].cron", "numbers, names of months"),
        ([VALID | {"cron": "0 9 * * 1#2"}], "at.windows[0].cron", "numbers, names of months"),
        ([VALID | {"cron": "0 9 ٣ * *"}], "at.windows[0].cron", "numbers, names of months"),
        ([VALID | {"cron": "0\u00a09 * * * *"}], "at.windows[0].cron", "numbers, names of months"),
        ([VALID | {"cron": "0 0 30 2 *"}], "at.windows[0].cron", "never matches"),
        ([VALID | {"cron": "0 0 31 4,6,9,11 *"}], "at.windows[0].cron", "never matches"),
        ([VALID | {"cron": "1," * 5000 + "1 9 * * *"}], "at.windows[0].cron", "at most 200 characters"),
        ([VALID | {"window": "7 hours"}], "at.windows[0].window", "must be a duration"),
        ([VALID | {"window": "1d"}], "at.windows[0].window", "must be a duration"),
        ([VALID | {"window": 3600}], "at.windows[0].window", "must be a string"),
        ([VALID | {"window": "0s"}], "at.windows[0].window", "between 1m0s and 8784h0m0s"),
        ([VALID | {"window": "59s"}], "at.windows[0].window", "between 1m0s"),
        ([VALID | {"window": "-1h"}], "at.windows[0].window", "must not be negative"),
        ([VALID | {"window": "9000h"}], "at.windows[0].window", "between 1m0s"),
        ([VALID | {"timeZone": "Europe/Atlantis"}], "at.windows[0].timeZone", "such as Europe/Berlin"),
        ([VALID | {"timeZone": "Europe"}], "at.windows[0].timeZone", "such as Europe/Berlin"),
        ([VALID | {"timeZone": "../../etc/passwd"}], "at.windows[0].timeZone", "such as Europe/Berlin"),
        ([VALID | {"timeZone": "/etc/localtime"}], "at.windows[0].timeZone", "such as Europe/Berlin"),
        ([VALID | {"timeZone": "right/Europe/Berlin"}], "at.windows[0].timeZone", "such as Europe/Berlin"),
        ([VALID | {"timeZone": "A" * 10_000}], "at.windows[0].timeZone", "such as Europe/Berlin"),
        ([VALID | {"timeZone": "zone.tab"}], "at.windows[0].timeZone", "such as Europe/Berlin"),
        ([VALID] * (MAX_WINDOWS + 1), "at.windows", "has 17 windows, more than 16"),
    ],
)
def test_an_invalid_window_is_refused_by_the_name_of_its_field(
    values: object, field: str, problem: str
) -> None:
    with pytest.raises(InvalidSpec) as caught:
        parse_windows(values, "at.windows")
    assert caught.value.field == field
    assert problem in caught.value.problem
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        ("2026-11-30T08:59:59+01:00", False),  # a Monday
        ("2026-11-30T09:00:00+01:00", True),
        ("2026-11-30T15:59:59.999999+01:00", True),
        ("2026-11-30T16:00:00+01:00", False),
        ("2026-12-03T10:00:00+01:00", True),
        ("2026-12-04T10:00:00+01:00", False),  # a Friday
        ("2026-07-06T07:30:00+00:00", True),  # in summer
        ("2026-07-06T14:30:00+00:00", False),
    ],
)
def test_a_window_is_open_from_its_match_until_its_length_has_passed(now: str, expected: bool) -> None:
    assert is_open([OFFICE], at(now)) is expected


def test_without_windows_it_is_always_open() -> None:
    now = at("2026-11-30T08:00:00+00:00")
    assert is_open([], now)
    assert opens_at([], now) == now
    assert closes_at([], now) is None


def test_the_next_opening_and_the_closing_are_named() -> None:
    sunday = at("2026-11-29T12:00:00+01:00")
    opening = opens_at([OFFICE], sunday)
    assert opening == at("2026-11-30T09:00:00+01:00")
    assert opening.tzinfo is UTC
    assert closes_at([OFFICE], opening) == at("2026-11-30T16:00:00+01:00")
    during = at("2026-11-30T11:11:11+01:00")
    assert opens_at([OFFICE], during) == during
    assert OFFICE.next_opening(during) == at("2026-12-01T09:00:00+01:00")
    assert OFFICE.open_until(sunday) is None


def test_windows_that_touch_or_overlap_close_together() -> None:
    windows = [Window("0 9 * * *", 2 * HOUR), Window("0 10 * * *", 3 * HOUR), Window("0 13 * * *", HOUR)]
    assert closes_at(windows, at("2026-11-30T09:30:00+00:00")) == at("2026-11-30T14:00:00+00:00")
    assert opens_at(windows, at("2026-11-30T14:00:00+00:00")) == at("2026-12-01T09:00:00+00:00")


def test_windows_that_never_close_have_no_closing() -> None:
    windows = [Window("* * * * *", 60.0)]
    assert is_open(windows, at("2026-11-30T14:00:30+00:00"))
    assert closes_at(windows, at("2026-11-30T14:00:30+00:00")) is None


def test_a_window_may_reach_into_the_next_day_and_the_next_year() -> None:
    night, holidays = Window("0 22 31 12 *", 4 * HOUR), Window("0 0 24 12 *", 14 * 24 * HOUR)
    assert is_open([night], at("2027-01-01T01:59:00+00:00"))
    assert not is_open([night], at("2027-01-01T02:00:00+00:00"))
    assert is_open([holidays], at("2027-01-06T23:00:00+00:00"))


def test_either_of_two_restricted_days_counts_as_in_cron() -> None:
    window = Window("0 9 13 * 5", HOUR)
    assert is_open([window], at("2026-11-13T09:30:00+00:00"))  # a Friday, and the 13th
    assert is_open([window], at("2026-11-20T09:30:00+00:00"))
    assert is_open([window], at("2026-12-13T09:30:00+00:00"))
    assert not is_open([window], at("2026-12-14T09:30:00+00:00"))


def test_a_leap_day_is_found_across_a_century_without_one() -> None:
    window = Window("0 0 29 2 *", HOUR)
    assert window.next_opening(at("2096-03-01T00:00:00+00:00")) == at("2104-02-29T00:00:00+00:00")
    assert window.opened_at(at("2104-02-28T00:00:00+00:00")) == at("2096-02-29T00:00:00+00:00")


def test_a_time_that_clocks_skip_opens_the_window_when_they_are_set_forward() -> None:
    window = Window("30 2 * * *", HOUR, BERLIN)
    forward = at("2027-03-28T01:00:00+00:00")  # 02:00 becomes 03:00
    assert window.next_opening(at("2027-03-27T12:00:00+00:00")) == forward
    assert not is_open([window], forward - timedelta(seconds=1))
    assert is_open([window], forward)
    assert closes_at([window], forward) == forward + timedelta(hours=1)
    assert window.opened_at(at("2027-03-28T12:00:00+00:00")) == forward
    assert window.next_opening(forward) == at("2027-03-29T00:30:00+00:00")


def test_a_time_that_clocks_show_twice_opens_the_window_twice() -> None:
    window = Window("30 2 * * *", HOUR / 2, BERLIN)
    first, second = at("2026-10-25T00:30:00+00:00"), at("2026-10-25T01:30:00+00:00")
    assert window.next_opening(at("2026-10-24T12:00:00+00:00")) == first
    assert window.next_opening(first) == second
    assert window.next_opening(second) == at("2026-10-26T01:30:00+00:00")
    assert [is_open([window], first + timedelta(minutes=each)) for each in (0, 29, 30, 59, 60, 89, 90)] == [
        True,
        True,
        False,
        False,
        True,
        True,
        False,
    ]
    assert window.opened_at(second - timedelta(seconds=1)) == first
    assert window.opened_at(at("2026-10-25T12:00:00+00:00")) == second


def test_a_zone_whose_clocks_skip_a_whole_day_opens_after_it() -> None:
    window = Window("0 12 * * *", HOUR, "Pacific/Apia")
    forward = at("2011-12-30T10:00:00+00:00")  # 29 December, 24:00, becomes 31 December, 00:00
    assert window.next_opening(at("2011-12-30T00:00:00+00:00")) == forward
    assert window.next_opening(forward) == at("2011-12-30T22:00:00+00:00")


ZONES = ("UTC", BERLIN, "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "America/Sao_Paulo")
FIELD = st.sampled_from(("*", "0", "30", "*/15", "7,45"))
HOURS = st.sampled_from(("*", "1", "2", "2-3", "*/3", "23", "0"))


def by_counting(window: Window, start: datetime, minutes: int) -> list[datetime]:
    """The openings found minute by minute: the definition, for zones whose clocks are not set forward meanwhile."""
    from croniter import croniter

    zone = ZoneInfo(window.time_zone)
    instants = (start + timedelta(minutes=i) for i in range(minutes))
    return [
        each for each in instants if croniter.match(window.cron, each.astimezone(zone).replace(tzinfo=None))
    ]


@settings(max_examples=10, deadline=None)
@given(FIELD, HOURS, st.sampled_from(ZONES), st.sampled_from(("2026-10-24T22:00", "2026-11-01T03:00")))
def test_openings_are_the_minutes_that_match_on_the_wall_clock(
    minute: str, hour: str, zone: str, start: str
) -> None:
    window = Window(f"{minute} {hour} * * *", HOUR, zone)
    begin = at(f"{start}+00:00")
    expected = by_counting(window, begin, 420)
    found, after = [], begin - timedelta(seconds=1)
    while (opening := window.next_opening(after)) is not None and opening < begin + timedelta(minutes=420):
        found.append(opening)
        after = opening
    assert found == expected
    for opening in expected:
        assert window.opened_at(opening) == opening
        assert window.opened_at(opening + timedelta(seconds=30)) == opening


@pytest.mark.parametrize(
    "cron",
    [
        "* * * * *",
        "59 23 31 2,4,6,9,11 *",
        "0 0 29 2 *",
        ",".join(str(i) for i in range(60)) + " * * * *",
        "59 23 31 12 6",
        "*/59 */23 */31 */12 */7",
        "-" * 200,
        "/" * 200,
        "1-2-3-4 * * * *",
        "9" * 190 + " * * * *",
        "0-99999999999999999999 * * * *",
        "* * * * " + "0," * 90 + "0",
    ],
)
def test_no_expression_takes_many_steps(cron: str, monkeypatch: pytest.MonkeyPatch) -> None:
    steps, step = [], windows_module._step
    monkeypatch.setattr(
        windows_module,
        "_step",
        lambda matches, *, backward: steps.append(1) or step(matches, backward=backward),
    )
    try:
        windows = parse_windows([{"cron": cron, "window": "1m", "timeZone": BERLIN}], "windows")
    except InvalidSpec:
        windows = ()
    for now in ("2026-10-25T00:59:30+00:00", "2027-03-28T01:00:00+00:00", "2026-11-30T00:00:00+00:00"):
        is_open(windows, at(now))
        opens_at(windows, at(now))
    # An hour that clocks show twice has 60 minutes to inspect, for each of three questions.
    assert len(steps) < 500
    for now in ("2027-03-28T01:00:00+00:00", "2026-11-30T00:00:00+00:00"):
        closes_at(windows, at(now))
    assert len(steps) < 1000
