"""Makes text of a repository harmless for the Markdown of forges. Pure.

All foreign text is in code: there, forges neither notify the people behind ``@name``, nor link ``#123``, nor run quick
actions, nor render HTML.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable

from headgate.visible import visible

__all__ = ["code", "fenced", "html_code", "longest_ticks"]

_TICKS = re.compile("`+")


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
