"""Starts everything, and stops everything: the operator as one asyncio program.

What it starts, in order: the client, the artifact storage, the two controllers with their workers, the web
servers, and Kopf's watches, which set the rest in motion. When a part ends unexpectedly, all end: the process is
restarted by its pod and verifies everything.
"""

from __future__ import annotations

import asyncio
import logging
import signal
from functools import partial
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies

import kopf

from headgate import __version__, handlers
from headgate.api import ObjectKey
from headgate.api.labelselector import matches
from headgate.cel import CpuLimits, Evaluator
from headgate.fairness import pools
from headgate.fairness.pools import NETWORK
from headgate.git.artifact.storage import ArtifactStorage, PathKey, advertised_address
from headgate.git.bases.fetcher import RemoteBases
from headgate.git.command.process import kill_all
from headgate.git.command.process import running as running_git
from headgate.git.limits import TreeLimits
from headgate.git.tree.tartree import ArchiveLimits
from headgate.kube import Client, ObjectRef
from headgate.kustomize.reading.objects import CACHE
from headgate.loop import Turns, Watchdog
from headgate.peers import PeerRules, is_loopback
from headgate.reconcile.configs import ConfigWatch
from headgate.reconcile.core.config import Config
from headgate.reconcile.core.controller import Controller
from headgate.reconcile.core.election import Election, lease_name
from headgate.reconcile.core.inventories import Inventories
from headgate.reconcile.core.role import PodRole
from headgate.reconcile.core.store import GIT_REPOSITORY, KUSTOMIZATION, SourceKey, Store
from headgate.reconcile.core.trees import TREES, SourceTrees
from headgate.reconcile.kustomization.build.building import Builder
from headgate.reconcile.kustomization.build.builds import BuildRules
from headgate.reconcile.kustomization.build.inputs import InputReader, references, source_references
from headgate.reconcile.kustomization.build.keys import SharedKeys
from headgate.reconcile.kustomization.finalize import Finalizer
from headgate.reconcile.kustomization.prerequisites import Prerequisites
from headgate.reconcile.kustomization.reconciler import KustomizationReconciler
from headgate.reconcile.kustomization.report import Reporter
from headgate.reconcile.operator import Operator
from headgate.reconcile.receiver.reconciler import Receivers
from headgate.reconcile.reporting.events import EventRecorder
from headgate.reconcile.reporting.notify import Notifier
from headgate.reconcile.source.artifacts import ArtifactFetcher
from headgate.reconcile.source.external import ExternalSources
from headgate.reconcile.source.reconciler import SourceReconciler
from headgate.reconcile.target.live import LiveObjects
from headgate.reconcile.target.targets import Targets
from headgate.web.artifacts import artifact_app
from headgate.web.aside import ServerAside
from headgate.web.connections import Limits
from headgate.web.descriptors import connections_per_site, raise_limit
from headgate.web.hooks import hook_app
from headgate.web.metrics import Metrics, metrics_app
from headgate.web.probes import Check, answers, probe_app
from headgate.web.server import WebServer, parse_address

Obj = dict[str, Any]

_log = logging.getLogger("headgate")

SOURCE_WORKERS = 16
"""Workers for sources, in times of the fetches that may run at once: so many namespaces may wait for silent servers."""
DRAIN = 2.0
"""Seconds given to events that wait to be written when the operator stops."""
_TELLERS = frozenset(("events", "notifications"))
"""The parts that only tell what others did."""


