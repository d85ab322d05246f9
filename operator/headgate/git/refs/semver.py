"""Semantic versions and version ranges of ``spec.ref.semver``.

Flux parses ranges with Masterminds/semver (https://github.com/Masterminds/semver#checking-version-constraints) and tags
by relaxed rules of https://semver.org: an optional ``v``, leading zeros allowed, all three numbers required. No library
for Python follows these rules exactly: for example, an AND group accepts pre-releases if one of its constraints names
one.

    Range.parse(">=1.0.0 <2.0.0").contains(Version.parse("v1.4.0"))  # True
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from dataclasses import dataclass, field

from headgate.git.errors import RefInvalid

__all__ = ["Version", "VersionRange"]

MAX_NUMBER = 2**64 - 1
MAX_RANGE_LENGTH = 512
MAX_ALTERNATIVES = 32

_VERSION = re.compile(
    r"v?([0-9]+)(?:\.([0-9]+))?(?:\.([0-9]+))?"
    r"(?:-([0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*))?(?:\+([0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*))?"
)
_OPERATORS = r"=|!=|>=|=>|<=|=<|>|<|~>|~|\^|"
_PARTIAL = (
    r"v?([0-9|xX*]+)(\.[0-9|xX*]+)?(\.[0-9|xX*]+)?"
    r"(-(?:[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*))?(?:\+(?:[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*))?"
)
_PARTIAL_PLAIN = re.sub(r"\((?!\?)", "(?:", _PARTIAL)
_HYPHEN = re.compile(rf"\s*({_PARTIAL_PLAIN})\s+-\s+({_PARTIAL_PLAIN})\s*")
_ONE = re.compile(rf"\s*({_OPERATORS})\s*{_PARTIAL}\s*")
_FIND = re.compile(rf"(?:{_OPERATORS})\s*(?:{_PARTIAL_PLAIN})")
# Possessive quantifiers where two parts could share a run of spaces: a hostile range must not slow matching down.
_ITEM = rf"(?:(?:{_OPERATORS.removesuffix('|')})\s*+)?(?:{_PARTIAL_PLAIN})"
_GROUP = re.compile(rf"\s*+{_ITEM}(?:(?:\s*+,\s*+|\s++){_ITEM})*\s*+")


@functools.total_ordering
@dataclass(frozen=True, slots=True, eq=False)
class Version:
    """A version; the order is that of semver.org, so build metadata does not count."""

    major: int
    minor: int
    patch: int
    pre: str = ""
    build: str = ""

    @classmethod
    def parse(cls, text: str) -> Version | None:
        """Parse a tag's name; None when it is not a version. Flux requires three numbers, so ``v1.2`` is not one."""
        if text.count(".") < 2:
            return None
        return _loose(text)

    @property
    def _key(self) -> tuple[int, int, int, tuple[tuple[int, int, str], ...]]:
        return self.major, self.minor, self.patch, _precedence(self.pre)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Version) and self._key == other._key

    def __lt__(self, other: Version) -> bool:
        return self._key < other._key

    def __hash__(self) -> int:
        return hash(self._key)


def _precedence(pre: str) -> tuple[tuple[int, int, str], ...]:
    # A release is greater than its pre-releases; numbers are less than words; a longer list is greater than its prefix.
    if not pre:
        return ((2, 0, ""),)
    return tuple((0, int(part), "") if part.isdecimal() else (1, 0, part) for part in pre.split("."))


def _loose(text: str) -> Version | None:
    match = _VERSION.fullmatch(text)
    if match is None:
        return None
    major, minor, patch = (int(match[index] or 0) for index in (1, 2, 3))
    pre, build = match[4] or "", match[5] or ""
    if max(major, minor, patch) > MAX_NUMBER:
        return None
    if any(part.isdecimal() and len(part) > 1 and part[0] == "0" for part in pre.split(".")):
        return None
    return Version(major, minor, patch, pre, build)


@dataclass(frozen=True, slots=True)
class _Constraint:
    operator: str
    version: Version
    any_major: bool = False
    """The whole version is a wildcard."""
    any_minor: bool = False
    any_patch: bool = False

    @property
    def partial(self) -> bool:
        return self.any_major or self.any_minor or self.any_patch

    def accepts(self, version: Version) -> bool:
        return _CHECKS[self.operator](version, self)


