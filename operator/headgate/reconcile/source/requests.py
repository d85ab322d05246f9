"""Which GitRepositories users have requested, and the reconciles that are running."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from headgate.api import ObjectKey, labels
from headgate.git.command.process import Cancellation
from headgate.names import GIT_REPOSITORY
from headgate.objects import Obj
from headgate.reconcile.core.store import SourceKey, Store


@dataclass(frozen=True, slots=True)
class _Running:
    """A running reconcile of the object in this version."""

    version: tuple[object, ...]
    cancellation: Cancellation


class SourceRequests:
    """The requests and the running reconciles. Used from the event loop only."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._requests: dict[ObjectKey, float] = {}
        self._running: dict[ObjectKey, _Running] = {}

    def request(self, key: ObjectKey) -> None:
        """Record a request for what the remote has now, not a moment ago.

        Cancels the running reconcile of an object that has changed or is being deleted: its server may never respond.
        """
        self._requests[key] = time.monotonic()
        running = self._running.get(key)
        obj = self._store.source(SourceKey(GIT_REPOSITORY, key.namespace, key.name))
        if running is None or (obj is not None and _version(obj) == running.version):
            return
        running.cancellation.cancel()

    def take_request(self, key: ObjectKey) -> float | None:
        """When the GitRepository was last requested, on the monotonic clock; None if it was not since the last call."""
        return self._requests.pop(key, None)

    @contextmanager
    def begun(self, key: ObjectKey, obj: Obj) -> Iterator[Cancellation]:
        """A reconcile of the raw GitRepository lasts as long as the block; its value shows whether it is cancelled."""
        running = self._running[key] = _Running(_version(obj), Cancellation())
        try:
            yield running.cancellation
        finally:
            self._running.pop(key, None)


def _version(obj: Obj) -> tuple[object, ...]:
    """What makes a running reconcile obsolete: another object with the name, another spec, a hold, a deletion."""
    meta = obj["metadata"]
    deleting = bool(meta.get("deletionTimestamp"))
    return meta.get("uid", ""), meta.get("generation", 0), labels.gate(obj), deleting
