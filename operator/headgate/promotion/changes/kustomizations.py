"""What happens to one Kustomization itself: whether it goes, what it takes with it, which changes are dangerous. Pure.

Rules: the operator deletes what a Kustomization with ``prune`` no longer builds. If the Kustomization itself is
deleted, ``deletionPolicy`` decides; a suspended one leaves everything.
"""

from __future__ import annotations

from collections.abc import Iterable

from headgate.api import ObjectKey, labels
from headgate.promotion.changes.model import ChangeType, Danger
from headgate.promotion.changes.paths import Path
from headgate.promotion.fleet.rendering import RenderedKustomization, RenderedObject, Rendering

__all__ = ["Fates", "dangers_of_fields"]

_TARGET = frozenset(("kubeConfig", "serviceAccountName"))


def dangers_of_fields(paths: Iterable[Path]) -> list[Danger]:
    """Dangers of a Kustomization whose fields at ``paths`` change."""
    found = []
    changed = {path[1] for path in paths if len(path) > 1 and path[0] == "spec"}
    if "sourceRef" in changed:
        found.append(Danger.SOURCE_CHANGED)
    if changed & _TARGET:
        found.append(Danger.TARGET_CHANGED)
    return found


class Fates:
    """What happens to the Kustomizations that are gone, and to the objects that are."""

    def __init__(self, before: Rendering, after: Rendering, objects: dict[ObjectKey, RenderedObject]) -> None:
        """``objects`` are the manifests of the Kustomizations before the change."""
        self._before, self._after, self._objects = before, after, objects
        self._stays: dict[ObjectKey, str] = {}

    def manifest(self, key: ObjectKey) -> RenderedObject | None:
        """The manifest of a Kustomization before the change, if the environment itself renders it."""
        return self._objects.get(key)

    def why_it_stays(self, key: ObjectKey) -> str:
        """Why the operator does not delete a Kustomization that is no longer rendered; empty if it does."""
        found = self._stays.get(key)
        if found is None:
            # A circle of Kustomizations that make each other ends here.
            self._stays[key] = ""
            found = self._stays[key] = self._why_it_stays(key)
        return found

    def _why_it_stays(self, key: ObjectKey) -> str:
        own = self._objects.get(key)
        if own is not None and labels.marked(own.obj, labels.KEPT):
            return "a label or annotation excludes it from pruning"
        maker = self._before.by_key[key].made_by
        return "" if maker is None else self.why_objects_stay(maker)

    def why_objects_stay(self, key: ObjectKey) -> str:
        """Why the operator does not delete objects that a Kustomization no longer builds; empty if it does."""
        after = self._after.by_key.get(key)
        if after is not None:
            if after.suspended:
                return f"Kustomization {key} is suspended"
            return "" if after.prunes else f"Kustomization {key} does not prune"
        before = self._before.by_key.get(key)
        if before is None:
            return "nobody applies it"
        why = self.why_it_stays(key)
        if why:
            return f"Kustomization {key} stays on the cluster: {why}"
        return why_orphaned(before)

    def notes(self, key: ObjectKey) -> tuple[str, ...]:
        """What a reader must know of a Kustomization that is gone."""
        before = self._before.by_key[key]
        why = self.why_it_stays(key)
        if why:
            return (f"It stays on the cluster, and so do its objects: {why}.",)
        notes = []
        if before.made_by is None:
            notes.append(
                "No Kustomization applies the cluster folder: somebody must delete this one on the cluster, and its"
                " objects go with it."
            )
        orphaned = why_orphaned(before)
        if orphaned:
            notes.append(f"Its objects stay on the cluster: {orphaned}.")
        return tuple(notes)

    def held_back(self, key: ObjectKey, action: ChangeType | None, *, has_fields: bool) -> bool:
        """Whether a change waits until this Kustomization, or for its own fields one that makes it, is resumed."""
        after = self._after.by_key.get(key)
        if after is not None and after.suspended and action is not ChangeType.ADDED:
            return True
        if action is None and not has_fields:
            return False
        seen: set[ObjectKey] = set()
        each = after or self._before.by_key.get(key)
        while each is not None and each.made_by is not None and each.made_by not in seen:
            seen.add(each.made_by)
            each = self._after.by_key.get(each.made_by)
            if each is not None and each.suspended:
                return True
        return after is not None and after.suspended


def why_orphaned(kustomization: RenderedKustomization) -> str:
    """Why the objects of a Kustomization stay if it is deleted; empty if they go, too."""
    if kustomization.suspended:
        return "it is suspended"
    policy = kustomization.spec.get("deletionPolicy") or "MirrorPrune"
    if policy == "Orphan":
        return "deletionPolicy is Orphan"
    if policy == "MirrorPrune" and not kustomization.prunes:
        return "it does not prune"
    return ""
