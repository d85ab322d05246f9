"""The comment that a command keeps up to date on a pull request.

A marker, which no page shows, tells the comment of one command from those of others. It counts only at the beginning of
a comment and only in comments of our own account, so that nobody can make Headgate overwrite something else.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping

from headgate.promotion.errors import ForgeError
from headgate.promotion.forges.opening import locate, open_forge, pull_request_number
from headgate.promotion.forges.repository import ForgeChoice

__all__ = ["marker", "post"]

_KEY = re.compile(r"[A-Za-z0-9]+(?:[._/-][A-Za-z0-9]+)*")
_MAX_NUMBER = 2**31 - 1


def marker(command: str, key: str) -> str:
    """Return the hidden first line of a command's comment; ``key`` tells two comments of one command apart.

    Raises :class:`ForgeError` for a key that cannot be part of a comment of HTML.

    >>> marker("diff", "production")
    '<!-- headgate:diff:production -->'
    """
    if not _KEY.fullmatch(key) or len(key) > 200:
        raise ForgeError(
            "the name of the comment may have letters, digits and single '.', '_', '/' and '-' only"
        )
    return f"<!-- headgate:{command}:{key} -->"


def post(
    render: Callable[[int], str],
    *,
    command: str = "diff",
    key: str = "all",
    remote: str = "",
    number: int | None = None,
    choice: ForgeChoice | None = None,
    environment: Mapping[str, str] = os.environ,
) -> str:
    """Post a report as a comment on a pull request, or update the one that an earlier run posted; return its address.

    ``render`` returns the report as Markdown of at most so many characters, with all markup of others escaped.
    ``remote`` is the URL of the clone's remote. Without ``number``, it is that of the CI job. Raises
    :class:`ForgeError`.
    """
    choice = choice or ForgeChoice()
    line = marker(command, key)
    repository = locate(remote, choice, environment)
    if number is None:
        number = pull_request_number(repository, environment)
    if not 0 < number <= _MAX_NUMBER:
        raise ForgeError("the number of a pull request is a positive number")
    with open_forge(repository, choice, environment) as forge:
        room = forge.max_body - len(line) - len("\n\n")
        body = render(room)
        added = len(forge.inert(body)) - len(body)
        if added > 0:
            body = render(room - added)
        return forge.comment(number, line, body)
