"""The operator as the worlds run it: the product's own wiring, with the cluster's side and Git's side in memory.

Taken out are Kopf (whose watches of the custom resources are played here, in its order: everything is indexed before
any event is given), the sockets, and the download of artifacts. All else is what ``headgate run`` runs.
"""

from __future__ import annotations

import asyncio
import random as global_random
import tempfile
from pathlib import Path
from random import Random
from typing import Any

from headgate.api.source import Artifact
from headgate.documents.tree import MemoryTree
from headgate.kube import Client
from headgate.program import Program
from headgate.reconcile.core.store import SourceKey
from headgate.reconcile.source.artifacts import ArtifactFetcher, ArtifactMissing
from headgate.settings import KustomizationSettings, Settings, StorageSettings, WatchSettings
from headgate.web.metrics import Metrics
from tests.model.apiserver import ApiServer
from tests.model.border import Fault, Line
from tests.model.clock import VirtualLoop
from tests.model.git import Git
from tests.model.objects import copied
from tests.model.store import Change

Obj = dict[str, Any]

_FOLDER = Path(tempfile.gettempdir()) / "headgate-model"
_WATCHED = (
    ("kustomize.toolkit.fluxcd.io", "kustomizations"),
    ("source.toolkit.fluxcd.io", "externalartifacts"),
)
SETTINGS = Settings(
    storage=StorageSettings(path=_FOLDER),
    kustomizations=KustomizationSettings(
        concurrent=3, no_remote_bases=True, jitter=0.0, requeue_dependency=5.0
    ),
    watch=WatchSettings(config_label_selector=""),
)


class _Tree(MemoryTree):
    weight = 1

    def close(self) -> None:
        pass


class _Fetcher(ArtifactFetcher):
    """Gives the tree of a revision of the model's Git."""

    def __init__(self, git: Git) -> None:
        super().__init__(_FOLDER)
        self._git = git

    async def fetch(self, key: SourceKey, artifact: Artifact) -> _Tree:  # type: ignore[override]
        await asyncio.sleep(0.01)
        files = self._git.files(artifact.revision)
        if files is None:
            raise ArtifactMissing(f"no {artifact.revision}")
        return _Tree(files)

    async def close(self) -> None:
        pass


class _Program(Program):
    """The product's program; :class:`Incarnation` passes it the changes of custom resources."""

    def __init__(self, settings: Settings, client: Client, git: Git, watches: Any) -> None:
        super().__init__(settings, client, Metrics(), _Fetcher(git))
        self._watches = watches

    async def watch(self) -> None:
        await self._watches(self.wakeups)
        await self.end()


class Incarnation:
    """One process of the operator, from its start to its end."""

    def __init__(
        self, server: ApiServer, git: Git, loop: VirtualLoop, random: Random, faults: list[Fault]
    ) -> None:
        self._server, self._loop, self._random = server, loop, random
        self.line = Line(server, loop, random, faults)
        self.line.on_death = self._died
        self._stop = asyncio.Event()
        self._change = asyncio.Event()
        self._waiting: list[tuple[float, Change]] = []
        global_random.seed(random.random())
        self._program = _Program(SETTINGS, Client(self.line), git, self._feed)
        server.observers.append(self._changed)
        self._task = loop.create_task(self._program.run())

    @property
    def alive(self) -> bool:
        """Whether it still runs."""
        return not self.line.dead and not self._task.done()

    def failure(self) -> BaseException | None:
        """What ended it, if that was neither a kill nor a stop."""
        if self._task.done() and not self._task.cancelled():
            return self._task.exception()
        return None

    async def stop(self) -> None:
        """End it as SIGTERM does."""
        self._stop.set()
        self._change.set()
        await asyncio.wait([self._task])
        await self._closed()

    async def kill(self) -> None:
        """End it at once: nothing that it does from now on reaches anybody."""
        self.line.dead = True
        await self._closed()

    def _died(self) -> None:
        self._task.cancel()

    async def _closed(self) -> None:
        self.line.dead = True
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        if self._changed in self._server.observers:
            self._server.observers.remove(self._changed)
            await self.line.close()

    # What Kopf does.

    def _changed(self, change: Change) -> None:
        if change.kind.store in _WATCHED:
            delay = self._random.choice((0.002, 0.01, 0.05, 0.4))
            due = max(self._loop.now + delay, self._waiting[-1][0] if self._waiting else 0.0)
            self._waiting.append((due, change))
            self._change.set()

    async def _feed(self, wakeups: Any) -> None:
        kustomizations, sources = ([copied(o) for o in self._server.objects[s].values()] for s in _WATCHED)
        self._waiting.clear()
        for obj in sources:
            wakeups.seen_source(obj)
        for obj in kustomizations:
            wakeups.seen_kustomization(obj)
        for obj in sources:
            wakeups.source_event(obj, deleted=False)
        for obj in kustomizations:
            wakeups.kustomization_event(obj, deleted=False)
        while not self._stop.is_set():
            if not self._waiting:
                self._change.clear()
                await self._change.wait()
                continue
            due, change = self._waiting[0]
            await asyncio.sleep(max(0.0, due - self._loop.now))
            self._waiting.pop(0)
            if self.line.dead:
                return
            self._notify(wakeups, change)

    def _notify(self, wakeups: Any, change: Change) -> None:
        obj, deleted = copied(change.object), change.new is None
        if change.kind.kind == "Kustomization":
            if not deleted:
                wakeups.seen_kustomization(obj)
            wakeups.kustomization_event(obj, deleted=deleted)
        else:
            if not deleted:
                wakeups.seen_source(obj)
            wakeups.source_event(obj, deleted=deleted)
