"""Decides which objects of a stage need a request, from their last cached state. Pure.

| object | requests |
|---|---|
| in place according to the cache | none |
| in place, but verified (``full``), or unknown after a restart | dry run |
| the only change of its stage | apply |
| any other change | dry run, apply |

An object costs one more request, a read, if it may differ and some of its fields are ignored, or if its content is
unknown.
"""

from __future__ import annotations

from collections.abc import Sequence

from headgate.api import labels
from headgate.apply.changeset import Action
from headgate.apply.known import KnownState
from headgate.apply.options import ApplyOptions
from headgate.apply.server_side.steps import Desired, Done, ToAsk, ToSendAlone

Planned = Done | ToAsk | ToSendAlone


def plan(desired: Desired, known: KnownState | None, options: ApplyOptions) -> Done | ToAsk:
    """Nothing to do for an object that is in place or that Git excludes; a dry run for any other.

    An object with marks that restrict applies is read first, because the marks of the live object count too.
    """
    if labels.marked(desired.obj, labels.EXCLUDED):
        return Done(desired.ref, Action.SKIPPED, known.uid if known is not None else "")
    if known is not None and known.in_place and known.desired == desired.digest and not options.full:
        return Done(desired.ref, known.outcome, known.uid)
    meta = desired.obj["metadata"]
    look = any(
        k in (meta.get(where) or ()) for where in ("labels", "annotations") for k in labels.RESTRICTING
    )
    return ToAsk(desired, known, look)


def without_needless_question(planned: Sequence[Done | ToAsk]) -> list[Planned]:
    """The plan of a stage; if only one object needs a dry run, it may skip it.

    A dry run protects the other objects of the stage and reads the marks of the live object. A single object does not
    need it if its live state is known. An object that Git did not change keeps its dry run, because an apply could
    write something that nobody asked for.
    """
    questions = [step for step in planned if isinstance(step, ToAsk)]
    if len(questions) != 1:
        return list(planned)
    return [_sent_alone(step) if isinstance(step, ToAsk) else step for step in planned]


def _sent_alone(step: ToAsk) -> ToAsk | ToSendAlone:
    known = step.known
    if known is None or step.look or step.desired.rules or not may_send_alone(known, step.desired.digest):
        return step
    return ToSendAlone(step.desired, known)


def may_send_alone(known: KnownState, digest: bytes) -> bool:
    """Whether the live object is unchanged since the last apply, and Git has changed it since."""
    return known.in_place and known.outcome is Action.UNCHANGED and known.desired != digest
