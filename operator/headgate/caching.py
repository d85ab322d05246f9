"""Caches keyed by texts that others choose: what is kept for long texts would be memory that others choose too."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, wraps
from inspect import signature
from typing import Any, Final, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

LONGEST: Final = 1024
"""Characters of the arguments of one call, together, up to which its result is kept."""


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
