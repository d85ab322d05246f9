"""What happens to one object: the fields, images and replicas that change, and why that may be dangerous. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from headgate.api import ObjectKey, labels
from headgate.apply.objects.definitions import is_crd
from headgate.apply.objects.normalize import is_built_in, normalized
from headgate.names import SOURCE_GROUP
from headgate.objects import Obj
from headgate.promotion.changes.fields import Difference, differences
from headgate.promotion.changes.hiding import Curtain, is_secret_object
from headgate.promotion.changes.immutable import immutable, versions_served
from headgate.promotion.changes.model import ChangeType, Danger, ObjectChange
from headgate.promotion.changes.shapes import Shapes
from headgate.promotion.changes.workloads import image_changes, replica_change
from headgate.promotion.fleet.rendering import RenderedKustomization, RenderedObject

__all__ = ["added", "changed", "differences_of", "removed"]

_SOURCE_FIELDS = frozenset(
    ("url", "ref", "sparseCheckout", "include", "ignore", "recurseSubmodules", "verify")
)


def differences_of(before: Obj, after: Obj, shapes: Shapes) -> list[Difference]:
    """The differences of two versions of an object, as the API server would store them.

    Without ``status``, and without names that only differ by their hash or namespace: those identify the object.
    """
    if before is after:
        return []
    (old,), (new,) = normalized([before]), normalized([after])
    api_version, kind = str(new.get("apiVersion")), str(new.get("kind"))
    return differences(
        _compared(old), _compared(new), shapes.of(api_version, kind), built_in=is_built_in(api_version)
    )


def _compared(obj: Obj) -> Obj:
    """An object without what identifies it, and without labels and annotations that are empty: nobody stores these."""
    meta = obj.get("metadata")
    if not isinstance(meta, dict):
        return obj
    kept = {
        key: value
        for key, value in meta.items()
        if key not in ("name", "namespace") and (value or key not in ("labels", "annotations", "finalizers"))
    }
    return {**obj, "metadata": kept}


def changed(
    before: RenderedObject,
    after: RenderedObject,
    found: Iterable[Difference],
    curtain: Curtain,
    owner: RenderedKustomization | None,
) -> ObjectChange:
    """The change of an object with these differences; ``owner`` applies it after the change."""
    found = tuple(found)
    old, new = before.obj, after.obj
    dangers = []
    inert = _inert(new, exists=True)
    forced = owner is not None and owner.spec.get("force") is True
    secret = is_secret_object(old) or is_secret_object(new)
    encrypted = before.encrypted or after.encrypted
    refused = () if inert else immutable(after.ref.group, after.ref.kind, old, new, found)
    if refused:
        dangers.append(Danger.IMMUTABLE_FIELD)
        if forced or labels.marked(new, labels.FORCED):
            dangers += [Danger.RECREATED, *_lost_with(new)]
    dangers += _of_kind(before, after, found)
    return ObjectChange(
        curtain.ref(after.ref),
        ChangeType.CHANGED,
        curtain.fields(found, secret=secret, encrypted=encrypted),
        image_changes(old, new, curtain),
        replica_change(old, new),
        tuple(dict.fromkeys(dangers)),
        tuple(field.path for field in curtain.fields(refused, secret=secret, encrypted=encrypted)),
        inert=inert,
        renamed_from=curtain.ref(before.ref).name if before.ref.name != after.ref.name else "",
        place=after.place,
    )


def added(after: RenderedObject, curtain: Curtain, owner: ObjectKey | None) -> ObjectChange:
    """The change of an object that is new."""
    return ObjectChange(
        curtain.ref(after.ref),
        ChangeType.ADDED,
        images=image_changes(None, after.obj, curtain),
        inert=_inert(after.obj, exists=False),
        after_owner=owner,
        place=after.place,
    )


def removed(before: RenderedObject, curtain: Curtain, owner: ObjectKey | None, kept: str) -> ObjectChange:
    """The change of an object that is no longer rendered; ``kept`` says why nobody deletes any of its kin."""
    if not kept and labels.marked(before.obj, labels.KEPT):
        kept = "a label or annotation excludes it from pruning"
    change = ObjectChange(
        curtain.ref(before.ref),
        ChangeType.REMOVED,
        images=image_changes(before.obj, None, curtain),
        pruned=not kept,
        kept=kept,
        before_owner=owner,
        place=before.place,
    )
    return change if kept else deleted(change, before.obj)


def deleted(change: ObjectChange, obj: Obj) -> ObjectChange:
    """A removed object that is deleted after all, with what is lost."""
    return replace(change, pruned=True, kept="", dangers=tuple(_lost_with(obj)))


def _inert(obj: Obj, *, exists: bool) -> str:
    if labels.marked(obj, labels.EXCLUDED):
        return "a label or annotation excludes it from applies"
    if exists and labels.marked(obj, labels.IF_NOT_PRESENT):
        return "ssa: IfNotPresent, and it exists"
    return ""


def _lost_with(obj: Obj) -> list[Danger]:
    """What is lost if an object is deleted."""
    kind, group = obj.get("kind"), str(obj.get("apiVersion")).rpartition("/")[0]
    if not group and kind == "Namespace":
        return [Danger.NAMESPACE_REMOVED]
    if is_crd(obj):
        return [Danger.DEFINITION_REMOVED]
    if not group and kind in ("PersistentVolumeClaim", "PersistentVolume"):
        return [Danger.VOLUME_REMOVED]
    if group == "apps" and kind == "StatefulSet" and _retention(obj, "whenDeleted") == "Delete":
        return [Danger.VOLUME_REMOVED]
    return []


def _of_kind(before: RenderedObject, after: RenderedObject, found: Iterable[Difference]) -> list[Danger]:
    """Dangers of a change that the API server accepts."""
    kind, group = after.ref.kind, after.ref.group
    if group == SOURCE_GROUP and any(
        each.path[0] == "spec" and len(each.path) > 1 and each.path[1] in _SOURCE_FIELDS for each in found
    ):
        return [Danger.SOURCE_CHANGED]
    if is_crd(after.obj):
        return [Danger.VERSION_REMOVED] if versions_served(before.obj) - versions_served(after.obj) else []
    if group == "apps" and kind == "StatefulSet" and _retention(after.obj, "whenScaled") == "Delete":
        counts = replica_change(before.obj, after.obj)
        if counts is not None and _count(counts[1]) < _count(counts[0]):
            return [Danger.VOLUME_REMOVED]
    return []


def _count(replicas: int | None) -> int:
    return 1 if replicas is None else replicas


def _retention(obj: Obj, when: str) -> Any:
    value: Any = obj.get("spec")
    for key in ("persistentVolumeClaimRetentionPolicy", when):
        value = value.get(key) if isinstance(value, dict) else None
    return value
