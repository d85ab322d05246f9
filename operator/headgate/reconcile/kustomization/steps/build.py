"""Step 2: from the source tree, and the inputs of the cluster, to the objects to apply."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from headgate.documents.errors import BuildError
from headgate.health import HealthExpressions
from headgate.kube import ObjectRef
from headgate.postbuild import Masks
from headgate.reconcile.core.store import SourceKey
from headgate.reconcile.core.wakeups import Wakeups
from headgate.reconcile.kustomization.attempt import Attempt
from headgate.reconcile.kustomization.build.building import Builder
from headgate.reconcile.kustomization.build.builds import BuildResult
from headgate.reconcile.kustomization.build.clusterinputs import ClusterInputs
from headgate.reconcile.kustomization.build.errors import PathIsFile, PathNotFound, failure_of
from headgate.reconcile.kustomization.build.inputs import InputsMissing
from headgate.reconcile.kustomization.errors import Failed, Postponed
from headgate.reconcile.kustomization.report import Reported, Reporter
from headgate.reconcile.kustomization.steps.prepare import Prepared, read_inputs
from headgate.reconcile.target.errors import TargetError, TargetPending
from headgate.reconcile.target.live import LOST
from headgate.reconcile.target.targets import ClusterTarget, Targets

BUILDING_MANIFESTS = "Building manifests"
"""The progress message, in Flux's words."""


@dataclass(frozen=True, slots=True)
class Gathered:
    """All inputs of the build are available, and the target cluster is known."""

    attempt: Attempt
    source: SourceKey
    expressions: HealthExpressions | None
    target: ClusterTarget
    inputs: ClusterInputs


@dataclass(frozen=True, slots=True)
class Built:
    """The built objects, and what the build read."""

    attempt: Attempt
    expressions: HealthExpressions | None
    target: ClusterTarget
    cluster_inputs: str
    """The version of what the build read from the cluster."""
    result: BuildResult


async def gather(
    prepared: Prepared,
    builder: Builder,
    targets: Targets,
    reporter: Reporter,
    wakeups: Wakeups,
) -> Gathered:
    """Check that the directory exists, connect to the cluster, and read the other inputs of the build.

    Reports the drift since the last attempt, which this one corrects.
    """
    attempt = prepared.attempt
    reporter.progress(attempt, "Fetching manifests")
    _check_path(prepared, builder, reporter)
    target = await _target(attempt, targets, reporter)
    await _report_drifts(attempt, target, reporter, wakeups.take_drifts(attempt.key))
    inputs = prepared.inputs
    if inputs is None:
        try:
            inputs = await read_inputs(attempt, builder)
        except InputsMissing:
            reporter.progress(attempt, BUILDING_MANIFESTS)
            raise
    attempt = replace(attempt, masks=inputs.mask_maker)
    return Gathered(attempt, prepared.source, prepared.expressions, target, inputs)


async def build(gathered: Gathered, builder: Builder, reporter: Reporter, reported: Reported) -> Built:
    """Build the objects; ``reported`` has the warnings that were reported before."""
    attempt, inputs = gathered.attempt, gathered.inputs
    try:
        result = await builder.build(
            attempt.key.namespace, gathered.source, attempt.revision, attempt.obj["spec"], inputs
        )
    except BuildError as error:
        reporter.progress(attempt, BUILDING_MANIFESTS)
        raise failure_of(error) from error
    masks = result.masks
    attempt = replace(attempt, masks=(lambda: masks) if masks else Masks, digest=result.digest)
    await reporter.build_warnings(reported, attempt, result.warnings)
    return Built(attempt, gathered.expressions, gathered.target, inputs.version, result)


def _check_path(prepared: Prepared, builder: Builder, reporter: Reporter) -> None:
    """Record that the revision is attempted, if it has the path."""
    attempt = prepared.attempt
    try:
        builder.check_path(prepared.source, attempt.revision, attempt.obj["spec"])
    except PathNotFound as error:
        raise failure_of(error) from error
    except PathIsFile as error:
        attempt.session.status["lastAttemptedRevision"] = attempt.revision
        reporter.progress(attempt, BUILDING_MANIFESTS)
        raise failure_of(error) from error
    attempt.session.status["lastAttemptedRevision"] = attempt.revision


async def _target(attempt: Attempt, targets: Targets, reporter: Reporter) -> ClusterTarget:
    try:
        return await targets.of(attempt.ks)
    except TargetPending as error:
        raise Postponed(
            error.reason, error.message, retry_after=error.retry_after, silent=error.silent
        ) from error
    except TargetError as error:
        reporter.progress(attempt, BUILDING_MANIFESTS)
        raise Failed(error.reason, error.message) from error


async def _report_drifts(
    attempt: Attempt, target: ClusterTarget, reporter: Reporter, drifts: Mapping[ObjectRef, str]
) -> None:
    """Report the objects that drifted; for those that the account may read, also who changed what."""
    if not drifts:
        return
    seen = await target.access.visible(drifts)
    for ref, what in drifts.items():
        reporter.drifted(attempt.obj, ref, what if what == LOST or ref in seen else "")
