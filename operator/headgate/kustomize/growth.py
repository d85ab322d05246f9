"""How much a build may make of what it reads.

A few lines can stand for gigabytes: a patch that copies a field into itself thirty times, a replacement that appends a
text to its own source, a large patch with thousands of targets. Whatever writes one thing in many places tells here how
much that was; past the build's limit it is refused. Outside of a build nothing is bounded.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from headgate.kustomize.errors import LimitExceeded

_NODE = 64
"""What a value is counted as besides its text, in bytes: about its share of a map or list."""


class _Allowance:
    __slots__ = ("left", "limit")

    def __init__(self, limit: int) -> None:
        self.limit = self.left = limit


_allowance: ContextVar[_Allowance | None] = ContextVar("headgate.kustomize.growth", default=None)


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
                f"patches, replacements, names and labels of the build write more than {allowance.limit} bytes"
            )


def charge_value(value: Any) -> None:
    """Note that a copy of a value was written; raises LimitExceeded."""
    charge(size_of(value))


def size_of(value: Any) -> int:
    """Return what a copy of a value is counted as."""
    kind = type(value)
    if kind is dict:
        return _NODE + sum([len(key) + size_of(item) for key, item in value.items()])
    if kind is list:
        return _NODE + sum([size_of(item) for item in value])
    return _NODE + len(value) if isinstance(value, str) else _NODE
