"""Objects of the Kubernetes API as plain JSON values, and the comparison of their versions."""

from __future__ import annotations

from typing import Any

__all__ = ["Obj", "is_newer", "version_number", "version_of"]

Obj = dict[str, Any]
"""An object of the API; its values are those of JSON."""

_MAX_DIGITS = 40


def version_of(obj: Obj) -> str:
    """Return the resource version of an object from the API server."""
    return str(obj["metadata"]["resourceVersion"])


def version_number(version: str) -> int:
    """Return a resource version as a comparable number (KEP-5504); 0 if it is not one: not every server complies."""
    return int(version) if _is_number(version) else 0


def is_newer(version: str, other: str) -> bool:
    """Whether a resource version is newer than another; if either is not a number, whether they differ."""
    if _is_number(version) and _is_number(other):
        return int(version) > int(other)
    return version != other


def _is_number(version: str) -> bool:
    return version.isdecimal() and len(version) < _MAX_DIGITS
