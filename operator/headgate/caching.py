"""Caches of what the hot path works out again and again: what a text means, how it is written, where fields are.

Their keys are often texts that others choose, and what is kept for long ones would be memory that others choose too.
They are plain dictionaries that are emptied when full, or ``lru_cache``: a hit costs 40 ns, where it costs 290 ns in
cachetools, whose caches are written in Python, and a build looks up each line and each scalar of its files.
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
"""Characters of the arguments of one call, together, up to which its result is kept."""


def keep(kept: dict[K, T], key: K, value: T, most: int) -> None:
    """Keep a value in a table of ``most`` entries, which is emptied when it is full."""
    if len(kept) >= most:
        kept.clear()
    kept[key] = value


def cached_if_short(maxsize: int) -> Callable[[Callable[P, T]], Callable[P, T]]:
    """As ``lru_cache``, for functions of one or two texts, given by position; results for long ones are not kept."""

    def decorate(function: Callable[P, T]) -> Callable[P, T]:
        made: Callable[..., T] = function
        kept = lru_cache(maxsize)(made)

        # Both are called for every object of a build, so that they do nothing more general.
        def of_one(text: str) -> T:
            return kept(text) if len(text) <= LONGEST else made(text)

        def of_two(one: str, other: str) -> T:
            return kept(one, other) if len(one) + len(other) <= LONGEST else made(one, other)

        call: Any = wraps(made)(of_one if len(signature(made).parameters) == 1 else of_two)
        call.cache_info = kept.cache_info
        return call  # type: ignore[no-any-return]

    return decorate
