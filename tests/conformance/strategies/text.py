"""Writes generated values as YAML: block or flow, lists indented or not, with comments, anchors and tags.

Values are those of JSON and a few classes for what only YAML has: a :class:`Raw` scalar appears in the file as it is,
:class:`Block` is text in several lines, :class:`Anchored` and :class:`Alias` share a value.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

_PLAIN = re.compile(r"[A-Za-z/][A-Za-z0-9./_@-]*")
_WORDS = frozenset(["y", "n", "yes", "no", "on", "off", "true", "false", "null"])


class Raw(str):
    """A scalar as it appears in the file."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Block:
    """Text as a block scalar with this header; in flow style it is quoted."""

    header: str
    text: str


@dataclass(frozen=True, slots=True)
class Anchored:
    """A value with an anchor."""

    name: str
    value: Any


@dataclass(frozen=True, slots=True)
class Alias:
    """The value that an anchor before this place names."""

    name: str


@dataclass(frozen=True, slots=True)
class Style:
    """How a document is written: from which depth on in flow style, and how lists are indented."""

    flow_from: int = 99
    list_indent: int = 0
    comments: bool = False
    quotes: bool = False


styles = st.builds(
    Style,
    flow_from=st.sampled_from((99, 99, 99, 4, 2, 0)),
    list_indent=st.sampled_from((0, 0, 2)),
    comments=st.sampled_from((False, False, True)),
    quotes=st.sampled_from((False, False, False, True)),
)


def scalar(text: str, style: Style = Style()) -> str:
    """Return text so that it is read as the same text."""
    if not style.quotes and _PLAIN.fullmatch(text) and text.lower() not in _WORDS:
        return text
    return json.dumps(text, ensure_ascii=False)


def write(value: Any, style: Style) -> str:
    """Return the document, ended by a newline."""
    if isinstance(value, (dict, list)) and value and style.flow_from > 0:
        return _block(value, 0, 0, style)
    return _flow(value, style) + "\n"


def _block(value: Any, indent: int, depth: int, style: Style) -> str:
    lines = []
    pad = " " * indent
    if isinstance(value, dict):
        for key, item in value.items():
            if style.comments and depth == 0:
                lines.append(f"{pad}# {key}: as it should be\n")
            shift = style.list_indent if isinstance(_inner(item), list) else 2
            lines.append(f"{pad}{_key(key, style)}:{_after(item, indent + shift, depth + 1, style)}")
    else:
        for item in value:
            text = _after(item, indent + 2, depth + 1, style)
            if text.startswith("\n") and isinstance(item, dict):
                text = " " + text[1:].lstrip(" ")
            lines.append(f"{pad}-{text}")
    return "".join(lines)


def _after(item: Any, indent: int, depth: int, style: Style) -> str:
    """Return what follows a colon or a dash: the rest of the line, and the lines below."""
    if isinstance(item, Anchored):
        rest = _after(item.value, indent, depth, style)
        return f" &{item.name}{rest}"
    if isinstance(item, (dict, list)) and item and depth < style.flow_from:
        return "\n" + _block(item, indent, depth, style)
    if isinstance(item, Block) and depth < style.flow_from:
        body = "".join(f"{' ' * indent}{line}\n" if line else "\n" for line in item.text.split("\n"))
        return f" {item.header}\n{body}"
    text = _flow(item, style)
    note = "  # so be it" if style.comments and depth == 2 else ""
    return (f" {text}" if text else "") + note + "\n"


def _flow(item: Any, style: Style) -> str:
    if isinstance(item, Anchored):
        return f"&{item.name} {_flow(item.value, style)}"
    if isinstance(item, Alias):
        return f"*{item.name} "
    if isinstance(item, Block):
        return json.dumps(item.text, ensure_ascii=False)
    if isinstance(item, dict):
        return (
            "{" + ", ".join(f"{_key(key, style)}: {_flow(value, style)}" for key, value in item.items()) + "}"
        )
    if isinstance(item, list):
        return "[" + ", ".join(_flow(value, style) for value in item) + "]"
    if isinstance(item, Raw):
        return str(item)
    return scalar(item, style) if isinstance(item, str) else json.dumps(item)


def _key(key: str, style: Style) -> str:
    return key if key == "<<" or key.startswith("$") else scalar(key, style)


def _inner(item: Any) -> Any:
    return item.value if isinstance(item, Anchored) else item
