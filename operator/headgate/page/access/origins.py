"""Whether a request that changes something comes from our own pages. Pure.

Browsers say where a request comes from: ``Sec-Fetch-Site`` (which no script can set) and ``Origin``. A request without
either does not come from a browser of this decade; only programs may leave them out, and programs have no cookie.
"""

from __future__ import annotations

from multidict import MultiMapping

__all__ = ["is_embedded", "is_navigated", "is_own"]


_HIDDEN = "null"
"""What browsers send instead of an origin with forms of pages with ``Referrer-Policy: no-referrer``, such as ours."""


def is_own(headers: MultiMapping[str], host: str, *, has_cookie: bool) -> bool:
    """Whether a request with the value ``host`` of ``Host`` comes from a page of the same host and port, or a program.

    ``has_cookie``: the request is authenticated by a cookie, so it must say where it comes from.
    """
    sites, origins = headers.getall("Sec-Fetch-Site", ()), headers.getall("Origin", ())
    if len(sites) > 1 or len(origins) > 1:
        return False
    if sites:
        return sites[0] == "same-origin" and (
            not origins or origins[0] == _HIDDEN or _is_same(origins[0], host)
        )
    if origins:
        return _is_same(origins[0], host)
    return not has_cookie


def is_navigated(headers: MultiMapping[str]) -> bool:
    """Whether a request that changes nothing comes from our own pages, from what somebody has typed, or a program."""
    return all(each in ("same-origin", "none") for each in headers.getall("Sec-Fetch-Site", []))


def is_embedded(headers: MultiMapping[str]) -> bool:
    """Whether a page of another site loads this one as a part of itself, in a script or in a frame.

    It could not read the answer, but each costs the operator time, and each stream takes a place of somebody else's.
    """
    goes_there = [*headers.getall("Sec-Fetch-Mode", ()), *headers.getall("Sec-Fetch-Dest", ())]
    return not is_navigated(headers) and goes_there != ["navigate", "document"]


def _is_same(origin: str, host: str) -> bool:
    scheme, separator, authority = origin.partition("://")
    return separator != "" and scheme in ("http", "https") and authority.lower() == host.lower()
