"""What the next apply of a Kustomization would change, on request: dry runs of the objects of its present revision.

The operator builds, on its own event loop, as an attempt does. A separate thread compares, with its own connections,
so that a large comparison never holds up reconciling. Whoever asks sees what its own rights allow: without
authentication, those of the account that the Kustomization applies with; otherwise those of the user's token, or of the
user that a proxy has named, whom the operator then impersonates. The requests are ``get`` and dry runs.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from dataclasses import replace
from datetime import UTC, datetime

from headgate.api import InvalidSpec, Kustomization, ObjectKey
from headgate.documents.errors import BuildError
from headgate.fairness.places import FairPlaces
from headgate.feed.comparable import Comparable
from headgate.insight.texts import message_text
from headgate.kube import AccessFailed, ApiError, Client, RequestObserver
from headgate.page.access.identity import EVERYBODY, Identity
from headgate.page.views.difference import Difference
from headgate.reconcile.core.store import Store
from headgate.reconcile.kustomization.build.building import Builder
from headgate.reconcile.kustomization.errors import AttemptEnded
from headgate.reconcile.kustomization.prerequisites import Prerequisites
from headgate.reconcile.target.errors import TargetError
from headgate.reconcile.target.targets import Targets
from headgate.settings import ClusterSettings

__all__ = ["LiveDiffs", "Unbuildable"]

AT_ONCE, AT_ONCE_OF_ONE = 2, 1
"""Comparisons at once, of all namespaces and of one."""
PATIENCE = 60.0
"""Seconds that one comparison may take with all waiting."""
TIMEOUT = 40.0
"""Seconds for all requests of one."""
MAX_OBJECTS = 2_000
MAX_BODY = 16 << 20
"""Limit for the bytes of one response."""


class Unbuildable(Exception):
    """There is nothing to compare with; the message says why, without secrets."""


class LiveDiffs:
    """Computes live diffs for one event loop, that of the page; the operator's own loop is ``home``."""

    def __init__(
        self,
        store: Store,
        prerequisites: Prerequisites,
        builder: Builder,
        targets: Targets,
        cluster: ClusterSettings,
        observer: RequestObserver | None = None,
    ) -> None:
        self._store, self._prerequisites, self._builder = store, prerequisites, builder
        self._targets, self._cluster, self._observer = targets, cluster, observer
        self._home: asyncio.AbstractEventLoop | None = None
        self._places = FairPlaces(AT_ONCE, AT_ONCE_OF_ONE)
        self._running: dict[tuple[ObjectKey, Identity], asyncio.Task[Difference]] = {}

    def open(self) -> None:
        """Build on the event loop of the caller from now on."""
        self._home = asyncio.get_running_loop()

    def close(self) -> None:
        """Build nothing more."""
        self._home = None

    async def of(self, key: ObjectKey, identity: Identity = EVERYBODY) -> Difference:
        """Return what the next apply would change, as somebody sees it; what fails is in its ``problem``.

        Whether this caller may see the Kustomization itself is for the page to decide.
        """
        asked = key, identity
        task = self._running.get(asked)
        if task is None:
            task = self._running[asked] = asyncio.create_task(self._of(key, identity))
            task.add_done_callback(lambda _: self._running.pop(asked, None))
        # A caller who goes away must not free the place of a comparison that still runs.
        return await asyncio.shield(task)

    async def _of(self, key: ObjectKey, identity: Identity) -> Difference:
        found = Difference("", datetime.now(UTC))
        try:
            async with asyncio.timeout(PATIENCE), self._places.taken(key.namespace):
                made = await self._at_home(lambda: self.build(key))
                found = replace(found, revision=made.revision)
                return await _in_thread(lambda: self._compare(made, identity))
        except TimeoutError:
            problem = "It takes too long. Try again later."
        except (Unbuildable, AccessFailed, ApiError) as error:
            problem = str(error)
        return replace(found, problem=message_text(problem))

    async def build(self, key: ObjectKey) -> Comparable:
        """Build the present revision, on the operator's event loop. Raises :class:`Unbuildable`."""
        obj = self._store.kustomization(key)
        if obj is None:
            raise Unbuildable(f"Kustomization/{key} does not exist")
        spec = obj["spec"]
        try:
            ks = Kustomization.from_object(obj)
            account = self._targets.account(ks)
            source = self._prerequisites.source(key, obj, ks.retry_interval)
            self._prerequisites.tree(source)
            inputs = await self._builder.read_inputs(ks, spec)
        except (InvalidSpec, TargetError, AttemptEnded) as error:
            raise Unbuildable(f"Kustomization/{key} cannot be built now: {error}") from None
        try:
            self._builder.check_path(source.key, source.revision, spec)
            result = await self._builder.build(key.namespace, source.key, source.revision, spec, inputs)
        except (BuildError, AttemptEnded) as error:
            said = inputs.masks(str(error))
            raise Unbuildable(f"Kustomization/{key} cannot be built now: {said}") from None
        if len(result.objects) > MAX_OBJECTS:
            raise Unbuildable(f"Kustomization/{key} has more than {MAX_OBJECTS} objects")
        secrets = frozenset(inputs.variables.secret if inputs.variables is not None else ())
        return Comparable(obj, source.revision, account, result, secrets)

    async def _at_home(self, build: Callable[[], Awaitable[Comparable]]) -> Comparable:
        home = self._home
        if home is None:
            raise Unbuildable("The operator does not reconcile now: it starts, stops, or is on standby")

        async def built() -> Comparable:
            return await build()

        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(built(), home))

    async def _compare(self, made: Comparable, identity: Identity) -> Difference:
        """Compare, on a separate event loop. Raises :class:`ApiError`, :class:`AccessFailed`, TimeoutError."""
        from headgate.feed.differences import difference

        async with asyncio.timeout(TIMEOUT), await self._connect(identity) as client:
            return await difference(_acting(client, made, identity), made)

    async def _connect(self, identity: Identity) -> Client:
        kubeconfig, context = self._cluster.kubeconfig, self._cluster.context
        connect = Client.connect_for_others if identity.token else Client.connect
        return await connect(kubeconfig, context, max_body=MAX_BODY, observer=self._observer)


def _acting(client: Client, made: Comparable, identity: Identity) -> Client:
    """A client with the rights of who asks."""
    if identity.token:
        return client.bearing(identity.token)
    if identity != EVERYBODY:
        return client.impersonate(identity.name, identity.groups)
    if made.account:
        namespace = made.obj["metadata"]["namespace"]
        return client.impersonate(f"system:serviceaccount:{namespace}:{made.account}")
    return client


async def _in_thread(compare: Callable[[], Awaitable[Difference]]) -> Difference:
    """Run a comparison in a thread with its own event loop, which ends with it."""
    done: Future[Difference] = Future()

    async def compared() -> Difference:
        return await compare()

    def run() -> None:
        try:
            done.set_result(asyncio.run(compared()))
        except BaseException as error:
            done.set_exception(error)

    threading.Thread(target=run, name="live diff", daemon=True).start()
    return await asyncio.wrap_future(done)
