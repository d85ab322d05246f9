"""Which object of one rendering is which object of another. Pure.

An object is identified by group, kind, namespace and name, in whatever API version and by whatever Kustomization it is
applied. Generated objects whose hash differs are paired by the name without the hash.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from headgate.kube.refs import ObjectRef
from headgate.kustomize.schema import Schema
from headgate.names import KUSTOMIZE_GROUP
from headgate.promotion.fleet.rendering import RenderedKustomization, RenderedObject, Rendering

__all__ = ["Identity", "ObjectIndex", "OwnedObject", "generated_pairs", "identity", "is_kustomization"]


class Identity(NamedTuple):
    """What identifies an object on a cluster."""

    group: str
    kind: str
    namespace: str
    name: str


def identity(ref: ObjectRef) -> Identity:
    """The identity of an object; a built-in cluster-scoped kind has no namespace, whatever its manifest says."""
    namespace = ref.namespace
    if namespace and Schema.builtin().is_namespaced(ref.api_version, ref.kind) is False:
        namespace = ""
    return Identity(ref.group, ref.kind, namespace, ref.name)


def is_kustomization(ref: ObjectRef) -> bool:
    """Whether an object is a Kustomization."""
    return ref.kind == "Kustomization" and ref.group == KUSTOMIZE_GROUP


@dataclass(frozen=True, slots=True)
class OwnedObject:
    """An object and who applies it; None: it is in the cluster folder, and nobody does."""

    object: RenderedObject
    owner: RenderedKustomization | None


@dataclass(slots=True)
class ObjectIndex:
    """All objects of a rendering by their identity, each with its owners in the order of the rendering."""

    owners: dict[Identity, list[OwnedObject]] = field(default_factory=dict)

    @classmethod
    def of(cls, rendering: Rendering) -> ObjectIndex:
        """The index of a rendering."""
        index = cls()
        for each in rendering.kustomizations:
            index._add(each.objects, each)
        index._add(rendering.root, None)
        return index

    def _add(self, objects: Iterable[RenderedObject], owner: RenderedKustomization | None) -> None:
        for each in objects:
            self.owners.setdefault(identity(each.ref), []).append(OwnedObject(each, owner))


def generated_pairs(
    gone: Iterable[RenderedObject], new: Iterable[RenderedObject]
) -> Iterator[tuple[RenderedObject, RenderedObject]]:
    """Pairs of a generated object that is gone and the one with another hash, or none, that replaces it."""
    waiting: dict[Identity, list[RenderedObject]] = {}
    for each in new:
        waiting.setdefault(_unhashed(each), []).append(each)
    for each in gone:
        candidates = waiting.get(_unhashed(each))
        if candidates and (each.original_name or candidates[0].original_name):
            yield each, candidates.pop(0)


def _unhashed(each: RenderedObject) -> Identity:
    key = identity(each.ref)
    return key._replace(name=each.original_name) if each.original_name else key
