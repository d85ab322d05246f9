"""Objects of the Kubernetes API as plain JSON values, and which of two states of one is the newer."""

from __future__ import annotations

from typing import Any

__all__ = ["Obj", "is_newer", "version_number", "version_of"]

Obj = dict[str, Any]
"""An object of the API; its values are those of JSON."""

_MAX_DIGITS = 40


def version_of(obj: Obj) -> str:
    """The resource version of an object that the API server sent."""
    return str(obj["metadata"]["resourceVersion"])


def version_number(version: str) -> int:
    """A resource version as they compare (KEP-5504); 0 for what is not a number: not every server follows it."""
    return int(version) if _is_number(version) else 0


def is_newer(version: str, other: str) -> bool:
    """Whether a resource version is newer than another; of those that are not numbers, any other one is."""
    if _is_number(version) and _is_number(other):
        return int(version) > int(other)
    return version != other


def _is_number(version: str) -> bool:
    return version.isdecimal() and len(version) < _MAX_DIGITS
