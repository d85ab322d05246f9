"""One Kustomization with all that reconciles it, in virtual time, against the API server of tests/model.

The reconciler and its parts are the product's own. Git is a tree in memory, the GitRepository exists in the store only,
and events are collected instead of written. Nothing calls the reconciler but the test.
"""

from __future__ import annotations

import asyncio
import inspect
import json
from collections.abc import Awaitable, Callable, Mapping
from functools import wraps
from random import Random
from typing import Any, cast

from headgate.api import Kustomization, ObjectKey, conditions, reasons
from headgate.api.source import ORIGIN_REVISION
from headgate.cel import CpuLimits, Evaluator
from headgate.documents.tree import MemoryTree
from headgate.kube import Client, ObjectRef
from headgate.names import GIT_REPOSITORY, KUSTOMIZE_STATUS, SOURCE_VERSION
from headgate.reconcile.core.controller import Outcome
from headgate.reconcile.core.inventories import Inventories
from headgate.reconcile.core.queue import Depth, Priority, Trigger, WorkQueue
from headgate.reconcile.core.store import SourceKey, Store
from headgate.reconcile.core.trees import SourceTrees
from headgate.reconcile.core.wakeups import Wakeups
from headgate.reconcile.kustomization.attempt import Attempt
from headgate.reconcile.kustomization.build.building import Builder
from headgate.reconcile.kustomization.build.builds import BuildRules
from headgate.reconcile.kustomization.build.inputs import InputReader
from headgate.reconcile.kustomization.finalize import Finalizer
from headgate.reconcile.kustomization.prerequisites import Prerequisites
from headgate.reconcile.kustomization.reconciler import ClusterParts, KustomizationReconciler
from headgate.reconcile.kustomization.report import Reporter
from headgate.reconcile.kustomization.settled import SettledBuilds
from headgate.reconcile.kustomization.steps.prepare import BuildParts
from headgate.reconcile.reporting.events import Event
from headgate.reconcile.reporting.measure import Measure, Unmeasured
from headgate.reconcile.reporting.status import StatusSession
from headgate.reconcile.source.requests import SourceRequests
from headgate.reconcile.target.targets import Targets
from headgate.settings import DecryptionSettings, KustomizationSettings, TargetSettings
from tests.model import clock
from tests.model.apiserver import ApiServer
from tests.model.border import Fault, Line
from tests.model.kinds import Kind
from tests.model.objects import copied
from tests.model.store import Reply, Request

Obj = dict[str, Any]

KEY = ObjectKey("flux", "apps")
SOURCE = SourceKey(GIT_REPOSITORY, "flux", "git")
DEPLOYMENT = Kind("apps", "v1", "Deployment", "deployments", True, status=True, generations=True)
SECRET = Kind("", "v1", "Secret", "secrets", True)
WEB = ObjectRef("apps/v1", "Deployment", "web", "flux")
KUSTOMIZATIONS = "/apis/kustomize.toolkit.fluxcd.io/v1/namespaces/flux/kustomizations"
SPEC: Mapping[str, Any] = {
    "interval": "10m",
    "retryInterval": "10s",
    "timeout": "20s",
    "path": "./apps",
    "prune": True,
    "sourceRef": {"kind": GIT_REPOSITORY, "name": "git"},
}


def config_map(name: str, **data: str) -> str:
    """A manifest."""
    meta = {"name": name, "namespace": "flux"}
    return json.dumps({"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": data})


