"""Removes fields that a built-in kind does not have, as Flux does. Pure.

Flux converts objects of built-in kinds to Go's types, which silently drops unknown fields: repositories that work with
Flux contain such fields (a typing error, a field of a newer Kubernetes). Server-side apply refuses them, but lists each
by its path. So after that refusal Headgate omits the fields and reports a warning. Objects of custom kinds are never
changed: for them, Flux too gets the refusal.
"""

from __future__ import annotations

import re
from typing import Any

from headgate.objects import Obj

_UNKNOWN = re.compile(r"(\.\S.*): field not declared in schema")
_PREFIX = re.compile(r"failed to create typed patch object \([^)]*\): ")
_PAIR = re.compile(r'(\w+)=("(?:[^"\\]|\\.)*"|[^,\]]+)')


def paths_in(message: str) -> list[str]:
    """The paths of unknown fields in a refusal; empty if the refusal (also) has other reasons.

    The API server writes ``.spec.containers[name="a"].nope: field not declared in schema``, one per line.
    """
    prefix = _PREFIX.match(message)
    if prefix is None:
        return []
    lines = [line.strip() for line in message[prefix.end() :].splitlines()]
    found = [_UNKNOWN.fullmatch(line) for line in lines if line and line != "errors:"]
    return [m[1] for m in found if m] if all(found) else []


def without(obj: Obj, paths: list[str]) -> Obj | None:
    """The object without these fields; None if it lacks one of them."""
    result: Any = obj
    for path in paths:
        result = _without(result, path)
        if result is None:
            return None
    return dict(result)


def _without(value: Any, path: str) -> Any:
    """``value`` without what the path selects, sharing the rest with it; None if the path selects nothing."""
    if path.startswith(".") and isinstance(value, dict):
        return _without_key(value, path[1:])
    if path.startswith("[") and isinstance(value, list):
        return _without_in_item(value, path)
    return None


def _without_key(value: Obj, path: str) -> Any:
    # Keys may contain dots, so the existing keys decide where one ends; longer ones first.
    for key in sorted((k for k in value if path.startswith(k)), key=len, reverse=True):
        rest = path[len(key) :]
        if not rest:
            return {k: v for k, v in value.items() if k != key}
        if rest[0] in ".[" and (inner := _without(value[key], rest)) is not None:
            return {**value, key: inner}
    return None


def _without_in_item(items: list[Any], path: str) -> Any:
    selector, closed, rest = path[1:].partition("]")
    if not closed or not rest:
        return None
    for i, item in enumerate(items):
        chosen = i == int(selector) if selector.isdigit() else _is_chosen(item, selector)
        if chosen and (inner := _without(item, rest)) is not None:
            return [*items[:i], inner, *items[i + 1 :]]
    return None


def _is_chosen(item: Any, selector: str) -> bool:
    """Whether a list item has the keys of a path; the API server filled in keys that the item lacks."""
    if not isinstance(item, dict):
        return False
    pairs = _PAIR.findall(selector)
    return bool(pairs) and all(key not in item or _written(item[key]) == text for key, text in pairs)


def _written(value: Any) -> str:
    return (
        f'"{value}"'
        if isinstance(value, str)
        else str(value).lower()
        if isinstance(value, bool)
        else str(value)
    )
