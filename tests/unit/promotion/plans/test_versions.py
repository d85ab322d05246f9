"""The next version of an environment that follows a range: in the range, higher than all there, spelled like them."""

from __future__ import annotations

import pytest

from headgate.promotion.errors import PromotionError
from headgate.promotion.plans.versions import Bump, next_version, version_tags


def refs(*names: str) -> list[str]:
    return [f"refs/tags/{name}" for name in names]


NEXT = [
    (("1.3.0",), ">=1.0.0", None, "1.3.1"),
    (("1.3.0", "1.10.0", "1.9.0"), ">=1.0.0", None, "1.10.1"),
    (("v1.3.0",), ">=1.0.0", None, "v1.3.1"),
    (("v1.3.0", "1.4.0"), ">=1.0.0", None, "1.4.1"),
    (("1.3.0",), ">=1.0.0", "minor", "1.4.0"),
    (("1.3.0",), ">=1.0.0", "major", "2.0.0"),
    (("1.3.0", "2.0.0"), "1.x", None, "1.3.1"),
    (("1.3.0",), "1.x", "minor", "1.4.0"),
    (("1.3.0", "nightly", "1.4"), ">=1.0.0", None, "1.3.1"),
    ((), ">=1.0.0", None, "1.0.0"),
    ((), "0.x", None, "0.0.0"),
    ((), "^2.3", None, "2.3.0"),
    ((), ">2.3.4 <3", None, "2.3.5"),
    (("0.9.0",), "^1", None, "1.0.0"),
    (("v0.9.0",), "^1", None, "v1.0.0"),
    (("1.4.0-rc.1",), ">=1.0.0-0", None, "1.4.0"),
    (("1.3.0",), "1.3.0 || 1.4.x", None, "1.4.0"),
    (("1.3.0",), "1.3.0 || 2.x", None, "2.0.0"),
    (("1.3.0+build",), ">=1.0.0", None, "1.3.1"),
]


@pytest.mark.parametrize(("tags", "semver", "bump", "wanted"), NEXT)
def test_the_next_version(tags: tuple[str, ...], semver: str, bump: Bump | None, wanted: str) -> None:
    assert next_version(refs(*tags), semver, bump=bump) == wanted


GIVEN = [
    (("1.3.0",), "1.5.0", "1.5.0"),
    (("v1.3.0",), "1.5.0", "v1.5.0"),
    (("1.3.0",), "v1.5.0", "v1.5.0"),
    ((), "3.0.0", "3.0.0"),
]


@pytest.mark.parametrize(("tags", "given", "wanted"), GIVEN)
def test_a_version_that_the_user_wants(tags: tuple[str, ...], given: str, wanted: str) -> None:
    assert next_version(refs(*tags), ">=1.0.0", given=given) == wanted


REFUSED: list[tuple[tuple[str, ...], str, str, Bump | None, str]] = [
    (("1.3.0",), "1.3.0", "", None, "the range '1.3.0' is exhausted: after 1.3.0"),
    (("1.3.9",), ">=1.3.0 <1.3.10", "", None, "has no 1.3.10 or 1.4.0 or 2.0.0"),
    (("1.3.0",), "1.3.x", "", "minor", "has no 1.4.0"),
    (("1.3.0",), "1.x", "2.0.0", None, "2.0.0 is not in the range '1.x'"),
    (("1.3.0",), "1.x", "1.2.0", None, "not higher than 1.3.0"),
    (("1.3.0",), "1.x", "1.3.0", None, "not higher than 1.3.0"),
    (("1.3.0",), "1.x", "1.4", None, "'1.4' is not a version"),
    (("1.3.0",), "1.x", "--force", None, "is not a version"),
    (("1.3.0",), "1.x", "1.4.0 x", None, "is not a version"),
]


@pytest.mark.parametrize(("tags", "semver", "given", "bump", "message"), REFUSED)
def test_a_version_that_production_would_not_take(
    tags: tuple[str, ...], semver: str, given: str, bump: Bump | None, message: str
) -> None:
    with pytest.raises(PromotionError, match=message):
        next_version(refs(*tags), semver, given=given, bump=bump)


def test_versions_are_sorted_and_branches_are_none() -> None:
    found = version_tags([*refs("1.9.0", "1.10.0", "x"), "refs/heads/2.0.0"], ">=1.0.0")
    assert [each.name for each in found] == ["1.10.0", "1.9.0"]
