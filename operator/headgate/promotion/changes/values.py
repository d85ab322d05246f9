"""When two values are equal for the API server. Pure.

Numbers are equal by value, ``1`` and ``1.0`` as well; neither a boolean nor ``"1"`` is a number. In built-in
kinds, quantities are equal if they mean the same amount: the API server stores ``1000m`` as ``1``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from headgate.promotion.changes.paths import Step

__all__ = ["DEEPEST", "MISSING", "equal", "frozen", "is_quantity_place", "quantity"]


class _Missing:
    """The type of :data:`MISSING`."""

    def __repr__(self) -> str:
        return "MISSING"


MISSING: Any = _Missing()
"""Replaces a value that is absent; null is a value."""

DEEPEST = 100
"""Levels to which a comparison goes down; below, values are equal only if their texts are."""


def frozen(value: Any, depth: int = 0) -> Any:
    """Return a hashable value that is equal for equal values only."""
    if isinstance(value, bool):
        return "bool", value
    if isinstance(value, int | float):
        return "number", value
    if depth > DEEPEST:
        return "deep", _text(value)
    if isinstance(value, dict):
        return "map", frozenset((str(key), frozen(each, depth + 1)) for key, each in value.items())
    if isinstance(value, list):
        return "list", tuple(frozen(each, depth + 1) for each in value)
    return type(value).__name__, value


def equal(before: Any, after: Any) -> bool:
    """Whether two values are equal in all their parts."""
    return before is after or bool(frozen(before) == frozen(after))


def _text(value: Any) -> str:
    try:
        return json.dumps(value, sort_keys=True, default=str)
    except (RecursionError, TypeError, ValueError):
        return f"too deep: {id(value)}"


_AMOUNTS = frozenset(
    (
        *("limits", "requests", "capacity", "hard", "used", "overhead", "allocatable", "podFixed"),
        *("max", "min", "default", "defaultRequest", "maxLimitRequestRatio"),
    )
)
"""Fields of built-in kinds that are maps of quantities."""
_AMOUNT_FIELDS = frozenset(("sizeLimit", "divisor", "averageValue", "maximumVolumeSize"))
"""Fields of built-in kinds that are quantities."""
_NO_AMOUNTS = frozenset(
    ("labels", "annotations", "matchLabels", "data", "nodeSelector", "selector", "parameters")
)


def is_quantity_place(path: Sequence[Step]) -> bool:
    """Whether a field of a built-in kind is a quantity."""
    if not path or any(step in _NO_AMOUNTS for step in path):
        return False
    return path[-1] in _AMOUNT_FIELDS or (len(path) > 1 and path[-2] in _AMOUNTS)


_QUANTITY = re.compile(
    r"([+-]?)([0-9]{1,40}(?:\.[0-9]{0,40})?|\.[0-9]{1,40})([a-zA-Z]{0,2}|[eE][+-]?[0-9]{1,2})"
)
_SUFFIXES = dict(zip(("n", "u", "m", "", "k", "M", "G", "T", "P", "E"), range(-9, 19, 3), strict=True))
_BINARY = {"Ki": 1, "Mi": 2, "Gi": 3, "Ti": 4, "Pi": 5, "Ei": 6}


def quantity(value: Any) -> Decimal | None:
    """Return the amount that a quantity means; None if the value is not one."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    match = _QUANTITY.fullmatch(str(value))
    if match is None:
        return None
    number, suffix = Decimal(match[1] + match[2]), match[3]
    if suffix in _BINARY:
        return number * Decimal(1024 ** _BINARY[suffix])
    if suffix in _SUFFIXES:
        return number.scaleb(_SUFFIXES[suffix])
    if suffix[:1] in "eE" and suffix[1:]:
        return number.scaleb(int(suffix[1:]))
    return None
