"""What waits in a work queue."""

from __future__ import annotations

from collections.abc import Hashable
from typing import TypeVar

from headgate.reconcile.core.queue import Trigger, WorkQueue

K = TypeVar("K", bound=Hashable)


def waiting_triggers(queue: WorkQueue[K], key: K) -> tuple[Trigger, ...]:
    """Why the key waits; empty if it does not."""
    return next((each.triggers for each in queue.waiting() if each.key == key), ())
