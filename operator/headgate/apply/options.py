"""The options of an apply or a deletion: who owns the objects, and how far the operation may go."""

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
    """The Kustomization that applies objects and sets its owner labels on them."""

    name: str
    namespace: str
    group: str = KUSTOMIZE_GROUP
    """The prefix of the owner labels and of the per-object annotations."""

    @property
    def labels(self) -> dict[str, str]:
        """The owner labels of its objects."""
        return {f"{self.group}/name": self.name, f"{self.group}/namespace": self.namespace}


@dataclass(frozen=True)
class Marks:
    """The labels or annotations by which one object asks for a different treatment (keys are Flux's)."""

    group: str = KUSTOMIZE_GROUP

    @cached_property
    def excluded(self) -> Mapping[str, str]:
        """Never touch the object: ``reconcile: disabled``, ``ssa: Ignore``."""
        return {f"{self.group}/reconcile": "disabled", f"{self.group}/ssa": "Ignore"}

    @cached_property
    def if_not_present(self) -> Mapping[str, str]:
        """Create the object if it does not exist; otherwise leave it unchanged."""
        return {f"{self.group}/ssa": "IfNotPresent"}

    @cached_property
    def merged(self) -> Mapping[str, str]:
        """Keep fields that others added by hand."""
        return {f"{self.group}/ssa": "Merge"}

    @cached_property
    def forced(self) -> Mapping[str, str]:
        """Allow to recreate the object when an immutable field changes."""
        return {f"{self.group}/force": "enabled"}

    @cached_property
    def kept(self) -> Mapping[str, str]:
        """Never prune the object."""
        return {f"{self.group}/prune": "disabled", **self.excluded}

    @cached_property
    def keys(self) -> frozenset[str]:
        """All keys that restrict or change applies."""
        return frozenset((f"{self.group}/reconcile", f"{self.group}/ssa"))


def marked(obj: Obj, marks: Mapping[str, str]) -> bool:
    """Whether a label or annotation sets any of the marks, in whatever case (as Flux compares)."""
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
    """Options of an apply."""

    owner: Owner
    actor: str = ""
    """The account that applies the objects, and the Kustomization of that name: what another actor found to be in place
    needs another check."""
    force: bool = False
    """Recreate objects that cannot be changed otherwise."""
    full: bool = False
    """Send every object to the API server, even those in place according to the cache."""
    field_manager: str = KUSTOMIZE_CONTROLLER
    concurrency: int = 4
    """The limit for simultaneous requests."""
    custom_stages: frozenset[GroupKind] = frozenset()
    """Kinds that are applied after classes and before the rest (``--custom-apply-stage-kinds``)."""
    disallowed_managers: tuple[str, ...] = ()
    """Field managers whose changes are overridden, in addition to kubectl (``--override-manager``)."""
    ignore: tuple[CompiledIgnoreRule, ...] = ()
    """Rules for the fields that are left to others (``spec.ignore``)."""
    migrate_api_version: bool = False
    """When the API server refuses an object, bring the entries of all its field managers to the applied version first
    (the feature gate MigrateAPIVersion). An entry of an older version makes the API server refuse every apply once a
    newer version of the kind has a field with a default."""
    timeout: float = 60.0
    """Seconds to wait until definitions are served, and until the old version of a recreated object is gone."""
    marks: Marks = field(default_factory=Marks)

    @cached_property
    def managers(self) -> tuple[FieldManager, ...]:
        """The field managers whose fields are taken over."""
        return overridden(self.field_manager, self.disallowed_managers)


class Claims(Protocol):
    """What other Kustomizations have in their inventories; read at the moment of each decision."""

    def heir(self, ref: ObjectRef) -> Owner | None:
        """The Kustomization that takes the object over, if any; it counts as its owner until :meth:`given`."""

    def is_heir(self, ref: ObjectRef) -> bool:
        """Whether another Kustomization is handing the object over; its labels may not show the new owner yet."""

    def given(self, ref: ObjectRef) -> None:
        """The object has the heir's labels, or handing it over failed."""

    def deleted(self, ref: ObjectRef) -> None:
        """The object was deleted."""


class NoClaims:
    """For a caller without other Kustomizations."""

    def heir(self, ref: ObjectRef) -> Owner | None:
        """Nobody."""
        return None

    def is_heir(self, ref: ObjectRef) -> bool:
        """No."""
        return False

    def given(self, ref: ObjectRef) -> None:
        """Never called."""

    def deleted(self, ref: ObjectRef) -> None:
        """Does nothing."""


@dataclass(frozen=True)
class DeleteOptions:
    """Options of a deletion."""

    owner: Owner
    propagation: str = "Background"
    concurrency: int = 4
    marks: Marks = field(default_factory=Marks)
    field_manager: str = KUSTOMIZE_CONTROLLER
    spared: Collection[str] = ()
    """UIDs of objects that were just applied or found in place: never deleted, under whatever name."""
    never: Mapping[ObjectRef, str] = field(default_factory=dict)
    """Objects that must not be deleted, each with the reason; API versions do not matter."""
    claims: Claims = field(default_factory=NoClaims)
