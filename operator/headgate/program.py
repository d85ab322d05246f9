"""Creates the parts of the operator in the order of their dependencies, starts and stops them.

When a part ends unexpectedly, all end: the pod restarts the process, which then verifies everything.
"""

from __future__ import annotations

import asyncio
import logging
from functools import partial
from urllib.parse import urlsplit
from urllib.request import getproxies

import kopf

from headgate import __version__, handlers
from headgate.api import ObjectKey
from headgate.api.labelselector import matches
from headgate.cel import CpuLimits, Evaluator
from headgate.fairness import pools
from headgate.fairness.pools import NETWORK
from headgate.feed.contact import Contact
from headgate.feed.feed import Feed, FeedParts
from headgate.feed.live_diff import LiveDiffs
from headgate.feed.memory import Memory, NotedSteps
from headgate.git.artifact.storage import ArtifactStorage, PathKey, advertised_address
from headgate.git.bases.fetcher import RemoteBases
from headgate.git.cache.bare import Caches
from headgate.git.command.process import kill_all
from headgate.git.command.process import running as running_git
from headgate.git.limits import TreeLimits
from headgate.git.tree.tartree import ArchiveLimits
from headgate.kube import Client, ObjectRef
from headgate.names import GIT_REPOSITORY, KUSTOMIZATION
from headgate.objects import Obj
from headgate.page.knowledge import Board
from headgate.peers import PeerRules, is_loopback
from headgate.reconcile.configs import ConfigWatch
from headgate.reconcile.core.controller import Controller
from headgate.reconcile.core.election import Election, lease_name
from headgate.reconcile.core.inventories import Inventories
from headgate.reconcile.core.queue import WorkQueue
from headgate.reconcile.core.role import PodRole
from headgate.reconcile.core.store import Store
from headgate.reconcile.core.trees import TREES, SourceTrees
from headgate.reconcile.core.wakeups import Wakeups
from headgate.reconcile.environment.reporter import EnvironmentReporter
from headgate.reconcile.kustomization.build.building import Builder
from headgate.reconcile.kustomization.build.builds import BuildRules
from headgate.reconcile.kustomization.build.inputs import InputReader, references, source_references
from headgate.reconcile.kustomization.build.keys import SharedKeys
from headgate.reconcile.kustomization.finalize import Finalizer
from headgate.reconcile.kustomization.prerequisites import Prerequisites
from headgate.reconcile.kustomization.reconciler import ClusterParts, KustomizationReconciler
from headgate.reconcile.kustomization.report import Reporter
from headgate.reconcile.kustomization.settled import SettledBuilds
from headgate.reconcile.kustomization.steps.prepare import BuildParts
from headgate.reconcile.receiver.reconciler import Receivers
from headgate.reconcile.reporting.events import EventRecorder
from headgate.reconcile.reporting.measure import Measure
from headgate.reconcile.reporting.notify import Notifier
from headgate.reconcile.source.artifacts import ArtifactFetcher
from headgate.reconcile.source.external import ExternalSources
from headgate.reconcile.source.reconciler import SourceReconciler
from headgate.reconcile.source.requests import SourceRequests
from headgate.reconcile.target.targets import Targets
from headgate.settings import Settings
from headgate.watching import Watches
from headgate.web.metrics import Metrics

_log = logging.getLogger("headgate")

SOURCE_WORKERS = 16
"""Workers for sources, as a multiple of the concurrent fetches: that many namespaces may wait for silent servers."""
DRAIN = 2.0
"""Seconds for sending waiting events when the operator stops."""
_REPORTERS = frozenset(("events", "notifications"))
"""The parts that only report what other parts did."""


