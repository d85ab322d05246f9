"""Provides the trees of sources that other controllers reconcile to Kustomizations.

A download may take minutes, and its retries longer; no worker waits for it. A reconciler that finds no tree calls
:meth:`ExternalSources.want` and ends its attempt. One task per source fetches the artifact, however many consumers
wait, and stores its tree. Then it wakes all consumers.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass

from headgate.api.source import Artifact
from headgate.git.errors import SourceTooLarge
from headgate.names import GIT_REPOSITORY
from headgate.reconcile.core.store import SourceKey, Store
from headgate.reconcile.core.trees import SourceTrees
from headgate.reconcile.core.wakeups import Wakeups
from headgate.reconcile.reporting.unexpected import explained
from headgate.reconcile.source.artifacts import ArtifactError, ArtifactFetcher

REMEMBERED = 5.0
"""Seconds for which all consumers get the error of a failed download before a new one starts."""

_log = logging.getLogger("headgate.artifacts")


class ArtifactPending(Exception):
    """The download of the artifact is running; its consumers are woken when it ends."""


@dataclass(slots=True)
class _Fetch:
    artifact: Artifact
    task: asyncio.Task[None] | None = None
    error: ArtifactError | None = None
    failed_at: float = 0.0


class ExternalSources:
    """The artifacts that Kustomizations need. Used from the event loop only."""

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
        """Return if the tree of the artifact is available.

        Raises :class:`ArtifactPending` while it is downloaded, and :class:`ArtifactError` if the download failed.
        """
        fetch = self._fetches.get(key)
        if fetch is not None and not _same(fetch.artifact, artifact):
            self._end(fetch)
            fetch = None
        if fetch is None and self._trees.has(key, artifact.revision):
            # The newest tree is of this revision, but the file may differ: fetch it again.
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
            return  # Its own reconciler provides the tree.
        fetch = self._fetches.pop(key, None)
        if fetch is not None:
            self._end(fetch)
        self._trees.drop(key)

    async def close(self) -> None:
        """Cancel all downloads."""
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
