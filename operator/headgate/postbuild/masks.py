"""Masks secret values in messages.

Headgate's own messages have no secrets. But an API server quotes invalid values, and a parser quotes invalid text. A
decrypted value can be anywhere in an object, so the mask searches for each value.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable

__all__ = ["MASK", "Masks"]

MASK = "***"
SHORTEST = 6
"""Characters. A shorter value is hardly a secret, but may occur in any name that the reader needs."""
SHORTEST_LINE = 12
"""Characters of a line of a longer text."""
LONGEST = 64 * 1024
"""Characters. A longer value is never quoted completely."""

LONGEST_TEXT = 4 * LONGEST
"""Limit in characters for a message; the rest is omitted."""


class Masks:
    """The secret values of one build. They stay in memory as long as the build is in use, and are nowhere else."""

    def __init__(self, values: Iterable[str] = ()) -> None:
        self._values: set[str] = set()
        for value in values:
            self.add(value)

    def add(self, value: str) -> None:
        """Add a value, and the forms in which a message may contain it: line by line, quoted, as base64."""
        pieces = {line for each in value.splitlines() if len(line := each.strip()) >= SHORTEST_LINE}
        if len(value) <= LONGEST:
            pieces |= {value, value.strip()}
            pieces |= {
                piece.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") for piece in pieces
            }
            pieces.add(base64.b64encode(value.encode("utf-8", "surrogateescape")).decode())
        self._values.update(piece for piece in pieces if len(piece) >= SHORTEST)

    def forget(self, values: Iterable[str]) -> None:
        """Remove values that messages may contain."""
        self._values.difference_update(values)

    def __call__(self, text: str) -> str:
        """Return the text with all values replaced by ``***``, the longest first."""
        if len(text) > LONGEST_TEXT:
            # A value that begins before the cut may end after it, where the search would miss it: omit the last part
            # too.
            return self(text[:LONGEST_TEXT])[:-LONGEST] + "..."
        found = [value for value in self._values if value in text]
        for value in sorted(found, key=len, reverse=True):
            text = text.replace(value, MASK)
        return text

    def __or__(self, other: Masks) -> Masks:
        both = Masks()
        both._values = self._values | other._values
        return both

    def __bool__(self) -> bool:
        return bool(self._values)

    def __repr__(self) -> str:
        return f"Masks({len(self._values)})"
