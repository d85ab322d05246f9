"""All that the page shows, as one immutable value.

Texts have a limit and hold no credentials of URLs; values of Secrets and ConfigMaps are nowhere. Times are in UTC.

**What an account with rights in some namespaces sees.** :meth:`Snapshot.within` depends on nothing in other namespaces:
two snapshots that have the same in these namespaces are the same afterwards. What the objects of a namespace say
themselves stays, such as the names in their ``dependsOn``: whoever may read the object may read this.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from headgate.insight import Cause, Fleet, Link, Ref, Report, explain, remedies
from headgate.insight.failing import Evidence, links_of, suspects, with_links
from headgate.objects import Obj
from headgate.page.knowledge.objects import reduced

__all__ = [
    "AppliedRevision",
    "AwaitedObject",
    "BuildFiles",
    "Details",
    "DriftedObject",
    "Environment",
    "ManagedObject",
    "OperatorState",
    "QueuedKey",
    "ReportedEvent",
    "RunningKey",
    "Snapshot",
    "StepTime",
    "WaitingKey",
    "Work",
    "with_evidence",
]


@dataclass(frozen=True, slots=True)
class ManagedObject:
    """One object of an inventory, with the reconciler's own verdict."""

    ref: Ref
    api_version: str
    health: str = ""
    """A value of :class:`headgate.health.HealthStatus`; empty if the reconciler has no verdict, or it is hidden."""
    message: str = ""
    """Why it has this health."""


@dataclass(frozen=True, slots=True)
class AppliedRevision:
    """One entry of ``status.history``: an outcome of attempts with the same objects."""

    revision: str
    digest: str
    outcome: str
    """The reason of Ready at the end, such as ``ReconciliationSucceeded``."""
    first: str
    last: str
    """Times, as the API server writes them."""
    duration: str
    """In Go's notation, such as ``1.2s``."""
    times: int


@dataclass(frozen=True, slots=True)
class ReportedEvent:
    """An event that the operator has sent about an object since it started."""

    at: datetime
    type: str
    """``Normal`` or ``Warning``."""
    reason: str
    message: str
    revision: str = ""
    count: int = 1


@dataclass(frozen=True, slots=True)
class DriftedObject:
    """A managed object that somebody else changed or deleted."""

    ref: Ref
    at: datetime
    what: str
    """What happened, in words, with the paths of the fields and who changed them; no values."""


@dataclass(frozen=True, slots=True)
class BuildFiles:
    """Files that the last successful build read from its source."""

    files: tuple[str, ...] = ()
    """Sorted paths, up to a limit."""
    count: int = 0
    """How many there are."""


@dataclass(frozen=True, slots=True)
class StepTime:
    """How long a step took when it last ran."""

    step: str
    """``build``, ``apply``, ``health`` or ``fetch``."""
    seconds: float
    failed: bool = False


@dataclass(frozen=True, slots=True)
class Details:
    """What only the reconciler knows of one Kustomization or source; all is empty after a restart."""

    inventory: tuple[ManagedObject, ...] = ()
    """In the order of the inventory, up to a limit; those that are not healthy first beyond it."""
    inventory_count: int = 0
    checked: datetime | None = None
    """When the reconciler last judged the health of the objects; None if it never did."""
    history: tuple[AppliedRevision, ...] = ()
    """The newest first."""
    events: tuple[ReportedEvent, ...] = ()
    """The newest first, up to a limit."""
    drifts: tuple[DriftedObject, ...] = ()
    """The newest first, up to a limit."""
    files: BuildFiles = BuildFiles()
    skipped_builds: int = 0
    """Revisions since the start that changed nothing that it reads, so that no build was necessary."""
    steps: tuple[StepTime, ...] = ()
    next_at: datetime | None = None
    """When the next reconcile begins unless something happens earlier; None: only after an event."""
    next_reason: str = ""
    """Why then: ``interval``, ``retry`` and the like."""


@dataclass(frozen=True, slots=True)
class RunningKey:
    """An object that a worker has now."""

    ref: Ref
    step: str
    """What the worker does, in words."""
    since: datetime
    """When the worker took it."""
    triggers: tuple[str, ...] = ()
    """Why."""
    revision: str = ""


