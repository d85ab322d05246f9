"""Version ranges as Masterminds/semver reads them."""

from __future__ import annotations

import pytest

from headgate.git.errors import RefInvalid
from headgate.git.refs.semver import Version, VersionRange


def version(text: str) -> Version:
    found = Version.parse(text)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("text", "inside", "outside"),
    [
        ("*", "0.0.0 1.2.3 99.0.0", "1.0.0-rc.1"),
        ("*-0", "1.0.0-rc.1 1.0.0", ""),
        ("1.2.3", "1.2.3 v1.2.3 1.2.3+build", "1.2.4 1.2.3-rc.1"),
        ("=1.2", "1.2.0 1.2.9", "1.3.0"),
        ("1.x", "1.0.0 1.9.9", "2.0.0 0.9.0"),
        ("1.2.*", "1.2.0 1.2.9", "1.3.0"),
        ("!=1.2.3", "1.2.4 2.0.0", "1.2.3"),
        ("!=1.x", "2.0.0 0.1.0", "1.5.0"),
        (">1.2.3", "1.2.4 2.0.0", "1.2.3"),
        (">1", "2.0.0", "1.0.0 1.9.9"),
        (">1.2", "1.3.0 2.0.0", "1.2.9"),
        (">=1.2", "1.2.0 2.0.0", "1.1.9"),
        ("=>1.2.0", "1.2.0", "1.1.9"),
        ("<2", "1.9.9", "2.0.0"),
        ("<=1.2", "1.2.9 1.0.0", "1.3.0"),
        ("<=1", "1.9.9", "2.0.0"),
        ("=<1.2.3", "1.2.3", "1.2.4"),
        ("~1.2.3", "1.2.3 1.2.9", "1.3.0 1.2.2"),
        ("~1.2", "1.2.0 1.2.9", "1.3.0"),
        ("~1", "1.0.0 1.9.0", "2.0.0"),
        ("~>1.2.3", "1.2.9", "1.3.0"),
        ("^1.2.3", "1.2.3 1.9.0", "2.0.0 1.2.2"),
        ("^0.2.3", "0.2.3 0.2.9", "0.3.0"),
        ("^0.0.3", "0.0.3", "0.0.4"),
        ("^0.0", "0.0.0 0.0.9", "0.1.0"),
        ("^0", "0.0.0 0.9.0", "1.0.0"),
        ("1.2 - 1.4.5", "1.2.0 1.4.5", "1.4.6 1.1.9"),
        (">=1.0.0 <2.0.0", "1.0.0 1.9.9", "2.0.0 0.9.9"),
        (">=1.0.0, <2.0.0", "1.5.0", "2.0.0"),
        ("1.x || >=3.0.0", "1.1.0 3.1.0", "2.0.0"),
        (">=1.0.0-alpha", "1.0.0-alpha 1.0.0-beta 1.1.0-rc.1", "0.9.0"),
        ("^1.0.0-0", "1.0.0-rc.1 1.2.0-beta", "2.0.0-rc.1"),
        (">=1.0.0-0 <2.0.0", "1.5.0-rc.1", "2.0.0"),
    ],
)
def test_ranges(text: str, inside: str, outside: str) -> None:
    wanted = VersionRange.parse(text)
    assert [each for each in inside.split() if not wanted.contains(version(each))] == []
    assert [each for each in outside.split() if wanted.contains(version(each))] == []


@pytest.mark.parametrize(
    "text", ["", "latest", ">", "1.2.3.4", ">=1.0 &&", "1.0 || ", ">=1.0.0 junk", "=>=1"]
)
def test_malformed_ranges(text: str) -> None:
    with pytest.raises(RefInvalid, match="malformed"):
        VersionRange.parse(text)


@pytest.mark.parametrize("text", ["1" * 600, " || ".join(["1.x"] * 40)])
def test_oversized_ranges(text: str) -> None:
    with pytest.raises(RefInvalid):
        VersionRange.parse(text)


@pytest.mark.parametrize(
    "text", [" " * 500 + "!", "1 " * 250 + "!", "=" * 500, ("1.0.0" + " " * 90) * 5 + "!"]
)
def test_hostile_ranges_are_refused_without_backtracking(text: str) -> None:
    # With an expression that backtracks this would not end.
    with pytest.raises(RefInvalid):
        VersionRange.parse(text)


def test_order() -> None:
    rising = (
        "1.0.0-alpha 1.0.0-alpha.1 1.0.0-alpha.beta 1.0.0-beta 1.0.0-beta.2 1.0.0-beta.11 1.0.0-rc.1 1.0.0"
    )
    versions = [version(text) for text in rising.split()]
    assert sorted(set(versions)) == versions
    assert version("1.0.0+a") == version("1.0.0+b")


@pytest.mark.parametrize(
    "text", ["1", "v1.2", "", "1.2.3.4", "release-1.2.3", "1.2.3-01", "1.2.3-", f"{2**64}.0.0"]
)
def test_tags_that_are_not_versions(text: str) -> None:
    assert Version.parse(text) is None


def test_loose_tags() -> None:
    assert version("v01.002.3") == Version(1, 2, 3)
