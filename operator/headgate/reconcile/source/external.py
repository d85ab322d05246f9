"""Sees to it that the trees of sources made by other controllers are there when Kustomizations ask for them.

A download may take minutes, and its retries longer; no worker waits for it. A reconciler that finds no tree calls
:meth:`ExternalSources.want` and ends its attempt; one task per source fetches the artifact, however many ask, and puts
its tree among the others. ``on_news`` is then called with the source's key, and wakes all that use it.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass

from headgate.api.source import Artifact
from headgate.git.errors import SourceTooLarge
from headgate.reconcile.core.store import GIT_REPOSITORY, SourceKey, Store
from headgate.reconcile.core.trees import SourceTrees
from headgate.reconcile.core.wakeups import Wakeups
from headgate.reconcile.reporting.unexpected import explained
from headgate.reconcile.source.artifacts import ArtifactError, ArtifactFetcher

REMEMBERED = 5.0
"""Seconds for which a failure is told to all who ask, before asking starts another download."""

_log = logging.getLogger("headgate.artifacts")


class ArtifactPending(Exception):
    """The artifact is being fetched; its consumers are woken when that has ended."""


@dataclass(slots=True)
class _Fetch:
    artifact: Artifact
    task: asyncio.Task[None] | None = None
    error: ArtifactError | None = None
    failed_at: float = 0.0


class ExternalSources:
    """The artifacts that are wanted. Used from the event loop only."""

    def __init__(
        self,
        fetcher: ArtifactFetcher,
        trees: SourceTrees,
        store: Store,
        wakeups: Wakeups,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._fetcher, self._trees, self._wakeups, self._clock = fetcher, trees, wakeups, clock
        self._fetches: dict[SourceKey, _Fetch] = {}
        store.subscribe(on_source_dropped=self._on_source_dropped)

    def want(self, key: SourceKey, artifact: Artifact) -> None:
        """Return when the tree of the artifact is there.

        Raises :class:`ArtifactPending` while it is fetched, and the :class:`ArtifactError` by which that ended.
        """
        fetch = self._fetches.get(key)
        if fetch is not None and not _same(fetch.artifact, artifact):
            self._end(fetch)
            fetch = None
        if fetch is None and self._trees.has(key, artifact.revision):
            # The newest that we fetched is of this revision, but perhaps the file is another: fetch it again.
            self._trees.drop(key)
        if fetch is not None:
            if fetch.task is not None:
                raise ArtifactPending(str(key))
            if fetch.error is not None and self._clock() - fetch.failed_at < REMEMBERED:
                raise fetch.error
            if fetch.error is None and self._trees.has(key, artifact.revision):
                return
        fetch = self._fetches[key] = _Fetch(artifact)
        fetch.task = asyncio.get_running_loop().create_task(self._run(key, fetch))
        raise ArtifactPending(str(key))

    def _on_source_dropped(self, key: SourceKey) -> None:
        if key.kind == GIT_REPOSITORY:
            return  # Its own reconciler's.
        fetch = self._fetches.pop(key, None)
        if fetch is not None:
            self._end(fetch)
        self._trees.drop(key)

    async def close(self) -> None:
        """Call off all downloads."""
        tasks = [f.task for f in self._fetches.values() if f.task is not None]
        self._fetches.clear()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._fetcher.close()

    async def _run(self, key: SourceKey, fetch: _Fetch) -> None:
        try:
            tree = await self._fetcher.fetch(key, fetch.artifact)
            self._trees.put(key, fetch.artifact.revision, tree)
        except (ArtifactError, SourceTooLarge) as error:
            fetch.error = error if isinstance(error, ArtifactError) else ArtifactError(str(error))
            fetch.failed_at = self._clock()
        except Exception as error:
            _log.exception("%s: artifact not fetched", key)
            fetch.error = ArtifactError(f"failed to fetch artifact: {explained(error)}")
            fetch.failed_at = self._clock()
        finally:
            fetch.task = None
        self._wakeups.source_available(key)

    @staticmethod
    def _end(fetch: _Fetch) -> None:
        if fetch.task is not None:
            fetch.task.cancel()


def _same(one: Artifact, other: Artifact) -> bool:
    return (one.revision, one.digest, one.url) == (other.revision, other.digest, other.url)
