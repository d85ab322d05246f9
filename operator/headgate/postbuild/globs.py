"""Finds the prefixes of a text that match a shell pattern, for ``${name#pattern}``.

``*`` matches any text, including ``/``, ``?`` one character, ``[a-z]`` and ``[^a-z]`` one character inside or outside a
class; ``\\`` escapes the next character. A bit-parallel automaton tries all prefixes at once, so that the time is
limited for every pattern.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["MalformedPattern", "matching_prefixes"]


class MalformedPattern(ValueError):
    """A class is not closed or empty, or nothing follows a backslash."""


@dataclass(frozen=True, slots=True)
class _Class:
    """A set of characters as ranges; ``negated`` inverts it. Negated without ranges, it is any character."""

    ranges: tuple[tuple[str, str], ...]
    negated: bool = False

    def holds(self, char: str) -> bool:
        return any(low <= char <= high for low, high in self.ranges) != self.negated


_ANY = _Class((), negated=True)


def matching_prefixes(pattern: str, text: str) -> tuple[int, int] | None:
    """Return the shortest and the longest length, at least 1, of a matching prefix of the text.

    None if none does; raises :class:`MalformedPattern`.
    """
    classes, stars = _compile(pattern)
    accept = 1 << len(classes)
    masks: dict[str, int] = {}
    states = 1
    shortest = longest = 0
    for length, char in enumerate(text, 1):
        mask = masks.get(char)
        if mask is None:
            mask = masks[char] = sum(1 << at for at, item in enumerate(classes) if item.holds(char))
        states = ((states & mask) << 1) | (states & stars)
        if states & accept:
            shortest = shortest or length
            longest = length
        if not states:
            break
    return (shortest, longest) if longest else None


def _compile(pattern: str) -> tuple[list[_Class], int]:
    """Return the classes of single characters in order, and the positions of ``*`` as bits."""
    classes: list[_Class] = []
    stars = 0
    at = 0
    while at < len(pattern):
        char = pattern[at]
        at += 1
        if char == "*":
            stars |= 1 << len(classes)
        elif char == "?":
            classes.append(_ANY)
        elif char == "[":
            item, at = _class(pattern, at)
            classes.append(item)
        else:
            if char == "\\":
                char, at = _literal(pattern, at)
            classes.append(_Class(((char, char),)))
    return classes, stars


def _class(pattern: str, at: int) -> tuple[_Class, int]:
    negated = pattern[at : at + 1] == "^"
    at += negated
    ranges: list[tuple[str, str]] = []
    while pattern[at : at + 1] != "]" or not ranges:
        low, at = _bound(pattern, at)
        high = low
        if pattern[at : at + 1] == "-":
            high, at = _bound(pattern, at + 1)
        ranges.append((low, high))
    return _Class(tuple(ranges), negated), at + 1


def _bound(pattern: str, at: int) -> tuple[str, int]:
    char, at = _literal(pattern, at)
    if char in "-]":
        raise MalformedPattern(pattern)
    return _literal(pattern, at) if char == "\\" else (char, at)


def _literal(pattern: str, at: int) -> tuple[str, int]:
    if at >= len(pattern):
        raise MalformedPattern(pattern)
    return pattern[at], at + 1
