"""Writes scalars and whole values as go-yaml v3 does for SOPS: with an indentation of four, without folded lines."""

from __future__ import annotations

import base64
from typing import Any

from headgate.documents.yaml.nodes.style import allowed
from headgate.documents.yaml.numbers import go_general
from headgate.documents.yaml.scalars import is_base_60, resolve_v3
from headgate.documents.yaml.text import escaped
from headgate.postbuild.sops.values import SopsComment, Time
from headgate.postbuild.sops.walk import Branch

__all__ = ["emit", "literal_indent", "scalar"]

_OLD_BOOLS = frozenset(
    word
    for lower in ("y", "yes", "on", "n", "no", "off", "<<")
    for word in (lower, lower.capitalize(), lower.upper())
)
_INDENT = 4


def literal_indent(column: int, *, in_sequence: bool) -> int:
    """Return the column of a block's lines below a key, or below a dash, at ``column``."""
    return column + 2 if in_sequence else _INDENT * ((column + _INDENT) // _INDENT)


def scalar(value: Any, *, block: bool = True) -> tuple[str, list[str]]:
    """Return the text on the line, and the lines of a literal block below it, without indentation.

    With ``block`` false, as in keys and flow collections, the result has no block.
    """
    if value is None:
        return "null", []
    if isinstance(value, bool):
        return ("true" if value else "false"), []
    if isinstance(value, int):
        return str(int(value)), []
    if isinstance(value, float):
        text = go_general(value)
        return {"NaN": ".nan", "+Inf": ".inf", "-Inf": "-.inf"}.get(text, text), []
    text = str(value)
    if isinstance(value, Time):
        return text, []
    try:
        text.encode()
    except UnicodeEncodeError:
        return _binary(text.encode("utf-8", "surrogateescape"))
    may = allowed(text)
    if "\n" in text:
        return _literal(text) if block and may.block else (_double(text), [])
    if type(resolve_v3(text)) is not str or text in _OLD_BOOLS or is_base_60(text):
        return _double(text), []
    if block and may.block_plain:
        return text, []
    return (f"'{text.replace(chr(39), chr(39) * 2)}'" if block and may.single else _double(text)), []


def _literal(text: str) -> tuple[str, list[str]]:
    header = "|"
    if text[0] in " \n":
        header += str(_INDENT)
    if not text.endswith("\n"):
        return header + "-", text.split("\n")
    body = text[:-1].split("\n")
    return header + ("+" if text == "\n" or text.endswith("\n\n") else ""), body


def _double(text: str) -> str:
    return f'"{escaped(text)}"'


def _binary(data: bytes) -> tuple[str, list[str]]:
    text = base64.b64encode(data).decode()
    if len(text) < 70:
        return f"!!binary {text}", []
    return "!!binary |", [text[at : at + 70] for at in range(0, len(text), 70)]


def emit(branch: Branch) -> bytes:
    """Write a whole document, without comments."""
    out: list[str] = []
    _block(branch, 0, "", out)
    return "".join(out).encode("utf-8", "surrogateescape")


def _block(value: Any, indent: int, lead: str, out: list[str]) -> None:
    """Write a collection whose entries start at ``indent``; ``lead`` precedes the first."""
    if isinstance(value, Branch):
        entries = [(key, item) for key, item in value if not isinstance(key, SopsComment)]
        if not entries:
            out.append(f"{lead}{{}}\n")
        for key, item in entries:
            name, _ = scalar(str(key), block=True) if "\n" not in key else (_double(key), [])
            _entry(f"{lead}{name}:", item, indent, False, out)
            lead = " " * indent
    else:
        if not value:
            out.append(f"{lead}[]\n")
        for item in value:
            if not isinstance(item, SopsComment):
                _entry(f"{lead}-", item, indent, True, out)
                lead = " " * indent


def _entry(lead: str, item: Any, column: int, in_sequence: bool, out: list[str]) -> None:
    indent = literal_indent(column, in_sequence=in_sequence)
    if isinstance(item, list) and item:
        if in_sequence:
            _block(item, indent, lead + " ", out)
        else:
            out.append(lead + "\n")
            _block(item, indent, " " * indent, out)
        return
    if isinstance(item, list):
        out.append(f"{lead} {'{}' if isinstance(item, Branch) else '[]'}\n")
        return
    text, lines = scalar(item)
    out.append(f"{lead} {text}\n")
    out.extend(f"{' ' * indent}{line}\n" if line else "\n" for line in lines)
