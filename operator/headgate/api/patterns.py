"""Regular expressions of untrusted input, as Go understands them and in linear time.

Selectors of specs and kustomization files are RE2 expressions, and so are the names of ``images``. Python's own engine
would accept a slightly different language and can be made to run for hours, so anything beyond literals goes to RE2.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from headgate.caching import cached_if_short

_PLAIN = re.compile(r"[A-Za-z0-9_/:@ ~=,%#!<>&;'\"-]*\Z")


class PatternInvalid(ValueError):
    """The text is no regular expression."""


def is_literal(pattern: str) -> bool:
    """Return whether the pattern matches nothing but its own text."""
    return _PLAIN.match(pattern) is not None


@cached_if_short(4096)
def literal_prefix(pattern: str) -> str:
    """Return a text that everything begins with which the pattern matches at its start."""
    if "|" in pattern:
        return ""
    end = 0
    while end < len(pattern) and _PLAIN.match(pattern[end]):
        end += 1
    # What follows may make the last character optional, or the first of several.
    return pattern if end == len(pattern) else pattern[: max(end - 1, 0)]


@cached_if_short(4096)
def whole(pattern: str) -> Callable[[str], bool]:
    """Return a predicate for texts that match from end to end; raises PatternInvalid."""
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
        raise PatternInvalid(f"{written!r} is no regular expression: {reason}") from None
    return lambda text: search(text) is not None


def _reason(error: Exception) -> str:
    reason = error.args[0] if error.args else error
    return reason.decode(errors="replace") if isinstance(reason, bytes) else str(reason)
