"""JSON as Go's ``encoding/json`` writes it, which is what kustomize hashes.

Sorted keys, no spaces, ``<``, ``>`` and ``&`` escaped, as well as the two line separators that JavaScript does not
allow in strings. Reference: ``encoding/json`` and ``api/hasher`` of kustomize.
"""

from __future__ import annotations

import json
import re
from typing import Any

from headgate.documents.errors import YamlError
from headgate.documents.yaml.numbers import go_json

__all__ = ["to_indented_json", "to_json"]

_ESCAPED = re.compile('[\\x00-\\x1f"\\\\<>&\u2028\u2029\ud800-\udfff]')
_SHORT = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\b": "\\b", "\f": "\\f"}


def _escape(match: re.Match[str]) -> str:
    char = match[0]
    if "\ud800" <= char <= "\udfff":
        return "\\ufffd"
    return _SHORT.get(char) or f"\\u{ord(char):04x}"


def _string(text: str) -> str:
    return '"' + _ESCAPED.sub(_escape, text) + '"'


def to_json(value: Any) -> bytes:
    """Return the value as compact JSON in UTF-8; raises YamlError for a number or type that JSON lacks."""
    return _text(value, None).encode()


def to_indented_json(value: Any) -> str:
    """Return the value as JSON indented by two spaces per level; raises YamlError likewise."""
    return _text(value, "\n")


def _text(value: Any, line: str | None) -> str:
    out: list[str] = []
    try:
        _write(value, out, line)
    except RecursionError:
        raise YamlError("is nested too deeply") from None
    return "".join(out)


def _write(value: Any, out: list[str], line: str | None) -> None:
    """Write a value; ``line`` is the line break and indentation of its level, None to write all on one line."""
    if isinstance(value, str):
        out.append(_string(value))
    elif isinstance(value, (dict, list)):
        _collection(value, out, line)
    elif isinstance(value, float):
        if value - value != 0:
            raise YamlError(f"{value} is not a number that JSON can hold")
        out.append(go_json(value))
    elif value is None or isinstance(value, (bool, int)):
        out.append(
            json.dumps(value) if not isinstance(value, int) or isinstance(value, bool) else str(int(value))
        )
    else:
        raise YamlError(f"a value of type {type(value).__name__} cannot be written as JSON")


def _collection(value: dict[str, Any] | list[Any], out: list[str], line: str | None) -> None:
    opening, closing = "{}" if isinstance(value, dict) else "[]"
    if not value:
        out.append(opening + closing)
        return
    deeper = None if line is None else line + "  "
    separator = opening + (deeper or "")
    following = "," + (deeper or "")
    if isinstance(value, dict):
        colon = ":" if line is None else ": "
        # Go compares keys as UTF-8 bytes, which is the order of code points.
        for key in sorted(value):
            out.append(f"{separator}{_string(key)}{colon}")
            _write(value[key], out, deeper)
            separator = following
    else:
        for item in value:
            out.append(separator)
            _write(item, out, deeper)
            separator = following
    out.append((line or "") + closing)
