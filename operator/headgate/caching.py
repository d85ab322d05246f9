"""Caches of the hot path: the meaning of a text, its printed form, the positions of fields.

Many keys are texts that tenants choose, so entries for long texts would let tenants choose the memory, too. The caches
are plain dictionaries that are cleared when full, or ``lru_cache``: a hit costs 40 ns, but 290 ns in cachetools, whose
caches are written in Python, and a build looks up each line and each scalar of its files. Nor do these need a lock, as
those of cachetools do. All other caches are of cachetools.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, wraps
from inspect import signature
from typing import Any, Final, ParamSpec, TypeVar

__all__ = ["LONGEST", "cached_if_short", "keep"]

P = ParamSpec("P")
K = TypeVar("K")
T = TypeVar("T")

LONGEST: Final = 1024
"""The largest total length of a call's arguments, in characters, for which its result is cached."""


def keep(kept: dict[K, T], key: K, value: T, most: int) -> None:
    """Store a value in a table of at most ``most`` entries, which is cleared when full."""
    if len(kept) >= most:
        kept.clear()
    kept[key] = value


def cached_if_short(maxsize: int) -> Callable[[Callable[P, T]], Callable[P, T]]:
    """Like ``lru_cache``, for functions of one or two positional texts; does not cache results for long ones."""

    def decorate(function: Callable[P, T]) -> Callable[P, T]:
        made: Callable[..., T] = function
        kept = lru_cache(maxsize)(made)

        # A build calls both for every object, so they do nothing more general.
        def of_one(text: str) -> T:
            return kept(text) if len(text) <= LONGEST else made(text)

        def of_two(one: str, other: str) -> T:
            return kept(one, other) if len(one) + len(other) <= LONGEST else made(one, other)

        call: Any = wraps(made)(of_one if len(signature(made).parameters) == 1 else of_two)
        call.cache_info = kept.cache_info
        return call  # type: ignore[no-any-return]

    return decorate
