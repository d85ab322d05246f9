"""The limit in bytes for the cached objects of one cluster, for all reflectors of its client together.

An untrusted server of a remote cluster may list objects without end. The operator's own cluster has no such limit: only
authorized clients store objects on its API server. Because a namespace may name any number of remote clusters, all of
them together have a limit too.
"""

from __future__ import annotations

from typing import Any

import orjson

from headgate.api.quantity import format_bytes
from headgate.fairness.shares import Shares
from headgate.kube.errors import AnswerTooLarge

__all__ = ["Kept"]

OVERHEAD = 1024
"""Bytes of memory for an object in addition to its content."""


class Kept:
    """The memory of one cluster. Use it from the event loop only."""

    def __init__(self, most: int, together: Shares | None = None, namespace: str = "") -> None:
        """``together``: the memory of all remote clusters, by namespace; ``namespace`` is that of this one."""
        self._most, self._together, self._namespace = most, together, namespace
        self.size = 0
        """Bytes, as estimated."""
        self._released = False

    def check(self, more: int) -> None:
        """Raise :class:`AnswerTooLarge` when ``more`` additional bytes would exceed a limit."""
        if self.size + more > self._most:
            raise AnswerTooLarge(
                f"the kinds of the cluster and its objects with owner labels take more memory than "
                f"{format_bytes(self._most)}, the limit of --max-remote-cache-size"
            )
        if self._together is None or more <= 0:
            return
        share = self._together.share(self._namespace)
        if self._together.amount(self._namespace) + more > share:
            raise AnswerTooLarge(
                f"the clusters of namespace '{self._namespace}' together take more memory for their kinds and their "
                f"objects with owner labels than its quota of {format_bytes(share)}; see --max-remote-cache-size"
            )

    def add(self, more: int) -> None:
        """Add ``more`` bytes, or subtract them if negative."""
        if self._released:
            return
        self.size += more
        if self._together is not None:
            self._together.add(self._namespace, more)

    def release(self) -> None:
        """Subtract everything, and count nothing from now on, not even for reflectors that end later."""
        self.add(-self.size)
        self._released = True


def size_of(kept: Any) -> int:
    """The counted bytes of an object."""
    return OVERHEAD + len(orjson.dumps(kept, default=str))
