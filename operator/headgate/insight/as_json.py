"""Reports, chains and trees as JSON values, as docs/reference/insight.schema.json describes them."""

from __future__ import annotations

from collections.abc import Sequence

from headgate.insight.arrivals import Arrival
from headgate.insight.places import Place
from headgate.insight.tree import Node, walk
from headgate.insight.values import Cause, Link, Ref, Report, State, Verdict
from headgate.objects import Obj

__all__ = [
    "SCHEMA_VERSION",
    "arrivals_document",
    "as_cause",
    "as_verdict",
    "places_document",
    "status_document",
    "tree_document",
    "verdicts_document",
    "why_document",
]

SCHEMA_VERSION = 1


def status_document(report: Report, shown: Sequence[Verdict] | None = None) -> Obj:
    """Return how all objects stand; ``shown``: the verdicts that a filter has left."""
    return {
        "schemaVersion": SCHEMA_VERSION,
        "kind": "Status",
        "counts": {each.value: report.counts.get(each, 0) for each in reversed(State)},
        "objects": [as_verdict(each) for each in (report.verdicts if shown is None else shown)],
        "causes": [as_cause(each) for each in report.causes],
        "notes": list(report.notes),
    }


def why_document(
    causes: Sequence[Cause],
    notes: Sequence[str],
    verdict: Verdict | None = None,
    chain: Sequence[Link] = (),
) -> Obj:
    """Return the causes of all objects, or that of one with the way to it."""
    return {
        "schemaVersion": SCHEMA_VERSION,
        "kind": "Why",
        "object": as_verdict(verdict) if verdict is not None else None,
        "chain": [_link(each) for each in chain],
        "causes": [as_cause(each) for each in causes],
        "notes": list(notes),
    }


def tree_document(nodes: tuple[Node, ...], notes: Sequence[str]) -> Obj:
    """Return trees as a flat list, parents before children: JSON libraries limit how deep values may be nested."""
    return {
        "schemaVersion": SCHEMA_VERSION,
        "kind": "Tree",
        "nodes": [_node(depth, each) for depth, each in walk(nodes)],
        "notes": list(notes),
    }


def as_cause(cause: Cause) -> Obj:
    """Return one root cause."""
    return {
        "type": cause.type.value,
        "root": _ref(cause.root),
        "state": cause.state,
        "reason": cause.reason,
        "message": cause.message,
        "file": {"path": cause.file, "line": cause.line or None} if cause.file else None,
        "remedy": cause.remedy,
        "cycle": [_ref(each) for each in cause.cycle],
        "referrer": _ref(cause.referrer) if cause.referrer is not None else None,
        "objects": [_link(each) for each in cause.objects],
        "blocks": len(cause.blocked),
        "blocked": [_ref(each) for each in cause.blocked],
    }


def as_verdict(verdict: Verdict) -> Obj:
    """Return how one object stands."""
    return {
        **_ref(verdict.ref),
        "state": verdict.state.value,
        "ready": verdict.ready,
        "reason": verdict.reason,
        "message": verdict.message,
        "revision": verdict.revision,
        "since": verdict.since or None,
        "note": verdict.note,
    }


def _link(link: Link) -> Obj:
    return {
        "relation": link.relation.value,
        "object": _ref(link.ref),
        "state": link.state,
        "reason": link.reason,
        "message": link.message,
    }


def _node(depth: int, node: Node) -> Obj:
    return {
        "depth": depth,
        **_ref(node.ref),
        "state": node.state,
        "reason": node.reason,
        "message": node.message,
        "omitted": node.omitted,
    }


def _ref(ref: Ref) -> Obj:
    return {"group": ref.group, "kind": ref.kind, "namespace": ref.namespace, "name": ref.name}


def arrivals_document(found: Sequence[Arrival]) -> Obj:
    """Return how far a revision is in objects."""
    return {
        "schemaVersion": SCHEMA_VERSION,
        "kind": "Arrivals",
        "objects": [
            {
                **_ref(each.ref),
                "state": each.state.value,
                "revision": each.revision,
                "message": each.message,
            }
            for each in found
        ],
    }


def places_document(commit: str, places: Sequence[Place], notes: Sequence[str]) -> Obj:
    """Return where a commit is."""
    return {
        "schemaVersion": SCHEMA_VERSION,
        "kind": "Places",
        "commit": commit,
        "places": [
            {**_ref(each.ref), "place": each.type.value, "revision": each.revision, "message": each.message}
            for each in places
        ],
        "notes": list(notes),
    }


def verdicts_document(verdicts: Sequence[Verdict]) -> Obj:
    """Return how objects stand that somebody has changed."""
    return {
        "schemaVersion": SCHEMA_VERSION,
        "kind": "Verdicts",
        "objects": [as_verdict(each) for each in verdicts],
    }
