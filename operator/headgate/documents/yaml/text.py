"""How go-yaml writes a string: plain, in quotes, or as a block; and where it folds long text.

A string is plain unless it would read as something else; then it is double-quoted, or single-quoted if only its
punctuation requires quotes; with line breaks it is a block. Text beyond column 80 is folded at the next space.
Reference: ``yaml_emitter_analyze_scalar`` and the ``write_*_scalar`` functions of go-yaml v2.
"""

from __future__ import annotations

import re

from headgate.caching import keep
from headgate.documents.yaml.scalars import needs_quotes

__all__ = ["MAX_SIMPLE_KEY", "escaped", "short_text", "wrapped_text"]

MAX_SIMPLE_KEY = 128  # bytes
_WIDTH = 80

_CACHE_SIZE = 32768
_MAX_CACHED = 200
_cache: dict[str, str | None] = {}
_key_cache: dict[str, str | None] = {}

_BREAKS = "\r\n\x85\u2028\u2029"
_PLAIN, _SINGLE, _DOUBLE, _LITERAL = range(4)

# Not printable for go-yaml: control characters, including tab and NEL, and all characters beyond the basic plane.
_UNPRINTABLE = "[^\n\x20-\x7e\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd]"
_SPACE_THEN_BREAK = re.compile(" [\r\n\x85\u2028\u2029]")
_BREAK_THEN_SPACE = re.compile("[\r\n\x85\u2028\u2029] ")
_ANY_BREAK = re.compile("[\r\n\x85\u2028\u2029]")
_SPECIAL_PUNCTUATION = re.compile(
    r"""---|\.\.\.|[#,\[\]{}&*!|>'"%@`]|[?:-](?:[ \t]|\Z)"""  # at the start
)
_INNER_PUNCTUATION = re.compile("(?s:.):(?:[ \t]|\\Z)|[ \t\r\n\x85\u2028\u2029\0]#")


def short_text(text: str, key: bool = False) -> str | None:
    """Return the text as written on one line, without folding; None if that is impossible.

    That is, if it must be a block or, for a key, must follow a ``?``.
    """
    cache = _key_cache if key else _cache
    try:
        return cache[text]
    except KeyError:
        pass
    style = _style(text)
    breaks = _ANY_BREAK.search(text) is not None
    no_simple_key = key and (breaks or len(text.encode()) > MAX_SIMPLE_KEY)
    if no_simple_key or style == _LITERAL or (style == _SINGLE and breaks):
        written = None
    elif style == _PLAIN:
        written = text
    elif style == _SINGLE:
        written = "'" + text.replace("'", "''") + "'"
    else:
        written = '"' + escaped(text) + '"'
    if len(text) <= _MAX_CACHED:
        keep(cache, text, written, _CACHE_SIZE)
    return written


def is_plain(text: str) -> bool:
    """Return whether the text is written without quotes, and not as a block."""
    return _style(text) == _PLAIN


def wrapped_text(text: str, column: int, indent: str) -> str:
    """Return the text as written from ``column`` on, inside a collection indented by ``indent``."""
    style = _style(text)
    below = indent + "  "
    if style == _LITERAL:
        return _literal(text, below)
    if style == _PLAIN:
        return _folded_plain(text, column, below)
    if style == _SINGLE:
        return _folded_single(text, column, below)
    return _folded_double(text, column, below)


def _is_unprintable(text: str) -> bool:
    if text.isascii() and text.isprintable():
        return False
    # Not compiled ahead: that takes longer than most builds need for all their output.
    return re.search(_UNPRINTABLE, text) is not None


def _style(text: str) -> int:
    if "\n" in text:
        if text[-1] == " " or _SPACE_THEN_BREAK.search(text) or _is_unprintable(text):
            return _DOUBLE
        return _LITERAL
    if needs_quotes(text):
        return _DOUBLE
    if _is_unprintable(text):
        return _DOUBLE
    if _ANY_BREAK.search(text):
        if _SPACE_THEN_BREAK.search(text) or _BREAK_THEN_SPACE.search(text):
            return _DOUBLE
        return _SINGLE
    if (
        text[0] == " "
        or text[-1] == " "
        or _SPECIAL_PUNCTUATION.match(text)
        or _INNER_PUNCTUATION.search(text)
    ):
        return _SINGLE
    return _PLAIN


