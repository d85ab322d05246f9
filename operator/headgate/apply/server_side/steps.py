"""The values that one object passes through in an apply: each step takes one of them and returns another.

    Desired ──plan──► Done | ToAsk | ToSendAlone
    ToAsk ───ask────► Done | ToApply | ToRecreate | NotApplied
    ToApply, ToRecreate, ToSendAlone ──send──► Done | NotApplied

Each value holds exactly what the next step needs, so an object cannot be in a state that the step does not expect.
Pure.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from headgate.apply.changeset import Action
from headgate.apply.errors import ObjectError
from headgate.apply.fields.ignore import CompiledIgnoreRule
from headgate.apply.fields.pointers import Pointer
from headgate.apply.known import KnownState
from headgate.kube.refs import ObjectRef
from headgate.objects import Obj


class ApplyStep(Protocol):
    """Any of these values."""

    @property
    def ref(self) -> ObjectRef:
        """Which object."""


@dataclass(frozen=True, slots=True)
class Remarks:
    """What the API server remarked about an object that it accepted."""

    left_out: tuple[str, ...] = ()
    """Paths of fields that the kind does not have."""
    notices: tuple[str, ...] = ()
    """Warnings."""

    def and_then(self, later: Remarks) -> Remarks:
        """These remarks and those of a later response, without repeats."""
        if later is NO_REMARKS:
            return self
        return Remarks(
            tuple(dict.fromkeys((*self.left_out, *later.left_out))),
            tuple(dict.fromkeys((*self.notices, *later.notices))),
        )


NO_REMARKS = Remarks()


@dataclass(frozen=True, slots=True)
class Desired:
    """One object in the state that the cluster must have."""

    ref: ObjectRef
    """As the cluster identifies it: without a namespace if the kind has none."""
    obj: Obj
    """The fields that are sent."""
    digest: bytes
    """The digest of content, ignore rules and actor."""
    rules: tuple[CompiledIgnoreRule, ...] = ()
    """The ignore rules that may select it."""


@dataclass(frozen=True, slots=True)
class _Open:
    """Needs at least one request."""

    desired: Desired

    @property
    def ref(self) -> ObjectRef:
        """Which object."""
        return self.desired.ref


@dataclass(frozen=True, slots=True)
class ToAsk(_Open):
    """Needs a dry run."""

    known: KnownState | None
    """Its last cached state at the start of the apply."""
    look: bool = False
    """Read the live object first: its marks, or its mere existence, may forbid an apply."""

    @property
    def uid(self) -> str:
        """The cached UID; empty if there is none."""
        return self.known.uid if self.known is not None else ""


@dataclass(frozen=True, slots=True)
class ToSendAlone(_Open):
    """Needs an apply without a dry run, provided that the live object is in the cached state."""

    known: KnownState
    """Its last cached state at the start of the apply."""


@dataclass(frozen=True, slots=True)
class ToApply(_Open):
    """Needs an apply, which the dry run allows."""

    version: str
    """Resource version of the live object before the apply; empty if there is none."""
    ignored: tuple[Pointer, ...] = ()
    """The ignored fields."""
    dry_run: Obj | None = None
    """The response to the dry run, if there is a live object with ignored fields."""
    take_over: bool = False
    """Take over the fields of other managers first."""
    migrated: bool = False
    """The entries of its field managers already have the applied API version."""
    remarks: Remarks = NO_REMARKS


@dataclass(frozen=True, slots=True)
class ToRecreate(_Open):
    """Needs the deletion of the live object, then an apply."""

    live: Obj


ToSend = ToApply | ToRecreate | ToSendAlone


@dataclass(frozen=True, slots=True)
class Done:
    """Needs nothing more in this apply."""

    ref: ObjectRef
    action: Action
    uid: str = ""
    """The UID of the live object, if it is known."""
    answered: bool = False
    """The API server responded about it in this attempt, under the account that applies it."""
    live: Obj | None = None
    """As the API server returned it last, if this apply wrote or verified it."""
    remarks: Remarks = NO_REMARKS


@dataclass(frozen=True, slots=True)
class NotApplied:
    """The API server refused the object, failed, or did not respond."""

    error: ObjectError
    maybe_there: bool = False
    """An apply was sent and not certainly refused: the object may exist."""
