"""Sources, the Kustomizations that use them, and what these apply, as a tree.

A Kustomization or source that another Kustomization applies stands below it; every other one below its source. Each
object of the fleet stands at exactly one place, whatever its labels say.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from headgate.health import HealthStatus
from headgate.insight.causes import MISSING, UNKNOWN
from headgate.insight.fields import inventory_of, owner_of
from headgate.insight.fleet import Fleet
from headgate.insight.texts import short_text
from headgate.insight.values import Link, Ref, Report, State
from headgate.names import KUSTOMIZATION

__all__ = ["MAX_OBJECTS", "Node", "is_good", "managed", "tree_of", "walk", "within"]

_GOOD = frozenset(("", UNKNOWN, HealthStatus.CURRENT.value, *(each.value for each in State if each.is_good)))
MAX_OBJECTS = 500
"""Limit for the managed objects of one Kustomization."""


@dataclass(frozen=True, slots=True)
class Node:
    """One object and what stands below it."""

    ref: Ref
    state: str
    """A state, ``missing``, ``unknown``, the health of a managed object, or empty if nobody has read it."""
    reason: str = ""
    message: str = ""
    children: tuple[Node, ...] = ()
    omitted: int = 0
    """Managed objects above the limit."""


def tree_of(
    fleet: Fleet, report: Report, top: Ref | None = None, found: Mapping[Ref, Link] | None = None
) -> tuple[Node, ...]:
    """Return all trees, or that of one object of the fleet.

    ``found``: the health of managed objects, by reference; with it, managed objects of other kinds are nodes.
    """
    verdicts = {each.ref: each for each in report.verdicts}
    below, tops = _places(fleet)
    order = _downward(below, [top] if top is not None else tops)
    made: dict[Ref, Node] = {}
    for ref in reversed(order):
        children = [made[each] for each in below.get(ref, ())]
        omitted = 0
        if found is not None and ref.kind == KUSTOMIZATION and ref in fleet.objects:
            objects, omitted = _objects(fleet, ref, found)
            children += objects
        verdict = verdicts.get(ref)
        if verdict is not None:
            state, reason, message = verdict.state.value, verdict.reason, verdict.note or verdict.message
        else:
            state, reason, message = (MISSING if fleet.is_known(ref) else UNKNOWN), "", ""
        made[ref] = Node(ref, state, reason, message, tuple(children), omitted)
    return tuple(made[each] for each in ([top] if top is not None else tops))


def managed(fleet: Fleet, ref: Ref) -> Iterator[tuple[Ref, str]]:
    """Yield the managed objects of a Kustomization and their API versions, as its inventory has them."""
    for each in inventory_of(fleet.objects.get(ref)):
        yield Ref(each.kind, each.namespace, short_text(each.name), each.group), short_text(each.api_version)


def walk(nodes: tuple[Node, ...]) -> Iterator[tuple[int, Node]]:
    """Yield each node with its depth, parents before children."""
    to_do = [(0, each) for each in reversed(nodes)]
    while to_do:
        depth, node = to_do.pop()
        yield depth, node
        to_do += [(depth + 1, each) for each in reversed(node.children)]


def is_good(node: Node) -> bool:
    """Whether an object is as it should be, or nobody has read it."""
    return node.state in _GOOD


def within(nodes: tuple[Node, ...], namespace: str | None) -> tuple[Node, ...]:
    """Return the trees that have an object of a namespace; None for all."""
    if namespace is None:
        return nodes
    return tuple(top for top in nodes if any(node.ref.namespace == namespace for _, node in walk((top,))))


def _places(fleet: Fleet) -> tuple[dict[Ref, list[Ref]], list[Ref]]:
    """What stands below each object, and what stands at the top."""
    parents = {ref: _parent(fleet, ref) for ref in fleet.objects}
    for ref in sorted(parents):
        _cut_circle(ref, parents)
    below: dict[Ref, list[Ref]] = {}
    tops: dict[Ref, None] = {}
    for ref in sorted(parents):
        parent = parents[ref]
        if parent is None:
            tops[ref] = None
        else:
            below.setdefault(parent, []).append(ref)
            if parent not in parents:
                tops[parent] = None
    return below, sorted(tops)


def _cut_circle(ref: Ref, parents: dict[Ref, Ref | None]) -> None:
    """Put an object at the top if it stands below itself."""
    at, seen = parents[ref], {ref}
    while at is not None and at not in seen:
        seen.add(at)
        at = parents.get(at)
    if at == ref:
        parents[ref] = None


def _parent(fleet: Fleet, ref: Ref) -> Ref | None:
    owner = owner_of(fleet.objects[ref])
    return owner if owner in fleet.objects and owner != ref else fleet.source_of(ref)


def _downward(below: Mapping[Ref, list[Ref]], tops: list[Ref]) -> list[Ref]:
    order: list[Ref] = []
    to_do = list(reversed(tops))
    while to_do:
        order.append(to_do.pop())
        to_do += reversed(below.get(order[-1], ()))
    return order


def _objects(fleet: Fleet, ref: Ref, found: Mapping[Ref, Link]) -> tuple[list[Node], int]:
    others = [each for each, _ in managed(fleet, ref) if each not in fleet.objects]
    nodes = []
    for each in others[:MAX_OBJECTS]:
        link = found.get(each)
        nodes.append(Node(each, link.state, link.reason, link.message) if link else Node(each, ""))
    return nodes, max(0, len(others) - MAX_OBJECTS)
