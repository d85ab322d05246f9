"""Snapshots for the tests of the status page: a fleet in which every state occurs, a large one, and a hostile one."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from headgate.insight import Ref
from headgate.names import KUSTOMIZATION, KUSTOMIZE_GROUP, SOURCE_GROUP
from headgate.page.knowledge import (
    AppliedRevision,
    AwaitedObject,
    BuildFiles,
    Details,
    DriftedObject,
    Environment,
    ManagedObject,
    OperatorState,
    QueuedKey,
    ReportedEvent,
    RunningKey,
    Snapshot,
    StepTime,
    WaitingKey,
    Work,
)

Obj = dict[str, Any]
NOW = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)
COMMIT, NEWER = "1c9e4b7a2f08d6135e7b90c4a8d2f6e3b5170948", "84d0f3c96be2a7715fd8406ce9b1a3d25f70e86b"
REVISION, NEW_REVISION = f"main@sha1:{COMMIT}", f"main@sha1:{NEWER}"


def ref(name: str, namespace: str = "shop", kind: str = KUSTOMIZATION) -> Ref:
    return Ref(kind, namespace, name, KUSTOMIZE_GROUP if kind == KUSTOMIZATION else SOURCE_GROUP)


def condition(type: str, status: str, reason: str, message: str = "", minutes: int = 12) -> Obj:
    since = NOW - timedelta(minutes=minutes)
    return {
        "type": type,
        "status": status,
        "reason": reason,
        "message": message,
        "observedGeneration": 1,
        "lastTransitionTime": f"{since:%Y-%m-%dT%H:%M:%SZ}",
    }


def ready(minutes: int = 300) -> Obj:
    return condition("Ready", "True", "ReconciliationSucceeded", f"Applied revision: {REVISION}", minutes)


def ks(
    name: str,
    *conditions: Obj,
    needs: tuple[str, ...] = (),
    source: str = "fleet",
    namespace: str = "shop",
    revision: str | None = None,
    **spec: Any,
) -> Obj:
    status: Obj = {"conditions": list(conditions or (ready(),)), "lastAttemptedRevision": NEW_REVISION}
    if revision is None:
        # What is not Ready has an older one.
        revision = NEW_REVISION if not conditions else REVISION
    if revision:
        status["lastAppliedRevision"] = revision
    return {
        "apiVersion": f"{KUSTOMIZE_GROUP}/v1",
        "kind": KUSTOMIZATION,
        "metadata": {"name": name, "namespace": namespace, "generation": 1},
        "spec": {
            "sourceRef": {"kind": "GitRepository", "name": source},
            "path": f"./apps/{name}",
            "interval": "10m",
            "prune": True,
            "dependsOn": [{"name": each} for each in needs],
            **spec,
        },
        "status": status,
    }


def repo(name: str, *conditions: Obj, namespace: str = "shop", artifact: bool = True, **more: Any) -> Obj:
    return {
        "apiVersion": f"{SOURCE_GROUP}/v1",
        "kind": "GitRepository",
        "metadata": {
            "name": name,
            "namespace": namespace,
            "generation": 1,
            "annotations": more.pop("annotations", {}),
        },
        "spec": {"url": f"https://git.example/{name}", "ref": {"branch": "main"}, "interval": "1m", **more},
        "status": {
            "conditions": list(
                conditions
                or [condition("Ready", "True", "Succeeded", f"stored artifact for {NEW_REVISION}", 11)]
            ),
            **(
                {"artifact": {"revision": NEW_REVISION, "lastUpdateTime": "2026-06-01T11:49:00Z"}}
                if artifact
                else {}
            ),
        },
    }


def waits_for(name: str, namespace: str = "shop") -> Obj:
    return condition("Ready", "False", "DependencyNotReady", f"dependency '{namespace}/{name}' is not ready")


BUILD_FAILED = condition(
    "Ready",
    "False",
    "BuildFailed",
    "apps/base/checkout/deployment.yaml:23: mapping values are not allowed here",
    4,
)
HEALTH_FAILED = condition(
    "Ready",
    "False",
    "HealthCheckFailed",
    "timeout waiting for: [Deployment/shop/payments status: 'Failed': Progress deadline exceeded]",
    31,
)
CHECKING = condition("Reconciling", "True", "Progressing", "Running health checks for revision main", 1)


def every_state() -> list[Obj]:
    """Raw objects: each state occurs, with a chain, a circle, something missing and something that nobody may read."""
    held = condition(
        "RevisionHeld", "True", "OnHold", f"promotion.headgate.dev/hold keeps out {NEW_REVISION}", 90
    )
    return [
        repo("fleet"),
        repo(
            "charts",
            condition("Ready", "True", "Succeeded", "stored artifact", 600),
            held,
            annotations={"promotion.headgate.dev/hold": "freeze until Monday"},
        ),
        repo(
            "legacy",
            condition(
                "Ready",
                "False",
                "GitOperationFailed",
                "cannot fetch https://git.example/legacy: branch 'main' does not exist",
                50,
            ),
            artifact=False,
        ),
        ks("crds"),
        ks("infrastructure", needs=("crds",)),
        ks("database", ready(), needs=("infrastructure",)),
        ks("payments", HEALTH_FAILED, needs=("database",), wait=True, timeout="5m"),
        ks("checkout", BUILD_FAILED, needs=("database",)),
        ks("storefront", waits_for("checkout"), needs=("checkout", "payments")),
        ks("campaigns", waits_for("storefront"), needs=("storefront",)),
        ks("banners", waits_for("campaigns"), needs=("campaigns",)),
        ks(
            "search",
            condition("Ready", "Unknown", "Progressing", "Reconciliation in progress", 1),
            CHECKING,
            wait=True,
        ),
        ks("suggestions", waits_for("search"), needs=("search",)),
        ks("maintenance", ready(4000), suspend=True),
        ks(
            "archive",
            condition("Ready", "False", "ArtifactFailed", "GitRepository legacy has no artifact", 49),
            source="legacy",
            revision="",
        ),
        ks(
            "reports",
            condition("Ready", "False", "ArtifactFailed", "GitRepository 'shop/ghost' not found", 1500),
            source="ghost",
            revision="",
        ),
        ks("egg", waits_for("hen", "farm"), needs=("hen",), namespace="farm", source="farm"),
        ks("hen", waits_for("egg", "farm"), needs=("egg",), namespace="farm", source="farm"),
        ks("barn", waits_for("hen", "farm"), needs=("hen",), namespace="farm", source="farm"),
        repo("farm", namespace="farm"),
        ks(
            "quotas",
            condition(
                "Stalled", "True", "InvalidSpec", "spec.interval: must be a duration such as 10m", 2880
            ),
            condition("Ready", "False", "InvalidSpec", "spec.interval: must be a duration such as 10m", 2880),
            namespace="platform",
            source="platform",
        ),
        repo("platform", namespace="platform"),
        *(
            ks(f"team-{name}", needs=("policies",), namespace="platform", source="platform")
            for name in "abcde"
        ),
        ks("policies", namespace="platform", source="platform"),
    ]


def details() -> dict[Ref, Details]:
    """What the reconciler knows of some of them."""
    objects = (
        ManagedObject(
            Ref("Deployment", "shop", "payments", "apps"),
            "apps/v1",
            "Failed",
            "Progress deadline exceeded: 1 of 3 replicas available",
        ),
        ManagedObject(Ref("Service", "shop", "payments"), "v1", "Current"),
        ManagedObject(Ref("ConfigMap", "shop", "payments-settings"), "v1", "Current"),
        ManagedObject(
            Ref("HorizontalPodAutoscaler", "shop", "payments", "autoscaling"),
            "autoscaling/v2",
            "InProgress",
            "waiting for metrics",
        ),
        ManagedObject(
            Ref("NetworkPolicy", "shop", "payments", "networking.k8s.io"), "networking.k8s.io/v1", "Current"
        ),
        ManagedObject(
            Ref("ServiceMonitor", "shop", "payments", "monitoring.coreos.com"), "monitoring.coreos.com/v1", ""
        ),
    )
    history = (
        AppliedRevision(
            NEW_REVISION,
            "sha256:1",
            "HealthCheckFailed",
            "2026-06-01T11:24:00Z",
            "2026-06-01T11:29:00Z",
            "5m1.2s",
            1,
        ),
        AppliedRevision(
            REVISION,
            "sha256:2",
            "ReconciliationSucceeded",
            "2026-05-30T08:00:00Z",
            "2026-06-01T11:20:00Z",
            "2.4s",
            312,
        ),
    )
    events = (
        ReportedEvent(
            NOW - timedelta(minutes=31),
            "Warning",
            "HealthCheckFailed",
            HEALTH_FAILED["message"],
            NEW_REVISION,
        ),
        ReportedEvent(
            NOW - timedelta(minutes=36),
            "Normal",
            "Progressing",
            "Deployment/shop/payments configured",
            NEW_REVISION,
        ),
        ReportedEvent(
            NOW - timedelta(hours=4),
            "Normal",
            "ReconciliationSucceeded",
            "Reconciliation finished in 2.4s",
            REVISION,
            12,
        ),
    )
    drifts = (
        DriftedObject(
            Ref("Deployment", "shop", "payments", "apps"),
            NOW - timedelta(hours=7),
            "spec.replicas was changed by kubectl-edit; corrected",
        ),
    )
    files = tuple(
        sorted(
            f"apps/{where}/payments/{name}.yaml"
            for where in ("base", "production")
            for name in ("deployment", "kustomization", "service", "settings")
        )
    )
    payments = Details(
        inventory=objects,
        inventory_count=6,
        checked=NOW - timedelta(minutes=31),
        history=history,
        events=events,
        drifts=drifts,
        files=BuildFiles(files, len(files)),
        skipped_builds=41,
        steps=(StepTime("build", 0.021), StepTime("apply", 0.34), StepTime("health", 300.4, failed=True)),
        next_at=NOW + timedelta(minutes=1),
        next_reason="retry",
    )
    fleet = Details(
        events=(
            ReportedEvent(
                NOW - timedelta(minutes=11),
                "Normal",
                "NewArtifact",
                "stored artifact for commit 'Raise the limit'",
                NEW_REVISION,
            ),
        ),
        steps=(StepTime("fetch", 0.42),),
        next_at=NOW + timedelta(seconds=40),
        next_reason="interval",
    )
    return {ref("payments"): payments, ref("fleet", kind="GitRepository"): fleet}


def work() -> Work:
    return Work(
        running=(
            RunningKey(
                ref("search"),
                "runs health checks",
                NOW - timedelta(seconds=50),
                ("a new revision",),
                NEW_REVISION,
            ),
        ),
        queued=(
            QueuedKey(ref("storefront"), NOW - timedelta(seconds=1), "unblocked"),
            QueuedKey(ref("team-a", "platform"), NOW - timedelta(seconds=2), "routine"),
        ),
        queued_by_namespace={"shop": 1, "platform": 1},
        waiting=(
            WaitingKey(
                ref("search"),
                NEW_REVISION,
                NOW - timedelta(seconds=50),
                NOW + timedelta(minutes=4),
                (
                    AwaitedObject(
                        Ref("StatefulSet", "shop", "search", "apps"), "InProgress", "1 of 3 replicas ready"
                    ),
                ),
                1,
                7,
            ),
        ),
        skipped_builds=1204,
        queue_seconds=0.003,
        step_seconds={"fetch": 0.31, "build": 0.018, "apply": 0.22},
    )


def snapshot(objects: list[Obj] | None = None, version: int = 1, **operator: Any) -> Snapshot:
    """A fleet in which every state occurs, or another one."""
    environments = [Environment("production", ref("fleet", kind="GitRepository"), NOW - timedelta(minutes=3))]
    return Snapshot.of(
        every_state() if objects is None else objects,
        version=version,
        at=NOW,
        details=details(),
        work=work(),
        environments=environments,
        operator=replace(OperatorState(version="0.1.0", started=NOW - timedelta(days=2)), **operator),
    )


def large(count: int = 1000) -> list[Obj]:
    """A fleet of many Kustomizations; every seventh waits for one that fails."""
    objects = [repo("fleet")]
    for number in range(count):
        name = f"app-{number:04}"
        if number % 50 == 0:
            objects.append(ks(name, BUILD_FAILED))
        elif number % 7 == 0:
            objects.append(
                ks(
                    name,
                    waits_for(f"app-{number - number % 50:04}"),
                    needs=(f"app-{number - number % 50:04}",),
                )
            )
        else:
            objects.append(ks(name, needs=(f"app-{number - 1:04}",) if number % 3 else ()))
    return objects
