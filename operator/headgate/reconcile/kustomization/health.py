"""The health of the objects that one Kustomization waits for, read with the rights that it has.

An object that the Kustomization's own attempt applied is judged by what the operator's watch of the kind keeps of it.
Every other one (named in ``healthChecks``, judged by an expression, replaced since, or out of the watches' sight) is
*looked at*: read through the account each time the watches say that it changed, and every few seconds where none does.
Nothing of it is kept but the verdict. Before the wait ends, one way or the other, what it reports is read once more, so
that rights which were taken meanwhile count.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from headgate.cel import Budget, BudgetExceeded
from headgate.health import Health, HealthExpressions, HealthStatus, compute, whole
from headgate.kube import ApiError, Forbidden, NoMatch, NotFound, ObjectRef
from headgate.loop import Pauses
from headgate.objects import Obj
from headgate.reconcile.target.live import LiveObjects
from headgate.reconcile.target.sight import AT_ONCE, Sight

POLL: Final = 5.0
"""Seconds between looks at an object that no watch shows, at least; as often as Flux looks."""
POLL_EACH: Final = 0.02
"""Seconds more for each object that has to be looked at like this."""
PAUSES: Final = (0.0, 0.1, 0.2, 0.5, 1.0)
"""Seconds between the first looks at an object that keeps changing, and between all further ones."""
PASS: Final = 10.0
"""Seconds after which a round of reads ends, with what is known by then."""
PASS_EACH: Final = 0.02
"""Seconds more for each object of the round."""

_UNKNOWN: Final = Health(HealthStatus.UNKNOWN, "its state is not known yet")
_GONE: Final = Health(HealthStatus.NOT_FOUND, "no such object")


class NoSight(Exception):
    """The account may not read one of the objects; the message names it and is the API server's."""


@dataclass(slots=True)
class _Look:
    health: Health = _UNKNOWN
    version: str = ""
    """Resource version of what was read; empty where there was no object."""
    at: float = float("-inf")
    count: int = 0
    answered: bool = False