async def serve(config: Config, turns: Turns) -> None:
    """Run the operator until SIGINT or SIGTERM, on the loop whose turns are measured.

    Raises :class:`headgate.kube.AccessError` when there is no way to a cluster.
    """
    metrics = Metrics()
    client = await Client.connect(
        config.kubeconfig, config.context, max_body=config.max_api_response, observer=metrics
    )
    try:
        program = _Program(config, client, metrics)
        metrics.loop(turns)
        watchdog = Watchdog(turns, warn_after=config.loop_lag_warning, dead_after=config.max_loop_lag)
        artifacts = artifact_app(config.storage_path, unguessable=config.unguessable_artifact_paths)
        sites = [("artifacts", artifacts, config.storage_addr)]
        if program.receivers is not None:
            sites.append(("webhooks", hook_app(program.receivers, metrics.called), config.webhook_addr))
        # Whatever the loop does, the kubelet and the scraper get their answers.
        live: dict[str, Check] = {"loop": watchdog.dead}
        ready: dict[str, Check] = {"watches": program.not_watching}
        if program.role is not None:
            ready["role"] = program.role.unsettled
        stored_at = parse_address(config.storage_addr)
        if stored_at is not None and stored_at[1]:
            ready["artifacts"] = answers(*stored_at)
        aside = [
            ("probes", probe_app(live, ready), config.health_addr),
            ("metrics", metrics_app(metrics), config.metrics_addr),
        ]
        served = sum(parse_address(address) is not None for _, _, address in (*sites, *aside))
        each = connections_per_site(config.max_connections, served, raise_limit())
        limits = Limits(each, config.client_timeout)
        async with (
            watchdog,
            ServerAside(lambda: WebServer(aside, limits, metrics)),
            WebServer(sites, limits, metrics),
        ):
            if program.election is None or await _elected(program.election, program.role):
                await program.run()
    finally:
        await client.close()


async def _elected(election: Election, role: PodRole | None) -> bool:
    """Stand by until we lead; False when a signal comes before."""

    async def stand_by() -> None:
        if role is not None:
            await role.mark(leads=False)
        await election.acquire()

    loop = asyncio.get_running_loop()
    waiting = loop.create_task(stand_by())
    signals = (signal.SIGINT, signal.SIGTERM)
    for number in signals:
        loop.add_signal_handler(number, waiting.cancel)
    try:
        await waiting
    except asyncio.CancelledError:
        if not waiting.cancelled():
            raise
        return False
    finally:
        for number in signals:
            loop.remove_signal_handler(number)
    return True


async def _cancel(parts: set[asyncio.Task[None]]) -> None:
    for part in parts:
        part.cancel()
    await asyncio.gather(*parts, return_exceptions=True)


