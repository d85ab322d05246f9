"""What ``headgate status -o json`` and ``headgate why -o json`` print, from the operator's own memory. Pure.

Without requests the page does not know pods and their events, so ``objects`` of a cause has what conditions say of
managed objects: the same as the command prints for a user who may not read them.
"""

from __future__ import annotations

from headgate.insight import Cause, Fleet, Ref, State, chain_of
from headgate.insight.as_json import status_document, why_document
from headgate.insight.failing import Evidence, suspects, with_evidence
from headgate.insight.fields import group_of
from headgate.names import KUSTOMIZATION
from headgate.objects import Obj
from headgate.page.content import Query
from headgate.page.knowledge import Snapshot

__all__ = ["QueryInvalid", "status_json", "why_json"]

MAX_CAUSES = 5
"""Limit for the causes with managed objects, as in the command."""


class QueryInvalid(ValueError):
    """The query has a value that means nothing; the message says which."""


def status_json(snapshot: Snapshot, query: Query) -> Obj:
    """``namespace``: only its objects; ``state``: only objects in these states. Raises :class:`QueryInvalid`."""
    states = query.get("state", ())
    for each in states:
        if each not in {state.value for state in State}:
            raise QueryInvalid("state: not a state of an object")
    report = snapshot.report.within(_one(query, "namespace"))
    shown = [each for each in report.verdicts if not states or each.state.value in states]
    return status_document(report, shown)


def why_json(snapshot: Snapshot, query: Query) -> Obj | None:
    """``name`` with ``namespace`` and ``kind`` (a Kustomization by default): one object; without, all causes.

    Returns None if there is no such object. Raises :class:`QueryInvalid`.
    """
    namespace, name = _one(query, "namespace"), _one(query, "name")
    fleet, report = snapshot.fleet, snapshot.report
    if name is None:
        report = report.within(namespace)
        causes = _with_objects(fleet, report.causes)
        return why_document(causes, report.notes)
    if namespace is None:
        raise QueryInvalid("namespace: an object has one")
    kind = _one(query, "kind") or KUSTOMIZATION
    ref = Ref(kind, namespace, name, group_of(kind))
    verdict = report.verdict(ref)
    if verdict is None:
        return None
    cause = report.cause_of(ref) if not verdict.state.is_good else None
    causes = _with_objects(fleet, (cause,) if cause is not None else ())
    return why_document(causes, report.notes, verdict, chain_of(fleet, report, ref))


def _with_objects(fleet: Fleet, causes: tuple[Cause, ...]) -> tuple[Cause, ...]:
    found, left = [], MAX_CAUSES
    for cause in causes:
        obj = fleet.objects.get(cause.root) if cause.root.kind == KUSTOMIZATION else None
        if obj is not None and left:
            left -= 1
            cause = with_evidence(cause, [(each, Evidence()) for each in suspects(obj)])
        found.append(cause)
    return tuple(found)


def _one(query: Query, name: str) -> str | None:
    values = query.get(name, ())
    if len(values) > 1:
        raise QueryInvalid(f"{name}: given more than once")
    return values[0] if values and values[0] else None