@dataclass(frozen=True, slots=True)
class QueuedKey:
    """An object that waits for a worker."""

    ref: Ref
    since: datetime
    priority: str
    """``requested``, ``unblocked``, ``changed`` or ``routine``."""
    triggers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class AwaitedObject:
    """A managed object that an open attempt waits for."""

    ref: Ref
    health: str
    message: str = ""


@dataclass(frozen=True, slots=True)
class WaitingKey:
    """A Kustomization whose attempt is open, without a worker, until its objects are healthy."""

    ref: Ref
    revision: str
    since: datetime
    deadline: datetime
    objects: tuple[AwaitedObject, ...] = ()
    """Those that are not healthy, up to a limit."""
    awaited: int = 0
    """How many are not healthy."""
    total: int = 0
    """How many objects it waits for."""


@dataclass(frozen=True, slots=True)
class Work:
    """What is at work now."""

    running: tuple[RunningKey, ...] = ()
    """Those that began first come first."""
    queued: tuple[QueuedKey, ...] = ()
    """The most urgent first, up to a limit."""
    queued_by_namespace: Mapping[str, int] = field(default_factory=dict)
    """How many objects of each namespace wait for a worker."""
    waiting: tuple[WaitingKey, ...] = ()
    """Those that began first come first."""
    skipped_builds: int | None = None
    """Since the start, of all namespaces; None if the caller may not see all."""
    queue_seconds: float | None = None
    """How long a key waited for a worker recently, on average, of all namespaces; None if it is not known."""
    step_seconds: Mapping[str, float] = field(default_factory=dict)
    """How long each step took recently, on average, of all namespaces."""

    @property
    def queued_count(self) -> int:
        """How many objects wait for a worker."""
        return sum(self.queued_by_namespace.values())

    def within(self, namespaces: frozenset[str]) -> Work:
        """Return what concerns these namespaces, without measurements that others influence."""
        return Work(
            running=tuple(each for each in self.running if each.ref.namespace in namespaces),
            queued=tuple(each for each in self.queued if each.ref.namespace in namespaces),
            queued_by_namespace={n: c for n, c in self.queued_by_namespace.items() if n in namespaces},
            waiting=tuple(
                _waiting_within(w, namespaces) for w in self.waiting if w.ref.namespace in namespaces
            ),
        )


@dataclass(frozen=True, slots=True)
class Environment:
    """The report of what this cluster runs, if the operator pushes one."""

    name: str
    source: Ref
    """The GitRepository whose remote has the report."""
    reported: datetime | None = None
    """When it was last pushed."""
    problem: str = ""
    """Why the last push failed; empty if it did not."""


