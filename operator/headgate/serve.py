"""Starts everything, and stops everything: the operator as one asyncio program.

What it starts, in order: the client, the artifact storage, the two controllers with their workers, the web
servers, and Kopf's watches, which set the rest in motion. When a part ends unexpectedly, all end: the process is
restarted by its pod and verifies everything.
"""

from __future__ import annotations

import asyncio
import logging

import kopf

from headgate import __version__, handlers
from headgate.api import ObjectKey
from headgate.apply import KnownObjects
from headgate.git.storage import ArtifactStorage, advertised_address
from headgate.kube import Client, ObjectRef
from headgate.reconcile.applying import Applier
from headgate.reconcile.config import Config
from headgate.reconcile.controller import Controller
from headgate.reconcile.events import EventRecorder
from headgate.reconcile.finalize import Finalizer
from headgate.reconcile.kustomization import KustomizationReconciler
from headgate.reconcile.live import LiveObjects
from headgate.reconcile.operator import Operator
from headgate.reconcile.source import SourceReconciler
from headgate.reconcile.store import GIT_REPOSITORY, SourceKey, Store
from headgate.reconcile.trees import SourceTrees

_log = logging.getLogger("headgate")

DRAIN = 2.0
"""Seconds given to events that wait to be written when the operator stops."""


async def serve(config: Config) -> None:
    """Run the operator until SIGINT or SIGTERM.

    Raises :class:`headgate.kube.AccessError` when there is no way to a cluster.
    """
    client = await Client.connect(config.kubeconfig, config.context)
    try:
        await _Program(config, client).run()
    finally:
        await client.close()


class _Program:
    """The parts, wired together."""

    def __init__(self, config: Config, client: Client) -> None:
        self._config, self._client = config, client
        self._store, self._trees = Store(), SourceTrees()
        self._events = EventRecorder(client)
        self._live = LiveObjects(client, self._live_changed)
        known = KnownObjects()
        applier = Applier(client, known, self._live, concurrency=config.concurrent_ssa)
        finalizer = Finalizer(client, self._store, self._live, applier, self._events)
        artifacts = ArtifactStorage(
            config.storage_path,
            advertised_address(config.storage_addr, config.storage_adv_addr),
            retention_ttl=config.retention_ttl,
            retention_records=config.retention_records,
        )
        kustomizations = KustomizationReconciler(
            config,
            client,
            self._store,
            self._trees,
            self._live,
            applier,
            finalizer,
            self._events,
            written=lambda obj: self._operator.kustomization_written(obj),
            is_source_pending=self._is_source_pending,
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
        )
        self._kustomizations: Controller[ObjectKey] = Controller(
            "kustomization", kustomizations.reconcile, workers=config.concurrent
        )
        self._sources: Controller[ObjectKey] = Controller(
            "gitrepository", sources.reconcile, workers=config.concurrent
        )
        self._operator = Operator(self._store, self._kustomizations, self._sources)

    async def run(self) -> None:
        """Run until a signal."""
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        ready = asyncio.Event()
        parts = {
            loop.create_task(self._kustomizations.run(), name="kustomizations"),
            loop.create_task(self._sources.run(), name="sources"),
            loop.create_task(self._events.run(), name="events"),
            loop.create_task(self._watch(stop, ready), name="watches"),
        }
        _log.info("headgate %s on %s", __version__, self._client.cluster)
        done, rest = await asyncio.wait(parts, return_when=asyncio.FIRST_COMPLETED)
        await self._events.drain(DRAIN)
        for part in rest:
            part.cancel()
        await asyncio.gather(*rest, return_exceptions=True)
        await self._live.close()
        self._trees.close()
        for part in done:
            part.result()
        _log.info("headgate stopped")

    async def _watch(self, stop: asyncio.Event, ready: asyncio.Event) -> None:
        """Kopf; it also takes the signals, and ends when one comes."""
        await kopf.operator(
            registry=handlers.registry(self._operator, self._client),
            settings=handlers.settings(),
            clusterwide=True,
            standalone=True,
            stop_flag=stop,
            ready_flag=ready,
        )

    def _live_changed(self, key: ObjectKey, ref: ObjectRef) -> None:
        self._operator.live_changed(key, ref)

    def _is_source_pending(self, key: SourceKey) -> bool:
        return key.kind == GIT_REPOSITORY and self._sources.queue.is_pending(key.object)
