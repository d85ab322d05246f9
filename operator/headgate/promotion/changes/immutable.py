"""Fields that the API server does not let change, by kind. Pure.

Sources: ``pkg/apis/*/validation`` of Kubernetes; an end-to-end test compares each row with a real API server. Custom
kinds say it themselves, in their definitions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from headgate.objects import Obj
from headgate.promotion.changes.fields import Difference
from headgate.promotion.changes.paths import Path
from headgate.promotion.changes.values import MISSING, quantity

__all__ = ["immutable", "versions_served"]

Rule = Callable[[Difference, Obj, Obj], bool]


def immutable(
    group: str, kind: str, before: Obj, after: Obj, found: Iterable[Difference]
) -> tuple[Difference, ...]:
    """Return the differences of an object that the API server refuses."""
    rule = _RULES.get((group, kind))
    return tuple(each for each in found if each.immutable or (rule is not None and rule(each, before, after)))


def _starts(path: Path, *prefix: str) -> bool:
    return path[: len(prefix)] == prefix


def _fields(*paths: str) -> Rule:
    """A rule for fields and all below them; a different order is a change, too."""
    wanted = tuple(tuple(path.split(".")) for path in paths)
    return lambda d, before, after: any(_starts(d.path, *each) for each in wanted)


def _all_but(field: str, *mutable: str) -> Rule:
    """A rule for all of a field except some of its fields."""
    kept = tuple((field, *path.split(".")) for path in mutable)
    return lambda d, before, after: (
        _starts(d.path, field) and not any(_starts(d.path, *each) for each in kept)
    )


def _once_set(*paths: str) -> Rule:
    """A rule for fields that may be removed: the API server keeps their values then."""
    inner = _fields(*paths)
    return lambda d, before, after: inner(d, before, after) and d.after is not MISSING


def _any(*rules: Rule) -> Rule:
    return lambda d, before, after: any(rule(d, before, after) for rule in rules)


def _data(d: Difference, before: Obj, after: Obj) -> bool:
    """A ConfigMap or Secret that says that it is immutable."""
    fields = ("data", "binaryData", "stringData", "immutable")
    return before.get("immutable") is True and d.path[:1] != () and d.path[0] in fields


def _cluster_ip(d: Difference, before: Obj, after: Obj) -> bool:
    """A Service keeps its address, unless it has none because it is only a name elsewhere."""
    if d.path[:1] != ("spec",) or len(d.path) < 2 or d.path[1] not in ("clusterIP", "clusterIPs"):
        return False
    if d.after is MISSING or d.after == "":
        return False
    return "ExternalName" not in (_type(before), _type(after))


def _type(service: Obj) -> object:
    spec = service.get("spec")
    return spec.get("type") if isinstance(spec, dict) else None


def _claim(d: Difference, before: Obj, after: Obj) -> bool:
    """Only the size of a claim may change, and it may only grow."""
    if _starts(d.path, "spec", "volumeAttributesClassName"):
        return False
    if _starts(d.path, "spec", "resources", "requests", "storage"):
        old, new = quantity(d.before), quantity(d.after)
        return old is not None and new is not None and new < old
    if _starts(d.path, "spec", "resources"):
        return _starts(d.path, "spec", "resources", "limits")
    if _starts(d.path, "spec", "volumeName") and d.before is MISSING:
        return False
    # What is not in Git was filled in, and stays.
    return _starts(d.path, "spec") and d.after is not MISSING


_POD_MUTABLE = (("activeDeadlineSeconds",), ("tolerations",), ("terminationGracePeriodSeconds",))


def _pod(d: Difference, before: Obj, after: Obj) -> bool:
    if not _starts(d.path, "spec") or any(_starts(d.path, "spec", *each) for each in _POD_MUTABLE):
        return False
    return not (len(d.path) == 4 and d.path[1] in ("containers", "initContainers") and d.path[3] == "image")


def _job(d: Difference, before: Obj, after: Obj) -> bool:
    fields = (
        *("selector", "template", "completionMode", "podFailurePolicy", "backoffLimitPerIndex"),
        *("managedBy", "successPolicy"),
    )
    if not _starts(d.path, "spec") or len(d.path) < 2:
        return False
    if d.path[1] == "completions":
        spec = before.get("spec")
        return not (isinstance(spec, dict) and spec.get("completionMode") == "Indexed")
    return d.path[1] in fields


def _definition(d: Difference, before: Obj, after: Obj) -> bool:
    return any(
        _starts(d.path, *each)
        for each in (
            ("spec", "group"),
            ("spec", "scope"),
            ("spec", "names", "kind"),
            ("spec", "names", "plural"),
        )
    )


_RULES: dict[tuple[str, str], Rule] = {
    ("", "ConfigMap"): _data,
    ("", "Secret"): _any(_data, _fields("type")),
    ("", "Service"): _any(_cluster_ip, _once_set("spec.loadBalancerClass")),
    ("", "PersistentVolumeClaim"): _claim,
    ("", "PersistentVolume"): _all_but(
        "spec",
        *("capacity", "accessModes", "claimRef", "persistentVolumeReclaimPolicy", "storageClassName"),
        *("mountOptions", "nodeAffinity", "volumeAttributesClassName"),
    ),
    ("", "Pod"): _pod,
    ("", "ResourceQuota"): _fields("spec.scopes", "spec.scopeSelector"),
    ("apps", "Deployment"): _fields("spec.selector"),
    ("apps", "DaemonSet"): _fields("spec.selector"),
    ("apps", "ReplicaSet"): _fields("spec.selector"),
    ("apps", "StatefulSet"): _fields(
        "spec.selector", "spec.serviceName", "spec.volumeClaimTemplates", "spec.podManagementPolicy"
    ),
    ("apps", "ControllerRevision"): _fields("data"),
    ("batch", "Job"): _job,
    ("rbac.authorization.k8s.io", "RoleBinding"): _fields("roleRef"),
    ("rbac.authorization.k8s.io", "ClusterRoleBinding"): _fields("roleRef"),
    ("storage.k8s.io", "StorageClass"): _fields(
        "provisioner", "parameters", "reclaimPolicy", "volumeBindingMode"
    ),
    ("storage.k8s.io", "VolumeAttributesClass"): _fields("driverName", "parameters"),
    ("storage.k8s.io", "VolumeAttachment"): _fields("spec"),
    ("storage.k8s.io", "CSIDriver"): _fields("spec.attachRequired", "spec.volumeLifecycleModes"),
    ("scheduling.k8s.io", "PriorityClass"): _fields("value", "preemptionPolicy"),
    ("networking.k8s.io", "IngressClass"): _fields("spec.controller"),
    ("node.k8s.io", "RuntimeClass"): _fields("handler"),
    ("discovery.k8s.io", "EndpointSlice"): _fields("addressType"),
    ("apiextensions.k8s.io", "CustomResourceDefinition"): _definition,
    ("certificates.k8s.io", "CertificateSigningRequest"): _fields("spec"),
    ("resource.k8s.io", "ResourceClaim"): _fields("spec"),
    ("resource.k8s.io", "ResourceClaimTemplate"): _fields("spec"),
}


def versions_served(definition: Obj) -> set[str]:
    """The versions that a CustomResourceDefinition serves."""
    spec = definition.get("spec")
    versions = spec.get("versions") if isinstance(spec, dict) else None
    return {
        str(each.get("name"))
        for each in (versions if isinstance(versions, list) else ())
        if isinstance(each, dict) and each.get("served") is not False
    }
