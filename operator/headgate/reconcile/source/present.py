"""The artifact that the status has: keeps it and its tree available while no new one may or can be fetched."""

from __future__ import annotations

import logging

from headgate.api import GitRepository, Revision
from headgate.fairness.pools import STORAGE
from headgate.git.cache.bare import Caches
from headgate.git.errors import GitCancelled, GitError
from headgate.git.refs.reference import Resolved
from headgate.git.remote.client import Remote
from headgate.reconcile.core.store import SourceKey
from headgate.reconcile.core.trees import ClosableTree, SourceTrees
from headgate.reconcile.core.wakeups import Wakeups
from headgate.reconcile.reporting.status import StatusSession
from headgate.reconcile.source.errors import PresentUnavailable
from headgate.reconcile.source.fetch import SourceFetcher, Stored
from headgate.reconcile.source.inputs import ReconcileInputs, SourceInputs

_log = logging.getLogger("headgate.source")


class PresentArtifacts:
    """Restores what a restart, or the loss of the storage, has taken. One for all sources."""

    def __init__(
        self,
        caches: Caches,
        fetcher: SourceFetcher,
        inputs: SourceInputs,
        trees: SourceTrees,
        wakeups: Wakeups,
    ) -> None:
        self._caches, self._fetcher, self._inputs = caches, fetcher, inputs
        self._trees, self._wakeups = trees, wakeups

    async def restore(self, key: SourceKey, session: StatusSession) -> None:
        """Open the tree from the clone cache after a restart without access to the remote, to serve the consumers."""
        artifact = session.status.get("artifact")
        if artifact is None or self._trees.has(key, artifact["revision"]):
            return
        shape = self._inputs.observed_shape(key, session.status)
        if shape is None:
            return
        commit, url = Revision.parse(artifact["revision"]).hash, session.obj["spec"]["url"]
        tree = await STORAGE.run(key.namespace, self._fetcher.reopen, key, url, commit, shape)
        self._put(key, artifact["revision"], tree)

    async def keep(
        self, key: SourceKey, session: StatusSession, source: GitRepository, remote: Remote, *, stored: bool
    ) -> None:
        """Make sure of the artifact and its tree while the revision that the reference names is held.

        ``stored``: whether the artifact is in storage. What is lost is fetched again, as the commit and with the
        settings of the status. Raises :class:`PresentUnavailable`.
        """
        artifact = session.status["artifact"]
        revision = artifact["revision"]
        await self.restore(key, session)
        if stored and not self._trees.has(key, revision):
            # The cache is lost, or an included source has moved on.
            self._put(key, revision, await STORAGE.run(key.namespace, self._fetcher.unpack, artifact["path"]))
        if stored and self._trees.has(key, revision):
            return
        inputs = self._inputs.observed(key, session.status)
        if inputs is None:
            raise PresentUnavailable(
                f"the artifact of '{revision}' is lost, and what it includes has changed; "
                "remove the hold or the windows to let the new revision in"
            )
        try:
            made = await self._fetch(key, source, remote, revision, inputs)
        except GitCancelled:
            raise
        except GitError as error:
            raise PresentUnavailable(
                f"the artifact of '{revision}' is lost and cannot be fetched again: {error}; "
                "remove the hold or the windows to let the new revision in"
            ) from error
        finally:
            inputs.close()
        self._put(key, revision, made.tree)
        packed = made.artifact
        if packed is not None and packed.digest != artifact["digest"]:
            session.status["artifact"] = packed.to_status()
        elif packed is not None:
            artifact["path"], artifact["url"] = packed.path, packed.url

    async def _fetch(
        self, key: SourceKey, source: GitRepository, remote: Remote, revision: str, inputs: ReconcileInputs
    ) -> Stored:
        resolved, url = Resolved(Revision.parse(revision).hash, revision), str(remote.url)
        commits = self._caches.holding(key.namespace, key.name, resolved.commit) or self._caches.open(
            key.namespace, key.name, url
        )
        return await self._fetcher.make(source, remote, resolved, commits, inputs, stored=False)

    def _put(self, key: SourceKey, revision: str, tree: ClosableTree | None) -> None:
        if tree is None:
            return
        try:
            self._trees.put(key, revision, tree)
        except GitError as error:
            _log.error("%s: the commit in the cache cannot be used: %s", key, error)
            return
        self._wakeups.source_available(key)
