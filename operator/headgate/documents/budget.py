"""How much a build may make of what it reads.

A few lines can stand for gigabytes: a patch that copies a field into itself thirty times, a replacement that appends a
text to its own source, a large patch with thousands of targets. Whatever writes one thing in many places tells here how
much that was; past the build's limit it is refused. Outside of a build nothing is bounded.

What writes little may look at much: an alias in YAML repeats a label or a patch for five bytes, and each is tried on
every object. Looking is counted like writing, at a rate of about a byte for 30 ns, so that no build that stays within
its limit takes minutes.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
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


class _Allowance:
    __slots__ = ("left", "limit", "read")

    def __init__(self, limit: int) -> None:
        self.limit = self.left = limit
        # Hashes of the texts that have been parsed.
        self.read: set[int] = set()


_allowance: ContextVar[_Allowance | None] = ContextVar("headgate.documents.budget", default=None)


@contextmanager
def bounded(limit: int) -> Iterator[None]:
    """Bound what is charged within to ``limit`` bytes altogether."""
    token = _allowance.set(_Allowance(limit))
    try:
        yield
    finally:
        _allowance.reset(token)


def charge(size: int) -> None:
    """Note that so many bytes were written; raises LimitExceeded when the build has written too many."""
    allowance = _allowance.get()
    if allowance is not None:
        allowance.left -= size
        if allowance.left < 0:
            raise LimitExceeded(
                "patches, replacements, images, names and labels of the build write or look through more than "
                f"{allowance.limit} bytes: are there many of them that are for all objects?"
            )


def charge_reading(data: bytes) -> None:
    """Note that a text is parsed, which counts from the second time on; raises LimitExceeded.

    The first time is bounded by what there is to read. But one file, or one text by an alias, may be named anywhere.
    """
    allowance = _allowance.get()
    if allowance is not None:
        known = hash(data)
        if known in allowance.read:
            charge(NODE + READ_AGAIN * len(data))
        allowance.read.add(known)


def charge_value(value: Any) -> None:
    """Note that a copy of a value was written; raises LimitExceeded."""
    charge(size_of(value))


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
