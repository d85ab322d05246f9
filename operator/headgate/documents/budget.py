"""Limits how much a build may write and search.

A few lines can expand to gigabytes: a patch that copies a field into itself thirty times, a replacement that appends a
text to its own source, a large patch with thousands of targets. Code that writes one value to many places charges the
build's :class:`Budget` for it; beyond the limit the budget raises an error.

A build that writes little may still search a lot: each YAML alias repeats a label or a patch in five bytes, and
kustomize tries each of them on every object. The budget counts searches like writes, at about a byte for 30 ns, so a
build within its limit does not take minutes.
"""

from __future__ import annotations

import sys
from typing import Any

from headgate.documents.errors import LimitExceeded

NODE = 64
"""The cost of a value in addition to its text, in bytes: about its share of a map or list.

Also the cost of checking one object, or one of its fields: about two microseconds.
"""
SCAN = 8
"""The cost of a value that a step only passes on its way through an object, in bytes."""
READ_AGAIN = 24
"""The cost of each byte that is parsed again: the parser reads about 1 MB/s."""


class Budget:
    """What one build may still write and search; without a limit, it refuses nothing.

    Code that charges it holds it or gets it as an argument: the loader, the resources and their collection.
    """

    __slots__ = ("_left", "_limit", "_read")

    def __init__(self, limit: int = sys.maxsize) -> None:
        self._limit = self._left = limit
        # Hashes of the texts that were parsed.
        self._read: set[int] = set()

    def charge(self, size: int) -> None:
        """Count ``size`` bytes as written; raises LimitExceeded when the build has written too many."""
        self._left -= size
        if self._left < 0:
            raise LimitExceeded(
                "patches, replacements, images, names and labels of the build write or search more than "
                f"{self._limit} bytes: do many of them apply to all objects?"
            )

    def charge_reading(self, data: bytes) -> None:
        """Count the parsing of a text, from the second time on; raises LimitExceeded.

        The size of the input limits the first time. But a kustomization file can name one file, or an alias one text,
        in many places.
        """
        known = hash(data)
        if known in self._read:
            self.charge(NODE + READ_AGAIN * len(data))
        self._read.add(known)

    def charge_value(self, value: Any) -> None:
        """Count a copy of a value as written; raises LimitExceeded."""
        self.charge(size_of(value))


def size_of(value: Any) -> int:
    """Return the cost of a copy of a value."""
    kind = type(value)
    if kind is dict:
        return NODE + sum([len(key) + size_of(item) for key, item in value.items()])
    if kind is list:
        return NODE + sum([size_of(item) for item in value])
    return NODE + len(value) if isinstance(value, str) else NODE


def count_of(value: Any) -> int:
    """Return the number of values in a value, itself included: the cost of a walk through it, without its texts."""
    kind = type(value)
    if kind is dict:
        return 1 + sum([count_of(item) if type(item) in _CONTAINERS else 1 for item in value.values()])
    if kind is list:
        return 1 + sum([count_of(item) if type(item) in _CONTAINERS else 1 for item in value])
    return 1


_CONTAINERS = (dict, list)
