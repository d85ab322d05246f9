"""The order in which objects are applied and listed, by kind. Flux's, so that inventories compare equal.

What others need comes first: definitions, namespaces, classes, accounts and roles, configuration, then
workloads; webhooks come last, for they could refuse all that follows them.
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
    """Where a kind stands in the order; 0 for those whose place does not matter."""
    return _RANKS.get(kind, 0)


def sort_key(group: str, kind: str, namespace: str, name: str) -> SortKey:
    """Sorts objects into the order in which they are applied. Reversed, it is the order of deletion."""
    return (rank(kind), group, kind, namespace, name)
