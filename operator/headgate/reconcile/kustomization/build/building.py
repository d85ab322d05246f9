"""Where builds run: with which inputs of the cluster, on which tree, in which threads."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from headgate.api import Kustomization, reasons
from headgate.documents.tree import Tree
from headgate.fairness.pools import BUILDS, REMOTE_BUILDS
from headgate.kustomize.giturl import GitUrl
from headgate.objects import Obj
from headgate.reconcile.core.store import SourceKey
from headgate.reconcile.core.trees import SourceTrees
from headgate.reconcile.kustomization.build.builds import (
    BuildResult,
    BuildRules,
    build_objects,
    check_path,
)
from headgate.reconcile.kustomization.build.clusterinputs import ClusterInputs
from headgate.reconcile.kustomization.build.inputs import InputReader
from headgate.reconcile.kustomization.errors import Failed
from headgate.reconcile.reporting.measure import BUILD, Measure, timed


class Builder:
    """Runs builds. All attempts share it; it keeps no state of any of them."""

    def __init__(self, trees: SourceTrees, inputs: InputReader, rules: BuildRules, measure: Measure) -> None:
        self._trees, self._inputs, self._rules, self._measure = trees, inputs, rules, measure
        self._local_rules = rules if rules.remote_bases is None else replace(rules, remote_bases=_Elsewhere())

    async def read_inputs(self, ks: Kustomization, spec: Obj) -> ClusterInputs:
        """Read what a build by ``spec``, the raw spec of ``ks``, needs from the cluster.

        Raises :class:`~headgate.reconcile.kustomization.build.inputs.InputsMissing`.
        """
        return await self._inputs.read(ks, spec)

    def check_path(self, source: SourceKey, revision: str, spec: Obj) -> None:
        """Check that the revision has the directory that ``spec.path`` names.

        Raises :class:`~headgate.reconcile.kustomization.build.errors.PathNotFound`,
        :class:`~headgate.reconcile.kustomization.build.errors.PathIsFile`, or :class:`Failed` if the revision is no
        longer available.
        """
        with self._tree(source, revision) as tree:
            check_path(tree, spec)

    async def build(
        self, namespace: str, source: SourceKey, revision: str, spec: Obj, inputs: ClusterInputs
    ) -> BuildResult:
        """Build the objects for a Kustomization in ``namespace`` from the revision's tree.

        Raises :class:`~headgate.documents.errors.BuildError`, and :class:`Failed` if the revision is no longer
        available.
        """
        with self._tree(source, revision) as tree, timed(self._measure, BUILD):
            return await self.run(namespace, tree, spec, inputs)

    async def run(self, namespace: str, tree: Tree, spec: Obj, inputs: ClusterInputs) -> BuildResult:
        """Build from ``tree`` in a thread; raises :class:`~headgate.documents.errors.BuildError`."""
        if inputs.keys is None:
            try:
                return await BUILDS.run(namespace, build_objects, tree, spec, inputs, self._local_rules)
            except _NeedsRemote:
                pass
        # A build that waits for a key service, or for the server of a remote base, must not occupy the other threads.
        return await REMOTE_BUILDS.run(namespace, build_objects, tree, spec, inputs, self._rules)

    @contextmanager
    def _tree(self, source: SourceKey, revision: str) -> Iterator[Tree]:
        with self._trees.use(source, revision) as tree:
            if tree is None:
                raise Failed(reasons.ARTIFACT_FAILED, f"revision {revision} is no longer there")
            yield tree


class _NeedsRemote(Exception):
    """The build needs a remote base: it starts again in a pool where it may wait for it."""


class _Elsewhere:
    """A :class:`~headgate.kustomize.RemoteFetcher` for builds that must not wait."""

    def repository(self, url: GitUrl) -> Tree:
        raise _NeedsRemote

    def file(self, url: str) -> bytes | None:
        raise _NeedsRemote
