"""The options of an apply or a deletion: who owns the objects, and how far the operation may go."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Protocol

from headgate.api.labels import OWNER_NAME, OWNER_NAMESPACE
from headgate.apply.fields.ignore import CompiledIgnoreRule
from headgate.apply.fields.managers import FieldManager, overridden
from headgate.apply.objects.stages import GroupKind
from headgate.kube.refs import ObjectRef
from headgate.names import KUSTOMIZE_CONTROLLER


@dataclass(frozen=True, slots=True)
class Owner:
    """The Kustomization that applies objects and sets its owner labels on them."""

    name: str
    namespace: str

    @property
    def labels(self) -> dict[str, str]:
        """The owner labels of its objects."""
        return {OWNER_NAME: self.name, OWNER_NAMESPACE: self.namespace}


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
    field_manager: str = KUSTOMIZE_CONTROLLER
    spared: Collection[str] = ()
    """UIDs of objects that were just applied or found in place: never deleted, under whatever name."""
    never: Mapping[ObjectRef, str] = field(default_factory=dict)
    """Objects that must not be deleted, each with the reason; API versions do not matter."""
    claims: Claims = field(default_factory=NoClaims)
