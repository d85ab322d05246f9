"""How long the steps of a reconcile take, and which were unnecessary: what the reconcilers report to the metrics."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

BUILD, APPLY, HEALTH, FETCH = "build", "apply", "health", "fetch"
"""The measured steps: a build, an apply, a health check, a fetch including the making of its artifact."""


class Measure(Protocol):
    """Receives the measurements; the metrics implement it. Any thread may call it."""

    def took(self, step: str, seconds: float, *, failed: bool) -> None:
        """A step has ended."""

    def build_skipped(self) -> None:
        """A new revision needed no build."""

    def inventory_refused(self) -> None:
        """An inventory was too large to be stored."""

    def refs_wanted(self, *, asked: bool) -> None:
        """A source needed a remote's refs; ``asked``: through its own request, otherwise from a shared response."""


class Unmeasured:
    """Measures nothing."""

    def took(self, step: str, seconds: float, *, failed: bool) -> None:
        pass

    def build_skipped(self) -> None:
        pass

    def inventory_refused(self) -> None:
        pass

    def refs_wanted(self, *, asked: bool) -> None:
        pass


UNMEASURED = Unmeasured()


@contextmanager
def timed(measure: Measure, step: str) -> Iterator[None]:
    """Measure the block; it counts as failed if it raises an exception."""
    started, failed = time.monotonic(), True
    try:
        yield
        failed = False
    finally:
        measure.took(step, time.monotonic() - started, failed=failed)
