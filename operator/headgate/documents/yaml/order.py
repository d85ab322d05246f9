"""The order in which kustomize prints the keys of a mapping.

go-yaml sorts for human readers: letters after everything else, runs of digits by their number (``item2`` before
``item10``). Reference: ``sorter.go`` of go-yaml v2.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from typing import Any

from headgate.caching import LONGEST, keep

__all__ = ["sorted_keys"]

# For these characters, the order of code points is the required order; all others need the comparison.
_SIMPLE = re.compile(r"[-./$: A-Za-z]*")
_CACHE_SIZE = 4096
_cache: dict[tuple[str, ...], tuple[str, ...]] = {}


def sorted_keys(mapping: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the mapping's keys in printing order."""
    keys = tuple(mapping)
    known = _cache.get(keys)
    if known is None:
        known = _sort(keys)
        if len(keys) <= 64 and sum(map(len, keys)) <= LONGEST:
            keep(_cache, keys, known, _CACHE_SIZE)
    return known


def _sort(keys: tuple[str, ...]) -> tuple[str, ...]:
    if all(map(_SIMPLE.fullmatch, keys)):
        return tuple(sorted(keys))
    return tuple(sorted(keys, key=functools.cmp_to_key(_compare)))


def _compare(left: str, right: str) -> int:
    return -1 if _less(left, right) else (1 if _less(right, left) else 0)


def _less(left: str, right: str) -> bool:
    at = 0
    for a, b in zip(left, right, strict=False):
        if a != b:
            break
        at += 1
    else:
        return len(left) < len(right)
    a_letter, b_letter = a.isalpha(), b.isalpha()
    if a_letter and b_letter:
        return a < b
    if a_letter or b_letter:
        return b_letter
    a_number = b_number = 0
    if a == "0" or b == "0":
        # Zeros count after any digit other than 0.
        for before in range(at - 1, -1, -1):
            if not left[before].isdecimal():
                break
            if left[before] != "0":
                a_number = b_number = 1
                break
    a_end, a_number = _run(left, at, a_number)
    b_end, b_number = _run(right, at, b_number)
    if a_number != b_number:
        return a_number < b_number
    if a_end != b_end:
        return a_end < b_end
    return a < b


def _run(text: str, at: int, number: int) -> tuple[int, int]:
    while at < len(text) and text[at].isdecimal():
        # As in Go, where the number wraps at 64 bits and any script's digit counts as its code point.
        number = number * 10 + ord(text[at]) - ord("0")
        at += 1
    return at, (number + (1 << 63)) % (1 << 64) - (1 << 63)
