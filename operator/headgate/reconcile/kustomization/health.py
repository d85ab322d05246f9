"""The health of the objects that one Kustomization waits for, read with the Kustomization's rights.

The cached object from the operator's watch decides for an object that the Kustomization's own attempt applied. Every
other one (named in ``healthChecks``, evaluated by an expression, replaced since, or not covered by a watch) is *read*:
through the account, each time the watches report a change, and every few seconds without a watch. Only the resulting
health is kept. Before the wait ends, in whatever way, the objects that the report names are read once more, so that
rights which were revoked in the meantime count.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from headgate.cel import BudgetExceeded, ExpressionBudget
from headgate.health import Health, HealthExpressions, HealthStatus, compute, whole
from headgate.kube import ApiError, Forbidden, NoMatch, NotFound, ObjectRef
from headgate.loop import Pauses
from headgate.objects import Obj
from headgate.reconcile.target.live import LiveObjects
from headgate.reconcile.target.read_access import AT_ONCE, ReadAccess

POLL: Final = 5.0
"""The shortest time, in seconds, between reads of an object that no watch covers; Flux reads as often."""
POLL_EACH: Final = 0.02
"""Additional seconds for each object that is read in this way."""
PAUSES: Final = (0.0, 0.1, 0.2, 0.5, 1.0)
"""Seconds between the first reads of an object that keeps changing, and between all further ones."""
PASS: Final = 10.0
"""Seconds after which a round of reads ends, with the results until then."""
PASS_EACH: Final = 0.02
"""Additional seconds for each object of the round."""

_UNKNOWN: Final = Health(HealthStatus.UNKNOWN, "its state is not known yet")
_GONE: Final = Health(HealthStatus.NOT_FOUND, "no such object")


class ReadDenied(Exception):
    """The account may not read one of the objects; the message names it and is the API server's."""


@dataclass(slots=True)
class _Read:
    health: Health = _UNKNOWN
    version: str = ""
    """The resource version that was read; empty if the object does not exist."""
    at: float = float("-inf")
    count: int = 0
    answered: bool = False


