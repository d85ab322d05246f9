"""Plain scalars, keys and lines that were met before: a repository says the same few thousand again and again."""

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
    """What stands behind the dash or key of a line, if there is any."""

    NOTHING = 0
    """And no dash or key either: at most a comment."""
    NO_VALUE = 1
    """The value follows on other lines, or is null."""
    VALUE = 2
    """A scalar."""
    OPEN_VALUE = 3
    """A plain scalar that further lines may continue; ``text`` is what this line has of it."""
    FLOW = 4
    """A mapping or sequence in brackets, to be copied."""
    LITERAL = 5
    """``|`` or, as ``text`` tells, ``|-``."""
    OPEN_QUOTE = 6
    """A scalar in single quotes that ends on another line; ``text`` is what this line has of it."""


class Line(NamedTuple):
    """A line: how far it is indented, how long its dash with the blanks behind it is, its key, and what it holds.

    ``odd`` is the spelling of a null or boolean that is not the usual one. The value must not be changed.
    """

    indent: int
    dash: int
    key: str | None
    holds: Holds
    value: Any = None
    text: str = ""
    odd: str | None = None


class Known:
    """What plain scalars mean under one set of type rules, by their text; bounded."""

    __slots__ = ("_resolve", "keys", "lines", "values")

    def __init__(self, resolve: Callable[[str], Any]) -> None:
        self._resolve = resolve
        self.values: dict[str, Any] = {}
        self.lines: dict[str, Line | None] = {}
        """What whole lines say; None for those that say more than can be told at once."""
        self.keys: dict[str, str] = {}
        """Keys that need no quotes to be text; the same string each time, so that its hash is computed once."""

    def value(self, text: str) -> Any:
        """Return the value of a plain scalar; raises ValueError when it is a number that JSON cannot hold."""
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
        """Return the key that a plain scalar is, None when it is not text (``8080``, ``true``, a date)."""
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
    """Return what is known under the type rules ``resolve``; the same for all who ask."""
    return Known(resolve)
