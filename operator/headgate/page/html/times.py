"""Times for people. page.js has the same words, to keep them right in an open page."""

from __future__ import annotations

from datetime import UTC, datetime

__all__ = ["ago", "exact", "machine"]

_MINUTE, _HOUR, _DAY = 60, 3600, 86400


def ago(then: datetime, now: datetime) -> str:
    """Return how long ago, or in how long, a time is.

    >>> ago(datetime(2026, 6, 1, 12, 0, tzinfo=UTC), datetime(2026, 6, 1, 12, 5, 59, tzinfo=UTC))
    '5 minutes ago'
    """
    seconds = int((now - then).total_seconds() // 1)
    size = abs(seconds)
    if size < _MINUTE:
        words = "less than a minute"
    elif size < _HOUR:
        words = _counted(size // _MINUTE, "minute")
    elif size < 2 * _DAY:
        words = _counted(size // _HOUR, "hour")
    else:
        words = _counted(size // _DAY, "day")
    return f"in {words}" if seconds < 0 else f"{words} ago"


def exact(then: datetime) -> str:
    """Return a time to the second."""
    return f"{then.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def machine(then: datetime) -> str:
    """Return a time for the attribute ``datetime``."""
    return f"{then.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def _counted(number: int, unit: str) -> str:
    return f"{number} {unit}{'' if number == 1 else 's'}"