class Looks:
    """See the module's text. One for each wait; ``uids`` are the objects that the attempt found or put in place."""

    def __init__(
        self,
        sight: Sight,
        live: LiveObjects,
        targets: Collection[ObjectRef],
        uids: Mapping[ObjectRef, str],
        expressions: HealthExpressions | None = None,
    ) -> None:
        self._sight, self._live, self._expressions = sight, live, expressions
        self._targets, self._uids = tuple(targets), uids
        self._looks: dict[ObjectRef, _Look] = {}
        self._kinds = {(ref.api_version, ref.kind): ref for ref in self._targets}
        """An object of each kind."""
        self._watched: dict[ObjectRef, tuple[Obj, Health]] = {}
        """The verdict on what a watch showed, until it shows something else."""
        self._over: dict[ObjectRef, float] = {}
        """Objects whose expressions may be evaluated again only then, on the monotonic clock."""

    def health(self, ref: ObjectRef) -> Health:
        """What is known of an object's health by what was read and may be reported."""
        look = self._looks.get(ref)
        if look is not None:
            return look.health
        obj = self._live.state(ref)
        if obj is None or obj["metadata"]["uid"] != self._uids.get(ref):
            # Another took its place since the last refresh: whether the account may read that one is not known yet.
            return _UNKNOWN
        judged = self._watched.get(ref)
        if judged is None or judged[0] is not obj:
            judged = self._watched[ref] = obj, compute(obj)
        return judged[1]

    async def refresh(self, budget: Budget | None = None) -> None:
        """Read what has changed and is not judged by the watches. Raises :class:`NoSight`."""
        async for ref in Pauses().between(self._targets):
            if ref in self._looks:
                continue
            if self._is_watched(ref):
                # Judged here, where there are pauses, and kept.
                self.health(ref)
            else:
                self._looks[ref] = _Look()
        now = time.monotonic()
        await self._read([ref for ref in self._looks if self._is_due(ref, now)], budget)

    async def confirm(self, since: float, budget: Budget | None = None, *, failed: bool) -> None:
        """Read what the end of the wait reports and was not read since then. Raises :class:`NoSight`.

        After a success all that is reported is that the objects are healthy, so it is enough that the account was shown
        them a moment ago.
        """
        to_read = [ref for ref, look in self._looks.items() if look.at < since]
        if self._sight.is_limited:
            for ref in self._targets:
                if ref not in self._looks and self._must_confirm(ref, failed):
                    self._looks[ref] = _Look()
                    to_read.append(ref)
        await self._read(to_read, budget)

    def next_look(self, now: float) -> float:
        """Seconds until something has to be looked at although no watch shows a change."""
        dues = [self._due_at(ref) for ref in self._looks]
        unknown = {kind for kind, ref in self._kinds.items() if not self._live.is_synced(ref)}
        if unknown and any(
            (ref.api_version, ref.kind) in unknown and ref not in self._looks for ref in self._targets
        ):
            dues.append(now + POLL)
        return max(0.0, min(dues, default=float("inf")) - now)

    @property
    def over_budget(self) -> str:
        """What says that an expression has to wait for processor time; empty where none has to."""
        return next((self._looks[ref].health.message for ref in self._over), "")

    def _is_watched(self, ref: ObjectRef) -> bool:
        """Whether the watches' state of the object may be used: it is the one that the attempt applied."""
        if self._expressions is not None and self._expressions.cover(ref.api_version, ref.kind):
            return False
        obj = self._live.state(ref)
        if obj is None or obj["metadata"]["uid"] != self._uids.get(ref) or not self._live.sees(ref):
            return False
        # A change may have come before the answer to the apply that made the object one to keep.
        return not self._live.is_newer(ref, str(obj["metadata"]["resourceVersion"]))

    def _must_confirm(self, ref: ObjectRef, failed: bool) -> bool:
        if failed:
            return self.health(ref).status is not HealthStatus.CURRENT
        shown = self._sight.shown(ref)
        return shown is not None and not self._sight.is_fresh(ref, shown.uid)

    def _is_due(self, ref: ObjectRef, now: float) -> bool:
        return now >= self._due_at(ref)

    def _due_at(self, ref: ObjectRef) -> float:
        look = self._looks[ref]
        pause = PAUSES[min(look.count, len(PAUSES) - 1)] if look.count else 0.0
        again = max(look.at + pause, self._over.get(ref, float("-inf")))
        if look.count == 0 or ref in self._over:
            return again
        if not (look.answered and self._live.sees(ref)):
            return look.at + POLL + POLL_EACH * len(self._looks)
        return again if self._live.is_newer(ref, look.version) else float("inf")

    async def _read(self, refs: Collection[ObjectRef], budget: Budget | None) -> None:
        """Read them, a few at once. What is not read, for the server does not answer, is unknown."""
        started, waiting = time.monotonic(), iter(refs)
        refused: list[NoSight] = []

        async def worker() -> None:
            for ref in waiting:
                try:
                    if not await self._look(ref, budget):
                        return
                except NoSight as error:
                    refused.append(error)

        with suppress(TimeoutError):
            async with asyncio.timeout(PASS + PASS_EACH * len(refs)):
                await asyncio.gather(*(worker() for _ in range(min(AT_ONCE, len(refs)))))
        for ref in refs:
            look = self._looks[ref]
            if look.at < started:
                look.at, look.count, look.answered, look.health = started, look.count + 1, False, _UNKNOWN
        if refused:
            raise refused[0]

    async def _look(self, ref: ObjectRef, budget: Budget | None) -> bool:
        """Read and judge one object; false when the server does not answer, as the others would wait for it too."""
        look = self._looks[ref]
        look.count += 1
        look.at, look.answered, look.version = time.monotonic(), False, ""
        look.health = _UNKNOWN
        self._over.pop(ref, None)
        try:
            async with self._live.reads:
                obj = await self._sight.read(ref)
        except Forbidden as error:
            if self._sight.is_limited:
                raise NoSight(f"{ref} {error.message}") from error
            look.health = Health(HealthStatus.UNKNOWN, error.message)
        except NoMatch as error:
            look.health = Health(HealthStatus.NOT_FOUND, error.message)
        except NotFound:
            look.health, look.answered = _GONE, True
            self._live.look_closer(ref)
        except ApiError as error:
            look.health = Health(HealthStatus.UNKNOWN, error.message)
            return error.is_answer
        else:
            look.answered, look.version = True, str(obj["metadata"].get("resourceVersion") or "")
            self._live.look_closer(ref)
            look.health = await self._judge(ref, obj, budget)
        return True

    async def _judge(self, ref: ObjectRef, obj: Obj, budget: Budget | None) -> Health:
        if self._expressions is None or budget is None:
            return compute(obj)
        try:
            return await self._expressions.evaluate(whole(obj), budget)
        except BudgetExceeded as error:
            self._over[ref] = time.monotonic() + error.after
            return Health(HealthStatus.UNKNOWN, str(error))
