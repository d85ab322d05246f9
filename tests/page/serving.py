"""The status page over snapshots that a test chooses: the real application, without an operator behind it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import replace
from types import TracebackType

from aiohttp import web

from headgate.insight import Ref
from headgate.page.access.gates import Gate, LocalGate
from headgate.page.access.identity import Identity
from headgate.page.actions import Actions
from headgate.page.app import PageParts, page_app
from headgate.page.documents import Documents
from headgate.page.knowledge import Snapshot
from headgate.page.views import ChangedField, ChangedObject, Difference
from headgate.web.server import WebServer
from tests.page.fleets import NEW_REVISION, NOW


async def difference(namespace: str, name: str, _: Identity) -> Difference:
    """A live diff of every Kustomization."""
    replicas = ChangedField("spec.replicas", "2", "3")
    label = ChangedField("metadata.labels.tier", None, "web")
    secret = ChangedField("data.token", "(hidden)", "(hidden)")
    return Difference(
        NEW_REVISION,
        NOW,
        (
            ChangedObject(Ref("Deployment", namespace, name, "apps"), "change", (replicas, label)),
            ChangedObject(Ref("Secret", namespace, name), "change", (secret,)),
            ChangedObject(Ref("ConfigMap", namespace, "new"), "create"),
            ChangedObject(Ref("ConfigMap", namespace, "old"), "delete"),
            ChangedObject(Ref("Job", namespace, "once", "batch"), "refused", message="field is immutable"),
        ),
        unchanged=12,
        problem="the rest is not known",
    )


class Values:
    """A board whose snapshots a test sets. For one event loop."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        self._changed = asyncio.Condition()

    def snapshot(self) -> Snapshot:
        return self._snapshot

    async def newer(self, version: int) -> Snapshot:
        async with self._changed:
            await self._changed.wait_for(lambda: self._snapshot.version != version)
        return self._snapshot

    async def show(self, snapshot: Snapshot) -> None:
        async with self._changed:
            self._snapshot = replace(snapshot, version=self._snapshot.version + 1)
            self._changed.notify_all()


class Site:
    """Serves in a thread while its ``with`` block runs; can be stopped, and started again on the same port."""

    def __init__(
        self,
        snapshot: Snapshot,
        port: int = 0,
        gate: Callable[[], Gate] = LocalGate,
        actions: Actions | None = None,
    ) -> None:
        """The thread calls ``gate``."""
        self.snapshot, self.port, self._gate, self._actions = snapshot, port, gate, actions

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        self._started: Future[int] = Future()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True)
        self._thread.start()
        self.port = self._started.result(60)

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._end.set)
        self._thread.join(60)
        assert not self._thread.is_alive()

    def show(self, snapshot: Snapshot) -> None:
        """Let all pages show this."""
        self.snapshot = snapshot
        asyncio.run_coroutine_threadsafe(self._board.show(snapshot), self._loop).result(60)

    def __enter__(self) -> Site:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._thread.is_alive():
            self.stop()

    async def _serve(self) -> None:
        try:
            self._loop, self._end = asyncio.get_running_loop(), asyncio.Event()
            self._board = Values(self.snapshot)
            app: web.Application = page_app(
                PageParts(self._board, self._gate(), Documents(), actions=self._actions, diff=difference)
            )
            async with WebServer([("page", app, f"127.0.0.1:{self.port}")]) as server:
                self._started.set_result(server.port("page"))
                await self._end.wait()
        except BaseException as error:
            if not self._started.done():
                self._started.set_exception(error)
            raise
