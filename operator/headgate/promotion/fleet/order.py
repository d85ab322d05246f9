"""The order in which Kustomizations are applied: each after those that it depends on. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from headgate.api import ObjectKey

__all__ = ["ordered"]


def ordered(
    dependencies: Mapping[ObjectKey, Iterable[ObjectKey]],
) -> tuple[list[ObjectKey], list[tuple[ObjectKey, ...]]]:
    """Return the keys, each after its dependencies, otherwise in the given order; and the cycles.

    A dependency that is not a key does not count. The members of a cycle come in the given order. Each cycle starts
    with its first member.

    >>> a, b, c = (ObjectKey("n", name) for name in "abc")
    >>> ordered({a: [b], b: [], c: [a]})[0] == [b, a, c]
    True
    """
    done: dict[ObjectKey, bool] = {}
    result: list[ObjectKey] = []
    cycles: list[tuple[ObjectKey, ...]] = []
    for start in dependencies:
        if start in done:
            continue
        path = [start]
        pending = [iter(dependencies[start])]
        done[start] = False
        while path:
            following = next((key for key in pending[-1] if key in dependencies), None)
            if following is None:
                done[path[-1]] = True
                result.append(path.pop())
                pending.pop()
            elif following not in done:
                done[following] = False
                path.append(following)
                pending.append(iter(dependencies[following]))
            elif not done[following]:
                cycles.append(_rotated(path[path.index(following) :], list(dependencies)))
    return result, cycles


def _rotated(cycle: list[ObjectKey], given: list[ObjectKey]) -> tuple[ObjectKey, ...]:
    first = min(range(len(cycle)), key=lambda at: given.index(cycle[at]))
    return tuple(cycle[first:] + cycle[:first])
