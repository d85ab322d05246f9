"""Why a health check fails: what the failing objects and their pods say, read once and not for each view.

The account that the Kustomization applies with reads them, when a health check has failed or takes long, and again
when the verdicts change. So views of the page send no request, and nobody sees more there than this account may read.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
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
AGAIN = 30.0
"""Seconds between two reads for a Kustomization, unless its health check has failed."""
REST = 0.1
"""Seconds between two reads: many health checks may fail at once, and reconciling comes first."""
TIMEOUT = 20.0
"""Seconds for one read."""
MAX_PENDING = 500


@dataclass(frozen=True, slots=True)
class _Wanted:
    waiting: Waiting
    unhealthy: Mapping[ObjectRef, tuple[str, str]]


class EvidenceReader:
    """Reads evidence in the background, for one Kustomization after the other."""

    def __init__(self, memory: Memory, clock: Callable[[], float] = time.monotonic) -> None:
        self._memory, self._clock = memory, clock
        self._pending: dict[ObjectKey, _Wanted] = {}
        self._read_at: dict[ObjectKey, float] = {}
        self._arrived = asyncio.Event()

    def checked(self, waiting: Waiting, *, failed: bool) -> None:
        """Read the evidence of a health check soon, if it fails or takes long."""
        key = waiting.attempt.key
        verdicts = self._memory.of(KUSTOMIZATION, key.namespace, key.name).verdicts
        if verdicts is None or not verdicts.unhealthy:
            self._pending.pop(key, None)
            self._read_at.pop(key, None)
            return
        now = self._clock()
        is_due = now - waiting.wait.started >= PATIENCE and now - self._read_at.get(key, 0.0) >= AGAIN
        # As in the command line: objects of another cluster are not read.
        if (
            (failed or is_due)
            and not waiting.attempt.ks.spec.kube_config
            and len(self._pending) < MAX_PENDING
        ):
            self._pending[key] = _Wanted(waiting, verdicts.unhealthy)
            self._arrived.set()

    def forget(self, key: ObjectKey) -> None:
        """Forget a Kustomization that is gone."""
        self._pending.pop(key, None)
        self._read_at.pop(key, None)

    async def run(self) -> None:
        """Read until cancelled."""
        while True:
            await self._arrived.wait()
            self._arrived.clear()
            while self._pending:
                key = next(iter(self._pending))
                wanted = self._pending.pop(key)
                self._read_at[key] = self._clock()
                try:
                    async with asyncio.timeout(TIMEOUT):
                        found = await _read(wanted)
                except TimeoutError:
                    _log.info("%s: the API server does not say in time why objects are unhealthy", key)
                except Exception as error:
                    _log.exception("%s: it is not known why objects are unhealthy: %s", key, error)
                else:
                    self._memory.found(key.namespace, key.name, found)
                await asyncio.sleep(REST)


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
