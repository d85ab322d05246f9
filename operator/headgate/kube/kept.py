"""How much is kept of one cluster's objects, by all reflectors of its client: no more than so many bytes.

Whoever answers for another cluster may list objects without end. Of the operator's own there is no such bound: what
its API server has, somebody was allowed to store. As one may name any number of such clusters, all that a namespace
names count together besides.
"""

from __future__ import annotations

from typing import Any

import orjson

from headgate.api.quantity import format_bytes
from headgate.fairness.shares import Shares
from headgate.kube.errors import AnswerTooLarge

__all__ = ["Kept"]

OVERHEAD = 1024
"""Bytes that an object costs beside its content."""


class Kept:
    """The account of one cluster. Used from the event loop only."""

    def __init__(self, most: int, together: Shares | None = None, namespace: str = "") -> None:
        """``together``: the accounts of all other clusters; ``namespace`` is whose this one is."""
        self._most, self._together, self._namespace = most, together, namespace
        self.size = 0
        """Bytes, as estimated."""
        self._released = False

    def check(self, more: int) -> None:
        """Raise :class:`AnswerTooLarge` when there is no room for so many bytes more."""
        if self.size + more > self._most:
            raise AnswerTooLarge(
                f"the API server has more than {format_bytes(self._most)} of kinds and of objects with our labels, "
                "which is what --max-remote-cache-size allows to keep of a cluster"
            )
        if self._together is None or more <= 0:
            return
        share = self._together.share(self._namespace)
        if self._together.amount(self._namespace) + more > share:
            raise AnswerTooLarge(
                f"the clusters that namespace '{self._namespace}' applies to have more of kinds and of objects with "
                f"our labels together than the {format_bytes(share)} that it may have kept; see "
                "--max-remote-cache-size"
            )

    def add(self, more: int) -> None:
        """Count so many bytes more, or less."""
        if self._released:
            return
        self.size += more
        if self._together is not None:
            self._together.add(self._namespace, more)

    def release(self) -> None:
        """Nothing is kept any more; what reflectors that end later count is not heard."""
        self.add(-self.size)
        self._released = True


def size_of(kept: Any) -> int:
    """What an object counts for."""
    return OVERHEAD + len(orjson.dumps(kept, default=str))
