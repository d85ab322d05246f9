"""Quotas of an amount, such as bytes: no namespace may take more of the whole than it leaves to others. Pure.

One namespace alone may have half, the next one half of the rest, and so on, as with the workers of :mod:`.order`.
"""

from __future__ import annotations

from collections import Counter

__all__ = ["Shares"]


class Shares:
    """What each namespace uses of ``most``."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._amounts: Counter[str] = Counter()

    @property
    def total(self) -> int:
        """What all namespaces use together."""
        return self._amounts.total()

    def share(self, namespace: str) -> int:
        """Return the quota of a namespace."""
        return (self._most - self.total + self._amounts[namespace]) // 2

    def amount(self, namespace: str) -> int:
        """Return what a namespace uses."""
        return self._amounts[namespace]

    def add(self, namespace: str, more: int) -> None:
        """Add to what a namespace uses (or subtract, if negative); the caller checks the quota."""
        self._amounts[namespace] += more
        if not self._amounts[namespace]:
            del self._amounts[namespace]
