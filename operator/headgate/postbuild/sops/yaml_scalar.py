"""Writes one scalar, and whole values, as go-yaml v3 does for SOPS: indentation of four, lines never folded.

What text may stand without quotes depends on how it would be read; ``resolve`` (a parameter, as this layer
knows no YAML reader) returns the value of a plain scalar by the type rules of go-yaml v3.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from typing import Any

from headgate.postbuild.sops.numbers import general_float
from headgate.postbuild.sops.values import Comment, Time
from headgate.postbuild.sops.walk import Branch

__all__ = ["Resolve", "emit", "literal_indent", "scalar"]

Resolve = Callable[[str], Any]

_OLD_BOOLS = frozenset(
    word
    for lower in ("y", "yes", "on", "n", "no", "off", "<<")
    for word in (lower, lower.capitalize(), lower.upper())
)
_BASE_60 = re.compile(r"[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?")
_FIRST = frozenset("#,[]{}&*!|>'\"%@`")
# Printable to go-yaml; what lies beyond the basic plane is not.
_PRINTABLE = re.compile("[\n\x20-\x7e\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd]*")
_NEEDS_ESCAPE = re.compile('[^\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd]|["\\\\]')
_SHORT = {
    "\0": "0", "\a": "a", "\b": "b", "\t": "t", "\n": "n", "\v": "v", "\f": "f", "\r": "r", "\x1b": "e",
    '"': '"', "\\": "\\", "\x85": "N", "\u2028": "L", "\u2029": "P",
}  # fmt: skip
_INDENT = 4


def literal_indent(column: int, *, in_sequence: bool) -> int:
    """Return the column of a block's lines below a key, or below a dash, at ``column``."""
    return column + 2 if in_sequence else _INDENT * ((column + _INDENT) // _INDENT)


def scalar(value: Any, resolve: Resolve, *, block: bool = True) -> tuple[str, list[str]]:
    """Return the text on the line, and the lines of a literal block below it, without their indentation.

    Where ``block`` is false, as in keys and flow collections, there are none.
    """
    if value is None:
        return "null", []
    if isinstance(value, bool):
        return ("true" if value else "false"), []
    if isinstance(value, int):
        return str(int(value)), []
    if isinstance(value, float):
        text = general_float(value)
        return {"NaN": ".nan", "+Inf": ".inf", "-Inf": "-.inf"}.get(text, text), []
    text = str(value)
    if isinstance(value, Time):
        return text, []
    try:
        text.encode()
    except UnicodeEncodeError:
        return _binary(text.encode("utf-8", "surrogateescape"))
    if "\n" in text:
        return _literal(text) if block and _fits_block(text) else (_double(text), [])
    if type(resolve(text)) is not str or text in _OLD_BOOLS or (":" in text and _BASE_60.fullmatch(text)):
        return _double(text), []
    if _fits_plain(text) and block:
        return text, []
    single = "\t" not in text and _PRINTABLE.fullmatch(text) is not None
    return (f"'{text.replace(chr(39), chr(39) * 2)}'" if single and block else _double(text)), []


def _fits_plain(text: str) -> bool:
    if "\t" in text or not _PRINTABLE.fullmatch(text):
        return False
    if text[0] in _FIRST or text[0] == " " or text[-1] == " " or text.startswith(("---", "...")):
        return False
    if text[0] in "?-" and (len(text) == 1 or text[1] == " "):
        return False
    return not (": " in text or text[-1] == ":" or " #" in text or "\u2028" in text or "\u2029" in text)


def _fits_block(text: str) -> bool:
    plain = text.replace("\t", "")
    return not text.endswith(" ") and " \n" not in text and _PRINTABLE.fullmatch(plain) is not None


def _literal(text: str) -> tuple[str, list[str]]:
    header = "|"
    if text[0] in " \n":
        header += str(_INDENT)
    if not text.endswith("\n"):
        return header + "-", text.split("\n")
    body = text[:-1].split("\n")
    return header + ("+" if text == "\n" or text.endswith("\n\n") else ""), body


def _double(text: str) -> str:
    def escape(match: re.Match[str]) -> str:
        char = match[0]
        if char in _SHORT:
            return "\\" + _SHORT[char]
        code = ord(char)
        return f"\\x{code:02X}" if code <= 0xFF else f"\\u{code:04X}" if code <= 0xFFFF else f"\\U{code:08X}"

    return '"' + _NEEDS_ESCAPE.sub(escape, text) + '"'


def _binary(data: bytes) -> tuple[str, list[str]]:
    text = base64.b64encode(data).decode()
    if len(text) < 70:
        return f"!!binary {text}", []
    return "!!binary |", [text[at : at + 70] for at in range(0, len(text), 70)]


def emit(branch: Branch, resolve: Resolve) -> bytes:
    """Write a whole document, without comments."""
    out: list[str] = []
    _block(branch, 0, "", resolve, out)
    return "".join(out).encode("utf-8", "surrogateescape")


def _block(value: Any, indent: int, lead: str, resolve: Resolve, out: list[str]) -> None:
    """Write a collection whose entries start at ``indent``; ``lead`` stands before the first."""
    if isinstance(value, Branch):
        entries = [(key, item) for key, item in value if not isinstance(key, Comment)]
        if not entries:
            out.append(f"{lead}{{}}\n")
        for key, item in entries:
            name, _ = scalar(str(key), resolve, block=True) if "\n" not in key else (_double(key), [])
            _entry(f"{lead}{name}:", item, indent, False, resolve, out)
            lead = " " * indent
    else:
        if not value:
            out.append(f"{lead}[]\n")
        for item in value:
            if not isinstance(item, Comment):
                _entry(f"{lead}-", item, indent, True, resolve, out)
                lead = " " * indent


def _entry(lead: str, item: Any, column: int, in_sequence: bool, resolve: Resolve, out: list[str]) -> None:
    indent = literal_indent(column, in_sequence=in_sequence)
    if isinstance(item, list) and item:
        if in_sequence:
            _block(item, indent, lead + " ", resolve, out)
        else:
            out.append(lead + "\n")
            _block(item, indent, " " * indent, resolve, out)
        return
    if isinstance(item, list):
        out.append(f"{lead} {'{}' if isinstance(item, Branch) else '[]'}\n")
        return
    text, lines = scalar(item, resolve)
    out.append(f"{lead} {text}\n")
    out.extend(f"{' ' * indent}{line}\n" if line else "\n" for line in lines)
