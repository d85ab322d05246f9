"""Rules for kinds that run in Pods: Deployment, ReplicaSet, StatefulSet, DaemonSet, Pod, Job.

Statuses and the first words of each message are those of kstatus (cli-utils, ``pkg/kstatus/status``); the reason in the
object itself follows, if any. A Job is current when it has completed, not when it has started, as in Flux
(``pkg/runtime/statusreaders``) and unlike in kstatus.
"""

from __future__ import annotations

from headgate.health.result import Health, current, failed, in_progress
from headgate.health.rule import GroupKind, Rule, with_detail
from headgate.health.view import View

_NO_DEADLINE = 2**31 - 1
"""The progressDeadlineSeconds with which the Deployment controller reports no progress."""


def deployment(view: View) -> Health:
    """Current when rolled out and available; failed when its progress deadline is exceeded."""
    progressing, available = view.condition("Progressing"), view.condition("Available")
    if progressing and progressing.reason == "ProgressDeadlineExceeded":
        return failed(with_detail("Progress deadline exceeded", progressing.message))
    shortfall = _deployment_shortfall(view)
    if shortfall:
        failure = view.condition("ReplicaFailure")
        return in_progress(with_detail(shortfall, failure.message if failure and failure.is_true else ""))
    rolled_out = progressing and progressing.is_true and progressing.reason == "NewReplicaSetAvailable"
    if not rolled_out and view.number("spec.progressDeadlineSeconds", _NO_DEADLINE) != _NO_DEADLINE:
        return in_progress("ReplicaSet not Available")
    if not (available and available.is_true):
        return in_progress("Deployment not Available")
    return current(f"Deployment is available. Replicas: {view.number('status.replicas', 0)}")


def _deployment_shortfall(view: View) -> str:
    wanted, replicas = view.number("spec.replicas", 1), view.number("status.replicas", 0)
    updated, available = (view.number(f"status.{n}Replicas", 0) for n in ("updated", "available"))
    ready = view.number("status.readyReplicas", 0)
    if wanted > replicas:
        return f"Replicas: {replicas}/{wanted}"
    if wanted > updated:
        return f"Updated: {updated}/{wanted}"
    if replicas > wanted:
        return f"Pending termination: {replicas - wanted}"
    if updated > available:
        return f"Available: {available}/{updated}"
    if wanted > ready:
        return f"Ready: {ready}/{wanted}"
    return ""


def replica_set(view: View) -> Health:
    """Current when it has the wanted number of Pods, all available."""
    failure = view.condition("ReplicaFailure")
    if failure and failure.is_true:
        return in_progress(with_detail("Replica Failure condition. Check Pods", failure.message))
    wanted, replicas = view.number("spec.replicas", 1), view.number("status.replicas", 0)
    for word, name in (("Labelled", "fullyLabeled"), ("Available", "available"), ("Ready", "ready")):
        count = view.number(f"status.{name}Replicas", 0)
        if wanted > count:
            return in_progress(f"{word}: {count}/{wanted}")
    if replicas > wanted:
        return in_progress(f"Pending termination: {replicas - wanted}")
    return current(f"ReplicaSet is available. Replicas: {replicas}")


def stateful_set(view: View) -> Health:
    """Current when it has the wanted number of Pods, ready and of the new revision (of the partition, if any).

    With the update strategy OnDelete the user replaces the Pods, so a wait is useless. The controller reports no
    failure.
    """
    if view.text("spec.updateStrategy.type") == "OnDelete":
        return current("StatefulSet is using the ondelete update strategy")
    wanted, replicas = view.number("spec.replicas", 1), view.number("status.replicas", 0)
    ready = view.number("status.readyReplicas", 0)
    if wanted > replicas:
        return in_progress(f"Replicas: {replicas}/{wanted}")
    if wanted > ready:
        return in_progress(f"Ready: {ready}/{wanted}")
    if replicas > wanted:
        return in_progress(f"Pending termination: {replicas - wanted}")
    updated = view.number("status.updatedReplicas", 0)
    partition = view.optional_number("spec.updateStrategy.rollingUpdate.partition")
    if partition is not None:
        if updated < wanted - partition:
            return in_progress(f"updated: {updated}/{wanted - partition}")
        return current(f"Partition rollout complete. updated: {updated}")
    of_revision = view.number("status.currentReplicas", 0)
    if wanted > of_revision:
        return in_progress(f"current: {of_revision}/{wanted}")
    if view.text("status.currentRevision") != view.text("status.updateRevision"):
        return in_progress("Waiting for updated revision to match current")
    return current(f"All replicas scheduled as expected. Replicas: {replicas}")


def daemon_set(view: View) -> Health:
    """Current when every scheduled node has a ready Pod of the new revision."""
    for path in ("metadata.generation", "status.observedGeneration"):
        if view.optional_number(path) is None:
            return in_progress(f"DaemonSet {path} not found")
    wanted = view.optional_number("status.desiredNumberScheduled")
    if wanted is None:
        return in_progress("Missing .status.desiredNumberScheduled")
    for word, name in (
        ("Current", "currentNumberScheduled"),
        ("Updated", "updatedNumberScheduled"),
        ("Available", "numberAvailable"),
        ("Ready", "numberReady"),
    ):
        count = view.number(f"status.{name}", 0)
        if wanted > count:
            return in_progress(f"{word}: {count}/{wanted}")
    return current(f"All replicas scheduled as expected. Replicas: {wanted}")


