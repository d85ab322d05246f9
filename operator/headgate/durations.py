"""Go durations, the notation of every time span in the custom resources.

Times are float seconds in Python and strings such as ``1h2m3.5s`` in the objects. Reading and printing follow
Go's ``time.ParseDuration`` and ``Duration.String``, to the nanosecond.
"""

from __future__ import annotations

import re
from fractions import Fraction

_NANOSECONDS = {
    "ns": 1,
    "us": 10**3,
    "µs": 10**3,
    "μs": 10**3,
    "ms": 10**6,
    "s": 10**9,
    "m": 60 * 10**9,
    "h": 3600 * 10**9,
}
_TERM = re.compile(r"(\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h)", re.ASCII)
_LONGEST = 200
"""In characters; nobody needs more, and the time to parse a number grows with its length."""
_LIMIT = 2**63 - 1
"""Go stores a duration as a signed 64-bit number of nanoseconds: a little over 292 years."""


class DurationInvalid(ValueError):
    """The text is not a Go duration."""


def parse_duration(text: str) -> float:
    """Return the seconds of a Go duration.

    Raises :class:`DurationInvalid`.

    >>> parse_duration("1h2m3.5s")
    3723.5
    """
    if len(text) > _LONGEST:
        raise DurationInvalid(f"must have at most {_LONGEST} characters, not {len(text)}")
    unsigned = text[1:] if text[:1] in ("-", "+") else text
    if unsigned == "0":
        return 0.0
    nanoseconds, position = Fraction(0), 0
    while position < len(unsigned):
        term = _TERM.match(unsigned, position)
        if term is None:
            break
        nanoseconds += Fraction(term[1].rstrip(".") or "0") * _NANOSECONDS[term[2]]
        position = term.end()
    if not unsigned or position < len(unsigned):
        raise DurationInvalid(f'must be a duration such as "30s", "10m" or "1h30m", not {text!r}')
    if nanoseconds > _LIMIT:
        raise DurationInvalid(f"must be less than 292 years, not {text!r}")
    seconds = int(nanoseconds) / 10**9
    return -seconds if text.startswith("-") else seconds


def format_duration(seconds: float) -> str:
    """Return a number of seconds as Go prints it, rounded to a nanosecond.

    >>> format_duration(60), format_duration(1.234), format_duration(0.01)
    ('1m0s', '1.234s', '10ms')
    """
    total = round(seconds * 10**9)
    if total == 0:
        return "0s"
    sign, total = ("-", -total) if total < 0 else ("", total)
    if total < 10**9:
        unit = next(u for u in ("ms", "µs", "ns") if total >= _NANOSECONDS[u])
        return f"{sign}{_decimal(total, _NANOSECONDS[unit])}{unit}"
    minutes, rest = divmod(total, 60 * 10**9)
    hours, minutes = divmod(minutes, 60)
    text = f"{_decimal(rest, 10**9)}s"
    if hours:
        return f"{sign}{hours}h{minutes}m{text}"
    return f"{sign}{minutes}m{text}" if minutes else f"{sign}{text}"


def _decimal(value: int, unit: int) -> str:
    whole, part = divmod(value, unit)
    digits = str(part).rjust(len(str(unit)) - 1, "0").rstrip("0")
    return f"{whole}.{digits}" if digits else str(whole)
