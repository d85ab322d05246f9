"""Identities of objects: group, version, kind, name and namespace.

kustomize compares objects by all five, with the *effective* namespace: cluster-scoped kinds have a separate pseudo
namespace, and a missing namespace means ``default``. The same rule finds the objects that a patch, a generator with
``behavior: merge`` or a name reference refers to.
"""

from __future__ import annotations

from typing import NamedTuple

from headgate.caching import cached_if_short

CLUSTER_SCOPED = "_non_namespaceable_"
DEFAULT_NAMESPACE = "default"

# The first and last kinds in the order of field specifications and in the legacy order of objects.
KINDS_FIRST = (
    "Namespace",
    "ResourceQuota",
    "StorageClass",
    "CustomResourceDefinition",
    "ServiceAccount",
    "PodSecurityPolicy",
    "Role",
    "ClusterRole",
    "RoleBinding",
    "ClusterRoleBinding",
    "ConfigMap",
    "Secret",
    "Endpoints",
    "Service",
    "LimitRange",
    "PriorityClass",
    "PersistentVolume",
    "PersistentVolumeClaim",
    "Deployment",
    "StatefulSet",
    "CronJob",
    "PodDisruptionBudget",
)
KINDS_LAST = ("MutatingWebhookConfiguration", "ValidatingWebhookConfiguration")

_RANK = {kind: index - len(KINDS_FIRST) for index, kind in enumerate(KINDS_FIRST)} | {
    kind: 1 + index for index, kind in enumerate(KINDS_LAST)
}


class Gvk(NamedTuple):
    """Group, version and kind; as a selector, an empty part matches anything."""

    group: str = ""
    version: str = ""
    kind: str = ""

    @property
    def api_version(self) -> str:
        """The ``apiVersion`` of an object of this kind."""
        return f"{self.group}/{self.version}" if self.group else self.version

    def selected_by(self, selector: Gvk) -> bool:
        """Return whether every part set in ``selector`` is equal to this one's."""
        return (
            (not selector.kind or selector.kind == self.kind)
            and (not selector.group or selector.group == self.group)
            and (not selector.version or selector.version == self.version)
        )

    def sort_key(self) -> tuple[int, str]:
        """Return the sort key of kinds in configurations: well-known kinds by rank, the others by their names."""
        spelling = f"{self.group or '~G'}_{self.version or '~V'}_{self.kind or '~K'}"
        return _RANK.get(self.kind, 0), spelling

    def __str__(self) -> str:
        return f"{self.kind or '[noKind]'}.{self.version or '[noVer]'}.{self.group or '[noGrp]'}"


class ResId(NamedTuple):
    """A full identity; ``namespace`` is the effective one."""

    gvk: Gvk
    name: str
    namespace: str

    def __str__(self) -> str:
        kind = f"{self.gvk.kind}.{self.gvk.group}" if self.gvk.group else self.gvk.kind
        if self.namespace in (CLUSTER_SCOPED, ""):
            return f"{kind}/{self.name}"
        return f"{kind}/{self.namespace}/{self.name}"


@cached_if_short(4096)
def parse_gvk(api_version: str, kind: str) -> Gvk:
    """Split an ``apiVersion`` at its first slash; without a slash, it is a version of the core group."""
    group, slash, version = api_version.partition("/")
    return Gvk(group, version, kind) if slash else Gvk("", api_version, kind)


def effective_namespace(namespace: str, cluster_scoped: bool) -> str:
    """Return the namespace that is part of the identity."""
    if cluster_scoped:
        return CLUSTER_SCOPED
    return namespace or DEFAULT_NAMESPACE
