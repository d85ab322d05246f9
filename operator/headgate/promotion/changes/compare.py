"""Compares two renderings of one environment. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import orjson

from headgate.api import ObjectKey
from headgate.objects import Obj
from headgate.promotion.changes.fields import Difference
from headgate.promotion.changes.hiding import Curtain
from headgate.promotion.changes.ignored import IgnoredFields
from headgate.promotion.changes.kustomizations import Fates, dangers_of_fields
from headgate.promotion.changes.model import (
    ChangeStage,
    ChangeType,
    Danger,
    EnvironmentChange,
    FieldChange,
    KustomizationChange,
    ObjectChange,
)
from headgate.promotion.changes.objects import added, changed, deleted, differences_of, removed
from headgate.promotion.changes.pairing import (
    Identity,
    ObjectIndex,
    generated_pairs,
    identity,
    is_kustomization,
)
from headgate.promotion.changes.shapes import Shapes
from headgate.promotion.fleet.rendering import Problem, RenderedKustomization, RenderedObject, Rendering

__all__ = ["compare"]


def compare(before: Rendering, after: Rendering, stage: ChangeStage, follows: str = "") -> EnvironmentChange:
    """Return what happens to an environment between two renderings; ``follows`` is what it follows, in words."""
    unknown = tuple(dict.fromkeys((*before.unknown_variables, *after.unknown_variables)))
    change = EnvironmentChange(
        after.environment,
        stage,
        follows,
        _revisions(before),
        _revisions(after),
        problems=tuple(dict.fromkeys((*before.problems, *after.problems))),
        unknown_variables=unknown,
    )
    if before.root_commit and not after.root_commit:
        message = f"{before.cluster} cannot be compared: until it can be read, the operator applies and deletes nothing"
        return replace(change, problems=(*change.problems, Problem(message)))
    return _Comparison(before, after).change(change)


def _revisions(rendering: Rendering) -> dict[str, str]:
    return {str(s.key): s.resolved.revision for s in rendering.sources if s.resolved is not None}


class _Comparison:
    """One comparison of two renderings."""

    def __init__(self, before: Rendering, after: Rendering) -> None:
        self._before, self._after = before, after
        self._old, self._new = ObjectIndex.of(before), ObjectIndex.of(after)
        self._curtain = Curtain((before, after))
        self._shapes = Shapes(
            each.object.obj
            for index in (self._old, self._new)
            for owners in index.owners.values()
            for each in owners
        )
        self._fates = Fates(before, after, self._manifests(self._old, before))

    @staticmethod
    def _manifests(index: ObjectIndex, rendering: Rendering) -> dict[ObjectKey, RenderedObject]:
        """The manifests of the Kustomizations of a rendering."""
        return {
            ObjectKey(key.namespace, key.name): owners[-1].object
            for key, owners in index.owners.items()
            if is_kustomization(owners[-1].object.ref)
            and ObjectKey(key.namespace, key.name) in rendering.by_key
        }

    def change(self, empty: EnvironmentChange) -> EnvironmentChange:
        """Fill in what changes."""
        manifests = self._manifests(self._new, self._after)
        found = [
            change
            for key in self._order()
            if (change := self._kustomization(key, manifests.get(key))) is not None
        ]
        root = self._objects(None, self._before.root, self._after.root)
        return _with_what_goes_too(replace(empty, kustomizations=tuple(found), root=root), self._old)

    def _order(self) -> list[ObjectKey]:
        """All Kustomizations in the order of an apply, those that go behind the one that they followed."""
        order = [each.key for each in self._after.kustomizations]
        last: ObjectKey | None = None
        for each in self._before.kustomizations:
            if each.key not in self._after.by_key:
                order.insert(0 if last is None else order.index(last) + 1, each.key)
            last = each.key
        return order

    def _kustomization(self, key: ObjectKey, manifest: RenderedObject | None) -> KustomizationChange | None:
        before, after = self._before.by_key.get(key), self._after.by_key.get(key)
        if before is after:
            return None
        problem = (after and after.problem) or (before and before.problem) or None
        same = before is not None and after is not None and (before.objects is after.objects or after.skipped)
        objects: tuple[ObjectChange, ...] = ()
        if problem is None and not same:
            objects = self._objects(
                after or before, before.objects if before else (), after.objects if after else ()
            )
        action: ChangeType | None = None
        fields: tuple[FieldChange, ...] = ()
        dangers: list[Danger] = []
        notes: tuple[str, ...] = ()
        if before is None:
            action = ChangeType.ADDED
        elif after is None:
            action = ChangeType.REMOVED
            notes = self._fates.notes(key)
            if any(each.pruned for each in objects if each.action is ChangeType.REMOVED):
                dangers.append(Danger.KUSTOMIZATION_REMOVED)
        else:
            if before.made_by != after.made_by:
                action = ChangeType.MOVED
                notes = (f"{_maker(after)} applies it instead of {_maker(before)}.",)
            found = self._spec_differences(before, after, manifest)
            fields = self._curtain.fields(found, secret=False, encrypted=False)
            dangers += dangers_of_fields(each.path for each in found)
            if problem is None and before.objects and not after.objects and after.prunes:
                dangers.append(Danger.EMPTY)
        if not (action or objects or fields or problem):
            return None
        return KustomizationChange(
            key,
            action,
            objects,
            fields,
            tuple(dangers),
            problem,
            problem is not None and self._is_certain(before, after),
            self._fates.held_back(key, action, has_fields=bool(fields)),
            notes,
            (after or before).place,  # type: ignore[union-attr]
        )

    def _is_certain(self, before: RenderedKustomization | None, after: RenderedKustomization | None) -> bool:
        """Whether a build that failed fails in the same way with the same input, so that it changes nothing."""
        if before is None or after is None or before.problem != after.problem:
            return False
        commit = self._before.commit_of(before.source)
        return (
            bool(commit) and commit == self._after.commit_of(after.source) and _same(before.spec, after.spec)
        )

    def _spec_differences(
        self, before: RenderedKustomization, after: RenderedKustomization, manifest: RenderedObject | None
    ) -> list[Difference]:
        old = self._fates.manifest(before.key)
        if old is not None and manifest is not None:
            return [] if _same(old.obj, manifest.obj) else differences_of(old.obj, manifest.obj, self._shapes)
        if _same(before.spec, after.spec):
            return []
        head: Obj = {"apiVersion": "kustomize.toolkit.fluxcd.io/v1", "kind": "Kustomization"}
        return differences_of({**head, "spec": before.spec}, {**head, "spec": after.spec}, self._shapes)

    def _objects(
        self,
        owner: RenderedKustomization | None,
        before: tuple[RenderedObject, ...],
        after: tuple[RenderedObject, ...],
    ) -> tuple[ObjectChange, ...]:
        """The changes of the objects that one Kustomization had and has; None: of the cluster folder itself."""
        key = None if owner is None else owner.key
        old = {identity(each.ref): each for each in before if not self._is_followed(each)}
        new = {identity(each.ref): each for each in after if not self._is_followed(each)}
        gone = [each for at, each in old.items() if at not in new and at not in self._new.owners]
        fresh = [each for at, each in new.items() if at not in old and at not in self._old.owners]
        renamed = {id(to): former for former, to in generated_pairs(gone, fresh)}
        former = {id(each) for each in renamed.values()}
        ignored = IgnoredFields(None if owner is None else owner.spec)
        found: list[ObjectChange] = []
        for at, each in new.items():
            mine = old.get(at) or renamed.get(id(each))
            if mine is not None:
                change = self._changed(mine, each, owner, ignored)
            elif at in self._old.owners:
                change = self._moved(at, each, owner, ignored)
            else:
                change = added(each, self._curtain, key)
            if change is not None:
                found.append(change)
        for each in gone:
            if id(each) not in former:
                found.append(removed(each, self._curtain, key, self._why_it_stays(key)))
        return tuple(found)

    def _why_it_stays(self, owner: ObjectKey | None) -> str:
        return (
            "no Kustomization applies the cluster folder"
            if owner is None
            else self._fates.why_objects_stay(owner)
        )

    def _is_followed(self, each: RenderedObject) -> bool:
        """Whether an object is a Kustomization with its own change."""
        if not is_kustomization(each.ref):
            return False
        key = ObjectKey(each.ref.namespace, each.ref.name)
        return key in self._before.by_key or key in self._after.by_key

    def _changed(
        self,
        before: RenderedObject,
        after: RenderedObject,
        owner: RenderedKustomization | None,
        ignored: IgnoredFields,
    ) -> ObjectChange | None:
        renamed = before.ref.name != after.ref.name
        if not renamed and _same(before.obj, after.obj):
            return None
        old, new = before.obj, after.obj
        if ignored and not renamed:
            old, new = ignored.without(old, new)
        found = differences_of(old, new, self._shapes)
        if not found and not renamed:
            return None
        return changed(before, after, found, self._curtain, owner)

    def _moved(
        self,
        at: Identity,
        after: RenderedObject,
        owner: RenderedKustomization | None,
        ignored: IgnoredFields,
    ) -> ObjectChange:
        """An object that somebody else had before."""
        former = self._old.owners[at][-1]
        before = None if former.owner is None else former.owner.key
        change = self._changed(former.object, after, owner, ignored)
        if change is None:
            change = ObjectChange(self._curtain.ref(after.ref), ChangeType.MOVED, place=after.place)
        return replace(
            change,
            action=ChangeType.MOVED,
            before_owner=before,
            after_owner=None if owner is None else owner.key,
        )


def _maker(each: RenderedKustomization) -> str:
    return "Nobody" if each.made_by is None else f"Kustomization {each.made_by}"


def _same(before: Obj, after: Obj) -> bool:
    """Whether two objects are equal in text; those that are not may still mean the same."""
    if before is after:
        return True
    try:
        return _encoded(before) == _encoded(after)
    except TypeError:
        return False


def _encoded(value: Obj) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS)


def _with_what_goes_too(change: EnvironmentChange, old: ObjectIndex) -> EnvironmentChange:
    """Mark objects that nobody prunes, but that go with their namespace or definition."""
    going = [each for each in change.changes if each.action is ChangeType.REMOVED and each.pruned]
    namespaces = {each.ref.name for each in going if Danger.NAMESPACE_REMOVED in each.dangers}
    kinds = {
        kind for each in going if Danger.DEFINITION_REMOVED in each.dangers for kind in _kinds_of(old, each)
    }
    if not namespaces and not kinds:
        return change

    def after(each: ObjectChange) -> ObjectChange:
        goes = each.ref.namespace in namespaces or (each.ref.group, each.ref.kind) in kinds
        if each.action is not ChangeType.REMOVED or each.pruned or not goes:
            return each
        owners = old.owners.get(identity(each.ref))
        return deleted(each, owners[-1].object.obj) if owners else each

    return replace(
        change,
        root=tuple(map(after, change.root)),
        kustomizations=tuple(replace(k, objects=tuple(map(after, k.objects))) for k in change.kustomizations),
    )


def _kinds_of(old: ObjectIndex, definition: ObjectChange) -> list[tuple[str, str]]:
    found = []
    for each in old.owners.get(identity(definition.ref), ()):
        spec = each.object.obj.get("spec")
        names = spec.get("names") if isinstance(spec, Mapping) else None
        if isinstance(spec, Mapping) and isinstance(names, Mapping):
            found.append((str(spec.get("group")), str(names.get("kind"))))
    return found
