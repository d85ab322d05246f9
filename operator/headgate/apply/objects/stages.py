"""The order in which objects are applied: definitions first. Pure.

Stages are Flux's (``ApplyAllStaged``): cluster definitions (CRDs, Namespaces, ClusterRoles), class definitions (every
kind whose name ends in ``Class``), kinds that an option puts into a separate stage, then all the rest. Within a stage
objects are sorted by kind, so that a service account exists before the Deployment that uses it, and webhook
configurations come last, when the services that they call exist.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import groupby

from headgate.api import order
from headgate.api.order import SortKey
from headgate.kube.refs import ObjectRef, ref_of
from headgate.objects import Obj


class Stage(Enum):
    """The stages in their order."""

    DEFINITIONS = "cluster definitions"
    CLASSES = "class definitions"
    CUSTOM = "custom stage"
    REST = "resources"


@dataclass(frozen=True, slots=True)
class GroupKind:
    """A kind in any version."""

    group: str
    kind: str

    @classmethod
    def parse(cls, text: str) -> GroupKind:
        """``group/Kind``, or ``Kind`` for the core group."""
        group, slash, kind = text.strip().rpartition("/")
        return cls(group if slash else "", kind)


def sort_key(ref: ObjectRef) -> SortKey:
    """The key that sorts objects in the order of an apply; see :mod:`headgate.api.order`."""
    return order.sort_key(ref.group, ref.kind, ref.namespace, ref.name)


def stage_of(ref: ObjectRef, custom: Iterable[GroupKind] = ()) -> Stage:
    """The stage an object belongs to."""
    kind = ref.kind.lower()
    if (
        (kind == "customresourcedefinition" and ref.group == "apiextensions.k8s.io")
        or (kind == "namespace" and ref.api_version == "v1")
        or (kind == "clusterrole" and ref.group == "rbac.authorization.k8s.io")
    ):
        return Stage.DEFINITIONS
    if ref.kind.endswith("Class"):
        return Stage.CLASSES
    if GroupKind(ref.group, ref.kind) in custom:
        return Stage.CUSTOM
    return Stage.REST


def split(objects: Iterable[Obj], custom: Iterable[GroupKind] = ()) -> list[tuple[Stage, list[Obj]]]:
    """The objects in their stages, sorted; without empty stages."""
    kinds = frozenset(custom)
    staged: dict[Stage, list[tuple[ObjectRef, Obj]]] = {stage: [] for stage in Stage}
    for obj in objects:
        ref = ref_of(obj)
        staged[stage_of(ref, kinds)].append((ref, obj))
    return [
        (stage, [obj for _, obj in sorted(members, key=lambda m: sort_key(m[0]))])
        for stage, members in staged.items()
        if members
    ]


def by_rank(refs: Sequence[ObjectRef]) -> list[list[int]]:
    """Positions of sorted ``refs`` in groups of one rank: within a group, the order does not matter."""
    return [list(group) for _, group in groupby(range(len(refs)), key=lambda i: order.rank(refs[i].kind))]
