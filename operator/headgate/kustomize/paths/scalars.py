"""Writes text over scalars as kustomize does: into a YAML node that keeps its style, its type, or neither.

kustomize edits nodes, not values. Text in a node without a type gets the type that YAML gives it, unless the node was
quoted; text in a typed node must still have that type.
"""

from __future__ import annotations

from typing import Any

from headgate.documents.yaml.scalars import Binary, Quoted, SpelledStr, resolve_v3


def rewritten(old: Any, text: str) -> Any:
    """Return a scalar with a new text, without its old type but with its quotes."""
    return type(old)(text) if isinstance(old, Quoted) else resolve_v3(text)


def retyped(old: Any, text: str) -> Any:
    """Return a scalar with a new text and its old type.

    Raises ValueError when the text does not have that type, such as "abc" over a number.
    """
    if isinstance(old, Quoted):
        return type(old)(text)
    if isinstance(old, str) and not _is_date(old):
        return text
    value = resolve_v3(text)
    if _is_date(old):
        fits, wanted = _is_date(value), "a date"
    elif isinstance(old, bool):
        fits, wanted = isinstance(value, bool), "true or false"
    elif isinstance(old, int):
        fits, wanted = isinstance(value, int) and not isinstance(value, bool), "a whole number"
    elif isinstance(old, float):
        fits, wanted = isinstance(value, (int, float)) and not isinstance(value, bool), "a number"
    else:
        fits, wanted = value is None, "null"
    if not fits:
        raise ValueError(f"{text!r} is not {wanted}")
    return value


def _is_date(value: Any) -> bool:
    return isinstance(value, SpelledStr) and not isinstance(value, Binary)