class _Program:
    """The parts, wired together."""

    def __init__(self, config: Config, client: Client, metrics: Metrics) -> None:
        self._config, self._client, self._metrics = config, client, metrics
        self._ready = asyncio.Event()
        self.election = (
            Election(
                client,
                config.runtime_namespace,
                lease_name(config.watch_label_selector),
                config.leader_election,
            )
            if config.leader_election is not None
            else None
        )
        self.role = (
            PodRole(client, config.runtime_namespace, config.pod_name)
            if self.election is not None and config.pod_name
            else None
        )
        self._parts: set[asyncio.Task[None]] = set()
        self._ending: asyncio.Task[None] | None = None
        shared_keys = SharedKeys.of(config)
        self._store = Store(
            lambda obj: references(obj, shared_keys), source_references, config.max_list_entries
        )
        inventories = Inventories(
            self._store.kustomization,
            lambda obj: (obj.get("spec") or {}).get("serviceAccountName") or config.default_service_account,
            wake=lambda key, ref: self._operator.object_given(key, ref),
        )
        self._store.on_kustomization = inventories.put
        self._trees = SourceTrees(TREES * config.max_source_entries)
        self._notifier = (
            Notifier(config.events_addr, partial(metrics.event_dropped, "notifications"))
            if config.events_addr
            else None
        )
        self._events = EventRecorder(
            client, self._notifier, dropped=partial(metrics.event_dropped, "cluster")
        )
        self._targets = Targets(
            config,
            client,
            lambda of_cluster, known: LiveObjects(
                of_cluster,
                known,
                on_change=lambda key, ref: self._operator.live_changed(key, ref),
                on_drift=lambda key, ref, what: self._operator.live_drifted(key, ref, what),
                single_watches=config.max_health_watches,
            ),
            wake=lambda key: self._operator.cluster_answered(key),
            observer=metrics,
            inventories=inventories,
        )
        self._bases: RemoteBases | None = None
        if not config.no_remote_bases:
            limits = TreeLimits(config.max_source_entries, config.max_source_size)
            self._bases = RemoteBases(config.storage_path / "bases", limits=limits)
        self._external = ExternalSources(
            ArtifactFetcher(
                config.storage_path / "external",
                retries=config.http_retry,
                max_seconds=config.max_fetch_timeout,
                places=config.concurrent_fetches,
                limits=ArchiveLimits(config.max_source_size, config.max_source_entries),
                # Where the operator's own cluster or proxy is on this very host, what others made may be too.
                peers=PeerRules(
                    loopback=any(
                        is_loopback(urlsplit(url).hostname or "")
                        for url in (client.cluster, *getproxies().values())
                    )
                ),
            ),
            self._trees,
            lambda key: self._operator.source_available(key),
        )
        finalizer = Finalizer(client, self._store, self._targets, self._events, inventories)
        artifacts = ArtifactStorage(
            config.storage_path,
            advertised_address(config.storage_addr, config.storage_adv_addr),
            retention_ttl=config.retention_ttl,
            retention_records=config.retention_records,
            path_key=PathKey(config.storage_path) if config.unguessable_artifact_paths else None,
        )
        self._evaluator = Evaluator(
            CpuLimits(config.max_expression_cpu, config.max_expression_cpu_per_namespace), observer=metrics
        )
        reporter, rules = Reporter(self._events), BuildRules(self._bases, config.strict_substitutions)
        kustomizations = KustomizationReconciler(
            config,
            client,
            self._store,
            self._trees,
            self._targets,
            Prerequisites(config, self._store, self._trees, self._external, self._is_source_pending),
            Builder(self._trees, InputReader(client, config), rules, reporter, metrics),
            self._evaluator,
            finalizer,
            reporter,
            inventories,
            written=lambda obj: self._operator.kustomization_written(obj),
            measure=metrics,
        )
        sources = SourceReconciler(
            config,
            client,
            self._store,
            self._trees,
            artifacts,
            self._events,
            written=lambda obj: self._operator.source_written(obj),
            available=lambda key: self._operator.source_available(key),
            measure=metrics,
        )
        self._kustomizations: Controller[ObjectKey] = Controller(
            "kustomization",
            kustomizations.reconcile,
            workers=config.concurrent,
            kind=KUSTOMIZATION,
            observer=metrics,
            broke_off=kustomizations.broke_off,
        )
        self._sources: Controller[ObjectKey] = Controller(
            "gitrepository",
            sources.reconcile,
            # They wait for servers, and for a place in the pools: those bound what is done at once.
            workers=SOURCE_WORKERS * config.concurrent_fetches,
            most=config.concurrent_fetches,
            kind=GIT_REPOSITORY,
            observer=metrics,
            broke_off=sources.broke_off,
        )
        for controller in (self._kustomizations, self._sources):
            metrics.controller(controller)
        NETWORK.resize(config.concurrent_fetches)
        metrics.pools(pools.ALL)
        metrics.sizes(
            parsed_documents=CACHE.__len__,
            parsed_bytes=lambda: CACHE.size,
            live_objects=self._targets.live_objects,
            watches=self._targets.open_watches,
            git_processes=running_git,
            source_entries=lambda: self._trees.weight,
            remotes=sources.lists.__len__,
        )
        metrics.measured_sizes(git_bytes=sources.caches.size)
        self._operator = Operator(
            self._store,
            self._kustomizations,
            self._sources,
            concerns=kustomizations.concerns,
            compare=kustomizations.compare,
            tell_drift=kustomizations.note_drift,
            correct_drift=config.drift_detection,
            forget_source=self._external.drop,
            asked_for=sources.asked_for,
        )
        self._configs = ConfigWatch(
            client,
            config.watch_configs_label_selector,
            self._config_changed,
            config.watch_namespace or None,
        )
        self.receivers = (
            Receivers(config, client, self._events, self._evaluator, metrics)
            if config.webhook_addr not in ("", "0")
            else None
        )
        if self.receivers is not None:
            metrics.controller(self.receivers.controller)

    async def run(self) -> None:
        """Run until a signal."""
        loop = asyncio.get_running_loop()
        watches = loop.create_task(self._watch(), name="watches")
        self._parts = {
            loop.create_task(self._kustomizations.run(), name="kustomizations"),
            loop.create_task(self._sources.run(), name="sources"),
            loop.create_task(self._events.run(), name="events"),
        }
        if self.election is not None:
            self._parts.add(loop.create_task(self._lead(self.election), name="leadership"))
        if self._config.watch_configs_label_selector:
            self._parts.add(loop.create_task(self._configs.run(), name="configurations"))
        if self._notifier is not None:
            self._parts.add(loop.create_task(self._notifier.run(), name="notifications"))
        if self.receivers is not None:
            self._parts.add(loop.create_task(self.receivers.run(), name="receivers"))
        _log.info("headgate %s on %s", __version__, self._client.cluster)
        done, _ = await asyncio.wait({watches, *self._parts}, return_when=asyncio.FIRST_COMPLETED)
        if self._ending is None:  # a part ended, which none should
            watches.cancel()
        await asyncio.gather(watches, return_exceptions=True)
        await self._end()
        if self.election is not None and self._config.release_lease:
            await self.election.release()
        for part in done:
            if not part.cancelled():
                part.result()
        _log.info("headgate stopped")

    async def _end(self) -> None:
        """End all parts but the watches, once."""
        if self._ending is None:
            self._ending = asyncio.get_running_loop().create_task(self._end_parts(), name="end")
        await asyncio.shield(self._ending)

    async def _end_parts(self) -> None:
        # First those that act, as somebody else may be leading by now; what they said is still told.
        tellers = {part for part in self._parts if part.get_name() in _TELLERS}
        await _cancel(self._parts - tellers)
        kill_all()
        await self._events.drain(DRAIN)
        await _cancel(tellers)
        await self._external.close()
        await self._targets.close()
        self._trees.close()
        self._evaluator.close()
        if self._bases is not None:
            self._bases.close()

    def not_watching(self) -> str | None:
        """A readiness check: None once the watches are established.

        Who stands by has no artifacts to serve: it is ready only where nobody takes it for the leader.
        """
        if self.election is not None and not self.election.leads:
            if self.role is not None:
                return None
            return f"standing by: {self.election.leader or 'nobody yet'} leads"
        return None if self._ready.is_set() else "the watches are not established yet"

    async def _lead(self, election: Election) -> None:
        marking = asyncio.create_task(self.role.mark(leads=True)) if self.role is not None else None
        try:
            await election.keep()
        finally:
            if marking is not None:
                marking.cancel()

    async def _watch(self) -> None:
        """Kopf; it also takes the signals, and ends when one comes."""
        namespace = self._config.watch_namespace
        await kopf.operator(
            registry=handlers.registry(self._operator, self._client, self._selects, self._end),
            settings=handlers.settings(),
            clusterwide=not namespace,
            namespaces=[namespace] if namespace else [],
            standalone=True,
            ready_flag=self._ready,
        )

    def _selects(self, obj: Obj) -> bool:
        selector = self._config.watch_label_selector
        return not selector or matches(selector, obj["metadata"].get("labels") or {})

    def _config_changed(self, ref: ObjectRef) -> None:
        self._operator.config_changed(ref)
        if self.receivers is not None:
            self.receivers.config_changed(ref)

    def _is_source_pending(self, key: SourceKey) -> bool:
        return key.kind == GIT_REPOSITORY and self._sources.queue.is_pending(key.object)
