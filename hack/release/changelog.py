"""Reads and cuts CHANGELOG.md, which has the form of Keep a Changelog (https://keepachangelog.com).

A heading of the second level starts a version: ``## Unreleased``, or ``## 0.2.0 - 2026-12-01``.
"""

from __future__ import annotations

import re
from datetime import date

from release.errors import ReleaseError

UNRELEASED = "Unreleased"

_HEADING = re.compile(r"^## (?P<title>.+)$", re.MULTILINE)
_DATED = re.compile(r"(?P<version>\S+) - (?P<day>\d{4}-\d{2}-\d{2})")


def section(text: str, version: str) -> str:
    """Return the text below a version's heading, without blank lines around it.

    Raises :class:`ReleaseError` where the version has no heading, or one without a date.
    """
    for title, body in _sections(text):
        if title == UNRELEASED == version:
            return body
        dated = _DATED.fullmatch(title)
        if dated and dated["version"] == version:
            return body
        if title.split()[0] == version:
            raise ReleaseError(f"CHANGELOG.md: the heading of {version} has no date: ## {title}")
    raise ReleaseError(f"CHANGELOG.md: no section for {version}")


def cut(text: str, version: str, day: date) -> str:
    """Return the changelog in which what was unreleased is the version's, of that day.

    Raises :class:`ReleaseError` where nothing is unreleased, or the version has a section already.
    """
    if not section(text, UNRELEASED):
        raise ReleaseError("CHANGELOG.md: nothing is listed under Unreleased")
    if any(title.split()[0] == version for title, _ in _sections(text)):
        raise ReleaseError(f"CHANGELOG.md: there is a section for {version} already")
    return text.replace(f"## {UNRELEASED}\n", f"## {UNRELEASED}\n\n## {version} - {day.isoformat()}\n", 1)


def _sections(text: str) -> list[tuple[str, str]]:
    """Title and text of each section, from the top."""
    _, *parts = _HEADING.split(text)
    return [(title.strip(), body.strip()) for title, body in zip(parts[::2], parts[1::2], strict=True)]
