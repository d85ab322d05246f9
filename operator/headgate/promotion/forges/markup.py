"""What a forge would carry out in a text, made harmless. Pure."""

from __future__ import annotations

import re

__all__ = ["without_quick_actions"]

_LINE_WITH_SLASH = re.compile(r"^/", re.MULTILINE)


def without_quick_actions(text: str) -> str:
    r"""Return Markdown in which no line is a quick action, such as ``/merge``, which GitLab would carry out.

    GitLab looks for them with regular expressions that do not see code blocks as Markdown does, so lines in code blocks
    are changed, too. A backslash before a slash is not shown outside of code.

    >>> print(without_quick_actions("see\n/merge\n+ /close"))
    see
    \/merge
    + /close
    """
    # GitLab removes carriage returns before it looks for lines.
    return _LINE_WITH_SLASH.sub(r"\\/", text.replace("\r", ""))
