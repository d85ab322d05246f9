"""A world: a cluster, Git, an operator that may stop and start, and a story, which is what happens to them.

:func:`play` runs a story in virtual time. Meanwhile, :class:`Watchman` checks each write
(:mod:`tests.model.invariants`). At the end all faults stop, and the world has :data:`PATIENCE` seconds to become what
Git says (:mod:`tests.model.truth`).
"""

from __future__ import annotations

import asyncio
import logging
from random import Random
from typing import Any

from tests.model import clock, truth
from tests.model.cluster import Cluster
from tests.model.git import ITEMS, ONE, TWO, Git
from tests.model.invariants import Watchman
from tests.model.program import Incarnation
from tests.model.state import HOME, KUSTOMIZATION_PATH, SOURCE_PATH, State
from tests.model.store import Reply, Request
from tests.model.story import Commit, Create, Cut, Delete, Restart, Set, Step, Story, Touch, Trouble

Obj = dict[str, Any]

PATIENCE = 900.0
"""Seconds after the last fault until the cluster must equal Git; much less than any interval."""
SETTLED = 3.0
"""Seconds for which it must stay so."""
DOWNTIME = 3.0
"""Seconds between the death of an operator and the start of the next."""

HELD = "model.example.org/held"
"""A finalizer that somebody puts on an object; it is taken off at the end."""
EDITED = ("ConfigMap", "Thing", "Globe")


class Broken(AssertionError):
    """An invariant does not hold."""


def play(story: Story) -> None:
    """Tell the story; raises :class:`Broken` with the story and what happened in it."""
    keep: list[World] = []

    async def main() -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, clock.VirtualLoop)
        world = World(loop, Random(story.seed))
        keep.append(world)
        await world.run(story)

    logging.disable(logging.CRITICAL)
    try:
        clock.run(main)
    except clock.Stuck:
        raise Broken(f"nothing will ever happen again\n{story}\n{keep[0].report()}") from None
    finally:
        logging.disable(logging.NOTSET)
    if keep[0].broken:
        raise Broken("\n".join(keep[0].broken) + f"\n{story}\n{keep[0].report()}")


