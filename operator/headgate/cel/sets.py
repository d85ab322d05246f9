"""The set functions of CEL (cel-go ``ext.Sets``) over Python lists. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def contains(items: Sequence[Any], wanted: Sequence[Any]) -> bool:
    """Whether each of ``wanted`` equals one of ``items``."""
    return all(any(equal(w, i) for i in items) for w in wanted)


def intersects(left: Sequence[Any], right: Sequence[Any]) -> bool:
    """Whether the two lists have an item in common."""
    return any(equal(a, b) for a in left for b in right)


def equivalent(left: Sequence[Any], right: Sequence[Any]) -> bool:
    """Whether the two lists have the same items, in any number and order."""
    return contains(left, right) and contains(right, left)


def equal(left: Any, right: Any) -> bool:
    """CEL's equality: numbers of any type are equal by value, but a boolean never equals a number."""
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, float) or isinstance(right, float):
        return _is_number(left) and _is_number(right) and float(left) == float(right)
    if isinstance(left, list | tuple) and isinstance(right, list | tuple):
        return len(left) == len(right) and all(map(equal, left, right))
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(equal(v, right[k]) for k, v in left.items())
    return bool(left == right)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float)
