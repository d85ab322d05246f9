"""Caches plain scalars, keys and lines: a repository repeats the same few thousand."""

from __future__ import annotations

import enum
import functools
from collections.abc import Callable
from typing import Any, NamedTuple

from headgate.caching import keep
from headgate.documents.yaml.scalars import SpelledStr

_MOST = 32768
_LONGEST = 200


class Holds(enum.IntEnum):
    """What follows the dash or key of a line, if anything."""

    NOTHING = 0
    """And neither dash nor key: at most a comment."""
    NO_VALUE = 1
    """The value follows on other lines, or is null."""
    VALUE = 2
    """A scalar."""
    OPEN_VALUE = 3
    """A plain scalar that further lines may continue; ``text`` is the part on this line."""
    FLOW = 4
    """A mapping or sequence in brackets; must be copied."""
    LITERAL = 5
    """``|`` or ``|-``, as ``text`` says."""
    OPEN_QUOTE = 6
    """A scalar in single quotes that ends on another line; ``text`` is the part on this line."""


class Line(NamedTuple):
    """A line: its indentation, the length of its dash with the blanks after it, its key, and its value.

    ``odd`` is the spelling of a null or boolean if unusual. The value must not be changed.
    """

    indent: int
    dash: int
    key: str | None
    holds: Holds
    value: Any = None
    text: str = ""
    odd: str | None = None


class Known:
    """The values of plain scalars under one set of type rules, by their text; limited in size."""

    __slots__ = ("_resolve", "keys", "lines", "values")

    def __init__(self, resolve: Callable[[str], Any]) -> None:
        self._resolve = resolve
        self.values: dict[str, Any] = {}
        self.lines: dict[str, Line | None] = {}
        """Whole lines, parsed; None for those that a :class:`Line` cannot represent."""
        self.keys: dict[str, str] = {}
        """Keys that are strings without quotes; the same string each time, so that Python computes its hash once."""

    def value(self, text: str) -> Any:
        """Return the value of a plain scalar; raises ValueError for a number that JSON cannot hold."""
        try:
            return self.values[text]
        except KeyError:
            pass
        value = self._resolve(text)
        if isinstance(value, float) and value - value != 0:
            raise ValueError(f"{text} is not a number that JSON can hold")
        if len(text) <= _LONGEST:
            keep(self.values, text, value, _MOST)
        return value

    def key(self, text: str) -> str | None:
        """Return a plain scalar as a key, None when it is not a string (``8080``, ``true``, a date)."""
        try:
            return self.keys[text]
        except KeyError:
            pass
        value = self._resolve(text)
        if not isinstance(value, str) or isinstance(value, SpelledStr):
            return None
        if len(text) <= _LONGEST:
            keep(self.keys, text, text, _MOST)
        return text


@functools.cache
def known(resolve: Callable[[str], Any]) -> Known:
    """Return the cache for the type rules ``resolve``; all callers share it."""
    return Known(resolve)
