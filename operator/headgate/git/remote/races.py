"""Whether a push failed because somebody else has changed the ref, by Git's words and those of servers. Pure.

Apart from the other failures, because a command line that only reads a clone should not wait for their tables.
"""

from __future__ import annotations

__all__ = ["is_race"]

_RACES = (
    "stale info",
    "fetch first",
    "already exists",
    "cannot lock ref",
    "failed to update ref",
    "reference already",
)


def is_race(text: str) -> bool:
    """Return whether a reason for a refused ref, or a message, says that the ref is not what was expected."""
    return any(phrase in text for phrase in _RACES)
