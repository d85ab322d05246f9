"""How long the steps of a reconcile take, and which were spared: what the reconcilers tell the metrics."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

BUILD, APPLY, HEALTH, FETCH = "build", "apply", "health", "fetch"
"""The steps that are measured: a build, an apply, a wait for health, a fetch with the making of its artifact."""


class Measure(Protocol):
    """Is told of it; the metrics implement it. May be called from any thread."""

    def took(self, step: str, seconds: float, *, failed: bool) -> None:
        """A step has ended."""

    def build_skipped(self) -> None:
        """A new revision needed no build."""

    def inventory_refused(self) -> None:
        """An inventory was too large to be stored."""

    def refs_wanted(self, *, asked: bool) -> None:
        """A source wanted a remote's references; ``asked``: the remote was, else an answer was shared."""


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
    """Measure what is done in the block; it failed when it raises."""
    started, failed = time.monotonic(), True
    try:
        yield
        failed = False
    finally:
        measure.took(step, time.monotonic() - started, failed=failed)
