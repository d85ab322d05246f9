"""Parts of JSON that somebody else wrote, read without trust in their types. Pure."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

__all__ = ["mapping", "moment", "sequence", "whole_number"]


def mapping(value: Any) -> dict[str, Any]:
    """A JSON object; empty if it is something else."""
    return value if isinstance(value, dict) else {}


def sequence(value: Any) -> list[Any]:
    """A JSON array; empty if it is something else."""
    return value if isinstance(value, list) else []


def whole_number(value: Any) -> int:
    """An integer; 0 if it is something else."""
    return value if isinstance(value, int) and not isinstance(value, bool) else 0


def moment(text: object) -> datetime | None:
    """A time, in UTC; None if it is none."""
    try:
        found = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
