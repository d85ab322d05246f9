"""What a Kustomization needs before a build: its source and its dependencies."""

from __future__ import annotations

from collections.abc import Callable, Container
from dataclasses import dataclass

from headgate.api import InvalidStatus, ObjectKey, reasons
from headgate.api.source import ORIGIN_REVISION, Artifact
from headgate.cel import BudgetExceeded, ExpressionBudget
from headgate.durations import format_duration
from headgate.names import GIT_REPOSITORY
from headgate.objects import Obj
from headgate.reconcile.core.store import SourceKey, Store, source_of
from headgate.reconcile.core.trees import SourceTrees
from headgate.reconcile.kustomization.dependencies import blocked_by
from headgate.reconcile.kustomization.errors import Failed, Postponed, Stalled
from headgate.reconcile.source.artifacts import ArtifactError, ArtifactMissing
from headgate.reconcile.source.external import ArtifactPending, ExternalSources
from headgate.reconcile.target.read_access import may_refer
from headgate.settings import KustomizationSettings


@dataclass(frozen=True, slots=True)
class SourceRevision:
    """The revision of a source to apply."""

    key: SourceKey
    revision: str
    origin: str
    """The origin revision, if the artifact names it."""
    artifact: Obj
    """``status.artifact`` of the source."""


class Prerequisites:
    """Checks cached state. Each method raises :class:`Postponed` or :class:`Failed` if something is missing."""

    def __init__(
        self,
        config: KustomizationSettings,
        store: Store,
        trees: SourceTrees,
        external: ExternalSources,
        is_source_pending: Callable[[SourceKey], bool],
    ) -> None:
        self._config, self._store, self._trees, self._external = config, store, trees, external
        self._is_source_pending = is_source_pending

    def source(self, key: ObjectKey, obj: Obj, retry_interval: float) -> SourceRevision:
        """The present revision of a raw Kustomization's source."""
        source_key = source_of(obj)
        no_cross_namespace = self._config.no_cross_namespace_refs
        if not may_refer(key.namespace, source_key.namespace, no_cross_namespace=no_cross_namespace):
            named = f"'{source_key.kind}/{source_key.object}'"
            message = f"can't access {named}, cross-namespace references have been blocked"
            raise Stalled(reasons.ACCESS_DENIED, message)
        source = self._store.source(source_key)
        if source is None:
            message = f'{source_key.kind}.source.toolkit.fluxcd.io "{source_key.name}" not found'
            raise Postponed(reasons.ARTIFACT_FAILED, message, retry_after=retry_interval)
        artifact = (source.get("status") or {}).get("artifact")
        if not artifact:
            retry = self._config.requeue_dependency
            message = f"Source artifact not found, retrying in {format_duration(retry)}"
            raise Postponed(reasons.ARTIFACT_FAILED, message, retry_after=retry)
        origin = (artifact.get("metadata") or {}).get(ORIGIN_REVISION, "")
        return SourceRevision(source_key, artifact["revision"], origin, artifact)

    def tree(self, source: SourceRevision) -> None:
        """Check that the revision's tree is available."""
        retry = self._config.requeue_dependency
        message = f"Source is not ready, artifact not found, retrying in {format_duration(retry)}"
        if source.key.kind == GIT_REPOSITORY:
            if not self._trees.has(source.key, source.revision):
                pending = self._is_source_pending(source.key)
                raise Postponed(reasons.ARTIFACT_FAILED, message, retry_after=retry, silent=pending)
            return
        try:
            self._external.want(source.key, Artifact.parse(source.artifact))
        except ArtifactPending as error:
            # Its arrival, or its failure, wakes the Kustomization.
            raise Postponed(reasons.ARTIFACT_FAILED, str(error), retry_after=retry, silent=True) from error
        except ArtifactMissing as error:
            raise Postponed(reasons.ARTIFACT_FAILED, message, retry_after=retry) from error
        except (ArtifactError, InvalidStatus) as error:
            raise Failed(reasons.ARTIFACT_FAILED, str(error)) from error

    async def dependencies(
        self,
        obj: Obj,
        revision: str,
        unconcerned: Callable[[ObjectKey], bool],
        budget: ExpressionBudget,
        hidden: Container[ObjectKey] = (),
    ) -> None:
        """Check that all dependencies of a raw Kustomization are Ready for the revision.

        ``unconcerned`` says which of them may have an older revision; of the ``hidden`` ones, an expression sees only
        the state.
        """
        retry = self._config.requeue_dependency
        event = f"Dependencies do not meet ready condition, retrying in {format_duration(retry)}"
        try:
            blocked = await blocked_by(
                obj,
                revision,
                self._store.kustomization,
                budget,
                unconcerned=unconcerned,
                additive=self._config.additive_cel_dependency_check,
                hidden=hidden,
            )
        except BudgetExceeded as error:
            raise Postponed(
                reasons.DEPENDENCY_NOT_READY,
                str(error),
                retry_after=max(retry, error.after),
                event=str(error),
            ) from error
        if blocked is None:
            return
        if blocked.cycle:
            event = blocked.message
        raise Postponed(reasons.DEPENDENCY_NOT_READY, blocked.message, retry_after=retry, event=event)
