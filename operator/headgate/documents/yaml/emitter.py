"""Writes values as ``kustomize build`` prints them, byte for byte.

The output grammar is small: block mappings with sorted keys, block sequences that are not indented below their key,
``{}`` and ``[]`` for empty ones, and scalars in one of five styles. The difficult parts are the style of a scalar and
the folding of long text (:mod:`.text`), and the order of keys (:mod:`.order`). Reference: the encoder and emitter of
go-yaml v2, which ``sigs.k8s.io/yaml`` uses.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from headgate.documents.errors import YamlError
from headgate.documents.yaml.numbers import go_yaml
from headgate.documents.yaml.order import sorted_keys
from headgate.documents.yaml.text import MAX_SIMPLE_KEY, short_text, wrapped_text

__all__ = ["dump", "dump_all"]


def dump(value: Any) -> str:
    """Return one document, ending in a newline; raises YamlError for values that YAML or JSON cannot hold."""
    out: list[str] = []
    _root(value, out)
    return "".join(out)


def dump_all(values: Iterable[Any]) -> str:
    """Return the documents as one stream, separated by ``---``."""
    out: list[str] = []
    for value in values:
        if out:
            out.append("---\n")
        _root(value, out)
    return "".join(out)


def _root(value: Any, out: list[str]) -> None:
    try:
        if isinstance(value, dict) and value:
            _mapping(value, "", out, "")
        elif isinstance(value, list) and value:
            _sequence(value, "", out, "")
        else:
            out.append(_scalar(value, 0, "") + "\n")
    except RecursionError:
        raise YamlError("is nested too deeply to be printed") from None


_INDENTS = [" " * depth for depth in range(256)]


def _deeper(indent: str) -> str:
    depth = len(indent) + 2
    return _INDENTS[depth] if depth < len(_INDENTS) else " " * depth


def _mapping(value: dict[str, Any], indent: str, out: list[str], lead: str) -> None:
    """Write each entry on a separate line; ``lead`` replaces ``indent`` before the first."""
    append = out.append
    for key in sorted_keys(value):
        item = value[key]
        kind = type(item)
        name = short_text(key, key=True)
        if name is None:
            _complex_entry(key, item, indent, out, lead)
        elif kind is str:
            text = short_text(item)
            if text is None or (len(text) + len(lead) + len(name) > 78 and " " in text):
                # The width counts columns, not bytes.
                text = wrapped_text(item, len(lead) + len(name) + 2, indent)
            append(f"{lead}{name}: {text}\n")
        elif kind is dict:
            if item:
                append(f"{lead}{name}:\n")
                deeper = _deeper(indent)
                _mapping(item, deeper, out, deeper)
            else:
                append(f"{lead}{name}: {{}}\n")
        elif kind is list:
            if item:
                append(f"{lead}{name}:\n")
                _sequence(item, indent, out, indent)
            else:
                append(f"{lead}{name}: []\n")
        elif kind is int:
            append(f"{lead}{name}: {item}\n")
        elif isinstance(item, dict):
            _mapping({key: dict(item)}, indent, out, lead)
        else:
            append(f"{lead}{name}: {_scalar(item, len(lead) + len(name) + 2, indent)}\n")
        lead = indent


def _sequence(value: list[Any], indent: str, out: list[str], lead: str) -> None:
    """Write each item on a separate line; ``lead`` replaces ``indent`` before the first."""
    append = out.append
    for item in value:
        kind = type(item)
        if isinstance(item, dict) and item:
            _mapping(item, _deeper(indent), out, lead + "- ")
        elif kind is list and item:
            _sequence(item, _deeper(indent), out, lead + "- ")
        else:
            append(f"{lead}- {_scalar(item, len(lead) + 2, indent)}\n")
        lead = indent


def _complex_entry(key: str, item: Any, indent: str, out: list[str], lead: str) -> None:
    """Write an entry whose key is too long for a simple key, or has several lines."""
    out.append(f"{lead}? {wrapped_text(key, len(lead) + 2, indent)}\n")
    colon = f"{indent}: "
    if isinstance(item, dict) and item:
        _mapping(item, _deeper(indent), out, colon)
    elif isinstance(item, list) and item:
        _sequence(item, _deeper(indent), out, colon)
    else:
        out.append(f"{colon}{_scalar(item, len(colon), indent)}\n")


def _scalar(value: Any, column: int, indent: str) -> str:
    """Return the text of a scalar or an empty collection that starts at ``column``."""
    if isinstance(value, str):
        value = str(value)
        text = short_text(value)
        if text is None or (len(text) + column > 80 and " " in text):
            text = wrapped_text(value, column, indent)
        return text
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(int(value))
    if isinstance(value, float):
        if value - value != 0:
            raise YamlError(f"{value} is not a number that JSON can hold")
        return go_yaml(value)
    if isinstance(value, dict) and not value:
        return "{}"
    if isinstance(value, list) and not value:
        return "[]"
    raise YamlError(f"a value of type {type(value).__name__} cannot be written as YAML")


assert MAX_SIMPLE_KEY == 128
