"""What one line of plain block YAML says, as far as that can be told from the line alone.

Manifests say the same lines again and again (``apiVersion: v1``, ``- name: http``), so what a line says is remembered.
"""

from __future__ import annotations

import enum
import re
from typing import Any, NamedTuple

from headgate.kustomize.yaml.known import Known
from headgate.kustomize.yaml.scalars import Quoted

__all__ = ["SINGLE", "Holds", "Line", "further", "line_of", "single_quoted"]


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
    EMPTY_MAP = 4
    LIST = 5
    """A sequence in brackets, to be copied."""
    LITERAL = 6
    """``|`` or, as ``text`` tells, ``|-``."""
    OPEN_QUOTE = 7
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


_USUAL = frozenset(("null", "true", "false"))
_MOST = 16384
_LONGEST = 160

# No quantifier gives back what it has taken: a hostile line costs no more than its length.
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
    rf"""(?:({_PLAIN})|"({_DOUBLE})"|'({SINGLE})('|\Z)|(\[[^\]]*+\]|\{{\}})|(\|-?))?)?"""
    rf"{_COMMENT}\Z",
    re.ASCII | re.DOTALL,
)
_FURTHER = re.compile(rf"( ++)([^ #:]{_REST})\Z", re.ASCII | re.DOTALL)
_ITEM = re.compile(rf""" *+(?:({_WORD})|"([^"\\]*+)"|'([^']*+)') *+(?:,|\Z)""", re.ASCII)
_ESCAPE = re.compile(r"\\(.)")
_ESCAPED = {"n": "\n", "t": "\t"}


def line_of(line: str, known: Known) -> Line | None:
    """Return what a line says, None when that is more than this module knows."""
    try:
        return known.lines[line]
    except KeyError:
        pass
    said = _read(line, known)
    if len(line) <= _LONGEST:
        if len(known.lines) >= _MOST:
            known.lines.clear()
        known.lines[line] = said
    return said


def _read(line: str, known: Known) -> Line | None:
    match = _LINE.match(line)
    if match is None:
        return None
    blanks, dash, key, plain, double, single, closed, flow, literal = match.groups()
    indent, after = len(blanks), 0 if dash is None else len(dash)
    if key is not None:
        key = key[1:-1] if key[0] in "\"'" else known.key(key)
        if key is None or key == "<<":
            return None
    elif dash is None:
        empty = plain is None and double is None and single is None and flow is None and literal is None
        return Line(indent, 0, None, Holds.NOTHING) if empty else None
    if plain is not None:
        text = plain.rstrip(" ")
        try:
            value = known.value(text)
        except ValueError:
            return None
        odd = text if (value is None or value is True or value is False) and text not in _USUAL else None
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
    if flow == "{}":
        return Line(indent, after, key, Holds.EMPTY_MAP)
    if flow is not None:
        items = _items(flow[1:-1].rstrip(" "), known)
        return None if items is None else Line(indent, after, key, Holds.LIST, items)
    return None if key is None else Line(indent, after, key, Holds.NO_VALUE)


def further(line: str, outer: int) -> str | None:
    """Return what a line adds to a plain scalar below indentation ``outer``, None when it does not belong to it."""
    match = _FURTHER.match(line)
    return match[2] if match is not None and len(match[1]) > outer else None


def single_quoted(text: str) -> Quoted:
    """Return what stands for itself in single quotes but for quotes, which are doubled."""
    return Quoted(text.replace("''", "'"))


def _unescaped(match: re.Match[str]) -> str:
    return _ESCAPED.get(match[1], match[1])


def _items(body: str, known: Known) -> list[Any] | None:
    """Read what is in the brackets of ``[a, "b", 'c']``."""
    items: list[Any] = []
    position = 0
    while position < len(body):
        match = _ITEM.match(body, position)
        if match is None:
            return None
        word, double, single = match.groups()
        if word is None:
            items.append(Quoted(double if single is None else single))
        elif word[0] == "-":
            return None
        else:
            try:
                items.append(known.value(word))
            except ValueError:
                return None
        position = match.end()
    return items
