"""The dependency graph: the drawing, and the same as a list."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import ClassVar

from headgate.insight import Fleet, Link, Ref, State
from headgate.insight.layers import MAX_NODES, Edge, graph_of
from headgate.insight.values import Relation
from headgate.page.knowledge import Snapshot
from headgate.page.views.causes import Names
from headgate.page.views.drawing import HEIGHT, WIDTH, draw
from headgate.page.views.links import address
from headgate.page.views.values import Choice, Named
from headgate.page.views.words import counted, first_line

__all__ = ["GraphPage", "GraphView", "Node", "graph_page", "graph_view"]

MAX_EDGES = 2000
_LABEL, _SUBTITLE = 19, 25
"""Limits in characters for the texts in a node."""


@dataclass(frozen=True, slots=True)
class Node:
    """A node of the drawing."""

    what: Named
    x: int
    y: int
    label: str
    subtitle: str
    described: str
    """All of it in one sentence, for a screen reader."""
    is_focus: bool


@dataclass(frozen=True, slots=True)
class Stroke:
    """A line of the drawing."""

    path: str
    looks: str
    """Classes of the style sheet."""


@dataclass(frozen=True, slots=True)
class Item:
    """An object of the list, and what it needs."""

    what: Named
    needs: tuple[tuple[str, Named], ...]
    """How it needs each, in words."""


@dataclass(frozen=True, slots=True)
class GraphView:
    """A graph."""

    width: int
    height: int
    node_width: int
    node_height: int
    nodes: tuple[Node, ...]
    strokes: tuple[Stroke, ...]
    items: tuple[Item, ...]
    caption: str
    omitted: str
    """What is not shown; empty if nothing is missing."""


@dataclass(frozen=True, slots=True)
class GraphPage:
    """The graph of the whole fleet."""

    template: ClassVar[str] = "graph.html"

    graph: GraphView
    namespaces: tuple[Choice, ...]
    states: tuple[Choice, ...]
    active: bool


def graph_page(snapshot: Snapshot, query: Mapping[str, str]) -> GraphPage:
    """Return the graph of a fleet, or what surrounds the objects that a filter leaves."""
    namespace, state = query.get("namespace", ""), query.get("state", "")
    chosen = [
        each.ref
        for each in snapshot.report.verdicts
        if (not namespace or each.ref.namespace == namespace)
        and (not state or (not each.state.is_good if state == "not-good" else each.state.value == state))
    ]
    namespaces = sorted({each.ref.namespace for each in snapshot.report.verdicts})
    states = [("not-good", "Needs attention"), *((each.value, each.value.capitalize()) for each in State)]
    active = bool(namespace or state)
    if not active and len(snapshot.report.verdicts) > MAX_NODES:
        # More than a drawing can have: what needs attention comes first.
        chosen = [each.ref for each in snapshot.report.verdicts if not each.state.is_good] or chosen
    return GraphPage(
        graph_view(snapshot, chosen=None if len(chosen) == len(snapshot.report.verdicts) else chosen),
        tuple(Choice(each, each, each == namespace) for each in namespaces),
        tuple(Choice(value, title, value == state) for value, title in states),
        active,
    )


def graph_view(
    snapshot: Snapshot,
    focus: Ref | None = None,
    chain: Collection[Link] = (),
    chosen: Collection[Ref] | None = None,
) -> GraphView:
    """Return the graph of a fleet, what one object needs and who needs it, or some objects with all that they need.

    ``chain``: the way to a root cause, which stands out.
    """
    fleet = snapshot.fleet
    if focus is not None:
        fleet = _related(fleet, focus)
    elif chosen is not None:
        fleet = _limited(fleet, _reached(chosen, _needs(fleet)))
    graph = graph_of(fleet, focus)
    edges_left = len(graph.edges) - MAX_EDGES
    graph = replace(graph, edges=graph.edges[:MAX_EDGES])
    drawing = draw(graph)
    verdicts = {each.ref: each for each in snapshot.report.verdicts}
    names = Names(snapshot.fleet, verdicts)
    nodes = tuple(_node(names.named(each.ref), each.x, each.y, each.ref == focus) for each in drawing.boxes)
    way = [each.ref for each in chain]
    steps = set(pairwise(way))
    strokes = sorted(
        (Stroke(each.path, _looks(each.edge, each.in_circle, steps)) for each in drawing.lines),
        key=lambda each: "way" in each.looks,
    )
    needs: dict[Ref, list[tuple[str, Named]]] = {}
    for edge in graph.edges:
        needs.setdefault(edge.start, []).append((_words(edge), names.named(edge.end)))
    items = tuple(
        Item(names.named(ref), tuple(needs.get(ref, ()))) for layer in reversed(graph.layers) for ref in layer
    )
    count = sum(map(len, graph.layers))
    omitted = []
    left = len(snapshot.report.verdicts) - count if chosen is not None else graph.omitted
    if left > 0:
        omitted.append(f"{counted(left, 'object')} not shown")
    if edges_left > 0:
        omitted.append(f"{counted(edges_left, 'dependency', 'dependencies')} not shown")
    return GraphView(
        drawing.width,
        drawing.height,
        WIDTH,
        HEIGHT,
        nodes,
        tuple(strokes),
        items,
        f"{counted(count, 'object')}, {counted(len(graph.edges), 'dependency', 'dependencies')}",
        "; ".join(omitted),
    )


def _related(fleet: Fleet, focus: Ref) -> Fleet:
    """An object with all that it needs and all that need it, directly or not: not what else its source feeds."""
    needs = _needs(fleet)
    users: dict[Ref, list[Ref]] = {}
    for ref, found in needs.items():
        for other in found:
            users.setdefault(other, []).append(ref)
    return _limited(fleet, {**_reached([focus], needs), **_reached([focus], users)})


def _needs(fleet: Fleet) -> dict[Ref, list[Ref]]:
    return {ref: [need.ref for need in found] for ref, found in fleet.needs.items()}


def _reached(chosen: Collection[Ref], following: Mapping[Ref, Sequence[Ref]]) -> dict[Ref, None]:
    kept = dict.fromkeys(chosen)
    to_do = list(kept)
    while to_do:
        for other in following.get(to_do.pop(), ()):
            if other not in kept:
                kept[other] = None
                to_do.append(other)
    return kept


def _limited(fleet: Fleet, kept: Collection[Ref]) -> Fleet:
    """The fleet with only the needs between these objects."""
    return replace(
        fleet,
        needs={
            ref: tuple(need for need in fleet.needs[ref] if need.ref in kept)
            for ref in kept
            if ref in fleet.needs
        },
    )


def _node(what: Named, x: int, y: int, is_focus: bool) -> Node:
    ref, badge = what.ref, what.badge
    kind = "" if address(ref).startswith("/kustomizations/") else f"{ref.kind} · "
    assert badge is not None
    return Node(
        what,
        x,
        y,
        first_line(ref.name, _LABEL),
        first_line(f"{kind}{ref.namespace}", _SUBTITLE),
        f"{ref.kind} {what.short}: {badge.word}",
        is_focus,
    )


def _looks(edge: Edge, in_circle: bool, steps: Collection[tuple[Ref, Ref]]) -> str:
    looks = ["edge"]
    if edge.relation != Relation.DEPENDENCY.value:
        looks.append("to-source")
    if in_circle:
        looks.append("circle")
    if (edge.start, edge.end) in steps:
        looks.append("way")
    return " ".join(looks)


def _words(edge: Edge) -> str:
    return {
        Relation.SOURCE.value: "has the source",
        Relation.DEPENDENCY.value: "depends on",
        Relation.INCLUDE.value: "includes",
    }[edge.relation]
