"""Step 1: check what the attempt needs before it builds, and whether it has to build."""

from __future__ import annotations

from dataclasses import dataclass, replace

from headgate.api import ObjectKey, reasons
from headgate.cel import BudgetExceeded, ExpressionBudget
from headgate.health import HealthExpressions, HealthExpressionsInvalid
from headgate.kube import ObjectRef
from headgate.names import KUSTOMIZATION, KUSTOMIZATION_VERSION
from headgate.reconcile.core.queue import Depth
from headgate.reconcile.core.store import SourceKey
from headgate.reconcile.kustomization.attempt import Attempt
from headgate.reconcile.kustomization.build.building import Builder
from headgate.reconcile.kustomization.build.clusterinputs import ClusterInputs
from headgate.reconcile.kustomization.build.inputs import InputsMissing
from headgate.reconcile.kustomization.dependencies import foreign_judged_by_expression
from headgate.reconcile.kustomization.errors import Failed, Postponed, SpecExpressionInvalid
from headgate.reconcile.kustomization.prerequisites import Prerequisites, SourceRevision
from headgate.reconcile.kustomization.settled import SettledBuilds
from headgate.reconcile.target.errors import TargetError
from headgate.reconcile.target.targets import Targets


@dataclass(frozen=True, slots=True)
class BuildParts:
    """What finds out whether and what to build; the same for all attempts."""

    prerequisites: Prerequisites
    settled: SettledBuilds
    builder: Builder


@dataclass(frozen=True, slots=True)
class Located:
    """The revision to apply is known."""

    attempt: Attempt
    source: SourceRevision
    expressions: HealthExpressions | None
    """``spec.healthCheckExprs``; None if there are none."""


@dataclass(frozen=True, slots=True)
class Unaffected:
    """The revision changes nothing of what was applied; it must only be recorded."""

    attempt: Attempt


@dataclass(frozen=True, slots=True)
class Prepared:
    """The source tree is available, and all dependencies are Ready."""

    attempt: Attempt
    source: SourceKey
    expressions: HealthExpressions | None
    inputs: ClusterInputs | None
    """The inputs of the cluster, if they were read to find out whether a build is necessary."""


async def locate(attempt: Attempt, prerequisites: Prerequisites, budget: ExpressionBudget) -> Located:
    """Compile the health check expressions and find the source's revision."""
    expressions = await _compile_expressions(attempt, budget)
    source = prerequisites.source(attempt.key, attempt.obj, attempt.ks.retry_interval)
    return Located(
        replace(attempt, revision=source.revision, origin=source.origin),
        source,
        expressions,
    )


async def prepare(
    located: Located,
    parts: BuildParts,
    targets: Targets,
    budget: ExpressionBudget,
    *,
    no_cross_namespace: bool,
) -> Prepared | Unaffected:
    """Check tree and dependencies, and whether the revision changes anything.

    ``no_cross_namespace``: Kustomizations may not refer to other namespaces.
    """
    attempt, source = located.attempt, located.source.key
    prerequisites, settled_builds = parts.prerequisites, parts.settled
    prerequisites.tree(located.source)
    await settled_builds.compare(attempt.key, source)
    hidden = await _hidden(attempt, targets, no_cross_namespace=no_cross_namespace)
    await prerequisites.dependencies(
        attempt.obj,
        attempt.revision,
        lambda key: not settled_builds.concerns(key, source),
        budget,
        hidden,
    )
    inputs = None
    settled = settled_builds.get(attempt.key)
    if (
        attempt.depth is Depth.LOOK
        and settled is not None
        and not settled_builds.concerns(attempt.key, source)
    ):
        inputs = await read_inputs(attempt, parts.builder)
        attempt = replace(attempt, masks=inputs.mask_maker)
        if inputs.version == settled.cluster_inputs:
            return Unaffected(replace(attempt, digest=settled.digest))
    return Prepared(attempt, source, located.expressions, inputs)


async def read_inputs(attempt: Attempt, builder: Builder) -> ClusterInputs:
    """Read the build's inputs of the cluster; the revision counts as attempted if that fails."""
    try:
        return await builder.read_inputs(attempt.ks, attempt.obj["spec"])
    except InputsMissing:
        attempt.session.status["lastAttemptedRevision"] = attempt.revision
        raise


async def _compile_expressions(attempt: Attempt, budget: ExpressionBudget) -> HealthExpressions | None:
    entries = attempt.obj["spec"].get("healthCheckExprs")
    if not entries:
        return None
    try:
        return await HealthExpressions.compile(entries, budget)
    except HealthExpressionsInvalid as error:
        raise SpecExpressionInvalid(str(error)) from error
    except BudgetExceeded as error:
        raise Postponed(reasons.RECONCILIATION_FAILED, str(error), retry_after=error.after) from error


async def _hidden(attempt: Attempt, targets: Targets, *, no_cross_namespace: bool) -> frozenset[ObjectKey]:
    """The dependencies of which the Kustomization may see only the state."""
    foreign = foreign_judged_by_expression(attempt.obj)
    if not foreign:
        return frozenset()
    try:
        access = targets.access_here(attempt.ks)
    except TargetError as error:
        raise Failed(error.reason, error.message) from error
    if not access.is_limited:
        return frozenset(foreign) if no_cross_namespace else frozenset()
    refs = {key: ObjectRef(KUSTOMIZATION_VERSION, KUSTOMIZATION, key.name, key.namespace) for key in foreign}
    visible = await access.visible(refs.values())
    return frozenset(key for key, ref in refs.items() if ref not in visible)
