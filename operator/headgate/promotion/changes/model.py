"""The difference between two renderings of an environment, as values. They hold no value of a Secret."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from headgate.api import ObjectKey
from headgate.kube import ObjectRef
from headgate.promotion.fleet.rendering import Problem

__all__ = [
    "Action",
    "Danger",
    "EnvironmentChange",
    "FieldChange",
    "Hidden",
    "ImageChange",
    "KustomizationChange",
    "ObjectChange",
    "Stage",
]


class Action(Enum):
    """What happens to an object."""

    ADDED = "added"
    CHANGED = "changed"
    REMOVED = "removed"
    """Pruned, or left behind without an owner: :attr:`ObjectChange.pruned` says which."""
    MOVED = "moved"
    """The same object, applied by another Kustomization."""


class Danger(Enum):
    """Why a change deserves a second look."""

    IMMUTABLE_FIELD = "immutable field changes"
    NAMESPACE_REMOVED = "a namespace and everything in it is deleted"
    DEFINITION_REMOVED = "a definition and all its objects are deleted"
    VOLUME_REMOVED = "a volume claim is deleted"
    KUSTOMIZATION_REMOVED = "a Kustomization and everything that it applies is deleted"
    EMPTY = "nothing is left of a Kustomization"
    SOURCE_CHANGED = "the source follows something else"


class Hidden(Enum):
    """What stands in place of a value that must not be shown."""

    SECRET = "value of a Secret"  # noqa: S105 -- says that there is one
    CIPHERTEXT = "ciphertext"
    UNKNOWN = "unknown"
    """A variable whose value is not known."""


@dataclass(frozen=True, slots=True)
class FieldChange:
    """One field that differs. ``before`` or ``after`` is None where the field is absent."""

    path: str
    """Such as ``spec.template.spec.containers[name=app].image``."""
    before: Any | Hidden
    after: Any | Hidden
    before_present: bool = True
    after_present: bool = True


@dataclass(frozen=True, slots=True)
class ImageChange:
    """A container image that changes."""

    container: str
    before: str
    """Empty for a new container."""
    after: str
    """Empty for a container that goes."""


@dataclass(frozen=True, slots=True)
class ObjectChange:
    """What happens to one object."""

    ref: ObjectRef
    """After the change; before it, for a removed one."""
    action: Action
    fields: tuple[FieldChange, ...] = ()
    """Of a changed object. Empty for an added or removed one."""
    images: tuple[ImageChange, ...] = ()
    replicas: tuple[int | None, int | None] | None = None
    dangers: tuple[Danger, ...] = ()
    pruned: bool = True
    """Of a removed object: whether the operator deletes it."""
    renamed_from: str = ""
    """The old name of a generated object whose hash changed."""
    before_owner: ObjectKey | None = None
    after_owner: ObjectKey | None = None
    place: str | None = None


@dataclass(frozen=True, slots=True)
class KustomizationChange:
    """What happens to one Kustomization and its objects."""

    key: ObjectKey
    action: Action | None
    """None if only its objects change."""
    objects: tuple[ObjectChange, ...] = ()
    fields: tuple[FieldChange, ...] = ()
    """Of its own spec."""
    dangers: tuple[Danger, ...] = ()
    problem: Problem | None = None
    """Why the change is not known."""
    suspended: bool = False
    """Nothing happens until it is resumed."""


class Stage(Enum):
    """When a change arrives."""

    ON_MERGE = "on merge"
    AT_PROMOTION = "at the next promotion"


@dataclass(frozen=True, slots=True)
class EnvironmentChange:
    """What happens to one environment at one stage."""

    environment: str
    stage: Stage
    follows: str
    """What the environment follows, such as ``branch main`` or ``semver >=1.0.0``."""
    base: Mapping[str, str]
    """The revision of each source before, by ``namespace/name``."""
    head: Mapping[str, str]
    kustomizations: tuple[KustomizationChange, ...] = ()
    """In the order in which the operator applies them; only those with a change or a problem."""
    root: tuple[ObjectChange, ...] = ()
    """Changes of objects in the cluster folder that nobody reconciles."""
    problems: tuple[Problem, ...] = ()
    unknown_variables: tuple[str, ...] = ()
    approximate: bool = False
    """Whether it was compared with what a cluster returned, without dry runs."""

    @property
    def changes(self) -> tuple[ObjectChange, ...]:
        """All changed objects."""
        return self.root + tuple(change for each in self.kustomizations for change in each.objects)

    @property
    def is_empty(self) -> bool:
        """Whether nothing changes."""
        return not self.root and not any(k.action or k.objects or k.fields for k in self.kustomizations)