def pod(view: View) -> Health:
    """Current when ready or completed; failed when a container crashes repeatedly.

    A Pod that cannot be scheduled stays in progress: a node may join at any time. (In kstatus it is failed after 15 s.)
    """
    phase = view.text("status.phase")
    if phase == "Succeeded":
        return current("Pod has completed successfully")
    if phase == "Failed":
        # The Pod has ended, with any result: a wait is useless (kstatus).
        return current("Pod has completed, but not successfully")
    if phase == "Running":
        ready = view.condition("Ready")
        if ready and ready.is_true:
            return current("Pod is Ready")
        looping = [name for name, reason in _waiting_containers(view) if reason == "CrashLoopBackOff"]
        if looping:
            return failed(f"Containers in CrashLoop state: {','.join(looping)}")
        return in_progress("Pod is running but is not Ready")
    if phase == "Pending":
        scheduled = view.condition("PodScheduled")
        if scheduled and scheduled.is_false and scheduled.reason == "Unschedulable":
            return in_progress(with_detail("Pod has not been scheduled", scheduled.message))
        waiting = ", ".join(f"container {name}: {reason}" for name, reason in _waiting_containers(view))
        return in_progress(with_detail("Pod is in the Pending phase", waiting))
    return in_progress(f"Pod phase is {phase}" if phase else "Pod phase not available")


def _waiting_containers(view: View) -> list[tuple[str, str]]:
    containers = view.mappings("status.containerStatuses")
    found = [(c.text("name"), c.text("state.waiting.reason")) for c in containers]
    return [(name, reason) for name, reason in found if name and reason]


def job(view: View) -> Health:
    """Current when completed or suspended; failed when the Job controller has given up."""
    if view.flag("spec.suspend"):
        return current("Job is suspended")
    parallelism = view.number("spec.parallelism", 1)
    completions = view.number("spec.completions", parallelism)
    active, succeeded, failures = (view.number(f"status.{n}", 0) for n in ("active", "succeeded", "failed"))
    for condition in view.conditions():
        if condition.type == "Complete" and condition.is_true:
            return current(f"Job Completed. succeeded: {succeeded}/{completions}")
        if condition.type == "Failed" and condition.is_true:
            return failed(with_detail(f"Job Failed. failed: {failures}/{completions}", condition.message))
    if not view.text("status.startTime"):
        return in_progress(f"Job not started. active: 0/{parallelism}")
    return in_progress(f"Job in progress. success:{succeeded}, active: {active}, failed: {failures}")


_DEPLOYMENT = Rule(
    deployment,
    fields=(
        "spec.progressDeadlineSeconds",
        "spec.replicas",
        "status.availableReplicas",
        "status.readyReplicas",
        "status.replicas",
        "status.updatedReplicas",
    ),
    conditions=("Available", "Progressing", "ReplicaFailure"),
)
_REPLICA_SET = Rule(
    replica_set,
    fields=(
        "spec.replicas",
        "status.availableReplicas",
        "status.fullyLabeledReplicas",
        "status.readyReplicas",
        "status.replicas",
    ),
    conditions=("ReplicaFailure",),
)
_DAEMON_SET = Rule(
    daemon_set,
    fields=(
        "status.currentNumberScheduled",
        "status.desiredNumberScheduled",
        "status.numberAvailable",
        "status.numberReady",
        "status.updatedNumberScheduled",
    ),
)

RULES: dict[GroupKind, Rule] = {
    ("apps", "Deployment"): _DEPLOYMENT,
    ("extensions", "Deployment"): _DEPLOYMENT,
    ("apps", "ReplicaSet"): _REPLICA_SET,
    ("extensions", "ReplicaSet"): _REPLICA_SET,
    ("apps", "DaemonSet"): _DAEMON_SET,
    ("extensions", "DaemonSet"): _DAEMON_SET,
    ("apps", "StatefulSet"): Rule(
        stateful_set,
        fields=(
            "spec.replicas",
            "spec.updateStrategy.rollingUpdate.partition",
            "spec.updateStrategy.type",
            "status.currentReplicas",
            "status.currentRevision",
            "status.readyReplicas",
            "status.replicas",
            "status.updateRevision",
            "status.updatedReplicas",
        ),
    ),
    ("", "Pod"): Rule(
        pod,
        fields=(
            "status.containerStatuses.*.name",
            "status.containerStatuses.*.state.waiting.reason",
            "status.phase",
        ),
        conditions=("PodScheduled",),
    ),
    ("batch", "Job"): Rule(
        job,
        fields=(
            "spec.completions",
            "spec.parallelism",
            "spec.suspend",
            "status.active",
            "status.failed",
            "status.startTime",
            "status.succeeded",
        ),
        conditions=("Complete", "Failed"),
    ),
}