def deployment(replicas: int = 1) -> str:
    """The manifest of :data:`WEB`."""
    meta = {"name": WEB.name, "namespace": WEB.namespace}
    spec = {"replicas": replicas}
    return json.dumps({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": meta, "spec": spec})


class Tree(MemoryTree):
    """A revision's tree; to read a file of it raises ``error`` if that is set."""

    weight = 1
    error: Exception | None = None

    def content_id(self, path: str) -> str:
        if self.error is not None:
            raise self.error
        return super().content_id(path)

    def close(self) -> None:
        pass


class Events:
    """Collects events."""

    def __init__(self) -> None:
        self.emitted: list[Event] = []
        self._subscribers: list[Callable[[Event], None]] = []

    def subscribe(self, on_event: Callable[[Event], None]) -> None:
        self._subscribers.append(on_event)

    def emit(self, event: Event) -> None:
        self.emitted.append(event)
        for each in self._subscribers:
            each(event)

    def take(self) -> list[tuple[str, str, str]]:
        """Type, reason and message of each event since the last call that becomes one on the cluster."""
        taken = [(event.type, event.reason, event.message) for event in self.emitted if event.record]
        self.emitted.clear()
        return taken


class Measured(Unmeasured):
    """Counts what was measured."""

    def __init__(self) -> None:
        self.steps: list[tuple[str, bool]] = []
        """Each step that ended, and whether it failed."""
        self.skipped = 0
        self.refused = 0

    def took(self, step: str, seconds: float, *, failed: bool) -> None:
        self.steps.append((step, failed))

    def build_skipped(self) -> None:
        self.skipped += 1

    def inventory_refused(self) -> None:
        self.refused += 1


class Server(ApiServer):
    """An API server whose answers to the operator a test may replace."""

    def __init__(self, clock: Callable[[], str]) -> None:
        super().__init__(clock)
        self.hooks: list[Callable[[Request], Reply | None]] = []
        """Called with each request of the operator; an answer takes the place of the server's."""

    def handle(self, request: Request) -> Reply:
        for hook in self.hooks if request.who == "operator" else ():
            reply = hook(request)
            if reply is not None:
                return reply
        return super().handle(request)


class NotedWakeups(Wakeups):
    """The product's rules over queues that nobody empties; notes whom a change of a watched object wakes."""

    def __init__(self, store: Store, settled: SettledBuilds) -> None:
        self.queue: WorkQueue[ObjectKey] = WorkQueue(1)
        self.source_queue: WorkQueue[ObjectKey] = WorkQueue(1)
        super().__init__(store, self.queue, self.source_queue, settled, SourceRequests(store))
        self.woken: list[ObjectKey] = []

    def live_changed(self, key: ObjectKey, ref: ObjectRef) -> None:
        super().live_changed(key, ref)
        self.woken.append(key)


class World:
    """See the module's text. Make it on the event loop of :mod:`tests.model.clock`."""

    def __init__(
        self,
        loop: clock.VirtualLoop,
        account: str = "",
        measuring: Callable[[Measure], Measure] = lambda measure: measure,
        **options: Any,
    ) -> None:
        """``account``: the service account that Kustomizations act as; ``options``: their settings.

        ``measuring`` makes what takes the measurements.
        """
        self.loop = loop
        self.settings = KustomizationSettings(**{"jitter": 0.0, "requeue_dependency": 30.0, **options})
        self.server = Server(lambda: clock.timestamp(loop.wall))
        self.server.served += [DEPLOYMENT, SECRET]
        self.faults: list[Fault] = []
        self._line = Line(self.server, loop, Random(0), self.faults)
        self.client = Client(self._line)
        self.store, self.trees = Store(), SourceTrees()
        self.settled = SettledBuilds(self.store.kustomization, self.trees)
        self.wakeups = NotedWakeups(self.store, self.settled)
        self.inventories = Inventories(self.store, self.wakeups)
        self.events, self.measured = Events(), Measured()
        measure = measuring(self.measured)
        self.source_pending = False
        self.targets = Targets(
            TargetSettings(default_service_account=account), self.client, self.wakeups, self.inventories
        )
        self.prerequisites = Prerequisites(
            self.settings, self.store, self.trees, cast(Any, None), lambda _: self.source_pending
        )
        self.builder = Builder(
            self.trees, InputReader(self.client, DecryptionSettings()), BuildRules(), measure
        )
        self.evaluator = Evaluator(CpuLimits(5.0, 20.0))
        self.reporter = Reporter(cast(Any, self.events))
        self.building = BuildParts(self.prerequisites, self.settled, self.builder)
        self.reconciler = KustomizationReconciler(
            self.settings,
            ClusterParts(self.client, self.store, self.inventories, self.wakeups, self.targets),
            self.building,
            self.evaluator,
            Finalizer(self.client, self.store, self.targets, cast(Any, self.events), self.inventories),
            self.reporter,
            measure,
        )
        self.source = SOURCE
        self._revisions = 0
        self.send("PATCH", "/api/v1/namespaces/flux", {"metadata": {"name": "flux"}}, apply=True)

    # The cluster, as users see it.

    def send(self, method: str, path: str, body: Any = None, *, apply: bool = False) -> Obj:
        """A user's request, answered at once."""
        kind = "application/apply-patch+yaml" if apply else "application/merge-patch+json"
        query = {"fieldManager": "user", "force": "true"}
        answer = self.server.handle(Request(method, path, query, body, kind, who="user"))
        assert answer.status < 300, answer.body
        return cast(Obj, answer.body)

    def create(self, name: str = "apps", **spec: Any) -> Obj:
        """Create a Kustomization, and let the operator know."""
        body = {"metadata": {"name": name, "namespace": "flux"}, "spec": {**SPEC, **spec}}
        obj = self.send("POST", KUSTOMIZATIONS, body)
        self.store.put_kustomization(copied(obj))
        return obj

    def change(self, patch: Obj, name: str = "apps") -> None:
        """Merge into a Kustomization, and let the operator know."""
        obj = self.send("PATCH", f"{KUSTOMIZATIONS}/{name}", patch)
        self.store.put_kustomization(copied(obj))

    def commit(self, files: Mapping[str, str], *, tree: bool = True, origin: str = "") -> str:
        """Make a revision of the source with these files; without ``tree`` the operator has not fetched it yet.

        The artifact names the revision that it comes from, if ``origin`` does.
        """
        self._revisions += 1
        revision = f"main@sha1:{self._revisions:040x}"
        if tree:
            self.trees.put(SOURCE, revision, Tree(dict(files)))
        meta = {"name": "git", "namespace": "flux", "uid": "git", "resourceVersion": str(self._revisions)}
        named = {"metadata": {ORIGIN_REVISION: origin}} if origin else {}
        status = {"artifact": {"revision": revision, **named}}
        source = {"apiVersion": SOURCE_VERSION, "kind": GIT_REPOSITORY, "metadata": meta, "spec": {}}
        self.store.put_source({**source, "status": status})
        return revision

    def apps(self, **files: str) -> str:
        """Commit these manifests, without ``.yaml``, as the directory ``apps``."""
        resources = [f"{name}.yaml" for name in files]
        kustomization = json.dumps({"resources": resources})
        manifests = {f"apps/{name}.yaml": text for name, text in files.items()}
        return self.commit({"apps/kustomization.yaml": kustomization, **manifests})

    def set_available(self, *, replicas: int = 1) -> None:
        """The Deployment's controller reports so many available replicas of one."""
        live = self.find(WEB)
        assert live is not None
        available = "True" if replicas else "False"
        status = {
            "observedGeneration": live["metadata"]["generation"],
            "replicas": 1,
            "updatedReplicas": 1,
            "readyReplicas": replicas,
            "availableReplicas": replicas,
            "conditions": [{"type": "Available", "status": available, "reason": "Minimum"}],
        }
        path = f"/apis/apps/v1/namespaces/{WEB.namespace}/deployments/{WEB.name}/status"
        self.send("PATCH", path, {"status": status})

    def forbid(self, ref: ObjectRef) -> None:
        """From now on, the API server shows the object to nobody."""

        def answer(request: Request) -> Reply | None:
            plural = f"{ref.kind.lower()}s"
            if request.method != "GET" or not request.path.endswith(f"/{plural}/{ref.name}"):
                return None
            message = f"{plural} {ref.name} is forbidden"
            return Reply(403, {"kind": "Status", "message": message, "reason": "Forbidden", "code": 403})

        self.server.hooks.append(answer)

    @staticmethod
    def refused(sort: str) -> Fault:
        """All requests of the sort fail from now on; put it into :attr:`faults`."""
        return Fault(sort, 1, "500", times=10_000)

    def find(self, ref: ObjectRef) -> Obj | None:
        """The object as the API server has it."""
        group = ref.api_version.rpartition("/")[0]
        plural = f"{ref.kind.lower()}s"
        return self.server.find((group, plural), ref.namespace, ref.name)

    def names(self) -> list[str]:
        """The names of all ConfigMaps."""
        return sorted(name for _, name in self.server.objects["", "configmaps"])

    @property
    def status(self) -> Obj:
        """The Kustomization's status as the API server has it."""
        found = self.find(ObjectRef("kustomize.toolkit.fluxcd.io/v1", "Kustomization", "apps", "flux"))
        assert found is not None
        return found.get("status") or {}

    def condition(self, type: str = "Ready") -> tuple[str, str, str] | None:
        """Status, reason and message of a condition of the Kustomization; None where it is not set."""
        found = conditions.get(self.status.get("conditions") or (), type)
        return (found["status"], found["reason"], found["message"]) if found else None

    def inventory(self) -> list[str]:
        """Ids of the Kustomization's inventory."""
        return sorted(e["id"] for e in (self.status.get("inventory") or {}).get("entries") or ())

    def requests(self) -> list[str]:
        """Method and object of each of the operator's requests since the last call, without discovery and watches.

        Such as ``PATCH configmaps/a (dry run)``, or ``PATCH kustomizations/apps/status``.
        """
        lines = (line.strip().partition(" ")[2].rpartition(":")[0] for line in self._line.log)
        taken = [
            f"{method} {path.partition('/namespaces/flux/')[2]}"
            for method, _, path in (line.partition(" ") for line in lines)
            if "/namespaces/flux/" in path
        ]
        self._line.log.clear()
        return taken

    @property
    def woken(self) -> list[ObjectKey]:
        """Whom changes of watched objects woke."""
        return self.wakeups.woken

    # The operator.

    async def close(self) -> None:
        """Stop the watches and the client."""
        await self.targets.close()
        await self._line.close()

    async def reconcile(self, depth: Depth = Depth.VERIFY, origin: str = "") -> Outcome:
        """Call the reconciler as a worker does."""
        trigger = Trigger(Priority.REQUESTED, "test", origin, depth)
        return await self.reconciler.reconcile(KEY, (trigger,))

    def attempt(self, depth: Depth = Depth.VERIFY) -> Attempt:
        """An attempt that begins now."""
        obj = self.store.kustomization(KEY)
        assert obj is not None
        session = StatusSession(
            self.client, obj, manager=KUSTOMIZE_STATUS, on_written=self.wakeups.kustomization_written
        )
        ks = Kustomization.from_object(obj)
        return Attempt(KEY, obj, ks, session, None, self.loop.time(), depth)


async def applied(world: World, **spec: Any) -> str:
    """A Kustomization that has applied a ConfigMap; returns the revision."""
    world.create(**spec)
    revision = world.apps(a=config_map("a"))
    await world.reconcile()
    assert world.condition() == ("True", reasons.RECONCILIATION_SUCCEEDED, f"Applied revision: {revision}")
    world.events.take()
    world.requests()
    return revision


def in_world(**options: Any) -> Callable[[Callable[..., Awaitable[None]]], Callable[..., None]]:
    """Run a test with a new world as its first argument. ``options`` are those of :class:`World`."""

    def decorate(test: Callable[..., Awaitable[None]]) -> Callable[..., None]:
        @wraps(test)
        def run(**arguments: Any) -> None:
            async def main() -> None:
                loop = cast(clock.VirtualLoop, asyncio.get_running_loop())
                world = World(loop, **options)
                try:
                    await test(world, **arguments)
                finally:
                    await world.close()

            clock.run(main)

        _, *others = inspect.signature(test).parameters.values()
        run.__signature__ = inspect.Signature(others)  # type: ignore[attr-defined]
        del run.__wrapped__
        return run

    return decorate
