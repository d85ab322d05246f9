"""The API server's warnings in an answer: the ``Warning`` headers of RFC 7234, code 299. Pure.

Deprecated API versions, duplicate keys, warnings of admission policies and webhooks. Their texts are untrusted, so they
are shortened, and only the first few are used.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

LIMIT = 10
"""Maximum number of warnings of one answer."""
LENGTH = 300
"""Limit in characters for one warning."""

_WARNING = re.compile(r'299 \S+ "((?:[^"\\]|\\.)*)"')


def warnings_in(headers: Mapping[str, str]) -> list[str]:
    """The texts in the headers of an answer, without duplicates; the header may occur several times.

    >>> warnings_in({"Warning": '299 - "v1 ComponentStatus is deprecated"'})
    ['v1 ComponentStatus is deprecated']
    """
    every = getattr(headers, "getall", None)
    lines = every("Warning", ()) if every is not None else filter(None, [headers.get("Warning")])
    texts = dict.fromkeys(
        re.sub(r"\\(.)", r"\1", quoted)[:LENGTH] for line in lines for quoted in _WARNING.findall(line)
    )
    return list(texts)[:LIMIT]
