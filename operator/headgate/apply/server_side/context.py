"""What all steps of an apply share: the client, the options, the cached states of objects, and the observer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from headgate.api import labels
from headgate.apply.changeset import Action
from headgate.apply.fields.pointers import Pointer
from headgate.apply.known import KnownObjects, KnownState
from headgate.apply.options import ApplyOptions
from headgate.apply.server_side.steps import NO_REMARKS, Desired, Done, Remarks
from headgate.kube import Client
from headgate.kube.refs import ObjectRef
from headgate.objects import Obj

Observe = Callable[[ObjectRef, Obj], None]
"""Called with each object that an apply wrote or found in place, as the API server returned it, and with a newer state
that a watch showed during the apply."""


@dataclass(frozen=True, slots=True)
class ApplyContext:
    """The shared values of one apply."""

    client: Client
    options: ApplyOptions
    known: KnownObjects
    observe: Observe

    def state(self, ref: ObjectRef) -> KnownState | None:
        """The last cached state of an object."""
        return self.known.get(self.client.cluster, ref)

    def in_place(
        self,
        desired: Desired,
        action: Action,
        live: Obj,
        *,
        ignored: tuple[Pointer, ...] = (),
        inherited: bool = False,
        remarks: Remarks = NO_REMARKS,
    ) -> Done:
        """Remember that ``live``, a response of the API server, matches the desired object."""
        once = labels.marked(desired.obj, labels.IF_NOT_PRESENT)
        self.remember(desired, live, Action.SKIPPED if once else Action.UNCHANGED, ignored, inherited)
        return Done(desired.ref, action, live["metadata"]["uid"], answered=True, live=live, remarks=remarks)

    def remember(
        self,
        desired: Desired,
        live: Obj,
        outcome: Action,
        ignored: tuple[Pointer, ...],
        inherited: bool = False,
    ) -> None:
        """Remember ``live``; ``outcome`` is what later applies report while it stays unchanged."""
        self.known.record(
            self.client.cluster,
            desired.ref,
            desired.digest,
            live,
            outcome,
            ignored,
            inherited=inherited,
            owner=self.options.owner,
        )
        self.observe(desired.ref, live)

    def skipped(self, desired: Desired, uid: str, *, answered: bool, remarks: Remarks = NO_REMARKS) -> Done:
        """Forget an object that its marks on the cluster exclude."""
        self.known.forget_of(self.client.cluster, desired.ref, self.options.owner)
        return Done(desired.ref, Action.SKIPPED, uid, answered=answered, remarks=remarks)
