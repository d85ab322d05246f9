"""What ``headgate status -o json`` and ``headgate why -o json`` print, from the operator's own memory. Pure.

The objects of a cause are those that the operator has read itself, for the health check that fails.
"""

from __future__ import annotations

from dataclasses import replace

from headgate.insight import Cause, Ref, State, chain_of
from headgate.insight.as_json import status_document, why_document
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
    report = snapshot.bare.within(_one(query, "namespace"))
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
        return why_document(_first(report.causes), report.notes)
    if namespace is None:
        raise QueryInvalid("namespace: an object has one")
    kind = _one(query, "kind") or KUSTOMIZATION
    ref = Ref(kind, namespace, name, group_of(kind))
    verdict = report.verdict(ref)
    if verdict is None:
        return None
    cause = report.cause_of(ref) if not verdict.state.is_good else None
    causes = (cause,) if cause is not None else ()
    return why_document(causes, report.notes, verdict, chain_of(fleet, report, ref))


def _first(causes: tuple[Cause, ...]) -> tuple[Cause, ...]:
    """The causes, of which the first few Kustomizations have managed objects."""
    found, left = [], MAX_CAUSES
    for cause in causes:
        left -= cause.root.kind == KUSTOMIZATION
        found.append(cause if left >= 0 else replace(cause, objects=()))
    return tuple(found)


def _one(query: Query, name: str) -> str | None:
    values = query.get(name, ())
    if len(values) > 1:
        raise QueryInvalid(f"{name}: given more than once")
    return values[0] if values and values[0] else None
