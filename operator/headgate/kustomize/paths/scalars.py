"""Writing text over scalars the way kustomize does: into a YAML node that keeps its style, its type, or neither.

kustomize edits nodes, not values. A text put into a node without a type is read again as YAML would read it, unless
the node was quoted; a text put into a typed node must still be of that type.
"""

from __future__ import annotations

from typing import Any

from headgate.documents.yaml.scalars import Binary, Quoted, SpelledStr, resolve_v3


def rewritten(old: Any, text: str) -> Any:
    """Return what becomes of a scalar whose text is replaced and whose type is dropped, but not its quotes."""
    return type(old)(text) if isinstance(old, Quoted) else resolve_v3(text)


def retyped(old: Any, text: str) -> Any:
    """Return what becomes of a scalar whose text is replaced and whose type is kept.

    Raises ValueError when the text is none of the type, such as "abc" written over a number.
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
