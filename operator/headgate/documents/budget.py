"""How much a build may make of what it reads.

A few lines can stand for gigabytes: a patch that copies a field into itself thirty times, a replacement that appends a
text to its own source, a large patch with thousands of targets. Whatever writes one thing in many places charges the
build's :class:`Budget` for it; past the limit it is refused.

What writes little may look at much: an alias in YAML repeats a label or a patch for five bytes, and each is tried on
every object. Looking is counted like writing, at a rate of about a byte for 30 ns, so that no build that stays within
its limit takes minutes.
"""

from __future__ import annotations

import sys
from typing import Any

from headgate.documents.errors import LimitExceeded

NODE = 64
"""What a value is counted as besides its text, in bytes: about its share of a map or list.

Also what it counts to look at one object, or for one field of it: some two microseconds.
"""
GLANCE = 8
"""What a value counts that a step only comes past on its way through an object."""
READ_AGAIN = 24
"""What a byte counts that is parsed once more: texts are parsed at about 1 MB/s."""


class Budget:
    """What one build may still write and look through; without a limit nothing is refused.

    Whatever is charged for its work has it at hand or is given it: the loader, the resources and their collection.
    """

    __slots__ = ("_left", "_limit", "_read")

    def __init__(self, limit: int = sys.maxsize) -> None:
        self._limit = self._left = limit
        # Hashes of the texts that have been parsed.
        self._read: set[int] = set()

    def charge(self, size: int) -> None:
        """Note that so many bytes were written; raises LimitExceeded when the build has written too many."""
        self._left -= size
        if self._left < 0:
            raise LimitExceeded(
                "patches, replacements, images, names and labels of the build write or look through more than "
                f"{self._limit} bytes: are there many of them that are for all objects?"
            )

    def charge_reading(self, data: bytes) -> None:
        """Note that a text is parsed, which counts from the second time on; raises LimitExceeded.

        The first time is bounded by what there is to read. But one file, or one text by an alias, may be named
        anywhere.
        """
        known = hash(data)
        if known in self._read:
            self.charge(NODE + READ_AGAIN * len(data))
        self._read.add(known)

    def charge_value(self, value: Any) -> None:
        """Note that a copy of a value was written; raises LimitExceeded."""
        self.charge(size_of(value))


def size_of(value: Any) -> int:
    """Return what a copy of a value is counted as."""
    kind = type(value)
    if kind is dict:
        return NODE + sum([len(key) + size_of(item) for key, item in value.items()])
    if kind is list:
        return NODE + sum([size_of(item) for item in value])
    return NODE + len(value) if isinstance(value, str) else NODE


def count_of(value: Any) -> int:
    """Return how many values there are in a value, itself included: what it costs to walk it, without its texts."""
    kind = type(value)
    if kind is dict:
        return 1 + sum([count_of(item) if type(item) in _CONTAINERS else 1 for item in value.values()])
    if kind is list:
        return 1 + sum([count_of(item) if type(item) in _CONTAINERS else 1 for item in value])
    return 1


_CONTAINERS = (dict, list)
