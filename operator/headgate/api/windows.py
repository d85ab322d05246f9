"""Recurring windows of time: ``{cron, window, timeZone}``, in annotations and in ``headgate.yaml``.

``cron`` has the five fields of cron: numbers, names of months and days, ``*``, ``,``, ``-`` and ``/``. If both days are
restricted, a day that matches either of them counts. The window opens at each match on the clocks of ``timeZone`` and
stays open for ``window``. A time that the clocks show twice, when they go back, opens it both times. A time that
they skip opens it at the moment at which they go forward, so that no day loses its window.

Every function takes and returns aware times; those returned are UTC.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from headgate.api.errors import InvalidSpec
from headgate.api.fields import Fields
from headgate.durations import format_duration

if TYPE_CHECKING:
    from croniter import croniter

__all__ = ["MAX_WINDOWS", "Window", "closes_at", "is_open", "opens_at", "parse_windows"]

MAX_WINDOWS = 16
"""The limit for the windows of one list."""
MAX_CRON = 200
"""The limit for characters of a cron expression: all minutes of an hour, listed, still fit."""
SHORTEST, LONGEST = 60.0, 366 * 86400.0
"""The limits for the length of a window, in seconds; cron has no finer unit than a minute."""
MAX_YEARS = 9
"""Every expression that ever matches does so within these years: 29 February may be 8 years away, around 2100."""
MAX_JOINED = 96
"""How many windows that follow each other without a gap :func:`closes_at` joins, divided by the length of the list."""

_CRON_FIELD = re.compile(r"[0-9A-Za-z*,/-]+", re.ASCII)
_NAMES = re.compile(
    "jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec|sun|mon|tue|wed|thu|fri|sat", re.IGNORECASE
)
_ZONE = re.compile(r"(?!right/|posix/)[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+){0,2}", re.ASCII)
_REFERENCE = datetime(2000, 1, 1)
_MINUTE, _DAY = timedelta(minutes=1), timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Window:
    """A recurring window; :func:`parse_windows` makes valid ones."""

    cron: str
    """Five fields; the window opens at each match."""
    window: float
    """Seconds until it closes."""
    time_zone: str = "UTC"
    """A name of the IANA time zone database."""

    @staticmethod
    def parse(fields: Fields) -> Window:
        """From ``{cron, window, timeZone}``; raises :class:`headgate.api.InvalidSpec`."""
        fields.only("cron", "window", "timeZone")
        cron, length = fields.required_text("cron"), fields.duration("window")
        if problem := _cron_problem(cron):
            raise fields.invalid("cron", problem)
        if not SHORTEST <= length <= LONGEST:
            shortest, longest = format_duration(SHORTEST), format_duration(LONGEST)
            raise fields.invalid(
                "window", f"must be between {shortest} and {longest}, not {format_duration(length)}"
            )
        zone = fields.text("timeZone", "UTC")
        if _zone(zone) is None:
            raise fields.invalid(
                "timeZone", f"must be a name such as Europe/Berlin or UTC, not {zone[:100]!r}"
            )
        return Window(cron, length, zone)

    def opened_at(self, at: datetime) -> datetime | None:
        """The last time at or before ``at`` at which it opened; None if there is none within nine years."""
        zone, at = ZoneInfo(self.time_zone), at.astimezone(UTC)
        wall = _whole_minute(_wall(at) + max(_offsets(zone, at))) + _MINUTE
        matches, best = _matches(self.cron, wall), None
        while (match := _step(matches, backward=True)) is not None:
            # Neither occurrence of an earlier match is later than that of a later one.
            first, last = _occurrences(match, zone)
            if last <= at:
                return last if best is None else max(best, last)
            if first <= at:
                best = first if best is None else max(best, first)
        return best

    def next_opening(self, after: datetime) -> datetime | None:
        """The first time after ``after`` at which it opens; None if there is none within nine years."""
        zone, after = ZoneInfo(self.time_zone), after.astimezone(UTC)
        matches = _matches(self.cron, _whole_minute(_wall(after) + min(_offsets(zone, after))))
        best = None
        while (match := _step(matches, backward=False)) is not None:
            first, last = _occurrences(match, zone)
            if first > after:
                return first if best is None else min(best, first)
            if last > after:
                best = last if best is None else min(best, last)
        return best

    def open_until(self, at: datetime) -> datetime | None:
        """When the window that is open at ``at`` closes; None if it is closed."""
        opened = self.opened_at(at)
        closes = None if opened is None else opened + timedelta(seconds=self.window)
        return closes if closes is not None and at < closes else None


def parse_windows(values: Any, path: str) -> tuple[Window, ...]:
    """Windows from decoded YAML or JSON, a list of mappings at ``path``.

    Raises :class:`headgate.api.InvalidSpec`, which names the field.
    """
    if not isinstance(values, list):
        raise InvalidSpec(path, "must be a list of windows such as {cron: 0 9 * * 1-4, window: 7h}")
    if len(values) > MAX_WINDOWS:
        raise InvalidSpec(path, f"has {len(values)} windows, more than {MAX_WINDOWS}")
    return tuple(Window.parse(Fields(each, f"{path}[{i}]")) for i, each in enumerate(values))


def is_open(windows: Sequence[Window], at: datetime) -> bool:
    """Whether one of the windows is open; without windows, always."""
    return not windows or any(each.open_until(at) is not None for each in windows)


def opens_at(windows: Sequence[Window], at: datetime) -> datetime | None:
    """The first time from ``at`` on at which one of the windows is open; ``at`` itself if one is open then."""
    if is_open(windows, at):
        return at.astimezone(UTC)
    return min(filter(None, (each.next_opening(at) for each in windows)), default=None)


def closes_at(windows: Sequence[Window], at: datetime) -> datetime | None:
    """When the last open window closes, counted from ``at``, when one is; windows without a gap count as one.

    None if there are no windows, or if too many follow each other (:data:`MAX_JOINED`).
    """
    for _ in range(MAX_JOINED // max(1, len(windows))):
        ends = [end for each in windows if (end := each.open_until(at)) is not None]
        if not ends:
            return at.astimezone(UTC) if windows else None
        at = max(ends)
    return None


def _cron_problem(cron: str) -> str:
    """What is wrong with an expression; empty if nothing is."""
    if len(cron) > MAX_CRON:
        return f"must have at most {MAX_CRON} characters, not {len(cron)}"
    fields = cron.split(" ")
    if len(fields) != 5:
        return f'must have five fields such as "0 9 * * 1-4", separated by one space, not {cron!r}'
    for field in fields:
        # croniter also reads fields that are random (R), hashed (H) or not part of cron (L, W, #).
        words = re.findall("[A-Za-z]+", field)
        if not _CRON_FIELD.fullmatch(field) or not all(map(_NAMES.fullmatch, words)):
            return f"{field!r} may contain numbers, names of months and days, and *,-/ only"
    try:
        if _step(_matches(cron, _REFERENCE), backward=False) is None:
            return f"{cron!r} never matches"
    except (ValueError, OverflowError, TypeError):
        return f'must be a cron expression such as "0 9 * * 1-4", not {cron!r}'
    return ""


def _zone(name: str) -> ZoneInfo | None:
    if len(name) > 100 or not _ZONE.fullmatch(name):
        return None
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        # OSError: the name of a directory of the database, such as Europe.
        return None


def _matches(cron: str, start: datetime) -> croniter:
    from croniter import croniter  # here, because it takes a tenth of a second and most commands need none

    return croniter(cron, start, ret_type=datetime, max_years_between_matches=MAX_YEARS)


def _step(matches: croniter, *, backward: bool) -> datetime | None:
    """The next match on a wall clock; None if there is none within :data:`MAX_YEARS`."""
    from croniter import CroniterBadDateError

    try:
        found: datetime = matches.get_prev() if backward else matches.get_next()
    except CroniterBadDateError:
        return None
    return found


def _occurrences(wall: datetime, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """The first and the last time at which clocks show this; for a time that they skip, when they are set forward."""
    first = wall.replace(tzinfo=zone).astimezone(UTC)
    last = wall.replace(tzinfo=zone, fold=1).astimezone(UTC)
    if first <= last:
        return first, last
    # Skipped (PEP 495): the clocks are set forward after ``last``, and at ``first`` at the latest.
    after, early, late = zone.utcoffset(first.astimezone(zone)), 0, int((first - last).total_seconds())
    while late - early > 1:
        middle = (early + late) // 2
        if zone.utcoffset((last + timedelta(seconds=middle)).astimezone(zone)) == after:
            late = middle
        else:
            early = middle
    forward = last + timedelta(seconds=late)
    return forward, forward


def _offsets(zone: ZoneInfo, at: datetime) -> list[timedelta]:
    """The offsets from UTC around a time: two if the clocks are changed within a day."""
    near = (at - _DAY, at, at + _DAY)
    return [each.astimezone(zone).utcoffset() or timedelta() for each in near]


def _wall(at: datetime) -> datetime:
    return at.replace(tzinfo=None)


def _whole_minute(wall: datetime) -> datetime:
    return wall.replace(second=0, microsecond=0)
