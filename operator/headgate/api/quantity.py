"""Sizes in bytes in the notation of Kubernetes quantities: ``512``, ``64Ki``, ``32Mi``, ``1Gi``, ``5M``."""

from __future__ import annotations

import re

__all__ = ["format_bytes", "parse_bytes"]

_UNITS = {"": 1, "k": 10**3, "M": 10**6, "G": 10**9, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30}
_QUANTITY = re.compile(r"([0-9]{1,15})(|k|M|G|Ki|Mi|Gi)")


def parse_bytes(text: str) -> int:
    """Return the number of bytes. Raises ValueError with the cause."""
    match = _QUANTITY.fullmatch(text)
    if match is None:
        raise ValueError(f"'{text}' is not a size: write a whole number and a unit, for example 64Ki or 32Mi")
    return int(match[1]) * _UNITS[match[2]]


def format_bytes(size: int) -> str:
    """Return the shortest text with a binary unit that :func:`parse_bytes` parses as this number."""
    for unit in ("Gi", "Mi", "Ki"):
        if size and size % _UNITS[unit] == 0:
            return f"{size // _UNITS[unit]}{unit}"
    return str(size)
