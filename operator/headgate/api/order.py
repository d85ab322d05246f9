"""The order in which objects are applied and listed, by kind: Flux's, so that inventories are equal.

Objects that others need come first: definitions, namespaces, classes, accounts and roles, configuration, then
workloads. Webhooks come last, because they could refuse the objects after them.
"""

from __future__ import annotations

_FIRST = (
    "CustomResourceDefinition",
    "Namespace",
    "ClusterRole",
    "ClusterClass",
    "RuntimeClass",
    "PriorityClass",
    "StorageClass",
    "VolumeSnapshotClass",
    "IngressClass",
    "GatewayClass",
    "ClusterRoleBinding",
    "ResourceQuota",
    "ServiceAccount",
    "Role",
    "RoleBinding",
    "ConfigMap",
    "Secret",
    "Service",
    "LimitRange",
    "Deployment",
    "StatefulSet",
    "CronJob",
    "PodDisruptionBudget",
)
_LAST = ("MutatingWebhookConfiguration", "ValidatingWebhookConfiguration")
_RANKS = {k: i - len(_FIRST) for i, k in enumerate(_FIRST)} | {k: i + 1 for i, k in enumerate(_LAST)}

SortKey = tuple[int, str, str, str, str]


def rank(kind: str) -> int:
    """The rank of a kind in the order; 0 for kinds without a fixed position."""
    return _RANKS.get(kind, 0)


def sort_key(group: str, kind: str, namespace: str, name: str) -> SortKey:
    """The key for sorting objects into the order of apply. Reversed, it is the order of deletion."""
    return (rank(kind), group, kind, namespace, name)
