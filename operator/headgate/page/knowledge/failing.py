"""The failing managed objects of a Kustomization, as far as the operator knows them without a request. Pure."""

from __future__ import annotations

from dataclasses import replace

from headgate.insight import Link
from headgate.insight.failing import Evidence, Suspect, links_of, suspects
from headgate.objects import Obj
from headgate.page.knowledge.updates import Notes

__all__ = ["failing_objects"]

_NOTHING = Evidence()


def failing_objects(obj: Obj, notes: Notes) -> tuple[Link, ...]:
    """Return the objects that fail, each followed by its pods.

    What the account of the Kustomization has read counts first, then the reconciler's verdicts, then what the raw
    Kustomization says itself.
    """
    unhealthy = notes.verdicts.unhealthy if notes.verdicts is not None else {}
    verdicts = {(ref.kind, ref.namespace, ref.name): said for ref, said in unhealthy.items()}
    links: list[Link] = []
    for suspect in suspects(obj):
        identity = suspect.ref.kind, suspect.ref.namespace, suspect.ref.name
        read = notes.evidence.get(identity)
        # The API server's refusal is the reason, not the health of the object that is there.
        if read is not None and suspect.api_version:
            links += read
        else:
            links += links_of([(_judged(suspect, verdicts.get(identity)), _NOTHING)])
    return tuple(links)


def _judged(suspect: Suspect, verdict: tuple[str, str] | None) -> Suspect:
    """The suspect as the reconciler's last verdict has it."""
    if verdict is None or not suspect.api_version:
        return suspect
    health, message = verdict
    return replace(suspect, status=health, message=message or suspect.message, is_certain=True)
