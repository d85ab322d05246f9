"""Which of two states of an object is the newer."""

import pytest

from headgate.objects import is_newer, version_number


@pytest.mark.parametrize(
    ("version", "other", "expected"),
    [
        ("10", "9", True),
        ("9", "10", False),
        ("9", "9", False),
        ("b", "a", True),
        ("a", "b", True),
        ("a", "a", False),
        ("", "7", True),
        ("9" * 50, "8", True),
    ],
)
def test_versions_compare_as_numbers_and_others_by_difference(
    version: str, other: str, expected: bool
) -> None:
    assert is_newer(version, other) == expected


@pytest.mark.parametrize(("version", "number"), [("17", 17), ("", 0), ("-1", 0), ("x", 0), ("9" * 5000, 0)])
def test_what_is_no_number_counts_as_none(version: str, number: int) -> None:
    assert version_number(version) == number
