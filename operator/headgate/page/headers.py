"""The headers of every answer, whoever gives it.

No page loads anything from elsewhere, none has inline scripts or styles, none may be framed, and no cache keeps what
one user may see. Files with their digest in the name are the exception: everybody may see them, and they never change.
"""

from __future__ import annotations

from typing import Final

from aiohttp import web

__all__ = ["ANSWERED", "HEADERS", "IMMUTABLE", "finish"]

HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}
IMMUTABLE: Final = "public, max-age=31536000, immutable"
ANSWERED: Final = web.RequestKey("answered", bool)
"""Set for requests that reach the application."""
_NOT_MINE: Final = b"The page cannot answer this request.\n"


def finish(request: web.Request, response: web.StreamResponse) -> None:
    """Complete the head of an answer; a :data:`headgate.web.server.ANSWERS`."""
    cached = response.headers.get("Cache-Control")
    response.headers.update(HEADERS)
    if cached == IMMUTABLE and response.status in (200, 304):
        response.headers["Cache-Control"] = IMMUTABLE
    response.headers.popall("Server", None)
    if request.get(ANSWERED) is None and isinstance(response, web.Response):
        _replace(request, response)


def _replace(request: web.Request, response: web.Response) -> None:
    # aiohttp's own answer quotes what it could not read, which may be part of a token.
    response.body = _NOT_MINE
    response.headers["Content-Type"] = "text/plain; charset=utf-8"
    response.headers["Content-Length"] = str(len(_NOT_MINE))
    request.writer.length = len(_NOT_MINE)
