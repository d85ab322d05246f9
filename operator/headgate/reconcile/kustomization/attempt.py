"""One attempt to reconcile a Kustomization, as data: what it works with, how it breaks off, what is kept of it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import NamedTuple

from headgate.api import Kustomization, ObjectKey, reasons
from headgate.api import inventory as inv
from headgate.apply import ApplyResult
from headgate.fairness.pools import BUILDS
from headgate.health import HealthExpressions
from headgate.objects import Obj
from headgate.postbuild import Masks
from headgate.reconcile.core.queue import Depth
from headgate.reconcile.kustomization.build.builds import Built
from headgate.reconcile.kustomization.build.inputs import ClusterInputs
from headgate.reconcile.kustomization.health import Looks
from headgate.reconcile.kustomization.waiting import HealthWait
from headgate.reconcile.reporting.status import StatusSession
from headgate.reconcile.target.targets import Target


class Postponed(Exception):
    """Something the Kustomization needs is not there yet."""

    def __init__(
        self, reason: str, message: str, *, after: float | None, tell: str = "", silent: bool = False
    ) -> None:
        super().__init__(message)
        self.reason, self.message, self.after = reason, message, after
        self.tell = tell or message
        """The event's message."""
        self.silent = silent
        """Not worth a word: it comes by itself in a moment."""


class Failed(Exception):
    """The attempt failed; it is retried after the retry interval."""

    def __init__(self, reason: str, message: str, *, stalled: bool = False) -> None:
        super().__init__(message)
        self.reason, self.message, self.stalled = reason, message, stalled


class Doing(NamedTuple):
    """A step of an attempt, in words and with the reason that a failure of it has."""

    what: str
    reason: str


PREPARING = Doing("checking source and dependencies", reasons.RECONCILIATION_FAILED)
BUILDING = Doing("building the manifests", reasons.BUILD_FAILED)
APPLYING = Doing("applying the objects", reasons.RECONCILIATION_FAILED)
PRUNING = Doing("deleting what is no longer in the source", reasons.PRUNE_FAILED)
CHECKING_HEALTH = Doing("checking the health of the objects", reasons.HEALTH_CHECK_FAILED)
DELETING = Doing("deleting the objects of the deleted Kustomization", reasons.PRUNE_FAILED)
REPORTING = Doing("writing the status", reasons.RECONCILIATION_FAILED)


@dataclass(slots=True)
class Attempt:
    """One attempt to bring the cluster to one revision."""

    key: ObjectKey
    obj: Obj
    ks: Kustomization
    session: StatusSession
    requested: str | None
    """The value of the requestedAt annotation this attempt answers."""
    started: float
    revision: str = ""
    origin: str = ""
    """The revision in the source that the artifact was made from, where it says so."""
    inputs: ClusterInputs | None = None
    built: Built | None = None
    target: Target | None = None
    result: ApplyResult | None = None
    depth: Depth = Depth.VERIFY
    drifted: bool = False
    stale: frozenset[inv.Entry] = frozenset()
    was_healthy: bool = False
    wait: HealthWait | None = None
    looks: Looks | None = None
    """What is known of the health of the objects it waits for."""
    expressions: HealthExpressions | None = None

    @property
    def masks(self) -> Masks:
        """What nobody may be told of it."""
        if self.built is not None:
            return self.built.masks
        return Masks() if self.inputs is None else self.inputs.masks

    async def masked(self, text: str) -> str:
        """The text as it may be told. Looking for thousands of values in a long text takes its time."""
        variables = self.inputs.variables if self.inputs is not None else None
        if not (self.built.masks if self.built is not None else variables):
            return text
        return await BUILDS.run(self.key.namespace, lambda: self.masks(text))


@dataclass(slots=True)
class Memory:
    """What is known of one Kustomization beyond its object. Losing it at a restart costs one verification."""

    open: Attempt | None = None
    """The attempt that waits for health."""
    last: Attempt | None = None
    """The attempt under way, for what is to be told when it breaks off."""
    doing: Doing = PREPARING
    """Its present step."""
    warned: tuple[str, int, str] | None = None
    """UID, generation and revision whose build the last warnings were about."""
    report: asyncio.TimerHandle | None = None
    """Reports a postponement, unless the next attempt begins sooner."""
    report_due: float | None = None
    """Time of the event loop by which a postponement is reported even though attempts keep beginning anew."""
    noted: set[str] = field(default_factory=set)
    """Warnings about its objects that were reported already."""
    tasks: set[asyncio.Task[None]] = field(default_factory=set)
