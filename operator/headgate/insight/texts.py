"""Texts of a cluster: with a limit in length, and without the credentials of URLs.

Characters that a terminal or a page must not get as they are stay here: escaping is the work of who prints.
"""

from __future__ import annotations

import re

__all__ = ["FIELD_LIMIT", "MESSAGE_LIMIT", "file_of", "message_text", "short_text"]

MESSAGE_LIMIT = 4000
"""Limit in characters for a message."""
FIELD_LIMIT = 300
"""The same for a name, reason, revision or note."""
_SEARCHED = 2 * MESSAGE_LIMIT

_USERINFO = re.compile(r"(?<=://)[^\s/?#'\"<>]*@")
_CUT_USERINFO = re.compile(r"(?<=://)[^\s/?#'\"<>]*\Z")
_TEMPORARY = r"(?:/tmp/kustomization-\d+/)"
_FILE = re.compile(
    rf"(?<![\w./@+-])(?P<temporary>{_TEMPORARY})?"
    r"(?P<file>[\w@+-][\w.@+/-]{0,250}\.(?:ya?ml|json)|(?:[\w.@+-]{1,80}/){0,20}Kustomization(?=:\d))"
    r"(?::(?P<line>\d{1,9}))?"
)
"""A path of a manifest, as messages of Headgate, which often add a line, and of kustomize name it. Flux builds in a
temporary directory."""


def message_text(text: str) -> str:
    """Return a message without the userinfo of URLs, cut to :data:`MESSAGE_LIMIT`.

    >>> message_text("cannot clone https://me:token@example.com/repo")
    'cannot clone https://example.com/repo'
    """
    return _cut(_without_userinfo(text), MESSAGE_LIMIT)


def short_text(text: str) -> str:
    """The same, cut to :data:`FIELD_LIMIT`."""
    return _cut(_without_userinfo(text), FIELD_LIMIT)


def file_of(message: str) -> tuple[str, int]:
    """Return the manifest that a message names, and its line; an empty text and 0 without one.

    A file with a line wins over one without, then a full path: messages also name the files that lead there.

    >>> file_of("apps/web.yaml:3: mapping values are not allowed here")
    ('apps/web.yaml', 3)
    """
    found = [
        (not each["line"], not each["temporary"], (each["file"], int(each["line"] or 0)))
        for each in _FILE.finditer(message[:MESSAGE_LIMIT])
    ]
    return min(found, key=lambda each: each[:2])[2] if found else ("", 0)


def _without_userinfo(text: str) -> str:
    kept = _USERINFO.sub("", text[:_SEARCHED])
    return _CUT_USERINFO.sub("", kept) if len(text) > _SEARCHED else kept


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else f"{text[: limit - 1]}…"
