"""Hides secret values in texts for people.

Messages are made without secrets in the first place. But an API server quotes what it refuses, and the reader of
a file what it cannot understand: a decrypted value can be anywhere in an object, so it is looked for by itself.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable

__all__ = ["MASK", "Masks"]

MASK = "***"
SHORTEST = 6
"""Characters. What is shorter is no secret worth its name, but may be part of any name that the reader needs."""
SHORTEST_LINE = 12
"""Characters, of a line of a longer text."""
LONGEST = 64 * 1024
"""Characters. What is longer is never quoted whole."""

LONGEST_TEXT = 4 * LONGEST
"""Characters of a text for people; more is left out."""


class Masks:
    """The secret values of one build. Kept in memory for as long as the build is worked with, nowhere else."""

    def __init__(self, values: Iterable[str] = ()) -> None:
        self._values: set[str] = set()
        for value in values:
            self.add(value)

    def add(self, value: str) -> None:
        """Take in a value, and the forms in which it may be told: line by line, quoted, as base64."""
        pieces = {line for each in value.splitlines() if len(line := each.strip()) >= SHORTEST_LINE}
        if len(value) <= LONGEST:
            pieces |= {value, value.strip()}
            pieces |= {
                piece.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") for piece in pieces
            }
            pieces.add(base64.b64encode(value.encode("utf-8", "surrogateescape")).decode())
        self._values.update(piece for piece in pieces if len(piece) >= SHORTEST)

    def forget(self, values: Iterable[str]) -> None:
        """Take out values that may be told."""
        self._values.difference_update(values)

    def __call__(self, text: str) -> str:
        """Return the text with all values replaced by ``***``, the longest first."""
        if len(text) > LONGEST_TEXT:
            # What begins before the end of this may end behind it, and would not be found: it is left out as well.
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
