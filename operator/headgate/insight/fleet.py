"""All objects of a fleet, and who needs whom."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from headgate.insight.classify import classify
from headgate.insight.fields import entries, group_of, mapping, ref_of, text
from headgate.insight.texts import short_text
from headgate.insight.values import Ref, Relation, Verdict
from headgate.names import GIT_REPOSITORY, KUSTOMIZATION, KUSTOMIZE_GROUP, SOURCE_GROUP
from headgate.objects import Obj

__all__ = ["SOURCE_KINDS", "Fleet", "Need"]

SOURCE_KINDS = (GIT_REPOSITORY, "OCIRepository", "Bucket", "ExternalArtifact")
MAX_NEEDS = 1000
"""Limit for the entries of one ``dependsOn`` or ``include``."""


@dataclass(frozen=True, slots=True)
class Need:
    """One object that another one needs."""

    relation: Relation
    ref: Ref


@dataclass(frozen=True, slots=True)
class Fleet:
    """Raw objects by reference, their own verdicts, and their needs."""

    objects: Mapping[Ref, Obj]
    own: Mapping[Ref, Verdict]
    needs: Mapping[Ref, tuple[Need, ...]]
    """The source first, then the dependencies in their order."""
    namespaces: frozenset[str] | None = None
    """Those that were read; None for all."""
    unread: Mapping[str, str] = field(default_factory=dict)
    """Kinds that could not be read, and why."""

    @classmethod
    def of(
        cls,
        objects: Iterable[Obj],
        *,
        namespaces: Collection[str] | None = None,
        unread: Mapping[str, str] | None = None,
    ) -> Fleet:
        """Make a fleet from raw Kustomizations and sources; objects of other kinds are ignored."""
        found = {ref_of(obj): obj for obj in objects if _is_ours(obj)}
        return cls(
            objects=found,
            own={ref: classify(obj) for ref, obj in found.items()},
            needs={ref: _needs(ref, obj) for ref, obj in found.items()},
            namespaces=None if namespaces is None else frozenset(namespaces),
            unread=dict(unread or {}),
        )

    def is_known(self, ref: Ref) -> bool:
        """Whether an object that is not in the fleet does not exist; otherwise nobody has read it."""
        return ref.kind not in self.unread and (self.namespaces is None or ref.namespace in self.namespaces)

    def absence(self, ref: Ref) -> str:
        """What an object that is not in the fleet is: ``does not exist`` or ``cannot be read``."""
        return "does not exist" if self.is_known(ref) else "cannot be read"

    def source_of(self, ref: Ref) -> Ref | None:
        """The source that a Kustomization names; None if it names none, or is not in the fleet."""
        return next((each.ref for each in self.needs.get(ref, ()) if each.relation is Relation.SOURCE), None)

    def has_artifact(self, ref: Ref) -> bool:
        """Whether a source offers an artifact."""
        return bool(mapping(self.objects.get(ref), "status", "artifact"))


def _is_ours(obj: Obj) -> bool:
    ref = ref_of(obj)
    if not ref.name:
        return False
    if ref.kind == KUSTOMIZATION:
        return ref.group == KUSTOMIZE_GROUP
    return ref.kind in SOURCE_KINDS and ref.group == SOURCE_GROUP


def _needs(ref: Ref, obj: Obj) -> tuple[Need, ...]:
    spec = mapping(obj, "spec")
    found: dict[Need, None] = {}
    if ref.kind == KUSTOMIZATION:
        source = mapping(spec, "sourceRef")
        if text(source.get("name")):
            found[Need(Relation.SOURCE, _named(source, text(source.get("kind")), ref.namespace))] = None
        for each in [*entries(spec.get("dependsOn"))][:MAX_NEEDS]:
            if text(each.get("name")):
                found[Need(Relation.DEPENDENCY, _named(each, KUSTOMIZATION, ref.namespace))] = None
    elif ref.kind == GIT_REPOSITORY:
        for each in [*entries(spec.get("include"))][:MAX_NEEDS]:
            name = text(mapping(each, "repository").get("name"))
            if name:
                found[Need(Relation.INCLUDE, _named({"name": name}, GIT_REPOSITORY, ref.namespace))] = None
    return tuple(found)


def _named(entry: Obj, kind: str, namespace: str) -> Ref:
    # Authors of specs may write names of any length.
    return Ref(
        short_text(kind),
        short_text(text(entry.get("namespace"))) or namespace,
        short_text(text(entry["name"])),
        group_of(kind),
    )
