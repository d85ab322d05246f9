"""From a commit that a reference names to its source tree, and to the artifact made from it.

Except for :meth:`SourceFetcher.make`, everything here blocks and runs in threads: :meth:`SourceFetcher.fetch` waits for
the remote, :meth:`SourceFetcher.store`, :meth:`SourceFetcher.reopen` and :meth:`SourceFetcher.unpack` for the disk.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass

from headgate.api import GitRepository
from headgate.fairness.pools import NETWORK, STORAGE
from headgate.git.artifact.storage import ArtifactStorage, StoredArtifact
from headgate.git.cache.bare import BareCache, Caches
from headgate.git.checkout.shape import ArtifactShape, check_out
from headgate.git.errors import GitError, StorageFailed
from headgate.git.limits import DEFAULT_LIMITS, TreeLimits
from headgate.git.refs.reference import Resolved
from headgate.git.remote.client import Remote
from headgate.git.tree.compose import PackableTree
from headgate.git.tree.tartree import ArchiveInvalid, ArchiveLimits, TarTree
from headgate.git.url import RemoteUrl
from headgate.git.verify.revision import verify
from headgate.reconcile.core.store import SourceKey
from headgate.reconcile.source.inputs import ReconcileInputs

_log = logging.getLogger("headgate.source")


@dataclass(frozen=True, slots=True)
class Fetched:
    """The result of a fetch."""

    commit: str
    verified: str
    """Whose signatures were found, as the condition reports it; empty if the spec requires none."""
    tree: PackableTree | None
    """The tree, if opening it needed the remote, for submodules; otherwise None."""


@dataclass(frozen=True, slots=True)
class Stored:
    """The result of storing what was fetched."""

    artifact: StoredArtifact | None
    """None if the artifact in storage is still up to date."""
    tree: PackableTree
    subject: str
    """First line of the commit's message."""
    verified: str
    """As in :class:`Fetched`."""


class SourceFetcher:
    """Fetches and stores. One for all sources; ``caches`` holds their clone caches."""

    def __init__(
        self, caches: Caches, artifacts: ArtifactStorage, limits: TreeLimits = DEFAULT_LIMITS
    ) -> None:
        self._caches, self._artifacts, self._limits = caches, artifacts, limits

    async def make(
        self,
        source: GitRepository,
        remote: Remote,
        resolved: Resolved,
        commits: BareCache,
        inputs: ReconcileInputs,
        *,
        stored: bool,
    ) -> Stored:
        """:meth:`fetch` and :meth:`store`, each in the threads for it. Raises :class:`GitError`."""
        fetched = await NETWORK.run(
            source.namespace, remote.timed, self.fetch, source, remote, resolved, commits, inputs
        )
        return await STORAGE.run(
            source.namespace,
            self.store,
            source,
            remote,
            resolved,
            commits,
            inputs,
            fetched,
            stored=stored,
        )

    def fetch(
        self,
        source: GitRepository,
        remote: Remote,
        resolved: Resolved,
        commits: BareCache,
        inputs: ReconcileInputs,
    ) -> Fetched:
        """Fetch the commit into its clone cache, with its submodules, and verify it.

        Nothing reads a commit before its signatures are verified. Raises :class:`GitError`.
        """
        commit = remote.fetch(resolved, commits)
        verified = ""
        if source.spec.verify is not None and inputs.keys is not None:
            objects = remote.objects(resolved, commits)
            verified = verify(source.spec.verify.mode, resolved, *objects, inputs.keys)
        tree = (
            check_out(remote, commits, commit, inputs.shape, limits=self._limits)
            if inputs.shape.submodules
            else None
        )
        return Fetched(commit, verified, tree)

    def store(
        self,
        source: GitRepository,
        remote: Remote,
        resolved: Resolved,
        commits: BareCache,
        inputs: ReconcileInputs,
        fetched: Fetched,
        *,
        stored: bool,
    ) -> Stored:
        """Open the tree of the fetched commit, and pack it unless it is ``stored``; raises :class:`GitError`."""
        commit = fetched.commit
        tree = fetched.tree or check_out(remote, commits, commit, inputs.shape, limits=self._limits)
        try:
            artifact = None
            if not stored:
                artifact = self._artifacts.publish(
                    tree, source.namespace, source.name, commit, resolved.revision
                )
            subject = commits.subject(commit)
        except BaseException:
            tree.close()
            raise
        return Stored(artifact, tree, subject, fetched.verified)

    def reopen(self, key: SourceKey, url: str, commit: str, shape: ArtifactShape) -> PackableTree | None:
        """The tree of a commit that an earlier process fetched, without any remote; None if it is not available."""
        try:
            address = RemoteUrl.parse(url)
            commits = self._caches.holding(key.namespace, key.name, commit)
            if commits is None:
                return None
            return check_out(Remote(address), commits, commit, shape, offline=True, limits=self._limits)
        except GitError as error:
            _log.info("%s: the cached commit %s cannot be used: %s", key, commit, error)
            return None

    def unpack(self, path: str) -> TarTree | None:
        """The tree of the artifact at ``path`` below the storage's root; None if it cannot be read."""
        limits = ArchiveLimits(self._limits.size, self._limits.entries)
        try:
            file = self._artifacts.local_path(path)
            with file.open("rb") as archive:
                return TarTree(archive, file.parent, limits=limits)
        except (ArchiveInvalid, StorageFailed, OSError) as error:
            _log.info("the artifact %s cannot be used: %s", path, error)
            return None
