"""Plain scalars and keys that were met before: a repository says the same few thousand again and again."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from headgate.documents.yaml.scalars import SpelledStr

if TYPE_CHECKING:
    from headgate.documents.yaml.line import Line

_MOST = 32768
_LONGEST = 200


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
            if len(self.values) >= _MOST:
                self.values.clear()
            self.values[text] = value
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
            if len(self.keys) >= _MOST:
                self.keys.clear()
            self.keys[text] = text
        return text


@functools.cache
def known(resolve: Callable[[str], Any]) -> Known:
    """Return what is known under the type rules ``resolve``; the same for all who ask."""
    return Known(resolve)
