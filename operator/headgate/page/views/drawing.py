"""Where the nodes and lines of a dependency graph stand: layers from left to right. Pure.

Sugiyama's method in small: long lines pass through invisible nodes, and each layer is sorted by the middle of its
neighbors, so that lines rarely cross. A layer with many nodes has several columns. Units are pixels.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from headgate.insight import Ref
from headgate.insight.layers import Edge, Graph

__all__ = ["Box", "Drawing", "Line", "draw"]

WIDTH, HEIGHT = 184, 46
"""Of a node."""
GAP_X, GAP_Y = 48, 14
MARGIN = 12
TALLEST = 30
"""Nodes in one column."""
LOW = 12
"""Columns of up to this many nodes are centered; a higher drawing begins at its top, where a reader begins."""
GAP_LINE = 8
"""Between a line that passes and the next node."""
SWEEPS = 6
MAX_SPOTS = 5000
"""Limit for invisible nodes; further long lines are straight."""

_Spot = tuple[int, int]
"""An invisible node: the number of its edge, and its layer."""


@dataclass(frozen=True, slots=True)
class Box:
    """A node; its upper left corner."""

    ref: Ref
    x: int
    y: int


@dataclass(frozen=True, slots=True)
class Line:
    """An edge, drawn from what is needed to who needs it."""

    edge: Edge
    path: str
    """The ``d`` of an SVG path."""
    in_circle: bool


@dataclass(frozen=True, slots=True)
class Drawing:
    """A graph with places."""

    width: int
    height: int
    boxes: tuple[Box, ...]
    """In the order of reading: by layer, from top to bottom."""
    lines: tuple[Line, ...]


def draw(graph: Graph) -> Drawing:
    """Return where everything stands.

    A line that follows from others is omitted: if A needs B and B needs C, A's own need of C is not drawn.
    """
    layer_of = {ref: number for number, layer in enumerate(graph.layers) for ref in layer}
    edges = _necessary(graph, layer_of)
    columns = _columns(graph, layer_of, edges)
    position = {ref: column for column, refs in enumerate(columns) for ref in refs}
    ordered, spots = _ordered(columns, position, edges)
    places: dict[Ref | _Spot, tuple[int, int]] = {}
    height = max((_height(column) for column in ordered), default=0)
    centered = height <= LOW * (HEIGHT + GAP_Y)
    for number, column in enumerate(ordered):
        y = MARGIN + ((height - _height(column)) // 2 if centered else 0)
        for node in column:
            places[node] = (MARGIN + number * (WIDTH + GAP_X), y)
            y += _space(node)
    boxes = tuple(Box(node, *places[node]) for column in ordered for node in column if isinstance(node, Ref))
    lines = tuple(
        Line(
            edge,
            _path(edge, spots.get(number, ()), places, position),
            layer_of[edge.start] == layer_of[edge.end],
        )
        for number, edge in enumerate(edges)
    )
    width = 2 * MARGIN + max(0, len(ordered) * (WIDTH + GAP_X) - GAP_X)
    return Drawing(width, 2 * MARGIN + height, boxes, lines)


def _necessary(graph: Graph, layer_of: dict[Ref, int]) -> list[Edge]:
    """The edges that do not follow from others, and all within a circle."""
    number = {ref: at for at, ref in enumerate(layer_of)}
    needs: dict[Ref, set[Ref]] = {}
    for edge in graph.edges:
        if layer_of[edge.end] < layer_of[edge.start]:
            needs.setdefault(edge.start, set()).add(edge.end)
    reached: dict[Ref, int] = {}
    for layer in graph.layers:
        for ref in layer:
            found = 1 << number[ref]
            for other in needs.get(ref, ()):
                found |= reached[other]
            reached[ref] = found
    kept = []
    for edge in graph.edges:
        others = needs.get(edge.start, set()) - {edge.end}
        bit = 1 << number[edge.end]
        inside = layer_of[edge.end] == layer_of[edge.start]
        if inside or not any(reached[other] & bit for other in others):
            kept.append(edge)
    return kept


def _columns(graph: Graph, layer_of: dict[Ref, int], edges: Sequence[Edge]) -> list[list[Ref]]:
    """The layers, those with many nodes split into several columns; relatives stay together."""
    first_need: dict[Ref, Ref] = {}
    for edge in edges:
        if layer_of[edge.end] < layer_of[edge.start]:
            first_need.setdefault(edge.start, edge.end)
    columns: list[list[Ref]] = []
    for layer in graph.layers:
        nodes = sorted(layer, key=lambda ref: (first_need.get(ref, ref), ref))
        size = -(-len(nodes) // -(-len(nodes) // TALLEST)) if nodes else 1
        columns += [nodes[at : at + size] for at in range(0, len(nodes), size)]
    return columns


def _ordered(
    columns: list[list[Ref]], position: dict[Ref, int], edges: Sequence[Edge]
) -> tuple[list[list[Ref | _Spot]], dict[int, tuple[_Spot, ...]]]:
    """The columns with the invisible nodes of long edges, sorted; and those of each edge."""
    ordered: list[list[Ref | _Spot]] = [list(column) for column in columns]
    before: dict[Ref | _Spot, list[Ref | _Spot]] = {}
    after: dict[Ref | _Spot, list[Ref | _Spot]] = {}
    spots: dict[int, tuple[_Spot, ...]] = {}
    count = 0
    for number, edge in enumerate(edges):
        left, right = position[edge.end], position[edge.start]
        if right <= left or count > MAX_SPOTS:
            continue
        between = tuple((number, column) for column in range(left + 1, right))
        spots[number] = between
        count += len(between)
        for spot in between:
            ordered[spot[1]].append(spot)
        way: list[Ref | _Spot] = [edge.end, *between, edge.start]
        for one, two in pairwise(way):
            after.setdefault(one, []).append(two)
            before.setdefault(two, []).append(one)
    at = {node: height for column in ordered for node, height in _heights(column)}
    for sweep in range(SWEEPS):
        down = sweep % 2 == 0
        order: Iterable[int] = range(1, len(ordered)) if down else range(len(ordered) - 2, -1, -1)
        for number in order:
            ordered[number].sort(key=_middle(before if down else after, at))
            at.update(_heights(ordered[number]))
    return ordered, spots


def _heights(column: Sequence[Ref | _Spot]) -> Iterable[tuple[Ref | _Spot, float]]:
    """How far down each node stands, from -0.5 to 0.5."""
    return ((node, (number + 0.5) / len(column) - 0.5) for number, node in enumerate(column))


def _middle(
    neighbors: dict[Ref | _Spot, list[Ref | _Spot]], at: dict[Ref | _Spot, float]
) -> Callable[[Ref | _Spot], float]:
    def key(node: Ref | _Spot) -> float:
        found = [at[each] for each in neighbors.get(node, ())]
        return sum(found) / len(found) if found else at[node]

    return key


def _height(column: Sequence[Ref | _Spot]) -> int:
    return sum(map(_space, column)) - GAP_Y


def _space(node: Ref | _Spot) -> int:
    return HEIGHT + GAP_Y if isinstance(node, Ref) else GAP_LINE


def _path(
    edge: Edge,
    between: Sequence[_Spot],
    places: dict[Ref | _Spot, tuple[int, int]],
    position: dict[Ref, int],
) -> str:
    (x1, y1), (x2, y2) = places[edge.end], places[edge.start]
    y1, y2 = y1 + HEIGHT // 2, y2 + HEIGHT // 2
    if position[edge.start] <= position[edge.end]:
        # Within a circle: around the right side.
        x1, x2 = x1 + WIDTH, x2 + WIDTH
        far = max(x1, x2) + GAP_X // 2
        return f"M{x1} {y1}C{far} {y1} {far} {y2} {x2} {y2}"
    path = f"M{x1 + WIDTH} {y1}"
    x, y = x1 + WIDTH, y1
    for spot in between:
        left, top = places[spot]
        path += f"{_curve(x, y, left, top)}H{left + WIDTH}"
        x, y = left + WIDTH, top
    return path + _curve(x, y, x2, y2)


def _curve(x1: int, y1: int, x2: int, y2: int) -> str:
    middle = (x1 + x2) // 2
    return f"C{middle} {y1} {middle} {y2} {x2} {y2}"
