"""Circles of dependencies: Tarjan's strongly connected components, without recursion, and a shortest circle of each."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar

T = TypeVar("T")

__all__ = ["components", "shortest_circle"]


def components(nodes: Iterable[T], following: Callable[[T], Sequence[T]]) -> list[list[T]]:
    """Return the strongly connected components, each after those that it leads to; linear in nodes and edges.

    ``following`` is called once for each node.
    """
    index: dict[T, int] = {}
    low: dict[T, int] = {}
    stack: list[T] = []
    on_stack: set[T] = set()
    found: list[list[T]] = []

    def enter(node: T) -> tuple[T, Iterator[T]]:
        index[node] = low[node] = len(index)
        stack.append(node)
        on_stack.add(node)
        return node, iter(following(node))

    for start in nodes:
        if start in index:
            continue
        work = [enter(start)]
        while work:
            node, after = work[-1]
            for other in after:
                if other not in index:
                    work.append(enter(other))
                    break
                if other in on_stack:
                    low[node] = min(low[node], index[other])
            else:
                work.pop()
                if low[node] == index[node]:
                    component: list[T] = []
                    while not component or component[-1] != node:
                        component.append(stack.pop())
                        on_stack.discard(component[-1])
                    found.append(component)
                if work:
                    parent = work[-1][0]
                    low[parent] = min(low[parent], low[node])
    return found


def shortest_circle(start: T, following: Callable[[T], Sequence[T]]) -> tuple[T, ...]:
    """Return the shortest way from a node back to itself, with the node at both ends; empty if there is none."""
    reached_from: dict[T, T] = {}
    to_do = deque((start,))
    while to_do:
        node = to_do.popleft()
        for other in following(node):
            if other == start:
                path = [start, node]
                while path[-1] != start:
                    path.append(reached_from[path[-1]])
                return tuple(reversed(path))
            if other not in reached_from:
                reached_from[other] = node
                to_do.append(other)
    return ()
