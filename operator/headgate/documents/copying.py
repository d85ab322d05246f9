"""Copies of plain values: new containers, and scalars that are shared (nothing can change them) or converted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def copied(value: Any) -> Any:
    """Return a copy of the value with new maps and lists at all levels."""
    kind = type(value)
    if kind is dict:
        return _copied_map(value)
    if kind is list:
        return _copied_list(value)
    return value


def converted(value: Any, scalar: Callable[[Any], Any]) -> Any:
    """Return a copy in which ``scalar`` has converted each scalar."""
    kind = type(value)
    if kind is dict:
        return {key: converted(item, scalar) for key, item in value.items()}
    if kind is list:
        return [converted(item, scalar) for item in value]
    return scalar(value)


def _copied_map(value: dict[str, Any]) -> dict[str, Any]:
    result = value.copy()
    for key, item in value.items():
        kind = type(item)
        if kind is dict:
            result[key] = _copied_map(item)
        elif kind is list:
            result[key] = _copied_list(item)
    return result


def _copied_list(value: list[Any]) -> list[Any]:
    return [
        _copied_map(item) if type(item) is dict else _copied_list(item) if type(item) is list else item
        for item in value
    ]
