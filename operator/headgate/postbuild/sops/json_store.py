"""JSON texts, and binary ones in their JSON envelope; keeps order and duplicates of keys."""

from __future__ import annotations

import json
import math
from typing import Any

from headgate.documents.yaml.numbers import go_general, go_json
from headgate.postbuild.sops.errors import NotSops
from headgate.postbuild.sops.formats import Loaded
from headgate.postbuild.sops.values import SopsComment
from headgate.postbuild.sops.walk import Branch

__all__ = ["emit", "emit_binary", "load"]

# Only inside strings: elsewhere JSON does not allow these characters.
_ESCAPES = str.maketrans(
    {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}
)


def load(data: bytes) -> Loaded:
    """Parse an encrypted text; raises :class:`NotSops`."""
    try:
        branch = json.loads(data.decode(), object_pairs_hook=Branch, parse_constant=_no_constant)
    except (UnicodeDecodeError, ValueError, RecursionError):
        raise NotSops("is not valid JSON") from None
    if not isinstance(branch, Branch):
        raise NotSops("is JSON, but not an object")
    section = branch.first("sops")
    if section is None:
        raise NotSops("has no sops metadata")
    return Loaded(Branch(entry for entry in branch if entry[0] != "sops"), _nested(section))


def _no_constant(name: str) -> Any:
    raise ValueError(name)


def _nested(value: Any) -> Any:
    if isinstance(value, Branch):
        return {name: _nested(item) for name, item in value}
    return [_nested(item) for item in value] if isinstance(value, list) else value


def emit(branch: Branch) -> bytes:
    """Write a plain text as Go does: with tabs, and with ``<``, ``>`` and ``&`` escaped.

    Raises :class:`NotSops` for values that JSON does not have.
    """
    return _text(branch, "\n").encode("utf-8", "replace") + b"\n"


def _text(value: Any, newline: str) -> str:
    deeper = newline + "\t"
    if isinstance(value, Branch):
        entries = [
            f"{_text(str(name), '')}: {_text(item, deeper)}"
            for name, item in value
            if not isinstance(name, SopsComment)
        ]
        return "{" + deeper + f",{deeper}".join(entries) + newline + "}" if entries else "{}"
    if isinstance(value, list):
        items = [_text(item, deeper) for item in value if not isinstance(item, SopsComment)]
        return "[" + deeper + f",{deeper}".join(items) + newline + "]" if items else "[]"
    if isinstance(value, float):
        if not math.isfinite(value):
            raise NotSops(f"JSON cannot represent {go_general(value)}")
        return go_json(value)
    return json.dumps(value, ensure_ascii=False).translate(_ESCAPES)


def emit_binary(branch: Branch) -> bytes:
    """Return a binary text without its envelope; raises :class:`NotSops`."""
    data = branch.first("data")
    if not isinstance(data, str):
        raise NotSops("does not hold a binary file: it has no string 'data'")
    return data.encode("utf-8", "surrogateescape")
