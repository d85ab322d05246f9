"""The next version of an environment that follows a range of versions. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from headgate.git.refs.reference import TAGS
from headgate.git.refs.semver import Version, VersionRange
from headgate.promotion.errors import OptionInvalid, PromotionError

__all__ = ["Bump", "VersionTag", "next_version", "version_tags"]

Bump = Literal["patch", "minor", "major"]

# A tag that a promotion makes: stricter than what Flux accepts, so that the next promotion finds it again.
_TAG = re.compile(r"v?(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)")


@dataclass(frozen=True, slots=True)
class VersionTag:
    """A tag that names a version."""

    name: str
    version: Version

    @property
    def prefix(self) -> str:
        """``v`` or nothing."""
        return "v" if self.name.startswith("v") else ""


def version_tags(refs: Iterable[str], semver: str = "") -> list[VersionTag]:
    """Return the tags that name versions in a range (empty: all), the highest first, from full names of refs."""
    wanted = VersionRange.parse(semver) if semver else None
    found = []
    for name in refs:
        if name.startswith(TAGS):
            short = name.removeprefix(TAGS)
            version = Version.parse(short)
            if version is not None and (wanted is None or wanted.contains(version)):
                found.append(VersionTag(short, version))
    return sorted(found, key=lambda each: (each.version, each.name), reverse=True)


def next_version(refs: Iterable[str], semver: str, *, given: str = "", bump: Bump | None = None) -> str:
    """Return the name of the next tag for an environment that follows ``semver``.

    ``given`` is a version that the user wants; otherwise the highest one in the range is raised by ``bump``: a patch by
    default, or the smallest step that the range allows. The tag has the prefix of the highest version. It is in the
    range, and higher than every version there, since Flux would ignore it otherwise. Raises :class:`PromotionError`.
    """
    names = list(refs)
    wanted = VersionRange.parse(semver)
    inside, every = version_tags(names, semver), version_tags(names)
    prefix = (inside or every)[0].prefix if every else ""
    highest = inside[0].version if inside else None
    if given:
        return _given(given, wanted, highest, prefix)
    if highest is None:
        first = _first(wanted)
        if first is None:
            raise PromotionError(
                f"no version is in the range '{semver}' yet, and none follows from it; name one with --version"
            )
        return prefix + first
    tried = []
    for step in [bump] if bump else ("patch", "minor", "major"):
        version = _raised(highest, step)
        if wanted.contains(version) and f"{TAGS}{_text(version)}" not in names and version > highest:
            return prefix + _text(version)
        tried.append(_text(version))
    raise PromotionError(
        f"the range '{semver}' is exhausted: after {inside[0].name}, it has no {' or '.join(tried)}; widen "
        "spec.ref.semver of the GitRepository, or name a version with --version"
    )


def _given(given: str, wanted: VersionRange, highest: Version | None, prefix: str) -> str:
    version = Version.parse(given)
    if version is None or not _TAG.fullmatch(given):
        raise OptionInvalid(f"--version: '{_shown(given)}' is not a version such as 1.4.0")
    if not wanted.contains(version):
        raise OptionInvalid(
            f"--version: {given} is not in the range '{wanted.text}' that the environment follows"
        )
    if highest is not None and not version > highest:
        raise OptionInvalid(
            f"--version: {given} is not higher than {_text(highest)}, so the environment would not take it"
        )
    return given if given.startswith("v") else prefix + given


def _raised(version: Version, bump: Bump) -> Version:
    if bump == "major":
        return Version(version.major + 1, 0, 0)
    if bump == "minor":
        return Version(version.major, version.minor + 1, 0)
    # The release of a pre-release is higher than it.
    return Version(version.major, version.minor, version.patch + (0 if version.pre else 1))


def _first(wanted: VersionRange) -> str | None:
    """The first version of a range without tags: 1.0.0, or the lowest that the range names."""
    named = [Version(int(a), int(b or 0), int(c or 0)) for a, b, c in _NUMBERS.findall(wanted.text)]
    for version in [Version(1, 0, 0), *sorted(named), *(_raised(each, "patch") for each in sorted(named))]:
        if wanted.contains(version):
            return _text(version)
    return None


_NUMBERS = re.compile(r"(?<![\w.])v?([0-9]{1,9})(?:\.([0-9]{1,9}))?(?:\.([0-9]{1,9}))?")


def _text(version: Version) -> str:
    pre = f"-{version.pre}" if version.pre else ""
    return f"{version.major}.{version.minor}.{version.patch}{pre}"


def _shown(text: str) -> str:
    return re.sub(r"[^\x20-\x7e]", "?", text)[:60]