class HealthReads:
    """The reads of one wait; ``uids`` are the objects that the attempt applied or found in place."""

    def __init__(
        self,
        access: ReadAccess,
        live: LiveObjects,
        targets: Collection[ObjectRef],
        uids: Mapping[ObjectRef, str],
        expressions: HealthExpressions | None = None,
    ) -> None:
        self.access, self._live, self._expressions = access, live, expressions
        self._targets, self._uids = tuple(targets), uids
        self._reads: dict[ObjectRef, _Read] = {}
        self._kinds = {(ref.api_version, ref.kind): ref for ref in self._targets}
        """One object of each kind."""
        self._watched: dict[ObjectRef, tuple[Obj, Health]] = {}
        """The health of the object that a watch showed last."""
        self._over: dict[ObjectRef, float] = {}
        """Objects whose expressions may not be evaluated again before this time on the monotonic clock."""

    def health(self, ref: ObjectRef) -> Health:
        """The object's health, according to what was read and may be reported."""
        read = self._reads.get(ref)
        if read is not None:
            return read.health
        obj = self._live.state(ref)
        if obj is None or obj["metadata"]["uid"] != self._uids.get(ref):
            # Another object has replaced it since the last refresh; read access to that one is not checked yet.
            return _UNKNOWN
        judged = self._watched.get(ref)
        if judged is None or judged[0] is not obj:
            judged = self._watched[ref] = obj, compute(obj)
        return judged[1]

    async def refresh(self, budget: ExpressionBudget | None = None) -> None:
        """Read what has changed and is not covered by the watches. Raises :class:`ReadDenied`."""
        async for ref in Pauses().between(self._targets):
            if ref in self._reads:
                continue
            if self._is_watched(ref):
                # Evaluated here, where the loop can pause, and cached.
                self.health(ref)
            else:
                self._reads[ref] = _Read()
        now = time.monotonic()
        await self._read_all([ref for ref in self._reads if self._is_due(ref, now)], budget)

    async def confirm(self, since: float, budget: ExpressionBudget | None = None, *, failed: bool) -> None:
        """Read the objects that the report names and that were not read since then. Raises :class:`ReadDenied`.

        A success reports only that the objects are healthy, so it is enough that the API server showed them to the
        account a moment ago.
        """
        to_read = [ref for ref, read in self._reads.items() if read.at < since]
        if self.access.is_limited:
            for ref in self._targets:
                if ref not in self._reads and self._must_confirm(ref, failed):
                    self._reads[ref] = _Read()
                    to_read.append(ref)
        await self._read_all(to_read, budget)

    def next_read(self, now: float) -> float:
        """Seconds until an object must be read although no watch reports a change."""
        dues = [self._due_at(ref) for ref in self._reads]
        unknown = {kind for kind, ref in self._kinds.items() if not self._live.is_synced(ref)}
        if unknown and any(
            (ref.api_version, ref.kind) in unknown and ref not in self._reads for ref in self._targets
        ):
            dues.append(now + POLL)
        return max(0.0, min(dues, default=float("inf")) - now)

    @property
    def over_budget(self) -> str:
        """The message that an expression has to wait for processor time; empty if none has to."""
        return next((self._reads[ref].health.message for ref in self._over), "")

    def _is_watched(self, ref: ObjectRef) -> bool:
        """Whether the watches' state of the object counts: it is the object that the attempt applied."""
        if self._expressions is not None and self._expressions.cover(ref.api_version, ref.kind):
            return False
        obj = self._live.state(ref)
        if obj is None or obj["metadata"]["uid"] != self._uids.get(ref) or not self._live.sees(ref):
            return False
        # A change may have come before the response to the apply, and so before the watch kept the object.
        return not self._live.is_newer(ref, str(obj["metadata"]["resourceVersion"]))

    def _must_confirm(self, ref: ObjectRef, failed: bool) -> bool:
        if failed:
            return self.health(ref).status is not HealthStatus.CURRENT
        shown = self.access.shown(ref)
        return shown is not None and not self.access.is_fresh(ref, shown.uid)

    def _is_due(self, ref: ObjectRef, now: float) -> bool:
        return now >= self._due_at(ref)

    def _due_at(self, ref: ObjectRef) -> float:
        read = self._reads[ref]
        pause = PAUSES[min(read.count, len(PAUSES) - 1)] if read.count else 0.0
        again = max(read.at + pause, self._over.get(ref, float("-inf")))
        if read.count == 0 or ref in self._over:
            return again
        if not (read.answered and self._live.sees(ref)):
            return read.at + POLL + POLL_EACH * len(self._reads)
        return again if self._live.is_newer(ref, read.version) else float("inf")

    async def _read_all(self, refs: Collection[ObjectRef], budget: ExpressionBudget | None) -> None:
        """Read the objects, a few at once. An object without a response has unknown health."""
        started, waiting = time.monotonic(), iter(refs)
        refused: list[ReadDenied] = []

        async def worker() -> None:
            for ref in waiting:
                try:
                    if not await self._read_one(ref, budget):
                        return
                except ReadDenied as error:
                    refused.append(error)

        with suppress(TimeoutError):
            async with asyncio.timeout(PASS + PASS_EACH * len(refs)):
                await asyncio.gather(*(worker() for _ in range(min(AT_ONCE, len(refs)))))
        for ref in refs:
            read = self._reads[ref]
            if read.at < started:
                read.at, read.count, read.answered, read.health = started, read.count + 1, False, _UNKNOWN
        if refused:
            raise refused[0]

    async def _read_one(self, ref: ObjectRef, budget: ExpressionBudget | None) -> bool:
        """Read one object and derive its health; false if the API server does not respond, to spare the other reads."""
        read = self._reads[ref]
        read.count += 1
        read.at, read.answered, read.version = time.monotonic(), False, ""
        read.health = _UNKNOWN
        self._over.pop(ref, None)
        try:
            async with self._live.reads:
                obj = await self.access.read(ref)
        except Forbidden as error:
            if self.access.is_limited:
                raise ReadDenied(f"{ref} {error.message}") from error
            read.health = Health(HealthStatus.UNKNOWN, error.message)
        except NoMatch as error:
            read.health = Health(HealthStatus.NOT_FOUND, error.message)
        except NotFound:
            read.health, read.answered = _GONE, True
            self._live.watch_by_name(ref)
        except ApiError as error:
            read.health = Health(HealthStatus.UNKNOWN, error.message)
            return error.is_answer
        else:
            read.answered, read.version = True, str(obj["metadata"].get("resourceVersion") or "")
            self._live.watch_by_name(ref)
            read.health = await self._judge(ref, obj, budget)
        return True

    async def _judge(self, ref: ObjectRef, obj: Obj, budget: ExpressionBudget | None) -> Health:
        if self._expressions is None or budget is None:
            return compute(obj)
        try:
            return await self._expressions.evaluate(whole(obj), budget)
        except BudgetExceeded as error:
            self._over[ref] = time.monotonic() + error.after
            return Health(HealthStatus.UNKNOWN, str(error))
