"""What is the case in a world: what the cluster holds, and what each Kustomization renders at the present revision."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from headgate.api import inventory as inv
from tests.model import kinds
from tests.model.apiserver import ApiServer
from tests.model.git import ITEMS, Git, Id, Item, anchor, id_of
from tests.model.kinds import Kind

Obj = dict[str, Any]

HOME = "flux"
"""Namespace of the custom resources."""
KUSTOMIZATION_PATH = f"/apis/kustomize.toolkit.fluxcd.io/v1/namespaces/{HOME}/kustomizations"
SOURCE_PATH = f"/apis/source.toolkit.fluxcd.io/v1/namespaces/{HOME}/externalartifacts"
KUSTOMIZATIONS = ("kustomize.toolkit.fluxcd.io", "kustomizations")
OWNER = "kustomize.toolkit.fluxcd.io/name"
NOT_MANAGED = frozenset((KUSTOMIZATIONS, ("source.toolkit.fluxcd.io", "externalartifacts")))


@dataclass(frozen=True)
class Stored:
    """The kind of a stored object, and how it is reached now."""

    kind: Kind
    served: Kind | None

    def path(self, obj: Obj) -> str | None:
        """The URL path of the object; None while no version of it is served."""
        if self.served is None:
            return None
        root = f"/apis/{self.served.api_version}" if self.served.group else f"/api/{self.served.api_version}"
        meta = obj["metadata"]
        where = f"/namespaces/{meta['namespace']}" if self.served.namespaced else ""
        return f"{root}{where}/{self.served.plural}/{meta['name']}"


class State:
    """See the module's text."""

    def __init__(self, server: ApiServer, git: Git) -> None:
        self._server, self._git = server, git
        self.revision = ""
        self.released: set[Id] = set()
        """Objects that a Kustomization which does not prune has rendered, so that they may stay."""
        self._rendered: dict[str, frozenset[Id]] = {}

    # The cluster.

    def stored(self) -> Iterator[tuple[Stored, Obj]]:
        """All objects that may be managed, whether or not a version of them is served."""
        for store, objects in self._server.objects.items():
            if store in NOT_MANAGED or not objects:
                continue
            served = next((k for k in self._server.served if k.store == store), None)
            for obj in objects.values():
                kind = served or Kind(
                    store[0], "", obj["kind"], store[1], "namespace" in obj["metadata"], custom=True
                )
                yield Stored(kind, served), obj

    def live(self, id: Id) -> Obj | None:
        """The object, whether or not a version of it is served."""
        return next((o for s, o in self.stored() if id_of(s.kind, o) == id), None)

    def serves(self, api_version: str, kind: str) -> bool:
        """Whether the API server serves the kind in this version."""
        return any((k.api_version, k.kind) == (api_version, kind) for k in self._server.served)

    def takes(self, namespace: str) -> bool:
        """Whether objects can be made in a namespace."""
        found = self._server.find(kinds.NAMESPACES, "", namespace)
        return found is not None and not found["metadata"].get("deletionTimestamp")

    def of_item(self, item: Item) -> list[tuple[Stored, Obj]]:
        """The objects that an item has become, in whatever namespaces."""
        return [
            (s, o) for s, o in self.stored() if (o["kind"], o["metadata"]["name"]) == (item.kind, item.name)
        ]

    # The Kustomizations.

    def kustomizations(self) -> list[Obj]:
        """All that are there, also those that are being deleted."""
        return list(self._server.objects[KUSTOMIZATIONS].values())

    def kustomization(self, name: str) -> Obj | None:
        """One of them."""
        return self._server.find(KUSTOMIZATIONS, HOME, name)

    def rendering(self, kustomization: Obj) -> dict[Id, str]:
        """What it renders at the present revision: item names by object; the anchor's is empty."""
        name, target = kustomization["metadata"]["name"], kustomization["spec"].get("targetNamespace") or ""
        found = {ITEMS[item].id(target): item for item in self._git.folders.get(name, ())}
        return {**found, anchor(name).id(target): ""}

    def manifest(self, item: str) -> Obj:
        """What Git says of an item at the present revision."""
        return self._git.manifest(item)

    def note(self) -> None:
        """Something about Git or a spec may have changed: note which objects nobody need prune."""
        for obj in self.kustomizations():
            name, spec = obj["metadata"]["name"], obj["spec"]
            now = self._rendered.get(name, frozenset()) | self.rendering(obj).keys() | inventory(obj)
            self._rendered[name] = frozenset(now)
            policy = spec.get("deletionPolicy") or "MirrorPrune"
            going = obj["metadata"].get("deletionTimestamp")
            if not spec["prune"] or (going and (spec.get("suspend") or policy == "Orphan")):
                self.released |= now


def inventory(kustomization: Obj) -> set[Id]:
    """The objects of the inventory in its status."""
    entries = inv.from_status(kustomization.get("status") or {})
    return {Id(e.group, e.kind, e.namespace, e.name) for e in entries}


def owner(obj: Obj) -> str:
    """Name of the Kustomization whose label an object has; empty when it has none."""
    return str((obj["metadata"].get("labels") or {}).get(OWNER, ""))


def condition(obj: Obj, type: str) -> Obj:
    """A condition of an object, empty where it has none."""
    found = (obj.get("status") or {}).get("conditions") or ()
    return next((c for c in found if c["type"] == type), {})
