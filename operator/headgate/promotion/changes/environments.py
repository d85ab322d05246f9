"""Compares two environments as they run, without the differences that somebody expects. Pure.

Objects are paired by group, kind and name; their namespaces may differ, if most objects of one namespace have their
counterpart in the other one. Such namespaces count as equal wherever an object names one: in fields ``namespace``, in
names of Namespaces, and in host names of Services. Where files come from (``path`` of a Kustomization, what a source
follows) does not count.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from headgate.promotion.changes.compare import compare
from headgate.promotion.changes.model import (
    ChangeStage,
    ChangeType,
    EnvironmentChange,
    FieldChange,
    KustomizationChange,
    ObjectChange,
)
from headgate.promotion.changes.paths import Pattern
from headgate.promotion.fleet.rendering import RenderedKustomization, RenderedObject, Rendering

__all__ = ["Comparison", "compare_environments", "namespaces"]

_WHERE = (
    Pattern.parse("Kustomization:spec.path"),
    Pattern.parse("GitRepository:spec.ref"),
    Pattern.parse("GitRepository:spec.url"),
)


@dataclass(frozen=True, slots=True)
class Comparison:
    """What distinguishes two environments."""

    left: str
    right: str
    change: EnvironmentChange
    """From the left one to the right one."""
    covered: int
    """Differences that a pattern covers, and so are not among the changes."""
    namespaces: Mapping[str, str]
    """Namespaces of the left one that count as those of the right one."""


def compare_environments(left: Rendering, right: Rendering, expect: Iterable[Pattern] = ()) -> Comparison:
    """Return the differences of two environments that no pattern of ``expect`` covers."""
    mapping = namespaces(left, right)
    change = compare(_mapped(left, mapping), right, ChangeStage.BETWEEN, left.environment)
    patterns = tuple(expect)
    covered = 0
    kustomizations = []
    for each in change.kustomizations:
        objects, hidden = _uncovered(each.objects, patterns)
        own = _uncovered_fields("Kustomization", each.fields, _WHERE)
        fields = _uncovered_fields("Kustomization", own, patterns)
        covered += hidden + len(own) - len(fields)
        kept = replace(each, objects=objects, fields=fields, dangers=(), notes=())
        if each.action in (ChangeType.ADDED, ChangeType.REMOVED) and _covers_object(
            "Kustomization", patterns
        ):
            kept, covered = replace(kept, action=None), covered + 1
        if _differs(kept):
            kustomizations.append(kept)
    root, hidden = _uncovered(change.root, patterns)
    change = replace(change, kustomizations=tuple(kustomizations), root=root)
    return Comparison(left.environment, right.environment, change, covered + hidden, mapping)


def namespaces(left: Rendering, right: Rendering) -> dict[str, str]:
    """Return which namespace of the left environment is which of the right one, if their names differ.

    Each pair of objects of one kind and name is a vote; the pairs with most votes win, and a namespace that both
    environments have is itself.
    """
    old, new = _places(left), _places(right)
    shared = {n for each in old.values() for n in each} & {n for each in new.values() for n in each}
    votes: Counter[tuple[str, str]] = Counter()
    for key, before in old.items():
        after = new.get(key, ())
        for one in before:
            for other in after:
                if one not in shared and other not in shared:
                    votes[one, other] += 1
    found: dict[str, str] = {}
    for one, other in sorted(votes, key=lambda pair: (-votes[pair], pair)):
        if one not in found and other not in found.values():
            found[one] = other
    return found


def _places(rendering: Rendering) -> dict[tuple[str, str, str], set[str]]:
    """The namespaces of all objects by group, kind and name."""
    found: dict[tuple[str, str, str], set[str]] = {}
    for each in rendering.objects:
        if each.ref.namespace:
            name = each.original_name or each.ref.name
            found.setdefault((each.ref.group, each.ref.kind, name), set()).add(each.ref.namespace)
    return found


def _mapped(rendering: Rendering, mapping: Mapping[str, str]) -> Rendering:
    """A rendering whose objects are in the other environment's namespaces."""
    if not mapping:
        return rendering
    names = _Namespaces(mapping)
    return replace(
        rendering,
        kustomizations=tuple(_mapped_kustomization(each, names) for each in rendering.kustomizations),
        root=tuple(map(names.object, rendering.root)),
    )


