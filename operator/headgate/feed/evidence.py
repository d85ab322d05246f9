"""Why a health check fails: what the failing objects and their pods say, read once and not for each view.

The account that the Kustomization applies with reads them, when a health check has failed or takes long, and again
when the verdicts change. So views of the page send no request, and nobody sees more there than this account may read.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace

from headgate.api import ObjectKey
from headgate.feed.memory import Memory
from headgate.insight import Link
from headgate.insight.failing import MAX_SUSPECTS, Suspect, links_of
from headgate.insight.texts import MESSAGE_LIMIT
from headgate.kube import ApiError, ObjectRef
from headgate.names import KUSTOMIZATION
from headgate.page.knowledge.details import shown_ref
from headgate.page.knowledge.updates import Identity
from headgate.reconcile.kustomization.steps.wait import Waiting
from headgate.symptoms import symptoms_of

__all__ = ["EvidenceReader"]

_log = logging.getLogger("headgate.feed")

PATIENCE = 10.0
"""Seconds after which a health check takes long."""
CHANGED, AGAIN = 5.0, 30.0
"""Seconds until the next read for a Kustomization whose verdicts have changed, and for one with the same ones. After a
health check has failed, nothing delays the read."""
REST = 0.1
"""Seconds between two reads: many health checks may fail at once, and reconciling comes first."""
TIMEOUT = 20.0
"""Seconds for one read."""
MAX_PENDING = 500


Unhealthy = Mapping[ObjectRef, tuple[str, str]]


@dataclass(frozen=True, slots=True)
class _Wanted:
    waiting: Waiting
    unhealthy: Unhealthy
    at: float
    """When to read, on the monotonic clock."""


@dataclass(frozen=True, slots=True)
class _Done:
    unhealthy: Unhealthy
    at: float


class EvidenceReader:
    """Reads evidence in the background, for one Kustomization after the other."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory
        self._pending: dict[ObjectKey, _Wanted] = {}
        self._done: dict[ObjectKey, _Done] = {}
        self._arrived = asyncio.Event()

    def checked(self, waiting: Waiting, *, failed: bool) -> None:
        """Plan to read the evidence of a health check, if it fails or takes long."""
        key = waiting.attempt.key
        verdicts = self._memory.of(KUSTOMIZATION, key.namespace, key.name).verdicts
        if verdicts is None or not verdicts.unhealthy:
            self.forget(key)
            return
        # As in the command line: objects of another cluster are not read.
        if waiting.attempt.ks.spec.kube_config or len(self._pending) >= MAX_PENDING:
            return
        at = time.monotonic()
        if not failed:
            at = max(at, waiting.wait.started + PATIENCE)
            if (done := self._done.get(key)) is not None:
                at = max(at, done.at + (AGAIN if done.unhealthy == verdicts.unhealthy else CHANGED))
        self._pending[key] = _Wanted(waiting, verdicts.unhealthy, at)
        self._arrived.set()

    def forget(self, key: ObjectKey) -> None:
        """Forget a Kustomization that is gone, or whose objects are healthy."""
        self._pending.pop(key, None)
        self._done.pop(key, None)

    async def run(self) -> None:
        """Read until cancelled."""
        while True:
            self._arrived.clear()
            first = min(self._pending.values(), key=lambda each: each.at, default=None)
            pause = max(0.0, first.at - time.monotonic()) if first is not None else None
            if first is not None and not pause:
                await self._read(first)
                await asyncio.sleep(REST)
                continue
            with suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._arrived.wait()

    async def _read(self, wanted: _Wanted) -> None:
        key = wanted.waiting.attempt.key
        del self._pending[key]
        self._done[key] = _Done(wanted.unhealthy, time.monotonic())
        try:
            async with asyncio.timeout(TIMEOUT):
                found = await _read(wanted)
        except TimeoutError:
            _log.info("%s: the API server does not say in time why objects are unhealthy", key)
        except Exception as error:
            _log.exception("%s: it is not known why objects are unhealthy: %s", key, error)
        else:
            self._memory.found(key.namespace, key.name, found)


async def _read(wanted: _Wanted) -> dict[Identity, tuple[Link, ...]]:
    waiting, found = wanted.waiting, {}
    for ref, (status, message) in [*wanted.unhealthy.items()][:MAX_SUSPECTS]:
        suspect = Suspect(shown_ref(ref), ref.api_version, status, message)
        evidence = await symptoms_of(waiting.reads.access.client, suspect, _unread)
        links = [await _masked(waiting, each) for each in links_of([(suspect, evidence)])]
        found[ref.kind, ref.namespace, ref.name] = tuple(links)
    return found


async def _masked(waiting: Waiting, link: Link) -> Link:
    message = await waiting.attempt.masked(link.message)
    if len(link.message) >= MESSAGE_LIMIT:
        # A secret may have been cut in two, and a part of it has no mask.
        message = f"{message[: MESSAGE_LIMIT // 2]}…"
    return replace(link, message=message)


def _unread(kind: str, error: ApiError) -> None:
    _log.debug("%s objects: %s", kind, error)