_ESCAPES = {
    0x00: "\\0",
    0x07: "\\a",
    0x08: "\\b",
    0x09: "\\t",
    0x0A: "\\n",
    0x0B: "\\v",
    0x0C: "\\f",
    0x0D: "\\r",
    0x1B: "\\e",
    0x22: '\\"',
    0x5C: "\\\\",
    0x85: "\\N",
    0xA0: "\\_",
    0x2028: "\\L",
    0x2029: "\\P",
}
_TO_ESCAPE = r"[^\x20-\x21\x23-\x5b\x5d-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd]"


def _escape(match: re.Match[str]) -> str:
    code = ord(match[0])
    known = _ESCAPES.get(code)
    if known is not None:
        return known
    if code <= 0xFF:
        return f"\\x{code:02X}"
    return f"\\u{code:04X}" if code <= 0xFFFF else f"\\U{code:08X}"


def escaped(text: str) -> str:
    if text.startswith("\ufeff"):
        # For each character, the reference checks only the start of the text for the byte order mark.
        return "".join(map(_escape, re.finditer("(?s:.)", text)))
    return re.sub(_TO_ESCAPE, _escape, text)


def _literal(text: str, indent: str) -> str:
    hint = "2" if text[0] == " " or text[0] in _BREAKS else ""
    if text[-1] not in _BREAKS:
        hint += "-"
    elif len(text) == 1 or text[-2] in _BREAKS:
        hint += "+"
    if "\u2028" in text or "\u2029" in text:
        # These break lines, too, but do not end a line of the file.
        body = re.sub("(?m:^)(?=[^\n\u2028\u2029])|(?<=[\u2028\u2029])(?=[^\n\u2028\u2029])", indent, text)
    else:
        body = "\n".join([indent + line if line else "" for line in text.split("\n")])
    return f"|{hint}\n{body}".removesuffix("\n")


def _folded_plain(text: str, column: int, indent: str) -> str:
    return _fold(text, column, indent, first=0, last=len(text))


def _folded_single(text: str, column: int, indent: str) -> str:
    if _ANY_BREAK.search(text):
        return _single_with_breaks(text, column, indent)
    return "'" + _fold(text, column + 1, indent, first=1, last=len(text) - 1, quote=True) + "'"


def _fold(text: str, column: int, indent: str, *, first: int, last: int, quote: bool = False) -> str:
    """Break the text at single spaces beyond the width."""
    out: list[str] = []
    start = 0
    at = text.find(" ", first)
    while at >= 0:
        here = column + at - start + (text.count("'", start, at) if quote else 0)
        if here > _WIDTH and at < last and text[at - 1] != " " and text[at + 1] != " ":
            out.append(text[start:at])
            start = at + 1
            column = len(indent)
        at = text.find(" ", at + 1)
    out.append(text[start:])
    folded = ("\n" + indent).join(out)
    return folded.replace("'", "''") if quote else folded


def _single_with_breaks(text: str, column: int, indent: str) -> str:
    out = ["'"]
    column += 1
    spaces = breaks = False
    for at, char in enumerate(text):
        if char == " ":
            if not spaces and column > _WIDTH and 0 < at < len(text) - 1 and text[at + 1] != " ":
                out.append("\n" + indent)
                column = len(indent)
            else:
                out.append(char)
                column += 1
            spaces = True
        elif char in _BREAKS:
            out.append(char)
            column = 0
            breaks = True
        else:
            if breaks:
                out.append(indent)
                column = len(indent)
            if char == "'":
                out.append("'")
                column += 1
            out.append(char)
            column += 1
            spaces = breaks = False
    out.append("'")
    return "".join(out)


def _folded_double(text: str, column: int, indent: str) -> str:
    out = ['"']
    column += 1
    spaces = False
    last = len(text.encode()) - 1
    escape_all = text.startswith("\ufeff")
    offset = 0
    for at, char in enumerate(text):
        if char == " " and not escape_all:
            if not spaces and column > _WIDTH and 0 < offset < last:
                out.append("\n" + indent)
                column = len(indent)
                if text[at + 1 : at + 2] == " ":
                    out.append("\\")
                    column += 1
            else:
                out.append(char)
                column += 1
            spaces = True
        else:
            written = escaped(char) if not escape_all else escaped("\ufeff" + char)[6:]
            out.append(written)
            column += len(written)
            spaces = False
        offset += len(char.encode())
    out.append('"')
    return "".join(out)
