"""Reads what requests say: forms, and whether an answer may be compressed."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import parse_qsl

from aiohttp import web

__all__ = ["form_of", "takes_gzip"]

MAX_FIELDS = 16
_FORM = "application/x-www-form-urlencoded"


async def form_of(request: web.Request) -> Mapping[str, str]:
    """The fields of a form; the last of several with one name. Raises the answer for anything else."""
    if not request.body_exists:
        return {}
    if request.content_type != _FORM:
        raise web.HTTPUnsupportedMediaType
    body = await request.read()
    try:
        return dict(
            parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=MAX_FIELDS)
        )
    except ValueError:
        raise web.HTTPBadRequest from None


def takes_gzip(request: web.Request) -> bool:
    """Whether the client accepts an answer in the gzip format.

    An encoding with the weight 0 is refused (RFC 9110, 12.5.3).
    """
    for each in ",".join(request.headers.getall("Accept-Encoding", ())).split(","):
        name, _, weight = each.partition(";")
        if name.strip().lower() in ("gzip", "x-gzip"):
            return weight.strip().lower().removeprefix("q=").strip("0.") != "" or not weight.strip()
    return False
