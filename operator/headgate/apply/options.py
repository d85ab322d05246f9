"""What an apply or a deletion is told besides the objects: whose they are, and how far it may go."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Protocol

from headgate.apply.fields.ignore import CompiledIgnoreRule
from headgate.apply.fields.managers import FieldManager, overridden
from headgate.apply.objects.stages import GroupKind
from headgate.kube.refs import ObjectRef
from headgate.names import KUSTOMIZE_CONTROLLER, KUSTOMIZE_GROUP
from headgate.objects import Obj


@dataclass(frozen=True, slots=True)
class Owner:
    """The Kustomization that objects belong to."""

    name: str
    namespace: str
    group: str = KUSTOMIZE_GROUP
    """Prefix of the owner labels and of the per-object annotations."""

    @property
    def labels(self) -> dict[str, str]:
        """The labels that mark its objects."""
        return {f"{self.group}/name": self.name, f"{self.group}/namespace": self.namespace}


@dataclass(frozen=True)
class Marks:
    """The labels or annotations by which one object asks to be treated otherwise (keys are Flux's)."""

    group: str = KUSTOMIZE_GROUP

    @cached_property
    def excluded(self) -> Mapping[str, str]:
        """Not to be touched: ``reconcile: disabled``, ``ssa: Ignore``."""
        return {f"{self.group}/reconcile": "disabled", f"{self.group}/ssa": "Ignore"}

    @cached_property
    def if_not_present(self) -> Mapping[str, str]:
        """To be created when it is not there, and left alone then."""
        return {f"{self.group}/ssa": "IfNotPresent"}

    @cached_property
    def merged(self) -> Mapping[str, str]:
        """Fields that others added by hand may stay."""
        return {f"{self.group}/ssa": "Merge"}

    @cached_property
    def forced(self) -> Mapping[str, str]:
        """May be deleted and created anew when an immutable field changes."""
        return {f"{self.group}/force": "enabled"}

    @cached_property
    def kept(self) -> Mapping[str, str]:
        """Not to be pruned."""
        return {f"{self.group}/prune": "disabled", **self.excluded}

    @cached_property
    def keys(self) -> frozenset[str]:
        """All keys that say what may be applied."""
        return frozenset((f"{self.group}/reconcile", f"{self.group}/ssa"))


def marked(obj: Obj, marks: Mapping[str, str]) -> bool:
    """Whether any of the marks is set as a label or annotation, in whatever case (as Flux compares)."""
    meta = obj.get("metadata") or {}
    for where in (meta.get("labels"), meta.get("annotations")):
        if not isinstance(where, dict):
            continue
        for key, value in marks.items():
            if str(where.get(key) or "").lower() == value.lower():
                return True
    return False


@dataclass(frozen=True)
class ApplyOptions:
    """How objects are applied."""

    owner: Owner
    actor: str = ""
    """As whom the objects are applied, and for which Kustomization of that name: what another one found to be in place
    has to be asked about anew."""
    force: bool = False
    """Delete and create anew what cannot be changed otherwise."""
    full: bool = False
    """Ask the API server about every object, also those that are known to be in place."""
    field_manager: str = KUSTOMIZE_CONTROLLER
    concurrency: int = 4
    """Requests at once."""
    custom_stages: frozenset[GroupKind] = frozenset()
    """Kinds that are applied after classes and before the rest (``--custom-apply-stage-kinds``)."""
    disallowed_managers: tuple[str, ...] = ()
    """Field managers whose changes are undone, besides kubectl (``--override-manager``)."""
    ignore: tuple[CompiledIgnoreRule, ...] = ()
    """Fields that are left to others (``spec.ignore``)."""
    migrate_api_version: bool = False
    """When an object is refused, bring the entries of all its field managers to the applied version first (the feature
    gate MigrateAPIVersion). An entry of an older version makes the API server refuse every apply once a newer version
    of the kind has a field with a default."""
    timeout: float = 60.0
    """Seconds to wait for definitions to be served, and for a recreated object to be gone."""
    marks: Marks = field(default_factory=Marks)

    @cached_property
    def managers(self) -> tuple[FieldManager, ...]:
        """The field managers whose fields are taken over."""
        return overridden(self.field_manager, self.disallowed_managers)


class Claims(Protocol):
    """What other Kustomizations have in their inventories; asked at the moment of each decision."""

    def heir(self, ref: ObjectRef) -> Owner | None:
        """Who applies the object too, and is to have it now; it counts as given to that one until :meth:`given`."""

    def is_heir(self, ref: ObjectRef) -> bool:
        """Whether somebody is just giving us the object, so that it is ours whatever its labels say yet."""

    def given(self, ref: ObjectRef) -> None:
        """The object carries the heir's labels, or could not be given."""

    def deleted(self, ref: ObjectRef) -> None:
        """We deleted the object."""


class NoClaims:
    """Nobody else has anything."""

    def heir(self, ref: ObjectRef) -> Owner | None:
        """Nobody."""
        return None

    def is_heir(self, ref: ObjectRef) -> bool:
        """No."""
        return False

    def given(self, ref: ObjectRef) -> None:
        """Never called."""

    def deleted(self, ref: ObjectRef) -> None:
        """Nothing to do."""


@dataclass(frozen=True)
class DeleteOptions:
    """How objects are deleted."""

    owner: Owner
    propagation: str = "Background"
    concurrency: int = 4
    marks: Marks = field(default_factory=Marks)
    field_manager: str = KUSTOMIZE_CONTROLLER
    spared: Collection[str] = ()
    """UIDs of what was applied or found in place just now: never deleted, whatever names lead to them."""
    never: Mapping[ObjectRef, str] = field(default_factory=dict)
    """Objects that must not be deleted, each with the reason; API versions do not matter."""
    claims: Claims = field(default_factory=NoClaims)
