"""Regular expressions from untrusted input, with Go's syntax and in linear time.

Selectors of specs and kustomization files are RE2 expressions, and so are the names of ``images``. Python's own engine
accepts a slightly different language, and a crafted expression can run for hours, so RE2 evaluates everything except
literals.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from headgate.caching import cached_if_short

_PLAIN = re.compile(r"[A-Za-z0-9_/:@ ~=,%#!<>&;'\"-]*\Z")


class PatternInvalid(ValueError):
    """The text is not a regular expression."""


def is_literal(pattern: str) -> bool:
    """Return whether the pattern matches only its own text."""
    return _PLAIN.match(pattern) is not None


@cached_if_short(4096)
def literal_prefix(pattern: str) -> str:
    """Return the text with which every match of the pattern begins."""
    if "|" in pattern:
        return ""
    end = 0
    while end < len(pattern) and _PLAIN.match(pattern[end]):
        end += 1
    # The next character may make the last one optional or repeated.
    return pattern if end == len(pattern) else pattern[: max(end - 1, 0)]


@cached_if_short(4096)
def whole(pattern: str) -> Callable[[str], bool]:
    """Return a predicate for texts that match completely; raises PatternInvalid."""
    if is_literal(pattern):
        return pattern.__eq__
    matches, prefix = _compiled(f"^(?:{pattern})$", pattern), literal_prefix(pattern)
    return (lambda text: text.startswith(prefix) and matches(text)) if prefix else matches


@cached_if_short(4096)
def searcher(pattern: str) -> Callable[[str], bool]:
    """Return a predicate for texts that contain a match; raises PatternInvalid."""
    if is_literal(pattern):
        return lambda text: pattern in text
    return _compiled(pattern, pattern)


def _compiled(pattern: str, written: str) -> Callable[[str], bool]:
    import re2  # here, because most builds never need it

    options = re2.Options()
    options.log_errors = False
    try:
        search = re2.compile(pattern, options).search
    except re2.error as error:
        reason = _reason(error).removesuffix(f": {pattern}")
        raise PatternInvalid(f"{written!r} is not a regular expression: {reason}") from None
    return lambda text: search(text) is not None


def _reason(error: Exception) -> str:
    reason = error.args[0] if error.args else error
    return reason.decode(errors="replace") if isinstance(reason, bytes) else str(reason)
