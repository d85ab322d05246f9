"""One object on its way through a stage: what is known of it and decided about it so far."""

from __future__ import annotations

from dataclasses import dataclass, field

from headgate.apply.changeset import Action
from headgate.apply.decide import Step
from headgate.apply.ignore import IgnoreRule
from headgate.apply.known import Known
from headgate.apply.pointers import Pointer
from headgate.kube.refs import ObjectRef
from headgate.objects import Obj


@dataclass(slots=True)
class Item:
    """One object on its way through a stage."""

    obj: Obj
    ref: ObjectRef
    digest: bytes = b""
    known: Known | None = None
    step: Step = Step.ASK
    action: Action | None = None
    """Set when it is dealt with."""
    failed: bool = False
    take_over: bool = False
    replaces: Obj | None = None
    """The live object that must be deleted before."""
    version: str = ""
    """Resource version of the live object before our apply."""
    live: Obj | None = None
    """As last returned by the API server."""
    answered: bool = False
    """The API server answered for it in this attempt, under the account that applies it."""
    maybe_there: bool = False
    """An apply of it was sent and not surely refused: it may exist, whatever else went wrong with it."""
    left_out: list[str] = field(default_factory=list)
    """Paths of fields that the kind does not have."""
    notices: list[str] = field(default_factory=list)
    """What the API server warned of."""
    rules: tuple[IgnoreRule, ...] = ()
    """Those that may leave fields of it to others."""
    ignored: tuple[Pointer, ...] = ()
    """The fields that are left to others."""
    answer: Obj | None = None
    """Of the dry run, where fields are left to others."""
    payload: Obj | None = None
    """What is sent instead of ``obj``, for their sake."""
    inherited: bool = False
    """It is as it should be, but our entry of its field owners is of an older apply, or of Flux's."""
    migrated: bool = False
    """Its field owners were brought to the applied API version."""

    @property
    def open(self) -> bool:
        """Whether there is something to do about it yet."""
        return self.action is None and not self.failed
