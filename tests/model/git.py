"""The content of Git: folders of manifests, one for each Kustomization, and their revisions.

A folder holds items by name. The content of an item (its API version, which versions a definition serves, a number
that changes with each edit) is the same in all folders that hold it, because Kustomizations that disagree about an
object fight for it forever, here as in Flux.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.model.kinds import definition_spec

Obj = dict[str, Any]

GROUP = "model.example.org"
ONE, TWO = "one", "two"
"""The namespaces that are there from the beginning."""
THREE = "three"
"""One that Kustomizations may render."""


@dataclass(frozen=True, slots=True, order=True)
class Id:
    """The identity of the object, in whatever version."""

    group: str
    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        return "/".join(p for p in (self.kind, self.namespace, self.name) if p)


@dataclass(frozen=True, slots=True)
class Item:
    """A manifest that folders may hold. Cluster-scoped items have no namespace, whatever the target namespace is."""

    kind: str
    name: str
    group: str = ""
    versions: tuple[str, ...] = ("v1",)
    """Its variants: versions of its API, or of a definition the sets of versions that are served."""
    namespace: str = ""

    def id(self, target_namespace: str) -> Id:
        """The object that it is with this target namespace, by which kustomize renames namespaces, too."""
        if self.kind == "Namespace":
            return Id(self.group, self.kind, "", target_namespace or self.name)
        return Id(
            self.group, self.kind, (target_namespace or self.namespace) if self.namespace else "", self.name
        )


CRD = ("CustomResourceDefinition", "apiextensions.k8s.io")
ITEMS: Mapping[str, Item] = {
    "config-a": Item("ConfigMap", "a", namespace=ONE),
    "config-b": Item("ConfigMap", "b", namespace=ONE),
    "config-c": Item("ConfigMap", "c", namespace=TWO),
    "config-d": Item("ConfigMap", "d", namespace=THREE),
    "space": Item("Namespace", THREE),
    "role": Item("ClusterRole", "role", "rbac.authorization.k8s.io"),
    "things": Item(CRD[0], f"things.{GROUP}", CRD[1], ("v1alpha1", "v1alpha1+v1", "v1")),
    "thing": Item("Thing", "thing", GROUP, ("v1alpha1", "v1"), ONE),
    "globes": Item(CRD[0], f"globes.{GROUP}", CRD[1]),
    "globe": Item("Globe", "globe", GROUP),
    "clash": Item(CRD[0], f"otherthings.{GROUP}", CRD[1]),
}
KINDS_OF = {"things": "Thing", "globes": "Globe", "clash": "Thing"}
"""The kinds that definitions define; two that define the same clash."""


def anchor(folder: str) -> Item:
    """What a folder always holds, as an empty one cannot be built."""
    return Item("ConfigMap", f"anchor-{folder}", namespace=ONE)


@dataclass
class Git:
    """The repository. ``folders`` is what the next commit would hold."""

    folders: dict[str, set[str]] = field(default_factory=dict)
    variants: dict[str, str] = field(default_factory=dict)
    numbers: dict[str, int] = field(default_factory=dict)
    _revisions: dict[str, dict[str, str]] = field(default_factory=dict)
    _count: int = 0

    def commit(self) -> str:
        """Make a revision of what the folders hold, and return its name."""
        self._count += 1
        revision = f"main@sha1:{self._count:040x}"
        files: dict[str, str] = {}
        for folder in self.folders:
            names = sorted(self.folders[folder])
            objects = {f"{n}.yaml": self.manifest(n) for n in names}
            objects["anchor.yaml"] = self._object(anchor(folder), {"data": {"n": "0"}})
            kustomization = {"resources": sorted(objects)}
            files |= {f"{folder}/{name}": json.dumps(obj) for name, obj in objects.items()}
            files[f"{folder}/kustomization.yaml"] = json.dumps(kustomization)
        self._revisions[revision] = files
        return revision

    def files(self, revision: str) -> dict[str, str] | None:
        """The files of a revision."""
        return self._revisions.get(revision)

    def variant(self, name: str) -> str:
        """The version (or versions) that an item has now."""
        return self.variants.get(name, ITEMS[name].versions[0])

    def manifest(self, name: str) -> Obj:
        """The manifest of an item as it is now."""
        item, number = ITEMS[name], str(self.numbers.get(name, 0))
        if item.kind == CRD[0]:
            return self._object(item, {"spec": self._definition(name)})
        if item.kind == "ConfigMap":
            return self._object(item, {"data": {"n": number}})
        if item.kind == "Namespace":
            return self._object(item, {})
        if item.kind == "ClusterRole":
            rule = {
                "apiGroups": [""],
                "resources": ["pods"],
                "verbs": ["get"],
                "resourceNames": [f"p{number}"],
            }
            return self._object(item, {"rules": [rule]})
        return self._object(item, {"spec": {"n": number}}, self.variant(name))

    def _object(self, item: Item, content: Obj, version: str = "v1") -> Obj:
        meta = {"name": item.name, **({"namespace": item.namespace} if item.namespace else {})}
        api_version = f"{item.group}/{version}" if item.group else version
        return {"apiVersion": api_version, "kind": item.kind, "metadata": meta, **content}

    def _definition(self, name: str) -> Obj:
        return definition_spec(
            GROUP,
            KINDS_OF[name],
            ITEMS[name].name.partition(".")[0],
            namespaced=name != "globes",
            versions=sorted({v for variant in ITEMS[name].versions for v in variant.split("+")}, key=len),
            served=self.variant(name).split("+"),
        )


def id_of(kind: Any, obj: Obj) -> Id:
    """The identity of a stored object."""
    meta = obj["metadata"]
    return Id(kind.group, kind.kind, meta.get("namespace", ""), meta["name"])
