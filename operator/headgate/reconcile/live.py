"""What the managed objects look like now: one watch per kind, kept as small as the health rules allow.

The API server tells us of every change of an object that carries an owner label, so nothing is ever polled:
a Deployment that becomes healthy wakes the Kustomization that waits for it. An object without an owner label
that a ``healthChecks`` entry names is watched on its own, for as long as somebody follows it.

Our own writes are put in with :meth:`LiveObjects.observe` as their answers come, so that a verdict is never
given on a state older than the last apply.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from headgate.api import ObjectKey, labels
from headgate.health import Health, HealthStatus, compute, essence
from headgate.kube import Client, NoMatch, ObjectRef, Reflector, ref_of

Obj = dict[str, Any]

_log = logging.getLogger("headgate.live")


@dataclass(frozen=True, slots=True)
class Kind:
    """What one watch covers."""

    api_version: str
    kind: str
    only: ObjectRef | None = None
    """A single object, watched by name; None: all that carry an owner label."""


class LiveObjects:
    """The newest known state of the managed objects of one cluster.

    ``on_change`` is called with the key of every follower of an object that changed.
    """

    def __init__(self, client: Client, on_change: Callable[[ObjectKey, ObjectRef], None]) -> None:
        self._client, self._on_change = client, on_change
        self._objects: dict[ObjectRef, Obj] = {}
        self._watches: dict[Kind, Reflector] = {}
        self._tasks: dict[Kind, asyncio.Task[None]] = {}
        self._followers: defaultdict[ObjectRef, set[ObjectKey]] = defaultdict(set)
        self._followed: dict[ObjectKey, tuple[ObjectRef, ...]] = {}

    async def follow(self, key: ObjectKey, refs: Iterable[ObjectRef]) -> None:
        """Wake ``key`` whenever one of these objects changes, in place of those it followed before.

        Returns when the state of all of them is known.
        """
        self.unfollow(key)
        self._followed[key] = wanted = tuple(refs)
        for ref in wanted:
            self._followers[ref].add(key)
        await self.watch({(r.api_version, r.kind) for r in wanted})
        for ref in wanted:
            if ref not in self._objects:
                await self._look_up(ref)

    def unfollow(self, key: ObjectKey) -> None:
        """Stop waking ``key``."""
        for ref in self._followed.pop(key, ()):
            self._followers[ref].discard(key)
            if not self._followers[ref]:
                del self._followers[ref]
                self._stop(Kind(ref.api_version, ref.kind, ref))

    async def watch(self, kinds: Iterable[tuple[str, str]]) -> None:
        """Keep the owned objects of these kinds in view, from now on; returns when they are."""
        started = [self._start(Kind(api_version, kind)) for api_version, kind in kinds]
        for reflector in started:
            await reflector.wait_synced()

    def health(self, ref: ObjectRef) -> Health:
        """The health of an object that is followed."""
        obj = self._objects.get(ref)
        return compute(obj) if obj is not None else Health(HealthStatus.NOT_FOUND, "not found")

    def exists(self, ref: ObjectRef) -> bool:
        """Whether an object that is followed is there."""
        return ref in self._objects

    def observe(self, obj: Obj) -> None:
        """Take over an object as the API server just returned it to us."""
        self._put(ref_of(obj), obj)
