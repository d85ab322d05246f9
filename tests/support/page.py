"""A Kustomization's world with workers, whose operator hands over to a status page what it knows."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Any, cast

from headgate.feed.feed import Feed, FeedParts
from headgate.feed.memory import Memory, NotedSteps
from headgate.insight import Ref
from headgate.names import GIT_REPOSITORY, KUSTOMIZATION, KUSTOMIZE_GROUP
from headgate.page.knowledge import Board, Details, Snapshot
from headgate.reconcile.core.controller import Controller, Outcome
from headgate.reconcile.core.queue import Priority, Trigger
from tests.model import clock
from tests.support.reconciling import KEY, World

APPS = Ref(KUSTOMIZATION, KEY.namespace, KEY.name, KUSTOMIZE_GROUP)


class Watched:
    """A world whose operator works by itself, and a page that shows it. Git and GitRepositories are the test's."""

    def __init__(self, loop: clock.VirtualLoop, **options: Any) -> None:
        self.memory, self.board = Memory(lambda: loop.wall), Board(loop.time, lambda: 0.0)
        self.world = World(loop, measuring=lambda measure: NotedSteps(measure, self.memory), **options)
        world = self.world
        self.kustomizations = Controller(
            "kustomization",
            world.wakeups.queue,
            world.reconciler.reconcile,
            kind=KUSTOMIZATION,
            on_unexpected_error=world.reconciler.broke_off,
        )

        async def checked(*_: Any) -> Outcome:
            return Outcome()

        self.sources = Controller("gitrepository", world.wakeups.source_queue, checked, kind=GIT_REPOSITORY)
        parts = FeedParts(
            world.store,
            self.kustomizations,
            self.sources,
            world.reconciler,
            world.settled,
            cast(Any, world.events),
            world.targets,
        )
        self.feed = Feed(self.board, parts, self.memory)
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """The operator begins to work."""
        for part in (self.kustomizations.run(), self.feed.run()):
            self._tasks.append(asyncio.create_task(part))

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.board.close()
        await self.world.close()

    def request(self) -> None:
        """Somebody asks for a reconcile."""
        self.world.wakeups.queue.add(KEY, Trigger(Priority.REQUESTED, "requested", f"Kustomization/{KEY}"))

    async def until(self, holds: Callable[[Snapshot], bool], seconds: float = 60.0) -> Snapshot:
        """The first snapshot for which this holds."""
        snapshot = self.board.snapshot()
        async with asyncio.timeout(seconds):
            while not holds(snapshot):
                snapshot = await self.board.newer(snapshot.version)
        return snapshot

    async def settled(self, seconds: float = 3.0) -> Snapshot:
        """The snapshot after all is handed over."""
        await asyncio.sleep(seconds)
        return self.board.snapshot()

    async def details(self, seconds: float = 3.0) -> Details:
        """What the page knows of the Kustomization after all is handed over."""
        return (await self.settled(seconds)).details[APPS]


def watched(**options: Any) -> Callable[[Callable[..., Awaitable[None]]], Callable[..., None]]:
    """Run a test with a new watched world as its first argument. ``options`` are those of :class:`World`."""

    def decorate(test: Callable[..., Awaitable[None]]) -> Callable[..., None]:
        @wraps(test)
        def run(**arguments: Any) -> None:
            async def main() -> None:
                page = Watched(cast(clock.VirtualLoop, asyncio.get_running_loop()), **options)
                try:
                    await test(page, **arguments)
                finally:
                    await page.close()

            clock.run(main)

        _, *others = inspect.signature(test).parameters.values()
        run.__signature__ = inspect.Signature(others)  # type: ignore[attr-defined]
        del run.__wrapped__
        return run

    return decorate
