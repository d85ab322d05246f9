"""The functions of the operators: the result of ``${name<operator><arguments>}`` for a value.

Texts may contain bytes that are not UTF-8 as lone surrogates (``surrogateescape``), because lengths and positions count
bytes, as in Flux, and a cut may divide a character.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from headgate.postbuild.errors import BrokenBySubstitution, ExpressionMalformed
from headgate.postbuild.globs import MalformedPattern, matching_prefixes

__all__ = ["DEFAULT_OPERATORS", "MAX_TEXT", "apply"]

MAX_TEXT = 32 * 1024 * 1024
"""Limit in characters for a text after substitution."""

DEFAULT_OPERATORS = frozenset(("=", ":=", ":-", ":+", ":?"))
"""The operators whose variable need not be set."""

_INTEGER = re.compile(r"[+-]?[0-9]{1,18}", re.ASCII)


def apply(operator: str, value: str, arguments: Sequence[str]) -> str:
    """Return the value of the expression; an unknown operator leaves the value unchanged.

    Raises :class:`ExpressionMalformed` for a negative length, :class:`BrokenBySubstitution` for a result that is
    larger than :data:`MAX_TEXT`.
    """
    if operator in DEFAULT_OPERATORS:
        return value or "".join(arguments)
    if operator == "#" and not arguments:
        return str(len(_encode(value)))
    function = _FUNCTIONS.get(operator)
    return value if function is None else function(value, arguments)


def _encode(value: str) -> bytes:
    return value.encode("utf-8", "surrogateescape")


def _upper(char: str) -> str:
    """Maps one character to one, as in Go: ``ß``, which has no such mapping, stays."""
    for mapped in (char.upper(), char.title()):
        if len(mapped) == 1:
            return mapped
    return char


def _lower(char: str) -> str:
    mapped = char.lower()
    # Only the dotted capital I becomes two characters in Python.
    return mapped[:1]


def _cased(convert: Callable[[str], str], *, first: bool) -> Callable[[str, Sequence[str]], str]:
    def function(value: str, _: Sequence[str]) -> str:
        return convert(value[:1]) + value[1:] if first else "".join(map(convert, value))

    return function


def _substring(value: str, arguments: Sequence[str]) -> str:
    numbers = [int(text) if _INTEGER.fullmatch(text) else None for text in arguments]
    if None in numbers:
        return value
    position = numbers[0] or 0
    data = _encode(value)
    if position < 0:
        position = max(len(data) + position, 0)
    end = len(data)
    if len(numbers) > 1:
        length = numbers[1] or 0
        end = min(position + length, end)
        if length < 0 and position + length < len(data):
            raise ExpressionMalformed("the length of a substring must not be negative")
    return data[position:end].decode("utf-8", "surrogateescape")


def _bounded(size: int) -> None:
    if size > MAX_TEXT:
        raise BrokenBySubstitution(f"the text is larger than {MAX_TEXT} characters after substitution")


def _replace(value: str, pattern: str, replacement: str, count: int) -> str:
    found = value.count(pattern) if count < 0 else min(count, value.count(pattern))
    _bounded(len(value) + found * (len(replacement) - len(pattern)))
    return value.replace(pattern, replacement, count)


def _replace_first(value: str, arguments: Sequence[str]) -> str:
    return _replace(value, arguments[0], arguments[1] if len(arguments) > 1 else "", 1)


def _replace_all(value: str, arguments: Sequence[str]) -> str:
    return _replace(value, arguments[0], arguments[1] if len(arguments) > 1 else "", -1)


def _replace_prefix(value: str, arguments: Sequence[str]) -> str:
    """Without a replacement the value stays unchanged, as in Flux."""
    if len(arguments) != 2 or not value.startswith(arguments[0]):
        return value
    return arguments[1] + value[len(arguments[0]) :]


def _replace_suffix(value: str, arguments: Sequence[str]) -> str:
    if len(arguments) != 2 or not value.endswith(arguments[0]):
        return value
    return value[: len(value) - len(arguments[0])] + arguments[1]


def _trimmed(*, longest: bool, suffix: bool) -> Callable[[str, Sequence[str]], str]:
    def function(value: str, arguments: Sequence[str]) -> str:
        # To trim the end, Flux trims the beginning of the reversed text with the reversed pattern, including reversed
        # classes and escapes.
        step = -1 if suffix else 1
        try:
            lengths = matching_prefixes(arguments[0][::step], value[::step])
        except MalformedPattern:
            return value
        if lengths is None:
            return value
        cut = lengths[longest]
        return value[: len(value) - cut] if suffix else value[cut:]

    return function


_FUNCTIONS: dict[str, Callable[[str, Sequence[str]], str]] = {
    ",": _cased(_lower, first=True),
    ",,": _cased(_lower, first=False),
    "^": _cased(_upper, first=True),
    "^^": _cased(_upper, first=False),
    ":": _substring,
    "/": _replace_first,
    "//": _replace_all,
    "/#": _replace_prefix,
    "/%": _replace_suffix,
    "#": _trimmed(longest=False, suffix=False),
    "##": _trimmed(longest=True, suffix=False),
    "%": _trimmed(longest=False, suffix=True),
    "%%": _trimmed(longest=True, suffix=True),
}
