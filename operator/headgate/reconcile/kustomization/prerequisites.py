"""What a Kustomization needs before anything is built: its source, and what it depends on."""

from __future__ import annotations

from collections.abc import Callable, Container

from headgate.api import InvalidStatus, ObjectKey, format_duration, reasons
from headgate.api.source import Artifact
from headgate.cel import Budget, BudgetExceeded
from headgate.objects import Obj
from headgate.reconcile.core.store import GIT_REPOSITORY, SourceKey, Store, source_of
from headgate.reconcile.core.trees import SourceTrees
from headgate.reconcile.kustomization.attempt import Attempt, Failed, Postponed
from headgate.reconcile.kustomization.dependencies import InvalidReadyExpression, blocked_by
from headgate.reconcile.source.artifacts import ArtifactError, ArtifactMissing
from headgate.reconcile.source.external import ArtifactPending, ExternalSources
from headgate.reconcile.target.sight import may_refer
from headgate.settings import KustomizationSettings

ORIGIN_REVISION = "org.opencontainers.image.revision"
"""Key of an artifact's metadata."""


class Prerequisites:
    """Looks at what is known. Both methods raise :class:`Postponed` or :class:`Failed`."""

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

    def source(self, attempt: Attempt) -> SourceKey:
        """The source, whose tree can be read; what it is at is noted in the attempt."""
        key, ks = source_of(attempt.obj), attempt.ks
        if not may_refer(
            attempt.key.namespace, key.namespace, no_cross_namespace=self._config.no_cross_namespace_refs
        ):
            message = f"can't access '{key.kind}/{key.object}', cross-namespace references have been blocked"
            raise Failed(reasons.ACCESS_DENIED, message, stalled=True)
        source = self._store.source(key)
        if source is None:
            message = f'{key.kind}.source.toolkit.fluxcd.io "{key.name}" not found'
            raise Postponed(reasons.ARTIFACT_FAILED, message, after=ks.retry_interval)
        artifact = (source.get("status") or {}).get("artifact")
        retry = self._config.requeue_dependency
        if not artifact:
            message = f"Source artifact not found, retrying in {format_duration(retry)}"
            raise Postponed(reasons.ARTIFACT_FAILED, message, after=retry)
        attempt.revision = artifact["revision"]
        attempt.origin = (artifact.get("metadata") or {}).get(ORIGIN_REVISION, "")
        if key.kind != GIT_REPOSITORY:
            self._fetch_external(key, artifact)
        elif not self._trees.has(key, attempt.revision):
            message = f"Source is not ready, artifact not found, retrying in {format_duration(retry)}"
            pending = self._is_source_pending(key)
            raise Postponed(reasons.ARTIFACT_FAILED, message, after=retry, silent=pending)
        return key

    def _fetch_external(self, key: SourceKey, artifact: Obj) -> None:
        """See that the tree of an artifact that another controller made is there."""
        retry = self._config.requeue_dependency
        try:
            self._external.want(key, Artifact.parse(artifact))
        except ArtifactPending as error:
            # Its arrival, or its failure, wakes us.
            raise Postponed(reasons.ARTIFACT_FAILED, str(error), after=retry, silent=True) from error
        except ArtifactMissing as error:
            message = f"Source is not ready, artifact not found, retrying in {format_duration(retry)}"
            raise Postponed(reasons.ARTIFACT_FAILED, message, after=retry) from error
        except (ArtifactError, InvalidStatus) as error:
            raise Failed(reasons.ARTIFACT_FAILED, str(error)) from error

    async def dependencies(
        self,
        attempt: Attempt,
        unconcerned: Callable[[ObjectKey], bool],
        budget: Budget,
        hidden: Container[ObjectKey] = (),
    ) -> None:
        """Everything it depends on is Ready.

        ``unconcerned`` tells which need not be at the same revision; of the ``hidden`` ones an expression sees no more
        than how they are.
        """
        retry = self._config.requeue_dependency
        tell = f"Dependencies do not meet ready condition, retrying in {format_duration(retry)}"
        try:
            blocked = await blocked_by(
                attempt.obj,
                attempt.revision,
                self._store.kustomization,
                budget,
                unconcerned=unconcerned,
                additive=self._config.additive_cel_dependency_check,
                hidden=hidden,
            )
        except InvalidReadyExpression as error:
            raise misconfigured(error) from error
        except BudgetExceeded as error:
            raise Postponed(
                reasons.DEPENDENCY_NOT_READY, str(error), after=max(retry, error.after), tell=str(error)
            ) from error
        if blocked is None:
            return
        if blocked.cycle:
            tell = blocked.message
        raise Postponed(reasons.DEPENDENCY_NOT_READY, blocked.message, after=retry, tell=tell)


def misconfigured(error: ValueError) -> Failed:
    """What to raise for an expression that does not compile."""
    message = f"Reconciliation failed terminally due to configuration error: {error}"
    return Failed(reasons.INVALID_CEL_EXPRESSION, message, stalled=True)
