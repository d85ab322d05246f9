"""How much is kept of one cluster's objects, by all reflectors of its client: no more than so many bytes.

Whoever answers for another cluster may list objects without end. Of the operator's own there is no such bound: what
its API server has, somebody was allowed to store.
"""

from __future__ import annotations

from typing import Any

import orjson

from headgate.api.quantity import format_bytes
from headgate.kube.errors import TooLarge

__all__ = ["Kept"]

OVERHEAD = 1024
"""Bytes that an object costs beside its content."""


class Kept:
    """The account of one cluster. Used from the event loop only."""

    def __init__(self, most: int) -> None:
        self._most = most
        self.size = 0
        """Bytes, as estimated."""

    def check(self, more: int) -> None:
        """Raise :class:`TooLarge` when there is no room for so many bytes more."""
        if self.size + more > self._most:
            raise TooLarge(
                f"the API server has more than {format_bytes(self._most)} of objects with our labels, which is what "
                "--max-remote-cache-size allows to keep of a cluster"
            )


def size_of(kept: Any) -> int:
    """What an object counts for."""
    return OVERHEAD + len(orjson.dumps(kept, default=str))
