"""What a comparison says of immutable fields and of equal values is what a real API server says."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import pytest

from controlplane.rest import RestError
from headgate.apply.objects.normalize import normalized
from headgate.promotion.changes.fields import differences
from headgate.promotion.changes.immutable import immutable
from headgate.promotion.changes.objects import differences_of
from headgate.promotion.changes.shapes import Shapes
from tests.support.cluster import Api
from tests.support.renderings import Obj, obj, with_value

pytestmark = pytest.mark.e2e

SPACE = "promotion-dangers"
POD = {
    "containers": [
        {"name": "a", "image": "a", "env": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}]}
    ]
}
TEMPLATE = {"metadata": {"labels": {"a": "b"}}, "spec": POD}
SELECTOR = {"matchLabels": {"a": "b"}}


def made(api_version: str, kind: str, namespace: str = SPACE, **fields: Any) -> Obj:
    return obj(api_version, kind, "promotion-x", namespace, **fields)


DEPLOYMENT = made("apps/v1", "Deployment", spec={"replicas": 0, "selector": SELECTOR, "template": TEMPLATE})
DAEMON_SET = made("apps/v1", "DaemonSet", spec={"selector": SELECTOR, "template": TEMPLATE})
REPLICA_SET = made("apps/v1", "ReplicaSet", spec={"replicas": 0, "selector": SELECTOR, "template": TEMPLATE})
CLAIM_SPEC = {
    "accessModes": ["ReadWriteOnce"],
    "storageClassName": "none",
    "resources": {"requests": {"storage": "2Gi"}},
}
STATEFUL_SET = made(
    "apps/v1",
    "StatefulSet",
    spec={
        "replicas": 0,
        "serviceName": "a",
        "podManagementPolicy": "Parallel",
        "selector": SELECTOR,
        "template": TEMPLATE,
        "volumeClaimTemplates": [{"metadata": {"name": "v"}, "spec": CLAIM_SPEC}],
    },
)
JOB = made(
    "batch/v1",
    "Job",
    spec={
        "suspend": True,
        "parallelism": 1,
        "completions": 1,
        "template": {"spec": {**POD, "restartPolicy": "Never"}},
    },
)
CRON_JOB = made(
    "batch/v1",
    "CronJob",
    spec={
        "schedule": "0 0 1 1 *",
        "suspend": True,
        "jobTemplate": {"spec": {"template": {"spec": {**POD, "restartPolicy": "Never"}}}},
    },
)
CLAIM = made("v1", "PersistentVolumeClaim", spec=CLAIM_SPEC)
VOLUME = made(
    "v1",
    "PersistentVolume",
    "",
    spec={
        "capacity": {"storage": "1Gi"},
        "accessModes": ["ReadWriteOnce"],
        "storageClassName": "none",
        "persistentVolumeReclaimPolicy": "Retain",
        "hostPath": {"path": "/x"},
    },
)
SERVICE = made(
    "v1",
    "Service",
    spec={
        "clusterIP": "None",
        "selector": {"a": "b"},
        "ports": [{"port": 80, "name": "x"}, {"port": 81, "name": "y"}],
    },
)
BALANCER = made(
    "v1",
    "Service",
    spec={"type": "LoadBalancer", "loadBalancerClass": "example.com/a", "ports": [{"port": 80}]},
)
CONFIG = made("v1", "ConfigMap", immutable=True, data={"a": "b"})
SECRET = made("v1", "Secret", type="Opaque", stringData={"a": "b"})
BINDING = made(
    "rbac.authorization.k8s.io/v1",
    "RoleBinding",
    roleRef={"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "a"},
    subjects=[{"kind": "ServiceAccount", "name": "a", "namespace": SPACE}],
)
CLUSTER_BINDING = made(
    "rbac.authorization.k8s.io/v1",
    "ClusterRoleBinding",
    "",
    roleRef={"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "promotion-a"},
    subjects=[{"kind": "ServiceAccount", "name": "a", "namespace": SPACE}],
)
CLASS = made(
    "storage.k8s.io/v1",
    "StorageClass",
    "",
    provisioner="example.com/a",
    parameters={"a": "b"},
    reclaimPolicy="Retain",
    volumeBindingMode="Immediate",
    allowVolumeExpansion=True,
)
PRIORITY = made(
    "scheduling.k8s.io/v1", "PriorityClass", "", value=10, preemptionPolicy="Never", description="a"
)
INGRESS_CLASS = made("networking.k8s.io/v1", "IngressClass", "", spec={"controller": "example.com/a"})
RUNTIME_CLASS = made("node.k8s.io/v1", "RuntimeClass", "", handler="a")
QUOTA = made("v1", "ResourceQuota", spec={"hard": {"pods": "100"}, "scopes": ["Terminating"]})
CSI = made(
    "storage.k8s.io/v1",
    "CSIDriver",
    "",
    spec={"attachRequired": True, "podInfoOnMount": False, "volumeLifecycleModes": ["Persistent"]},
)
SLICE = made("discovery.k8s.io/v1", "EndpointSlice", addressType="IPv4", endpoints=[], ports=[])
SCHEMA = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
CRD = obj("apiextensions.k8s.io/v1", "CustomResourceDefinition", "dangers.promotion.example.com", "", spec={
    "group": "promotion.example.com",
    "scope": "Namespaced",
    "names": {"kind": "Danger", "plural": "dangers", "shortNames": ["dgr"]},
    "versions": [{"name": "v1", "served": True, "storage": True, "schema": SCHEMA}],
})  # fmt: skip

CHANGES: list[tuple[Obj, str, Any]] = [
    (DEPLOYMENT, "spec.replicas", 1),
    (DEPLOYMENT, "spec.selector.matchLabels.a", "c"),
    (DEPLOYMENT, "spec.template.spec.containers.0.image", "b"),
    (DEPLOYMENT, "spec.strategy", {"rollingUpdate": {"maxSurge": 3}}),
    (DAEMON_SET, "spec.selector.matchLabels.a", "c"),
    (REPLICA_SET, "spec.selector.matchLabels.a", "c"),
    (STATEFUL_SET, "spec.replicas", 1),
    (STATEFUL_SET, "spec.serviceName", "b"),
    (STATEFUL_SET, "spec.podManagementPolicy", "OrderedReady"),
    (STATEFUL_SET, "spec.selector.matchLabels.a", "c"),
    (STATEFUL_SET, "spec.volumeClaimTemplates.0.spec.resources.requests.storage", "3Gi"),
    (STATEFUL_SET, "spec.template.spec.containers.0.image", "b"),
    (STATEFUL_SET, "spec.minReadySeconds", 5),
    (
        STATEFUL_SET,
        "spec.persistentVolumeClaimRetentionPolicy",
        {"whenDeleted": "Delete", "whenScaled": "Retain"},
    ),
    (STATEFUL_SET, "spec.updateStrategy", {"rollingUpdate": {"partition": 3}}),
    (JOB, "spec.template.spec.containers.0.image", "b"),
    (JOB, "spec.completions", 2),
    (JOB, "spec.parallelism", 2),
    (JOB, "spec.backoffLimit", 2),
    (JOB, "spec.activeDeadlineSeconds", 100),
    (JOB, "spec.ttlSecondsAfterFinished", 100),
    (JOB, "spec.completionMode", "Indexed"),
    (CRON_JOB, "spec.schedule", "1 1 1 1 *"),
    (CRON_JOB, "spec.jobTemplate.spec.template.spec.containers.0.image", "b"),
    (CLAIM, "spec.storageClassName", "other"),
    (CLAIM, "spec.accessModes", ["ReadOnlyMany"]),
    (CLAIM, "spec.volumeName", "x"),
    (CLAIM, "metadata.labels", {"a": "b"}),
    (VOLUME, "spec.hostPath.path", "/y"),
    (VOLUME, "spec.capacity.storage", "2Gi"),
    (VOLUME, "spec.persistentVolumeReclaimPolicy", "Delete"),
    (VOLUME, "spec.mountOptions", ["ro"]),
    (VOLUME, "spec.volumeMode", "Block"),
    (SERVICE, "spec.ports.0.port", 82),
    (SERVICE, "spec.clusterIP", "10.0.0.77"),
    (SERVICE, "spec.clusterIP", ...),
    (SERVICE, "spec.selector.a", "c"),
    (BALANCER, "spec.loadBalancerClass", "example.com/b"),
    (CONFIG, "data.a", "c"),
    (CONFIG, "data.b", "c"),
    (CONFIG, "immutable", False),
    (CONFIG, "metadata.labels", {"a": "b"}),
    ({**CONFIG, "immutable": False}, "data.a", "c"),
    (SECRET, "type", "example.com/other"),
    (SECRET, "stringData.a", "c"),
    (BINDING, "roleRef.name", "b"),
    (BINDING, "subjects.0.name", "b"),
    (CLUSTER_BINDING, "roleRef.name", "promotion-b"),
    (CLASS, "provisioner", "example.com/b"),
    (CLASS, "parameters.a", "c"),
    (CLASS, "reclaimPolicy", "Delete"),
    (CLASS, "volumeBindingMode", "WaitForFirstConsumer"),
    (CLASS, "allowVolumeExpansion", False),
    (CLASS, "mountOptions", ["ro"]),
    (PRIORITY, "value", 11),
    (PRIORITY, "preemptionPolicy", "PreemptLowerPriority"),
    (PRIORITY, "description", "b"),
    (INGRESS_CLASS, "spec.controller", "example.com/b"),
    (RUNTIME_CLASS, "handler", "b"),
    (QUOTA, "spec.hard.pods", "101"),
    (QUOTA, "spec.scopes", ["NotTerminating"]),
    (CSI, "spec.attachRequired", False),
    (CSI, "spec.podInfoOnMount", True),
    (CSI, "spec.volumeLifecycleModes", ["Ephemeral"]),
    (SLICE, "addressType", "IPv6"),
    (CRD, "spec.scope", "Cluster"),
    (CRD, "spec.names.kind", "Other"),
    (CRD, "spec.names.shortNames", ["dng"]),
]


@pytest.fixture(scope="module")
def space(api: Api) -> Iterator[str]:
    if api.get("v1", "Namespace", SPACE) is None:
        api.create_namespace(SPACE)
    yield SPACE
    api.delete("v1", "Namespace", SPACE)


def applied(api: Api, one: Obj) -> Obj:
    """As the operator sends it."""
    return api.apply(copy.deepcopy(normalized([one])[0]))


def remove(api: Api, one: Obj) -> None:
    """The next case makes an object of the same name: the garbage collector must be done with this one."""
    api.remove(one["apiVersion"], one["kind"], one["metadata"]["name"], one["metadata"].get("namespace", ""))


@pytest.mark.parametrize(
    ("before", "path", "value"),
    CHANGES,
    ids=lambda v: v["kind"] if isinstance(v, dict) and "kind" in v else None,
)
def test_the_api_server_refuses_what_is_called_immutable(
    api: Api, space: str, before: Obj, path: str, value: Any
) -> None:
    after = with_value(before, path, value)
    applied(api, before)
    try:
        if before["kind"] == "CustomResourceDefinition":
            _established(api, before)
        status = _status(api, after)
    finally:
        remove(api, before)
    assert status in (0, 422)
    found = differences_of(before, after, Shapes())
    group = before["apiVersion"].rpartition("/")[0]
    assert bool(immutable(group, before["kind"], before, after, found)) is (status != 0)


def _status(api: Api, after: Obj) -> int:
    """The status of the refusal; 0 if the API server accepts."""
    for _ in range(10):
        try:
            api.apply(copy.deepcopy(normalized([after])[0]), dry_run=True)
        except RestError as error:
            # A controller has written the status at the same moment.
            if error.status != 409:
                return error.status
        else:
            return 0
    return 409


def _established(api: Api, crd: Obj) -> None:
    from tests.support.cluster import condition, until

    def ready() -> bool:
        found = api.get("apiextensions.k8s.io/v1", crd["kind"], crd["metadata"]["name"])
        return bool(
            found
            and (found.get("status") or {}).get("conditions")
            and condition(found, "Established").get("status") == "True"
        )

    until("the definition is established", ready)


EQUAL: list[tuple[Obj, str, Any]] = [
    (DEPLOYMENT, "spec.replicas", 0.0),
    (
        DEPLOYMENT,
        "spec.template.spec.containers.0.resources",
        {"limits": {"cpu": "1000m", "memory": "1024Mi"}},
    ),
    (QUOTA, "spec.hard.pods", 100),
    (SERVICE, "spec.ports.0.protocol", "TCP"),
    (CONFIG, "metadata.labels", {}),
    (DEPLOYMENT, "spec.paused", None),
]
DIFFERENT: list[tuple[Obj, str, Any]] = [
    (DEPLOYMENT, "metadata.finalizers", ["example.com/b", "example.com/a"]),
    (DEPLOYMENT, "spec.template.spec.containers.0.env", list(reversed(POD["containers"][0]["env"]))),  # type: ignore[arg-type, call-overload]
    (SERVICE, "spec.ports", list(reversed(SERVICE["spec"]["ports"]))),
]


@pytest.mark.parametrize(
    ("before", "path", "value", "same"), [(*e, True) for e in EQUAL] + [(*d, False) for d in DIFFERENT]
)
def test_what_is_called_equal_the_api_server_stores_alike(
    api: Api, space: str, before: Obj, path: str, value: Any, same: bool
) -> None:
    if path.endswith("resources"):
        before = with_value(before, path, {"limits": {"cpu": 1, "memory": "1Gi"}})
    if path.endswith("finalizers"):
        before = with_value(before, path, ["example.com/a", "example.com/b"])
    after = with_value(before, path, value)
    old = applied(api, before)
    try:
        new = applied(api, after)
    finally:
        if path.endswith("finalizers"):
            api.merge(old, {"metadata": {"finalizers": None}})
        remove(api, before)
    stored = differences(_content(old), _content(new))
    assert (not stored) is same, stored
    assert (not differences_of(before, after, Shapes())) is same


def _content(found: Obj) -> Obj:
    """An object without what the server and its controllers add."""
    meta = {k: v for k, v in found["metadata"].items() if k in ("labels", "finalizers")}
    return {**{k: v for k, v in found.items() if k != "status"}, "metadata": meta}
