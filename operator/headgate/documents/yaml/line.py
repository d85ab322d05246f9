"""Parses one line of plain block YAML, as far as the line alone determines its meaning.

Manifests repeat the same lines (``apiVersion: v1``, ``- name: http``), so a cache keeps the parsed lines.
"""

from __future__ import annotations

import re
from typing import Any

from headgate.caching import keep
from headgate.documents.yaml.known import Holds, Known, Line
from headgate.documents.yaml.scalars import SURELY_TEXT, USUAL_WORDS, Quoted

__all__ = ["FLOW_DEPTH", "SINGLE", "further", "line_of", "single_quoted"]


FLOW_DEPTH = 8
"""The maximum nesting of brackets in a line."""
_MOST = 8192
_LONGEST = 160

# All quantifiers are possessive: the time for a hostile line is linear in its length.
_REST = r"[^:#]*+(?:(?::(?=[^ ])|(?<=[^ ])#)[^:#]*+)*+"
_PLAIN = rf"(?:[\w/.$~+=^\\();<\xa0-\ud7ff]|-(?=[^ ])){_REST}"
_DOUBLE = r"""[^"\\]*+(?:\\["\\/nt][^"\\]*+)*+"""
SINGLE = r"[^']*+(?:''[^']*+)*+"
_WORD = r"[A-Za-z0-9_./+=-]++"
_COMMENT = r" *+(?:(?:(?<= )|^)#.*+)?"
_LINE = re.compile(
    r"( *+)"
    r"(?:(- ++)?"
    r"(?:([A-Za-z0-9_$/][\w./$-]{0,200}+|\"[^\"\\]{0,200}+\"|'[^']{0,200}+'):(?: ++|\Z))?"
    rf"""(?:({_PLAIN})|"({_DOUBLE})"|'({SINGLE})('|\Z)|([\[{{].*[\]}}])|(\|-?))?)?"""
    rf"{_COMMENT}\Z",
    re.ASCII | re.DOTALL,
)
_FURTHER = re.compile(rf"( ++)([^ #:]{_REST})\Z", re.ASCII | re.DOTALL)
_TOKEN = re.compile(rf""" *+(?:([][{{}},])|(?:({_WORD})|"([^"\\]*+)"|'([^']*+)')(:(?= ))?) *+""", re.ASCII)
_ESCAPE = re.compile(r"\\(.)")
_ESCAPED = {"n": "\n", "t": "\t"}


def line_of(line: str, known: Known) -> Line | None:
    """Parse a line and cache the result; None when it needs more than this module knows."""
    said = _read(line, known)
    if len(line) <= _LONGEST:
        keep(known.lines, line, said, _MOST)
    return said


def _read(line: str, known: Known) -> Line | None:
    match = _LINE.match(line)
    if match is None:
        return None
    blanks, dash, key, plain, double, single, closed, flow, literal = match.groups()
    indent, after = len(blanks), 0 if dash is None else len(dash)
    if key is not None:
        key = known.keys.get(key) or (key[1:-1] if key[0] in "\"'" else known.key(key))
        if key is None or key == "<<":
            return None
    elif dash is None:
        empty = plain is None and double is None and single is None and flow is None and literal is None
        return Line(indent, 0, None, Holds.NOTHING) if empty else None
    if plain is not None:
        value = text = plain.rstrip(" ")
        if text[0] not in SURELY_TEXT:
            try:
                value = known.value(text)
            except ValueError:
                return None
        odd = text if (value is None or value is True or value is False) and text not in USUAL_WORDS else None
        holds = Holds.OPEN_VALUE if match.end(4) == len(line) else Holds.VALUE
        return Line(indent, after, key, holds, value, text, odd)
    if double is not None:
        return Line(indent, after, key, Holds.VALUE, Quoted(_ESCAPE.sub(_unescaped, double)))
    if single is not None:
        if not closed:
            return Line(indent, after, key, Holds.OPEN_QUOTE, text=single)
        return Line(indent, after, key, Holds.VALUE, single_quoted(single))
    if literal is not None:
        return Line(indent, after, key, Holds.LITERAL, text=literal)
    if flow is not None:
        value = _Flow(flow, known).read()
        return None if value is None else Line(indent, after, key, Holds.FLOW, value)
    return None if key is None else Line(indent, after, key, Holds.NO_VALUE)


def further(line: str, outer: int) -> str | None:
    """Return what a line adds to a plain scalar below indentation ``outer``, None when it is not a continuation."""
    match = _FURTHER.match(line)
    return match[2] if match is not None and len(match[1]) > outer else None


def single_quoted(text: str) -> Quoted:
    """Return the value of a text in single quotes, where only quotes are escaped: they are doubled."""
    return Quoted(text.replace("''", "'"))


def _unescaped(match: re.Match[str]) -> str:
    return _ESCAPED.get(match[1], match[1])


class _Unsure(Exception):
    """The brackets contain more than this module knows."""


class _Flow:
    """Reads mappings and sequences in brackets, with single words and quoted text."""

    def __init__(self, text: str, known: Known) -> None:
        self._text = text
        self._known = known
        self._position = 0
        self._mark: str | None = None
        self._is_key = False
        self._value: Any = None

    def read(self) -> Any:
        """Return the value in the brackets, None if this is uncertain."""
        try:
            self._next()
            value = self._collection(1)
        except (_Unsure, ValueError):
            return None
        return value if self._position == len(self._text) else None

    def _next(self) -> None:
        """Read one token: a punctuation mark, or a scalar that may be a key."""
        match = _TOKEN.match(self._text, self._position)
        if match is None:
            raise _Unsure
        self._position = match.end()
        self._mark, word, double, single, colon = match.groups()
        self._is_key = colon is not None
        if word is None:
            self._value = Quoted(single if double is None else double) if self._mark is None else None
        elif word[0] == "-":
            raise _Unsure
        elif self._is_key:
            self._value = self._known.key(word)
        else:
            self._value = value = self._known.value(word)
            if (value is None or value is True or value is False) and word not in USUAL_WORDS:
                raise _Unsure

    def _collection(self, depth: int) -> Any:
        if depth > FLOW_DEPTH:
            raise _Unsure
        is_map = self._mark == "{"
        closing = "}" if is_map else "]"
        result: Any = {} if is_map else []
        while True:
            self._next()
            if self._mark == closing:
                return result
            if is_map:
                key = self._value
                if not self._is_key or key is None or key in result or key == "<<":
                    raise _Unsure
                self._next()
                result[str(key)] = self._item(depth)
            else:
                result.append(self._item(depth))
            self._next()
            if self._mark == closing:
                return result
            if self._mark != ",":
                raise _Unsure

    def _item(self, depth: int) -> Any:
        if self._mark is None:
            if self._is_key:
                raise _Unsure
            return self._value
        if self._mark in "[{":
            return self._collection(depth + 1)
        raise _Unsure