class World:
    """See the module's text."""

    def __init__(self, loop: clock.VirtualLoop, random: Random) -> None:
        self._loop, self._random = loop, random
        self.cluster = Cluster(loop, random)
        self.server = self.cluster.server
        self.git = Git({})
        self.state = State(self.server, self.git)
        self.broken: list[str] = []
        self._watchman = Watchman(self.state, lambda: loop.now, self.broken)
        self.server.observers.append(self._watchman.look)
        self._faults: list[Any] = []
        self._operator: Incarnation | None = None
        self._up = asyncio.Event()
        self._up.set()
        self._log: list[str] = []

    async def run(self, story: Story) -> None:
        """Everything from the empty cluster to the last look."""
        for namespace in (HOME, ONE, TWO):
            self._send("PATCH", f"/api/v1/namespaces/{namespace}", _namespace(namespace), "apply-patch+yaml")
        source = {"metadata": {"name": "git", "namespace": HOME}, "spec": {}}
        self._send("POST", SOURCE_PATH, source)
        self._publish()
        self._start()
        keeper = self._loop.create_task(self._keep_alive())
        for step, pause in story.steps:
            self._log.append(f"{self._loop.now:9.3f} --- {step}")
            await self._do(step)
            await asyncio.sleep(pause)
            if self.broken:
                break
        else:
            await self._settle()
        keeper.cancel()
        if self._operator is not None:
            await self._operator.kill()

    def report(self) -> str:
        """What happened, request by request, for who looks into a story."""
        return "\n".join(self._log)

    # Steps.

    async def _do(self, step: Step) -> None:
        match step:
            case Commit():
                self._commit(step)
            case Create():
                self._create(step)
            case Set():
                if self.state.kustomization(step.name) is not None:
                    self._merge(f"{KUSTOMIZATION_PATH}/{step.name}", {"spec": {step.field: step.value}})
            case Delete():
                if self.state.kustomization(step.name) is not None:
                    self._send("DELETE", f"{KUSTOMIZATION_PATH}/{step.name}")
            case Touch():
                self._touch(step)
            case Trouble():
                self._faults.append(step.fault())
            case Cut():
                if self._operator is not None:
                    self._operator.line.forgotten = self.server.version + 1 if step.forgotten else 0
                    self._operator.line.cut()
            case Restart():
                await self._restart(step)
        self.state.note()

    def _commit(self, step: Commit) -> None:
        for folder, item in step.put:
            self.git.folders.setdefault(folder, set()).add(item)
        for folder, item in step.drop:
            self.git.folders.get(folder, set()).discard(item)
        for item in step.edit:
            self.git.numbers[item] = self.git.numbers.get(item, 0) + 1
        self.git.variants.update(step.move)
        self._publish()

    def _publish(self) -> None:
        revision = self.git.commit()
        self.state.revision = revision
        artifact = {
            "revision": revision,
            "digest": f"sha256:{revision[-64:]}",
            "url": f"http://model/{revision}",
        }
        artifact |= {"path": "git", "lastUpdateTime": clock.timestamp(self._loop.wall)}
        self._merge(f"{SOURCE_PATH}/git/status", {"status": {"artifact": artifact}})
        self.state.note()

    def _create(self, step: Create) -> None:
        if step.name not in self.git.folders:
            self.git.folders[step.name] = set()
            self._publish()
        spec = {
            "interval": "10h",
            "retryInterval": "10s",
            "timeout": "20s",
            "prune": step.prune,
            "path": f"./{step.name}",
            "sourceRef": {"kind": "ExternalArtifact", "name": "git"},
            "deletionPolicy": step.deletion_policy,
            "wait": step.wait,
        }
        if step.target_namespace:
            spec["targetNamespace"] = step.target_namespace
        body = {"metadata": {"name": step.name, "namespace": HOME}, "spec": spec}
        self._send("POST", KUSTOMIZATION_PATH, body)

    def _touch(self, step: Touch) -> None:
        for kind, obj in self.state.of_item(ITEMS[step.item]):
            path = kind.path(obj)
            if path is None:
                continue
            if step.what == "delete":
                self._send("DELETE", path)
            elif step.what == "hold":
                self._merge(path, {"metadata": {"finalizers": [HELD]}})
            else:
                field = "spec" if kind.kind.custom else "data"
                body = {field: {"n": "edited by somebody"}}
                self._merge(path, body if obj["kind"] in EDITED else {}, manager="kubectl-edit")

    # The operator.

    def _start(self) -> None:
        self._operator = Incarnation(self.server, self.git, self._loop, self._random, self._faults)
        self._operator.line.log = self._log

    async def _restart(self, step: Restart) -> None:
        await self._up.wait()
        operator, self._operator = self._operator, None
        if operator is not None:
            await (operator.kill() if step.killed else operator.stop())
        await asyncio.sleep(step.pause)
        self._start()

    async def _keep_alive(self) -> None:
        """Start another operator when one died, as its Deployment does."""
        while True:
            await asyncio.sleep(0.25)
            operator = self._operator
            if operator is None or operator.alive:
                continue
            failure = operator.failure()
            if failure is not None:
                self.broken.append(f"the operator ended by itself: {failure!r}")
            self._operator = None
            self._up.clear()
            await operator.kill()
            await asyncio.sleep(DOWNTIME)
            self._log.append(f"{self._loop.now:9.3f} --- The operator is started again.")
            self._start()
            self._up.set()

    # The end.

    async def _settle(self) -> None:
        self._log.append(f"{self._loop.now:9.3f} --- All trouble is over.")
        self._faults.clear()
        for kind, obj in list(self.state.stored()):
            if HELD in (obj["metadata"].get("finalizers") or ()):
                self.server.release(kind.kind, obj)
        deadline, good_since = self._loop.now + PATIENCE, 0.0
        wrong: list[str] = []
        while self._loop.now < deadline and not self.broken:
            await asyncio.sleep(0.5)
            wrong = truth.differences(self.state)
            if wrong or self._operator is None:
                good_since = 0.0
            elif not good_since:
                good_since = self._loop.now
            elif self._loop.now - good_since >= SETTLED:
                return
        self.broken.extend(f"at the end: {line}" for line in wrong)

    # Requests of others.

    def _send(
        self, method: str, path: str, body: Any = None, kind: str = "json", manager: str = "user"
    ) -> Reply:
        request = Request(
            method, path, {"fieldManager": manager, "force": "true"}, body, f"application/{kind}", "user"
        )
        return self.server.handle(request)

    def _merge(self, path: str, body: Obj, manager: str = "user") -> None:
        self._send("PATCH", path, body, "merge-patch+json", manager)


def _namespace(name: str) -> Obj:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
