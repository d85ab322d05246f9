"""Which kinds the in-memory API server serves, and what discovery says of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

Obj = dict[str, Any]

CRD_GROUP = "apiextensions.k8s.io"
FLUX, SOURCE = "kustomize.toolkit.fluxcd.io", "source.toolkit.fluxcd.io"
VERBS = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"]


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind in one version."""

    group: str
    version: str
    kind: str
    plural: str
    namespaced: bool
    status: bool = False
    """Its status is written by itself."""
    custom: bool = False
    """Defined by a CustomResourceDefinition of a world."""
    generations: bool = False
    """Its generation counts changes of the spec."""

    @property
    def store(self) -> tuple[str, str]:
        """Where its objects are kept: all versions of a kind are one store."""
        return self.group, self.plural

    @property
    def api_version(self) -> str:
        """Group and version."""
        return f"{self.group}/{self.version}" if self.group else self.version


def definition_spec(
    group: str, kind: str, plural: str, *, namespaced: bool, versions: Iterable[str], served: Iterable[str]
) -> Obj:
    """The spec of a CustomResourceDefinition that stores ``v1`` and takes any content."""
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    answering = set(served)
    return {
        "group": group,
        "scope": "Namespaced" if namespaced else "Cluster",
        "names": {"kind": kind, "plural": plural},
        "versions": [
            {
                "name": version,
                "served": version in answering,
                "storage": version == "v1",
                "schema": {"openAPIV3Schema": schema},
                "subresources": {"status": {}},
            }
            for version in versions
        ],
    }


BUILT_IN = (
    Kind("", "v1", "Namespace", "namespaces", False, status=True),
    Kind("", "v1", "ConfigMap", "configmaps", True),
    Kind("", "v1", "Event", "events", True),
    Kind("rbac.authorization.k8s.io", "v1", "ClusterRole", "clusterroles", False),
    Kind(
        CRD_GROUP,
        "v1",
        "CustomResourceDefinition",
        "customresourcedefinitions",
        False,
        status=True,
        generations=True,
    ),
    Kind(FLUX, "v1", "Kustomization", "kustomizations", True, status=True, generations=True),
    Kind(SOURCE, "v1", "ExternalArtifact", "externalartifacts", True, status=True, generations=True),
)
NAMESPACES = ("", "namespaces")
CRDS = (CRD_GROUP, "customresourcedefinitions")
EVENTS = ("", "events")


def of_crd(crd: Obj) -> list[Kind]:
    """The kinds that an established CustomResourceDefinition serves."""
    spec = crd["spec"]
    return [
        Kind(
            spec["group"],
            version["name"],
            spec["names"]["kind"],
            spec["names"]["plural"],
            spec["scope"] == "Namespaced",
            status="status" in (version.get("subresources") or {}),
            custom=True,
            generations=True,
        )
        for version in spec["versions"]
        if version["served"]
    ]


@dataclass(frozen=True, slots=True)
class Target:
    """What a path leads to."""

    kind: Kind
    namespace: str = ""
    name: str = ""
    subresource: str = ""


def find(kinds: Iterable[Kind], path: str) -> Target | None:
    """What a path leads to; None where it leads nowhere."""
    parts = path.strip("/").split("/")
    if parts[0] == "api":
        group, version, rest = "", parts[1], parts[2:]
    else:
        group, version, rest = parts[1], parts[2], parts[3:]
    namespace = ""
    if len(rest) > 2 and rest[0] == "namespaces" and rest[2] != "status":
        namespace, rest = rest[1], rest[2:]
    if not rest:
        return None
    plural, name, subresource = (*rest, "", "")[:3]
    for kind in kinds:
        if (kind.group, kind.version, kind.plural) == (group, version, plural):
            fits = bool(namespace) == kind.namespaced if name else kind.namespaced or not namespace
            return Target(kind, namespace, name, subresource) if fits else None
    return None


def discovery(kinds: Iterable[Kind], *, core: bool) -> Obj:
    """What ``/api`` or ``/apis`` answers to who asks for aggregated discovery."""
    groups: dict[str, dict[str, list[Obj]]] = {}
    for kind in kinds:
        if (kind.group == "") == core:
            entry = {
                "resource": kind.plural,
                "responseKind": {"group": kind.group, "version": kind.version, "kind": kind.kind},
                "scope": "Namespaced" if kind.namespaced else "Cluster",
                "verbs": VERBS,
            }
            groups.setdefault(kind.group, {}).setdefault(kind.version, []).append(entry)
    items = [
        {
            "metadata": {"name": group or None},
            "versions": [{"version": v, "resources": r, "freshness": "Current"} for v, r in versions.items()],
        }
        for group, versions in groups.items()
    ]
    return {
        "kind": "APIGroupDiscoveryList",
        "apiVersion": "apidiscovery.k8s.io/v2",
        "metadata": {},
        "items": items,
    }
