"""Panics of libraries in Rust as ordinary errors.

A library that meets input it did not expect may panic. PyO3 raises that as a ``BaseException``, which no handler of
errors catches: one damaged file of a repository would end a worker, and with it the operator.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["Panicked", "contained"]

_MODULE = "pyo3_runtime"
"""Each extension has its own class ``PanicException``, in a module that cannot be imported."""


class Panicked(Exception):
    """A library in Rust panicked. Objects of it that took part must not be used again: their locks may be poisoned."""


@contextmanager
def contained() -> Iterator[None]:
    """Raise :class:`Panicked` instead of a panic in the block."""
    try:
        yield
    except BaseException as error:
        if type(error).__module__ != _MODULE:
            raise
        # The panic's own message may quote the input.
        raise Panicked("a library failed on input that it did not expect") from None
