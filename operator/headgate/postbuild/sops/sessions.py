"""HTTP sessions with servers that an encrypted file names, with limits on the time and decompressed size of answers."""

from __future__ import annotations

import time
from typing import Any, Final

import requests
from requests.adapters import HTTPAdapter

__all__ = ["MAX_ANSWER", "bounded_session"]

MAX_ANSWER: Final = 256 * 1024
"""Limit in bytes; an answer contains a data key or a token."""
TIME: Final = 30.0
"""Timeout in seconds for a whole answer: the timeout of ``requests`` applies to each chunk."""
_PIECE = 16 * 1024


class _Bounded(HTTPAdapter):  # type: ignore[misc]
    def send(
        self, request: requests.PreparedRequest, stream: bool = False, *args: Any, **options: Any
    ) -> requests.Response:
        limit = time.monotonic() + TIME
        response = super().send(request, True, *args, **options)
        body = bytearray()
        try:
            while piece := response.raw.read1(_PIECE, decode_content=True):
                body += piece
                if len(body) > MAX_ANSWER:
                    raise requests.ConnectionError(f"the answer is larger than {MAX_ANSWER} bytes")
                if time.monotonic() > limit:
                    raise requests.ReadTimeout(f"the answer takes longer than {TIME:g} s")
        finally:
            response.close()
        response._content, response._content_consumed = bytes(body), True
        return response


def bounded_session(*, verify: bool | str = True) -> requests.Session:
    """A session that reads answers completely, within the limits. Requires ``requests``."""
    session = requests.Session()
    session.verify = verify
    for scheme in ("http://", "https://"):
        session.mount(scheme, _Bounded())
    return session
