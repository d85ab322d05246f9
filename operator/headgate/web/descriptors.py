"""File descriptors: how many the process may have, and how many of them connections may take.

Each connection, watch, pipe of a Git process and open file needs one. The usual soft limit, 1,024, is there for old
programs that use ``select``; the hard one is what the machine allows.
"""

from __future__ import annotations

import logging
import resource

__all__ = ["RESERVED", "connections_per_site", "raise_limit"]

RESERVED = 512
"""Descriptors for the operator's own work: watches, requests, Git, files."""
FEWEST = 16
"""Connections that a site may have in any case."""

ENOUGH = 65_536
"""More are not asked for: there are programs that close, one by one, all that they could have."""

_log = logging.getLogger("headgate.web")


def raise_limit() -> int:
    """Raise the soft limit of descriptors as far as the hard one allows, and return the limit that holds then."""
    soft, hard = (ENOUGH if limit == resource.RLIM_INFINITY else limit for limit in _limits())
    wanted = min(ENOUGH, hard)
    if soft < wanted:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, _limits()[1]))
            return wanted
        except (OSError, ValueError) as error:  # macOS allows fewer than it says.
            _log.warning("the limit of %d file descriptors cannot be raised: %s", soft, error)
    return soft


def connections_per_site(wanted: int, sites: int, descriptors: int) -> int:
    """How many connections each of so many sites may have, when so many descriptors are left to share."""
    share = max(FEWEST, (descriptors - RESERVED) // max(1, sites))
    if share < wanted:
        _log.warning(
            "at most %d connections to each address, not %d: the limit of file descriptors is %d",
            share,
            wanted,
            descriptors,
        )
    return min(wanted, share)


def _limits() -> tuple[int, int]:
    return resource.getrlimit(resource.RLIMIT_NOFILE)
