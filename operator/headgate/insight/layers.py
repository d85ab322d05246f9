"""The graph of a fleet in layers: each object stands after all that it needs."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from headgate.insight.cycles import components
from headgate.insight.fleet import Fleet
from headgate.insight.values import Ref

__all__ = ["MAX_NODES", "Edge", "Graph", "graph_of"]

MAX_NODES = 200
"""Limit for the nodes of one graph."""


@dataclass(frozen=True, slots=True, order=True)
class Edge:
    """One object needs another one."""

    start: Ref
    end: Ref
    relation: str


@dataclass(frozen=True, slots=True)
class Graph:
    """Nodes in layers: the first one needs nothing."""

    layers: tuple[tuple[Ref, ...], ...]
    edges: tuple[Edge, ...]
    omitted: int = 0
    """Nodes above the limit."""


def graph_of(fleet: Fleet, focus: Ref | None = None, limit: int = MAX_NODES) -> Graph:
    """Return the graph of all objects, or of the neighborhood of one: the nearest first.

    Objects that are missing are nodes, too. Members of a circle share a layer.
    """
    needs = {ref: tuple(need.ref for need in found) for ref, found in fleet.needs.items()}
    everything = sorted({*needs, *(other for found in needs.values() for other in found)})
    chosen = everything if focus is None else _nearest(focus, needs)
    nodes = set(chosen[:limit])

    def following(ref: Ref) -> tuple[Ref, ...]:
        return tuple(other for other in needs.get(ref, ()) if other in nodes)

    layer_of: dict[Ref, int] = {}
    for component in components(sorted(nodes), following):
        inside = set(component)
        before = (layer_of[o] for member in component for o in following(member) if o not in inside)
        layer = max(before, default=-1) + 1
        layer_of |= dict.fromkeys(component, layer)
    layers: list[list[Ref]] = [[] for _ in range(max(layer_of.values(), default=-1) + 1)]
    for ref in sorted(nodes):
        layers[layer_of[ref]].append(ref)
    edges = sorted(
        Edge(ref, need.ref, need.relation.value)
        for ref in nodes
        for need in fleet.needs.get(ref, ())
        if need.ref in nodes
    )
    return Graph(tuple(map(tuple, layers)), tuple(edges), len(chosen) - len(nodes))


def _nearest(focus: Ref, needs: dict[Ref, tuple[Ref, ...]]) -> list[Ref]:
    """The object and all that it is connected with, in either direction, by distance."""
    users: dict[Ref, list[Ref]] = {}
    for ref, needed in needs.items():
        for other in needed:
            users.setdefault(other, []).append(ref)
    seen: dict[Ref, None] = {focus: None}
    to_do = deque((focus,))
    while to_do:
        at = to_do.popleft()
        found = sorted({*needs.get(at, ()), *users.get(at, ())} - seen.keys())
        seen |= dict.fromkeys(found)
        to_do += found
    return list(seen)
