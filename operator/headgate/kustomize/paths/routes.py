"""Many field paths at once: one walk over an object finds the fields of all of them.

A Deployment has name references at some fifteen paths, nearly all of which begin with
``spec/template/spec/containers``; separate walks would spend most of their time on the common part.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from headgate.kustomize.errors import ResourceError
from headgate.kustomize.paths.fieldspec import FieldPlan

__all__ = ["RouteEnd", "Routes", "can_share"]


class RouteEnd(NamedTuple):
    """A field at the end of a path: the number of the path, and the container and key of the field."""

    number: int
    container: Any
    key: str


@dataclass(slots=True)
class _Fork:
    """A branching point: the subtree for each field name, and the numbers of the paths that end here."""

    behind: dict[str, _Fork] = field(default_factory=dict)
    ends: list[int] = field(default_factory=list)

    def first(self) -> int:
        return self.ends[0] if self.ends else min(fork.first() for fork in self.behind.values())


def can_share(plan: FieldPlan) -> bool:
    """Return whether a path consists of plain names: it requires no list and has no empty segment or wildcard."""
    return all(step.name not in ("", "*") and not step.is_list for step in plan.steps)


class Routes:
    """Paths compiled for a common walk; they never create anything."""

    __slots__ = ("_paths", "_start")

    def __init__(self, plans: Iterable[tuple[int, FieldPlan]]) -> None:
        self._start = _Fork()
        self._paths: dict[int, str] = {}
        for number, plan in plans:
            fork = self._start
            for step in plan.steps:
                fork = fork.behind.setdefault(step.name, _Fork())
            fork.ends.append(number)
            self._paths[number] = plan.path

    def arrivals(self, obj: dict[str, Any]) -> list[RouteEnd]:
        """Return the fields that exist and are not null, in no order.

        Raises ResourceError, with the path as ``field``, when a path leads through a scalar.
        """
        found: list[RouteEnd] = []
        self._walk(obj, self._start, found)
        return found

    def _walk(self, obj: dict[str, Any], fork: _Fork, found: list[RouteEnd]) -> None:
        for name, following in fork.behind.items():
            value = obj.get(name)
            if value is None:
                continue
            for number in following.ends:
                found.append(RouteEnd(number, obj, name))
            if following.behind:
                kind = type(value)
                if kind is dict:
                    self._walk(value, following, found)
                elif kind is list:
                    self._walk_list(value, following, found)
                else:
                    raise self._in_the_way(following)

    def _walk_list(self, items: list[Any], fork: _Fork, found: list[RouteEnd]) -> None:
        for item in items:
            kind = type(item)
            if kind is dict:
                self._walk(item, fork, found)
            elif kind is list:
                self._walk_list(item, fork, found)
            elif item is not None:
                raise self._in_the_way(fork)

    def _in_the_way(self, fork: _Fork) -> ResourceError:
        number = min(following.first() for following in fork.behind.values())
        return ResourceError(
            "expected a map or a list on the way to this field, found a scalar", field=self._paths[number]
        )
