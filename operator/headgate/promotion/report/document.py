"""What a command reports, as a value that every format renders. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from headgate.promotion.changes.model import (
    ChangeStage,
    ChangeType,
    Counterpart,
    Danger,
    EnvironmentAnswer,
    EnvironmentChange,
    FieldChange,
    ImageChange,
    ObjectChange,
)
from headgate.visible import visible

__all__ = ["ChangeReport", "ObjectGroup", "Summary", "counts", "grouped"]


@dataclass(frozen=True, slots=True)
class ChangeReport:
    """What a range of commits does to each environment."""

    base: str
    """As the user wrote it, or the default branch; empty if a cluster takes its place."""
    base_commit: str
    head: str
    head_commit: str
    """Empty for the working tree."""
    environments: tuple[EnvironmentAnswer, ...]
    notes: tuple[str, ...] = ()
    """What holds for all of it, one sentence each."""
    counterpart: Counterpart = Counterpart.GIT
    """With a cluster, the range has no base."""

    @property
    def is_empty(self) -> bool:
        """Whether no environment changes at any stage."""
        return all(stage.is_empty for each in self.environments for stage in each.stages)


@dataclass(frozen=True, slots=True)
class ObjectGroup:
    """Objects that change in the same way; the first one is shown, the others are named."""

    first: ObjectChange
    others: tuple[ObjectChange, ...] = ()


@dataclass(frozen=True, slots=True)
class Summary:
    """What readers look for first in the change of one environment."""

    images: tuple[tuple[ImageChange, tuple[ObjectChange, ...]], ...]
    """Each change of an image, and the objects that have it."""
    replicas: tuple[ObjectChange, ...]
    deleted: tuple[ObjectChange, ...]
    kept: tuple[ObjectChange, ...]
    """Objects that are no longer in Git, and that nobody deletes."""
    dangers: tuple[tuple[str, Danger, ObjectChange | None], ...]
    """What is in danger, why, and the change of the object if it is one."""

    @classmethod
    def of(cls, change: EnvironmentChange) -> Summary:
        """The summary of a change."""
        images: dict[tuple[str, str], tuple[ImageChange, list[ObjectChange]]] = {}
        for each in change.changes:
            if each.action is ChangeType.REMOVED or each.inert:
                continue
            for image in each.images:
                images.setdefault((image.before, image.after), (image, []))[1].append(each)
        dangers: list[tuple[str, Danger, ObjectChange | None]] = [
            (f"Kustomization/{k.key}", danger, None) for k in change.kustomizations for danger in k.dangers
        ]
        dangers += [(str(each.ref), danger, each) for each in change.changes for danger in each.dangers]
        return cls(
            tuple((image, tuple(objects)) for image, objects in images.values()),
            tuple(each for each in change.changes if each.replicas is not None and not each.inert),
            tuple(each for each in change.changes if each.deletes),
            tuple(each for each in change.changes if each.action is ChangeType.REMOVED and not each.pruned),
            tuple(dangers),
        )


def counts(change: EnvironmentChange) -> str:
    """Return how much changes, in words: ``2 added, 1 changed, 3 deleted``."""
    between = change.stage is ChangeStage.BETWEEN
    numbers = _differences(change) if between else _changes(change)
    parts = [f"{number} {word}" for word, number in numbers.items() if number]
    kustomizations = [each for each in change.kustomizations if each.action or each.fields]
    if kustomizations:
        parts.append(f"{len(kustomizations)} Kustomization{'s' if len(kustomizations) > 1 else ''}")
    if change.uncertain:
        parts.append(f"{len(change.uncertain)} not known")
    return ", ".join(parts) or ("no difference" if between else "no change")


def _changes(change: EnvironmentChange) -> dict[str, int]:
    return {
        "added": sum(each.action is ChangeType.ADDED and not each.inert for each in change.changes),
        "changed": sum(each.action is ChangeType.CHANGED and not each.inert for each in change.changes),
        "moved": sum(each.action is ChangeType.MOVED and not each.inert for each in change.changes),
        "deleted": sum(each.action is ChangeType.REMOVED and each.pruned for each in change.changes),
        "left behind": sum(each.action is ChangeType.REMOVED and not each.pruned for each in change.changes),
    }


def _differences(change: EnvironmentChange) -> dict[str, int]:
    """How much differs between two environments."""
    return {
        "differ": sum(each.action in (ChangeType.CHANGED, ChangeType.MOVED) for each in change.changes),
        f"only in {visible(change.follows)}": sum(
            each.action is ChangeType.REMOVED for each in change.changes
        ),
        f"only in {visible(change.environment)}": sum(
            each.action is ChangeType.ADDED for each in change.changes
        ),
    }


def grouped(changes: Iterable[ObjectChange]) -> tuple[ObjectGroup, ...]:
    """Return changes in their order, those that are alike together with the first one."""
    groups: dict[object, list[ObjectChange]] = {}
    for each in changes:
        alike = (each.action, _alike(each.fields), each.dangers, each.inert)
        key: object = alike if each.action is ChangeType.CHANGED and not each.renamed_from else id(each)
        groups.setdefault(key, []).append(each)
    return tuple(ObjectGroup(first, tuple(others)) for first, *others in groups.values())


def _alike(fields: Iterable[FieldChange]) -> tuple[object, ...]:
    return tuple(
        (f.path, f.order, repr(f.before), repr(f.after), f.before_present, f.after_present) for f in fields
    )