class Program:
    """The operator as one asyncio program: :meth:`run` it once."""

    def __init__(
        self,
        settings: Settings,
        client: Client,
        metrics: Metrics,
        fetcher: ArtifactFetcher | None = None,
        board: Board | None = None,
        contact: Contact | None = None,
    ) -> None:
        """``fetcher`` downloads the artifacts of other controllers' sources; it replaces the one from the settings.

        ``board`` takes what the operator knows, for the status page; ``contact`` knows whether the cluster answers.
        """
        self._settings, self._client = settings, client
        self._ready = asyncio.Event()
        self._parts: set[asyncio.Task[None]] = set()
        self._ending: asyncio.Task[None] | None = None
        self.election, self.role = _election(settings, client)

        # Shared state, and what it wakes.
        shared_keys = SharedKeys.of(settings.decryption)
        store = Store(
            partial(references, shared=shared_keys),
            source_references,
            settings.kustomizations.max_list_entries,
        )
        self._trees = SourceTrees(TREES * settings.sources.max_source_entries)
        settled, requests = SettledBuilds(store.kustomization, self._trees), SourceRequests(store)
        kustomization_queue: WorkQueue[ObjectKey] = WorkQueue(settings.kustomizations.concurrent)
        # Workers wait for servers and for slots in the pools, which limit concurrency.
        fetches = settings.sources.concurrent_fetches
        source_queue: WorkQueue[ObjectKey] = WorkQueue(SOURCE_WORKERS * fetches, most=fetches)
        self.wakeups = Wakeups(
            store,
            kustomization_queue,
            source_queue,
            settled,
            requests,
            correct_drift=settings.kustomizations.correct_drift,
        )
        inventories = Inventories(store, self.wakeups, settings.targets.default_service_account)

        # Shared by all reconcilers.
        memory = Memory() if board is not None else None
        measure: Measure = metrics if memory is None else NotedSteps(metrics, memory)
        self._notifier = (
            Notifier(settings.events.address, partial(metrics.event_dropped, "notifications"))
            if settings.events.address
            else None
        )
        self._events = EventRecorder(
            client, self._notifier, on_dropped=partial(metrics.event_dropped, "cluster")
        )
        limits = CpuLimits(settings.expressions.max_cpu, settings.expressions.max_cpu_per_namespace)
        self._evaluator = Evaluator(limits, observer=metrics)

        # GitRepositories, and the artifacts of other sources.
        storage, caches = settings.storage, Caches(settings.storage.path / "git")
        artifacts = ArtifactStorage(
            storage.path,
            advertised_address(storage.address, storage.advertised),
            retention_ttl=storage.retention_ttl,
            retention_records=storage.retention_records,
            path_key=PathKey(storage.path) if storage.unguessable_paths else None,
        )
        sources = SourceReconciler(
            settings.sources,
            client,
            store,
            self._trees,
            requests,
            caches,
            artifacts,
            self._events,
            self.wakeups,
            measure,
        )
        self._external = ExternalSources(
            fetcher or _fetcher(settings, client), self._trees, store, self.wakeups
        )

        # Kustomizations.
        self._targets = Targets(settings.targets, client, self.wakeups, inventories, metrics)
        self._bases: RemoteBases | None = None
        if not settings.kustomizations.no_remote_bases:
            tree_limits = TreeLimits(settings.sources.max_source_entries, settings.sources.max_source_size)
            self._bases = RemoteBases(settings.storage.path / "bases", limits=tree_limits)
        reporter, rules = (
            Reporter(self._events),
            BuildRules(self._bases, settings.kustomizations.strict_substitutions),
        )
        prerequisites = Prerequisites(
            settings.kustomizations, store, self._trees, self._external, self.wakeups.is_source_pending
        )
        builder = Builder(self._trees, InputReader(client, settings.decryption), rules, measure)
        kustomizations = KustomizationReconciler(
            settings.kustomizations,
            ClusterParts(client, store, inventories, self.wakeups, self._targets),
            BuildParts(
                prerequisites,
                settled,
                builder,
            ),
            self._evaluator,
            Finalizer(client, store, self._targets, self._events, inventories),
            reporter,
            measure,
        )

        self._kustomizations = Controller(
            "kustomization",
            kustomization_queue,
            kustomizations.reconcile,
            kind=KUSTOMIZATION,
            observer=metrics,
            on_unexpected_error=kustomizations.broke_off,
        )
        self._sources = Controller(
            "gitrepository",
            source_queue,
            sources.reconcile,
            kind=GIT_REPOSITORY,
            observer=metrics,
            on_unexpected_error=sources.broke_off,
        )
        self.receivers = (
            Receivers(settings.receivers, settings.watch, client, self._events, self._evaluator, metrics)
            if settings.web.webhook_addr not in ("", "0")
            else None
        )
        self._reporter = (
            EnvironmentReporter(
                settings.reports,
                storage.path / "reports",
                client,
                store,
                self._events,
                metrics,
                namespace=settings.watch.namespace,
                label_selector=settings.watch.label_selector,
            )
            if settings.reports.secret
            else None
        )
        self._configs = ConfigWatch(
            client,
            settings.watch.configs,
            self._on_config_change,
            settings.watch.namespace,
        )

        self._feed: Feed | None = None
        self.live_diffs: LiveDiffs | None = None
        """Compares with the cluster on request, for the status page."""
        if board is not None and memory is not None:
            known = FeedParts(
                store,
                self._kustomizations,
                self._sources,
                kustomizations,
                settled,
                self._events,
                self._targets,
                self.election,
                contact,
                self._ready.is_set,
                self._reporter.standing if self._reporter is not None else lambda: None,
            )
            self._feed = Feed(board, known, memory)
            self.live_diffs = LiveDiffs(
                store, prerequisites, builder, self._targets, settings.cluster, metrics
            )

        NETWORK.resize(fetches)
        for controller in (self._kustomizations, self._sources):
            metrics.controller(controller)
        if self.receivers is not None:
            metrics.controller(self.receivers.controller)
        metrics.pools(pools.ALL)
        metrics.sizes(
            parsed_documents=rules.documents.__len__,
            parsed_bytes=lambda: rules.documents.size,
            live_objects=self._targets.live_objects,
            watches=self._targets.open_watches,
            git_processes=running_git,
            source_entries=lambda: self._trees.weight,
            remotes=sources.lists.__len__,
            held_sources=sources.held.__len__,
        )
        metrics.measured_sizes(git_bytes=caches.size)

    async def run(self) -> None:
        """Run until a signal arrives."""
        loop = asyncio.get_running_loop()
        watches = loop.create_task(self.watch(), name="watches")
        self._parts = {
            loop.create_task(self._kustomizations.run(), name="kustomizations"),
            loop.create_task(self._sources.run(), name="sources"),
            loop.create_task(self._events.run(), name="events"),
        }
        if self.election is not None:
            self._parts.add(loop.create_task(self._lead(self.election), name="leadership"))
        if self._settings.watch.configs:
            self._parts.add(loop.create_task(self._configs.run(), name="configurations"))
        if self._notifier is not None:
            self._parts.add(loop.create_task(self._notifier.run(), name="notifications"))
        if self.receivers is not None:
            self._parts.add(loop.create_task(self.receivers.run(), name="receivers"))
        if self._reporter is not None:
            self._parts.add(loop.create_task(self._reporter.run(), name="reports"))
        if self._feed is not None:
            self._parts.add(loop.create_task(self._feed.run(), name="status page"))
        if self.live_diffs is not None:
            self.live_diffs.open()
        _log.info("headgate %s on %s", __version__, self._client.cluster)
        done, _ = await asyncio.wait({watches, *self._parts}, return_when=asyncio.FIRST_COMPLETED)
        if self._ending is None:  # a part ended, which none should
            watches.cancel()
        await asyncio.gather(watches, return_exceptions=True)
        await self.end()
        if self.election is not None and self._settings.election.release_on_cancel:
            await self.election.release()
        for part in done:
            if not part.cancelled():
                part.result()
        _log.info("headgate stopped")

    async def end(self) -> None:
        """End all parts except the watches, once."""
        if self._ending is None:
            self._ending = asyncio.get_running_loop().create_task(self._end_parts(), name="end")
        await asyncio.shield(self._ending)

    async def _end_parts(self) -> None:
        if self.live_diffs is not None:
            self.live_diffs.close()
        # End the acting parts first, because another replica may be leading by now; their events are still sent.
        reporters = {part for part in self._parts if part.get_name() in _REPORTERS}
        await _cancel(self._parts - reporters)
        kill_all()
        await self._events.drain(DRAIN)
        await _cancel(reporters)
        await self._external.close()
        await self._targets.close()
        self._trees.close()
        self._evaluator.close()
        if self._bases is not None:
            self._bases.close()

    def not_watching(self) -> str | None:
        """Check readiness: None once the watches are established.

        A standby replica has no artifacts to serve: it is ready only if nobody can mistake it for the leader.
        """
        if self.election is not None and not self.election.leads:
            if self.role is not None:
                return None
            return f"on standby: {self.election.leader or 'nobody yet'} leads"
        return None if self._ready.is_set() else "the watches are not established yet"

    async def _lead(self, election: Election) -> None:
        marking = asyncio.create_task(self.role.mark(leads=True)) if self.role is not None else None
        try:
            await election.keep()
        finally:
            if marking is not None:
                marking.cancel()

    async def watch(self) -> None:
        """Watch the custom resources with Kopf, which also handles the signals, and return when one arrives."""
        namespace, watches = self._settings.watch.namespace, Watches(handlers.KINDS)
        async with watches.kept():
            await kopf.operator(
                registry=handlers.registry(self.wakeups, self._client, self._selects, self.end),
                settings=handlers.settings(),
                insights=watches.insights,
                clusterwide=not namespace,
                namespaces=[namespace] if namespace else [],
                standalone=True,
                ready_flag=self._ready,
            )

    def _selects(self, obj: Obj) -> bool:
        selector = self._settings.watch.label_selector
        return not selector or matches(selector, obj["metadata"].get("labels") or {})

    def _on_config_change(self, ref: ObjectRef) -> None:
        self.wakeups.config_changed(ref)
        if self.receivers is not None:
            self.receivers.config_changed(ref)


def _election(settings: Settings, client: Client) -> tuple[Election | None, PodRole | None]:
    """Return the election, if enabled, and the role of the operator's pod, if known."""
    wanted = settings.election
    if not wanted.enabled:
        return None, None
    election = Election(client, lease_name(settings.watch.label_selector), wanted)
    return election, PodRole(client, wanted.runtime_namespace, wanted.pod_name) if wanted.pod_name else None


def _fetcher(settings: Settings, client: Client) -> ArtifactFetcher:
    # If the operator's own cluster or proxy is on this host, the URLs of others may lead there, too.
    own, sources = (client.cluster, *getproxies().values()), settings.sources
    return ArtifactFetcher(
        settings.storage.path / "external",
        retries=sources.http_retry,
        max_seconds=sources.max_fetch_timeout,
        places=sources.concurrent_fetches,
        limits=ArchiveLimits(sources.max_source_size, sources.max_source_entries),
        peers=PeerRules(loopback=any(is_loopback(urlsplit(url).hostname or "") for url in own)),
    )


async def _cancel(parts: set[asyncio.Task[None]]) -> None:
    for part in parts:
        part.cancel()
    await asyncio.gather(*parts, return_exceptions=True)
