"""The build of an attempt: what of the cluster goes into it, the thread it runs in, and what it failed with."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from headgate.api import reasons
from headgate.documents.errors import BuildError
from headgate.documents.tree import Tree
from headgate.fairness.pools import BUILDS, REMOTE_BUILDS
from headgate.kustomize.giturl import GitUrl
from headgate.reconcile.core.store import SourceKey
from headgate.reconcile.core.trees import SourceTrees
from headgate.reconcile.kustomization.attempt import Attempt, Failed
from headgate.reconcile.kustomization.build.builds import (
    BuildRules,
    Built,
    PathIsFile,
    PathNotFound,
    PostBuildFailed,
    StillEncrypted,
    build_objects,
    check_path,
)
from headgate.reconcile.kustomization.build.decryption import DecryptionFailed
from headgate.reconcile.kustomization.build.inputs import ClusterInputs, InputReader, InputsMissing
from headgate.reconcile.kustomization.report import Reporter
from headgate.reconcile.reporting.measure import BUILD, Measure, timed

BUILDING = "Building manifests"
"""What is being done, as Flux words it."""

_STEPS: dict[type[BuildError], str] = {PostBuildFailed: "post build", DecryptionFailed: "decryption"}
"""What failed, by the error; all else is kustomize's."""


class Builder:
    """Shared by all attempts."""

    def __init__(
        self,
        trees: SourceTrees,
        inputs: InputReader,
        rules: BuildRules,
        reporter: Reporter,
        measure: Measure,
    ) -> None:
        self._trees, self._inputs, self._rules = trees, inputs, rules
        self._reporter, self._measure = reporter, measure
        self._local_rules = rules if rules.remote_bases is None else replace(rules, remote_bases=_Elsewhere())

    async def read_inputs(self, attempt: Attempt) -> None:
        """Read what of the cluster the build depends on; raises :class:`Failed`."""
        try:
            attempt.inputs = await self._inputs.read(attempt.ks, attempt.obj["spec"])
        except InputsMissing as error:
            attempt.session.status["lastAttemptedRevision"] = attempt.revision
            raise Failed(reasons.BUILD_FAILED, str(error)) from error

    def begin(self, attempt: Attempt, source: SourceKey) -> None:
        """Note that the revision is attempted, if it has the directory; raises :class:`Failed`."""
        with self._tree(attempt, source) as tree:
            try:
                check_path(tree, attempt.obj["spec"])
            except PathIsFile as error:
                attempt.session.status["lastAttemptedRevision"] = attempt.revision
                self._reporter.progress(attempt, BUILDING)
                raise Failed(reasons.BUILD_FAILED, f"kustomize build failed: {error}") from error
            except PathNotFound as error:
                raise Failed(reasons.ARTIFACT_FAILED, error.message) from error
        attempt.session.status["lastAttemptedRevision"] = attempt.revision

    @contextmanager
    def _tree(self, attempt: Attempt, source: SourceKey) -> Iterator[Tree]:
        with self._trees.use(source, attempt.revision) as tree:
            if tree is None:
                raise Failed(reasons.ARTIFACT_FAILED, f"revision {attempt.revision} is no longer there")
            yield tree

    async def build(self, attempt: Attempt, source: SourceKey) -> None:
        """Build the objects from the source's tree; raises :class:`Failed`."""
        if attempt.inputs is None:
            try:
                await self.read_inputs(attempt)
            except Failed:
                self._reporter.progress(attempt, BUILDING)
                raise
        inputs = attempt.inputs
        assert inputs is not None
        with self._tree(attempt, source) as tree:
            try:
                with timed(self._measure, BUILD):
                    built = await self._build(attempt, tree, inputs)
            except BuildError as error:
                self._reporter.progress(attempt, BUILDING)
                if isinstance(error, StillEncrypted):
                    raise Failed(reasons.RECONCILIATION_FAILED, str(error)) from error
                doing = next(
                    (what for kind, what in _STEPS.items() if isinstance(error, kind)), "kustomize build"
                )
                raise Failed(reasons.BUILD_FAILED, f"{doing} failed: {error}") from error
        attempt.built = built

    async def _build(self, attempt: Attempt, tree: Tree, inputs: ClusterInputs) -> Built:
        namespace, spec = attempt.key.namespace, attempt.obj["spec"]
        if inputs.keys is None:
            try:
                return await BUILDS.run(namespace, build_objects, tree, spec, inputs, self._local_rules)
            except _NeedsRemote:
                pass
        # What waits for a key service, or for a server that has a base, must not take the threads of all others.
        return await REMOTE_BUILDS.run(namespace, build_objects, tree, spec, inputs, self._rules)


class _NeedsRemote(Exception):
    """The build asks for what is named by URL: it is begun again where it may wait for it."""


class _Elsewhere:
    """A :class:`~headgate.kustomize.RemoteFetcher` for builds that must not wait."""

    def repository(self, url: GitUrl) -> Tree:
        raise _NeedsRemote

    def file(self, url: str) -> bytes | None:
        raise _NeedsRemote
