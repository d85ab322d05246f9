"""The difference between two renderings of an environment, as values. They hold no value of a Secret."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from headgate.api import ObjectKey
    from headgate.kube.refs import ObjectRef
    from headgate.promotion.changes.paths import Path
    from headgate.promotion.fleet.rendering import Problem

__all__ = [
    "ChangeStage",
    "ChangeType",
    "Counterpart",
    "Danger",
    "EnvironmentAnswer",
    "EnvironmentChange",
    "FieldChange",
    "Hidden",
    "ImageChange",
    "KustomizationChange",
    "ObjectChange",
]


class ChangeType(Enum):
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
    """The API server refuses the change; with :attr:`RECREATED`, the operator deletes the object first."""
    RECREATED = "the object is deleted and created again"
    NAMESPACE_REMOVED = "a namespace and everything in it is deleted"
    DEFINITION_REMOVED = "a definition and all its objects are deleted"
    VERSION_REMOVED = "a definition no longer serves a version"
    VOLUME_REMOVED = "a volume claim is deleted"
    KUSTOMIZATION_REMOVED = "a Kustomization and everything that it applies is deleted"
    EMPTY = "nothing is left of a Kustomization"
    SOURCE_CHANGED = "the source follows something else"
    TARGET_CHANGED = "the objects go to another cluster or act as another account"


class Hidden(Enum):
    """What replaces a value that must not be shown."""

    SECRET = "value of a Secret"  # noqa: S105 -- says that there is one
    CIPHERTEXT = "ciphertext"


@dataclass(frozen=True, slots=True)
class FieldChange:
    """One field that differs. ``before`` or ``after`` is None where the field is absent.

    Both are equal where only what they hide differs.
    """

    path: str
    """Such as ``spec.template.spec.containers[name=app].image``."""
    before: Any | Hidden
    after: Any | Hidden
    before_present: bool = True
    after_present: bool = True
    steps: Path = ()
    """The path as steps."""
    order: bool = False
    """Whether only the order of a list's elements differs; ``before`` and ``after`` list their names."""
    unknown: tuple[str, ...] = ()
    """Variables in the values that nobody gave; the values have ``${name}`` there."""
    masked: bool = False
    """Whether ``***`` replaces a part of a value, or may: a value of a Secret."""


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
    action: ChangeType
    fields: tuple[FieldChange, ...] = ()
    """Of a changed object. Empty for an added or removed one."""
    images: tuple[ImageChange, ...] = ()
    replicas: tuple[int | None, int | None] | None = None
    dangers: tuple[Danger, ...] = ()
    immutable: tuple[str, ...] = ()
    """Paths of the fields that the API server does not let change."""
    pruned: bool = True
    """Of a removed object: whether the operator deletes it."""
    kept: str = ""
    """Why a removed object stays on the cluster; empty if it is deleted."""
    inert: str = ""
    """Why the operator does not write the change; empty if it does."""
    renamed_from: str = ""
    """The old name of a generated object whose hash changed."""
    before_owner: ObjectKey | None = None
    after_owner: ObjectKey | None = None
    place: str | None = None

    @property
    def deletes(self) -> bool:
        """Whether an object is gone after the change, for good or until it is created again."""
        return (self.action is ChangeType.REMOVED and self.pruned) or Danger.RECREATED in self.dangers


@dataclass(frozen=True, slots=True)
class KustomizationChange:
    """What happens to one Kustomization and its objects."""

    key: ObjectKey
    action: ChangeType | None
    """None if only its objects change."""
    objects: tuple[ObjectChange, ...] = ()
    fields: tuple[FieldChange, ...] = ()
    """Of the Kustomization itself."""
    dangers: tuple[Danger, ...] = ()
    problem: Problem | None = None
    """Why the change is not known."""
    certain: bool = False
    """With a problem: whether the same revision has the same problem before and after, so that nothing changes."""
    suspended: bool = False
    """Nothing happens until it is resumed."""
    notes: tuple[str, ...] = ()
    """What a reader must know, one sentence each."""
    place: str | None = None


class Counterpart(Enum):
    """What the head of a range is compared with."""

    GIT = "git"
    """The base of the range."""
    READS = "live"
    """What the cluster runs, with the objects of Git as what an apply would store: approximate."""
    DRY_RUNS = "server"
    """What the cluster runs, by dry runs of the operator's applies."""


class ChangeStage(Enum):
    """When a change arrives."""

    ON_MERGE = "on merge"
    AT_PROMOTION = "at the next promotion"
    BY_ROLLBACK = "by the rollback"
    BETWEEN = "between environments"
    """No change: one environment compared with another."""


@dataclass(frozen=True, slots=True)
class EnvironmentChange:
    """What happens to one environment at one stage."""

    environment: str
    stage: ChangeStage
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
        """Whether the operator writes nothing."""
        return not any(not each.inert for each in self.changes) and not any(
            each.action or each.fields for each in self.kustomizations
        )

    @property
    def uncertain(self) -> tuple[Problem, ...]:
        """Why some of the change is not known; nobody may take the change for complete then."""
        of_builds = (each.problem for each in self.kustomizations if not each.certain)
        return tuple(dict.fromkeys((*self.problems, *(each for each in of_builds if each is not None))))


@dataclass(frozen=True, slots=True)
class EnvironmentAnswer:
    """What a range of commits does to one environment, at both stages."""

    environment: str
    follows: str
    on_merge: EnvironmentChange
    at_promotion: EnvironmentChange | None = None
    """None if a merge is all that the environment needs: it follows the default branch."""
    after: tuple[str, ...] = ()
    """The environments that must run a change before."""

    @property
    def stages(self) -> tuple[EnvironmentChange, ...]:
        """The change at each stage."""
        return (self.on_merge,) if self.at_promotion is None else (self.on_merge, self.at_promotion)
