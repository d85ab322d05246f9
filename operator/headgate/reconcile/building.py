"""The build of an attempt: what of the cluster goes into it, the thread it runs in, and what it failed with."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from headgate.api import reasons
from headgate.kustomize.errors import BuildError
from headgate.kustomize.tree import Tree
from headgate.reconcile.attempt import Attempt, Failed
from headgate.reconcile.builds import (
    BuildRules,
    PathNotFound,
    PostBuildFailed,
    StillEncrypted,
    build_objects,
    check_path,
)
from headgate.reconcile.decryption import DecryptionFailed
from headgate.reconcile.inputs import InputReader, InputsMissing
from headgate.reconcile.measure import BUILD, Measure, timed
from headgate.reconcile.reporting import Reporter
from headgate.reconcile.store import SourceKey
from headgate.reconcile.trees import SourceTrees

DECRYPTING = 4
"""Builds that decrypt at once."""

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
        self._decrypting = ThreadPoolExecutor(DECRYPTING, "decryption")

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
            await self.read_inputs(attempt)
        inputs = attempt.inputs
        assert inputs is not None
        with self._tree(attempt, source) as tree:
            try:
                with timed(self._measure, BUILD):
                    # What waits for a key service must not take the threads of all others.
                    threads = None if inputs.keys is None else self._decrypting
                    built = await asyncio.get_running_loop().run_in_executor(
                        threads, build_objects, tree, attempt.obj["spec"], inputs, self._rules
                    )
            except BuildError as error:
                self._reporter.progress(attempt, "Building manifests")
                if isinstance(error, StillEncrypted):
                    raise Failed(reasons.RECONCILIATION_FAILED, str(error)) from error
                doing = next(
                    (what for kind, what in _STEPS.items() if isinstance(error, kind)), "kustomize build"
                )
                raise Failed(reasons.BUILD_FAILED, f"{doing} failed: {error}") from error
        attempt.built = built
