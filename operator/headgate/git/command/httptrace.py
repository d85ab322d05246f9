"""The last answer of an HTTP server, from Git's trace of its requests. Pure.

Git reports only the status of a failure; the headers say when to retry and whether the answer is a web page. The trace
has no bodies, and Git omits credentials from it.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

__all__ = ["TRACE_VARIABLE", "HttpAnswer", "last_answer", "tracing"]

TRACE_VARIABLE = "GIT_TRACE_CURL"
MAX_TRACE = 1 << 20
"""Bytes to read at the end of a trace."""
MAX_RETRY_AFTER = 86_400.0

_HEADER = re.compile(rb"<= Recv header: (.*)")
_STATUS_LINE = re.compile(rb"HTTP/[\d.]+ (\d{3})")


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """The useful parts of an answer's head."""

    status: int = 0
    content_type: str = ""
    retry_after: float | None = None
    """Seconds after which the server accepts the next request; None: it does not say."""

    @property
    def is_web_page(self) -> bool:
        """Whether the answer is a web page."""
        return self.status == 200 and self.content_type in ("text/html", "application/xhtml+xml")


def tracing(path: str) -> dict[str, str]:
    """The environment variables that make Git write its trace to a file."""
    return {TRACE_VARIABLE: path, "GIT_TRACE_CURL_NO_DATA": "1", "GIT_TRACE_REDACT": "1"}


def last_answer(trace: bytes) -> HttpAnswer | None:
    """The last answer in a trace; None when no server answered."""
    found: dict[bytes, bytes] | None = None
    status = 0
    for line in _headers(trace[-MAX_TRACE:]):
        begin = _STATUS_LINE.match(line)
        if begin is not None:
            status, found = int(begin[1]), {}
        elif found is not None:
            name, _, value = line.partition(b":")
            found[name.strip().lower()] = value.strip()
    if found is None:
        return None
    content_type = found.get(b"content-type", b"").partition(b";")[0].strip().lower()
    return HttpAnswer(
        status, content_type.decode("ascii", "replace"), _retry_after(found.get(b"retry-after", b""))
    )


def _headers(trace: bytes) -> Iterator[bytes]:
    for line in trace.splitlines():
        match = _HEADER.search(line)
        if match is not None:
            yield match[1]


def _retry_after(value: bytes) -> float | None:
    """Seconds, from a number or a date (RFC 9110, section 10.2.3)."""
    text = value.decode("ascii", "replace")
    if text.isdecimal():
        return min(float(text), MAX_RETRY_AFTER)
    try:
        when = parsedate_to_datetime(text).timestamp()
    except (ValueError, TypeError, OverflowError):
        return None
    return min(max(0.0, round(when - time.time())), MAX_RETRY_AFTER)
