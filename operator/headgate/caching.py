"""Caches keyed by texts that others choose: what is kept for long texts would be memory that others choose too."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, wraps
from typing import Final, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

LONGEST: Final = 1024
"""Characters of the arguments of one call, together, up to which its result is kept."""


def cached_if_short(maxsize: int) -> Callable[[Callable[P, T]], Callable[P, T]]:
    """As ``lru_cache``, for functions of texts; results for long ones are worked out each time and not kept."""

    def decorate(function: Callable[P, T]) -> Callable[P, T]:
        kept = lru_cache(maxsize)(function)

        @wraps(function)
        def call(*args: P.args, **kwargs: P.kwargs) -> T:
            if sum(map(len, args)) > LONGEST:  # type: ignore[arg-type]
                return function(*args, **kwargs)
            return kept(*args, **kwargs)  # type: ignore[arg-type]

        call.cache_info = kept.cache_info  # type: ignore[attr-defined]
        return call

    return decorate
