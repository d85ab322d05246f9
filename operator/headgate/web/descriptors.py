"""File descriptors: how many the process may have, and how many of them connections may use.

Each connection, watch, pipe of a Git process and open file needs one. The usual soft limit of 1,024 exists for old
programs that use ``select``; the hard limit is that of the machine.
"""

from __future__ import annotations

import logging
import resource

__all__ = ["RESERVED", "connections_per_site", "raise_limit"]

RESERVED = 512
"""Descriptors for the operator's own work: watches, requests, Git, files."""
FEWEST = 16
"""Minimum number of connections for each site."""

ENOUGH = 65_536
"""The maximum to request: some programs close, one by one, all descriptors that they may have."""

_log = logging.getLogger("headgate.web")


def raise_limit() -> int:
    """Raise the soft limit of descriptors as far as the hard one allows, and return the resulting limit."""
    soft, hard = (ENOUGH if limit == resource.RLIM_INFINITY else limit for limit in _limits())
    wanted = min(ENOUGH, hard)
    if soft < wanted:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, _limits()[1]))
            return wanted
        except (OSError, ValueError) as error:  # macOS allows fewer than it reports.
            _log.warning("the limit of %d file descriptors cannot be raised: %s", soft, error)
    return soft


def connections_per_site(wanted: int, sites: int, descriptors: int) -> int:
    """How many connections each site may have, when ``sites`` of them share the available ``descriptors``."""
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
