"""Makes text of a repository harmless: for terminals, and for the Markdown of forges. Pure.

Names and values are whatever an author wrote. Characters that nobody sees, that move the cursor or that turn the
direction of writing become escapes. In Markdown, all foreign text is in code: there, forges neither notify the people
behind ``@name``, nor link ``#123``, nor run quick actions, nor render HTML.
"""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Iterable

__all__ = ["code", "fenced", "html_code", "longest_ticks", "visible"]

_TICKS = re.compile("`+")
_PLAIN = re.compile(r"[\x20-\x7e]*")
_HIDDEN = frozenset(("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"))
_BLANK = frozenset("\u115f\u1160\u3164\uffa0\u2800\u034f\u17b4\u17b5")
"""Letters and symbols without ink."""
_SPACES = frozenset(" \u3000")


def _is_visible(character: str) -> bool:
    """Whether a reader sees a character as what it is."""
    category = unicodedata.category(character)
    if category == "Zs":
        return character in _SPACES
    return category not in _HIDDEN and character not in _BLANK


def visible(text: str) -> str:
    """Return a text as one line, with escapes for what a reader would not see.

    >>> visible("a\\x1b[31m\\u202eb")
    'a\\\\x1b[31m\\\\u202eb'
    """
    if _PLAIN.fullmatch(text):
        return text
    return "".join(each if _is_visible(each) else _escape(each) for each in text)


def _escape(character: str) -> str:
    named = {"\n": "\\n", "\t": "\\t", "\r": "\\r"}.get(character)
    if named is not None:
        return named
    number = ord(character)
    return (
        f"\\x{number:02x}" if number < 256 else f"\\u{number:04x}" if number < 65536 else f"\\U{number:08x}"
    )


def code(text: str) -> str:
    """Return a text as a code span of Markdown, also for a cell of a table."""
    text = visible(text).replace("|", "\\|")
    if not text.strip():
        return "` `"
    fence = "`" * (longest_ticks([text]) + 1)
    pad = " " if text[0] in "` " or text[-1] in "` " else ""
    return f"{fence}{pad}{text}{pad}{fence}"


def html_code(text: str) -> str:
    """Return a text as an HTML element ``code``, for HTML blocks, where Markdown has no effect."""
    return f"<code>{html.escape(visible(text))}</code>"


def fenced(lines: list[str], language: str = "diff") -> list[str]:
    """Return lines in a fence that none of them closes; each line must be visible."""
    fence = "`" * max(3, longest_ticks(lines) + 1)
    return [f"{fence}{language}", *lines, fence]


def longest_ticks(lines: Iterable[str]) -> int:
    """Return how many backticks follow each other at most; a fence needs more."""
    return max((len(run) for line in lines for run in _TICKS.findall(line)), default=0)
