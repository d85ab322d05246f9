"""Durations read and print as Go's do."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate.durations import DurationInvalid, format_duration, parse_duration


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0),
        ("0s", 0),
        ("30s", 30),
        ("10m", 600),
        ("1h2m3.5s", 3723.5),
        ("1.5h", 5400),
        ("100ms", 0.1),
        ("5us", 0.000005),
        ("5µs", 0.000005),
        ("5μs", 0.000005),
        ("7ns", 0.000000007),
        (".5s", 0.5),
        ("5.s", 5),
        ("+1m", 60),
        ("-1m30s", -90),
        ("1m1m", 120),
        ("2562047h47m16.854775807s", 9223372036.854775807),
    ],
)
def test_parse(text: str, seconds: float) -> None:
    assert parse_duration(text) == pytest.approx(seconds, abs=1e-9)


@pytest.mark.parametrize(
    "text", ["", "-", "5", "soon", "1d", "1 m", " 1m", "1m ", ".s", "1.2.3s", "--1s", "1m-1s", "1M", "٣s"]
)
def test_not_a_duration(text: str) -> None:
    with pytest.raises(DurationInvalid, match="must be a duration such as"):
        parse_duration(text)


def test_more_than_go_can_hold() -> None:
    with pytest.raises(DurationInvalid, match="292 years"):
        parse_duration("2562048h")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0s"),
        (1e-9, "1ns"),
        (1.1e-6, "1.1µs"),
        (2.2e-3, "2.2ms"),
        (0.01, "10ms"),
        (0.999999999, "999.999999ms"),
        (1, "1s"),
        (1.234, "1.234s"),
        (3.3, "3.3s"),
        (60, "1m0s"),
        (245, "4m5s"),
        (3600, "1h0m0s"),
        (18367.001, "5h6m7.001s"),
        (86400, "24h0m0s"),
        (-90, "-1m30s"),
        (-0.25, "-250ms"),
        (59.9999999999, "1m0s"),
    ],
)
def test_format(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text


@given(st.integers(min_value=0, max_value=10**15))
def test_what_is_printed_reads_back(nanoseconds: int) -> None:
    seconds = nanoseconds / 10**9
    assert parse_duration(format_duration(seconds)) == seconds