def _mapped_kustomization(each: RenderedKustomization, names: _Namespaces) -> RenderedKustomization:
    return replace(each, spec=names.value(each.spec), objects=tuple(map(names.object, each.objects)))


class _Namespaces:
    """Replaces namespaces in objects."""

    def __init__(self, mapping: Mapping[str, str]) -> None:
        self._mapping = mapping
        words = "|".join(sorted(map(re.escape, mapping), key=len, reverse=True))
        # A Service is reached at <name>.<namespace>.svc.
        self._hosts = re.compile(rf"(?<=[a-z0-9]\.)({words})(?=\.svc\b)")

    def object(self, each: RenderedObject) -> RenderedObject:
        """An object with other namespaces."""
        ref = replace(each.ref, namespace=self._mapping.get(each.ref.namespace, each.ref.namespace))
        obj = self.value(each.obj)
        if ref.kind == "Namespace" and ref.api_version == "v1" and ref.name in self._mapping:
            ref = replace(ref, name=self._mapping[ref.name])
            labels = obj.get("metadata", {}).get("labels")
            name = "kubernetes.io/metadata.name"
            if isinstance(labels, dict) and labels.get(name) in self._mapping:
                labels = {**labels, name: self._mapping[labels[name]]}
                obj = {**obj, "metadata": {**obj["metadata"], "labels": labels}}
        return replace(each, ref=ref, obj=obj)

    def value(self, value: Any, depth: int = 0) -> Any:
        """A value with other namespaces; equal if it names none."""
        if isinstance(value, str):
            return self._hosts.sub(lambda m: self._mapping[m[1]], value) if ".svc" in value else value
        if depth > 100:
            return value
        if isinstance(value, list):
            return [self.value(each, depth + 1) for each in value]
        if not isinstance(value, dict):
            return value
        return {
            key: self._mapping[each]
            if key in ("namespace", "targetNamespace") and isinstance(each, str) and each in self._mapping
            else self.value(each, depth + 1)
            for key, each in value.items()
        }


def _uncovered(
    objects: Sequence[ObjectChange], patterns: Sequence[Pattern]
) -> tuple[tuple[ObjectChange, ...], int]:
    """The changes that no pattern covers, and how many differences one covers."""
    kept: list[ObjectChange] = []
    covered = 0
    for each in objects:
        if _covers_object(each.ref.kind, patterns):
            covered += 1
            continue
        if each.action in (ChangeType.ADDED, ChangeType.REMOVED):
            kept.append(replace(each, dangers=(), pruned=True, kept=""))
            continue
        own = _uncovered_fields(each.ref.kind, each.fields, _WHERE)
        fields = _uncovered_fields(each.ref.kind, own, patterns)
        covered += len(own) - len(fields)
        if fields or each.action is ChangeType.MOVED:
            kept.append(_with_fields(each, fields))
    return tuple(kept), covered


def _with_fields(each: ObjectChange, fields: tuple[FieldChange, ...]) -> ObjectChange:
    """A change with some of its fields, and the images and replicas that are among them."""
    shown = {(repr(f.before), repr(f.after)) for f in fields}
    images = tuple(i for i in each.images if _pair(i.before, i.after) in shown)
    replicas = each.replicas if any(f.path == "spec.replicas" for f in fields) else None
    return replace(
        each, fields=fields, images=images, replicas=replicas, dangers=(), immutable=(), renamed_from=""
    )


def _pair(before: str, after: str) -> tuple[str, str]:
    return repr(before or None), repr(after or None)


def _uncovered_fields(
    kind: str, fields: Iterable[FieldChange], patterns: Sequence[Pattern]
) -> tuple[FieldChange, ...]:
    return tuple(f for f in fields if not any(pattern.covers(kind, f.steps) for pattern in patterns))


def _covers_object(kind: str, patterns: Sequence[Pattern]) -> bool:
    return any(pattern.covers_object(kind) for pattern in patterns)


def _differs(each: KustomizationChange) -> bool:
    return bool(each.action or each.objects or each.fields or each.problem)
