"""The state of one object, as its own spec and conditions say.

What an object waits for needs the other objects: :mod:`.causes` turns FAILED and PROGRESSING into BLOCKED and WAITING.
"""

from __future__ import annotations

from headgate.api import reasons
from headgate.api.gitrepository import held_revision
from headgate.insight.fields import condition, entries, mapping, number, ref_of, text
from headgate.insight.texts import message_text, short_text
from headgate.insight.values import State, Verdict
from headgate.names import GIT_REPOSITORY, KUSTOMIZATION
from headgate.objects import Obj

__all__ = ["SUSPEND_REASON", "classify", "is_about_present_spec"]

SUSPEND_REASON = "headgate.dev/suspend-reason"
"""Annotation: why somebody has suspended the object."""
_DELETED = "the object is being deleted"
_NEW_SPEC = "the spec has changed and is not reconciled yet"
_NO_STATUS = "no operator has reconciled it yet"


def classify(obj: Obj) -> Verdict:
    """Return the state of a raw GitRepository, other source or Kustomization, as it says itself."""
    spec, status, meta = mapping(obj, "spec"), mapping(obj, "status"), mapping(obj, "metadata")
    ready = condition(obj, reasons.READY)
    is_kustomization = obj.get("kind") == KUSTOMIZATION
    suspended = spec.get("suspend") is True
    is_current = suspended or is_about_present_spec(obj, ready)
    is_ready = ready.get("status") == "True" and is_current and not meta.get("deletionTimestamp")
    state, decisive, message = _state(obj, ready, is_current=is_current, suspended=suspended)
    revision = (
        status.get("lastAppliedRevision") if is_kustomization else mapping(status, "artifact").get("revision")
    )
    note = ""
    if state is State.SUSPENDED:
        note = text(mapping(meta, "annotations").get(SUSPEND_REASON))
    elif state is State.HELD:
        note = _held(obj)
    return Verdict(
        ref=ref_of(obj),
        state=state,
        reason=short_text(text(decisive.get("reason"))),
        message=message_text(message or text(decisive.get("message"))),
        revision=short_text(text(revision)),
        since=short_text(text(decisive.get("lastTransitionTime"))),
        note=short_text(note),
        ready=is_ready,
    )


def _state(obj: Obj, ready: Obj, *, is_current: bool, suspended: bool) -> tuple[State, Obj, str]:
    """The state, the condition that decides, and a message if it is not that of the condition."""
    said = ready.get("status")
    if mapping(obj, "metadata").get("deletionTimestamp"):
        # A failure says why the object stays.
        failed = said == "False" and text(ready.get("reason")) == reasons.PRUNE_FAILED
        return (State.FAILED, ready, "") if failed else (State.PROGRESSING, ready, _DELETED)
    if suspended:
        return State.SUSPENDED, ready, ""
    stalled = condition(obj, reasons.STALLED)
    if stalled.get("status") == "True" and is_about_present_spec(obj, stalled):
        return State.STALLED, stalled if said != "False" else ready, ""
    if said == "False" and is_current:
        return State.FAILED, ready, ""
    if is_current and _held(obj):
        return State.HELD, condition(obj, reasons.REVISION_HELD), ""
    if said == "True" and is_current:
        return State.READY, ready, ""
    if not is_current and said in ("True", "False"):
        return State.PROGRESSING, ready, _NEW_SPEC
    if not ready:
        doing = condition(obj, reasons.RECONCILING)
        return State.PROGRESSING, doing, text(doing.get("message")) or _NO_STATUS
    # The condition Reconciling names the step, Ready often only that there is one.
    doing = condition(obj, reasons.RECONCILING) or ready
    return State.PROGRESSING, doing, ""


def _held(obj: Obj) -> str:
    """Which revision a GitRepository's annotations hold, and why; empty if none is."""
    if obj.get("kind") != GIT_REPOSITORY:
        return ""
    conditions = [*entries(mapping(obj, "status").get("conditions"))]
    return held_revision({"metadata": mapping(obj, "metadata"), "status": {"conditions": conditions}})


def is_about_present_spec(obj: Obj, found: Obj) -> bool:
    """Whether a condition is about the present spec.

    While an object fails, Flux keeps ``status.observedGeneration`` at the last success: only the condition says it.
    """
    generation = number(mapping(obj, "metadata").get("generation"))
    observed = number(found.get("observedGeneration"))
    if observed is None:
        observed = number(mapping(obj, "status").get("observedGeneration"))
    return generation is None or observed is None or observed == generation