@dataclass(frozen=True, slots=True)
class OperatorState:
    """The operator itself."""

    version: str = ""
    started: datetime | None = None
    connected: bool = True
    """Whether its API server answers."""
    connected_since: datetime | None = None
    """Since when that is so, or is not so."""
    problem: str = ""
    """Why it does not answer."""
    leads: bool = True
    """Whether this replica acts; on standby it knows no objects."""
    leader: str = ""
    """The identity of the leader; empty without an election."""
    synced: bool = True
    """Whether the watches have delivered all objects that exist."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What the operator knows at one moment."""

    version: int
    """Grows with each change; not comparable after a restart of the operator."""
    at: datetime | None
    """When the operator's memory last changed; None if the caller may not see all, because others change it, too."""
    fleet: Fleet
    """Objects are reduced (:mod:`.objects`)."""
    report: Report
    """Its causes have their failing objects, as far as :attr:`evidence` has them."""
    details: Mapping[Ref, Details] = field(default_factory=dict)
    work: Work = Work()
    environments: tuple[Environment, ...] = ()
    operator: OperatorState = OperatorState()
    evidence: Mapping[Ref, tuple[Link, ...]] = field(default_factory=dict)
    """For Kustomizations that are not Ready: the failing managed objects, each followed by its pods."""

    @property
    def bare(self) -> Report:
        """The report as custom resources alone give it, without managed objects: what ``headgate status`` prints."""
        return replace(self.report, causes=tuple(map(self._bare, self.report.causes)))

    def _bare(self, cause: Cause) -> Cause:
        if cause.root not in self.evidence:
            return cause
        remedy = remedies.FOR_CYCLE if cause.cycle else remedies.for_object(self.fleet.own[cause.root])
        return replace(cause, objects=(), remedy=remedy)

    @classmethod
    def of(
        cls,
        objects: Iterable[Obj],
        *,
        version: int = 1,
        at: datetime | None = None,
        details: Mapping[Ref, Details] | None = None,
        work: Work | None = None,
        environments: Iterable[Environment] = (),
        operator: OperatorState | None = None,
        evidence: Mapping[Ref, tuple[Link, ...]] | None = None,
    ) -> Snapshot:
        """Make a snapshot from raw Kustomizations and sources; objects of other kinds are ignored.

        Without ``evidence``, a Kustomization's own message says which of its objects fail.
        """
        fleet = Fleet.of(map(reduced, objects))
        if evidence is None:
            bad = (ref for ref, own in fleet.own.items() if not own.state.is_good)
            found = {ref: links_of([(s, Evidence()) for s in suspects(fleet.objects[ref])]) for ref in bad}
            evidence = {ref: links for ref, links in found.items() if links}
        return cls(
            version=version,
            at=at or datetime.now(UTC),
            fleet=fleet,
            report=with_evidence(explain(fleet), evidence),
            evidence=dict(evidence),
            details=dict(details or {}),
            work=work or Work(),
            environments=tuple(environments),
            operator=operator or OperatorState(),
        )

    def within(self, namespaces: frozenset[str] | None) -> Snapshot:
        """Return a snapshot in which nothing of other namespaces is present; None for all.

        Objects of other namespaces "cannot be read" in it, whether they exist or not.
        """
        if namespaces is None:
            return self
        objects = {ref: obj for ref, obj in self.fleet.objects.items() if ref.namespace in namespaces}
        fleet = replace(
            self.fleet,
            objects=objects,
            own={ref: self.fleet.own[ref] for ref in objects},
            needs={ref: self.fleet.needs[ref] for ref in objects},
            namespaces=namespaces if self.fleet.namespaces is None else namespaces & self.fleet.namespaces,
        )
        evidence = {
            ref: tuple(each for each in links if each.ref.namespace in namespaces)
            for ref, links in self.evidence.items()
            if ref.namespace in namespaces
        }
        return replace(
            self,
            at=None,
            fleet=fleet,
            report=with_evidence(explain(fleet), evidence),
            evidence=evidence,
            details=_DetailsWithin(self.details, namespaces),
            work=self.work.within(namespaces),
            environments=tuple(each for each in self.environments if each.source.namespace in namespaces),
            operator=replace(self.operator, leader="", problem=""),
        )


def with_evidence(report: Report, evidence: Mapping[Ref, tuple[Link, ...]]) -> Report:
    """Return the report with the failing managed objects of its causes."""
    if not evidence:
        return report
    causes = tuple(with_links(cause, evidence.get(cause.root, ())) for cause in report.causes)
    return replace(report, causes=causes)


class _DetailsWithin(Mapping[Ref, Details]):
    """The details of the objects of some namespaces; each is made when somebody needs it."""

    def __init__(self, whole: Mapping[Ref, Details], namespaces: frozenset[str]) -> None:
        self._whole, self._namespaces = whole, namespaces

    def __getitem__(self, ref: Ref) -> Details:
        if ref.namespace not in self._namespaces:
            raise KeyError(ref)
        return _details_within(self._whole[ref], self._namespaces)

    def __iter__(self) -> Iterator[Ref]:
        return (ref for ref in self._whole if ref.namespace in self._namespaces)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({dict(self)!r})"


def _details_within(details: Details, namespaces: frozenset[str]) -> Details:
    """The details without the health of objects of other namespaces: only their names are in the status."""
    return replace(
        details,
        inventory=tuple(
            each if each.ref.namespace in namespaces else replace(each, health="", message="")
            for each in details.inventory
        ),
        drifts=tuple(each for each in details.drifts if each.ref.namespace in namespaces),
    )


def _waiting_within(waiting: WaitingKey, namespaces: frozenset[str]) -> WaitingKey:
    shown = tuple(each for each in waiting.objects if each.ref.namespace in namespaces)
    return replace(waiting, objects=shown)