@dataclass(frozen=True, slots=True)
class VersionRange:
    """A set of versions: alternatives, each a group of constraints that must all hold."""

    text: str
    _groups: tuple[tuple[_Constraint, ...], ...] = field(repr=False)

    @classmethod
    def parse(cls, text: str) -> VersionRange:
        """Parse a range such as ``^1.2``, ``1.0 - 2.0`` or ``>=1.0.0 <2.0.0 || 3.x``; raises :class:`RefInvalid`."""
        if len(text) > MAX_RANGE_LENGTH:
            raise RefInvalid(f"the version range is longer than {MAX_RANGE_LENGTH} characters")
        spread = _HYPHEN.sub(lambda match: f">= {match[1]}, <= {match[2]} ", text)
        parts = spread.split("||")
        if len(parts) > MAX_ALTERNATIVES:
            raise RefInvalid(f"the version range has more than {MAX_ALTERNATIVES} alternatives")
        return cls(text, tuple(_group(part, text) for part in parts))

    def contains(self, version: Version) -> bool:
        """Return whether the version is in the range."""
        return any(
            (not version.pre or any(constraint.version.pre for constraint in group))
            and all(constraint.accepts(version) for constraint in group)
            for group in self._groups
        )


def _group(part: str, text: str) -> tuple[_Constraint, ...]:
    if _GROUP.fullmatch(part) is None:
        raise RefInvalid(f"the version range '{text}' is malformed at '{part.strip()}'")
    return tuple(_constraint(found, text) for found in _FIND.findall(part))


def _constraint(part: str, text: str) -> _Constraint:
    match = _ONE.fullmatch(part)
    version: Version | None = None
    any_major = any_minor = any_patch = False
    if match is not None:
        operator, major, minor, patch, pre = (group or "" for group in match.groups())
        any_major = not major or major in _WILD
        any_minor = not any_major and (not minor or minor[1:] in _WILD)
        any_patch = not any_major and not any_minor and (not patch or patch[1:] in _WILD)
        if any_major:
            version = _loose(f"0.0.0{pre}")
        elif any_minor:
            version = _loose(f"{major}.0.0{pre}")
        elif any_patch:
            version = _loose(f"{major}{minor}.0{pre}")
        else:
            version = _loose(f"{major}{minor}{patch}{pre}")
    if match is None or version is None:
        raise RefInvalid(f"the version range '{text}' is malformed at '{part.strip()}'")
    return _Constraint(operator, version, any_major, any_minor, any_patch)


_WILD = ("x", "X", "*")


def _equal(version: Version, limit: _Constraint) -> bool:
    return _tilde(version, limit) if limit.partial else version == limit.version


def _not_equal(version: Version, limit: _Constraint) -> bool:
    if not limit.partial:
        return version != limit.version
    if version.major != limit.version.major:
        return True
    if limit.any_minor:
        return False
    if version.minor != limit.version.minor:
        return True
    if limit.any_patch:
        return bool(version.pre or limit.version.pre) and version.pre != limit.version.pre
    return version != limit.version


def _greater(version: Version, limit: _Constraint) -> bool:
    if version.major != limit.version.major and limit.partial:
        return version.major > limit.version.major
    if limit.any_minor:
        return False
    if limit.any_patch:
        return version.minor > limit.version.minor
    return version > limit.version


def _less_or_equal(version: Version, limit: _Constraint) -> bool:
    if not limit.partial:
        return version <= limit.version
    if version.major != limit.version.major:
        return version.major < limit.version.major
    return limit.any_minor or version.minor <= limit.version.minor


def _tilde(version: Version, limit: _Constraint) -> bool:
    floor = limit.version
    if version < floor:
        return False
    if (floor.major, floor.minor, floor.patch) == (0, 0, 0) and not limit.any_minor and not limit.any_patch:
        return True
    return version.major == floor.major and (limit.any_minor or version.minor == floor.minor)


def _caret(version: Version, limit: _Constraint) -> bool:
    floor = limit.version
    if version < floor:
        return False
    if floor.major > 0 or limit.any_minor:
        return version.major == floor.major
    if version.major > 0:
        return False
    if floor.minor > 0 or limit.any_patch:
        return version.minor == floor.minor
    return version.minor == 0 and version.patch == floor.patch


_CHECKS: dict[str, Callable[[Version, _Constraint], bool]] = {
    "": _equal,
    "=": _equal,
    "!=": _not_equal,
    ">": _greater,
    "<": lambda version, limit: version < limit.version,
    ">=": lambda version, limit: version >= limit.version,
    "=>": lambda version, limit: version >= limit.version,
    "<=": _less_or_equal,
    "=<": _less_or_equal,
    "~": _tilde,
    "~>": _tilde,
    "^": _caret,
}
