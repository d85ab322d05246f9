"""Whether a Kustomization's dependencies let it go ahead. Pure.

The rules are Flux's (Kustomization API reference, "Dependencies"): a dependency counts as ready when it
exists, its newest generation was reconciled, its Ready condition is True and, where both use the same source,
it has applied the very revision that is to be applied now.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from headgate.api import ObjectKey
from headgate.reconcile.store import dependencies_of, source_of

Obj = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Blocked:
    """Why a Kustomization has to wait."""

    dependency: ObjectKey
    message: str
    cycle: tuple[ObjectKey, ...] = ()
    """The circle that can never be resolved, its first member repeated at the end."""


def blocked_by(
    kustomization: Obj,
    revision: str,
    look_up: Callable[[ObjectKey], Obj | None],
    unconcerned: Callable[[ObjectKey], bool] = lambda _: False,
) -> Blocked | None:
    """The first dependency that is not ready for ``revision`` of the source, None when all are.

    ``unconcerned`` tells of a dependency that has applied an older revision whether the new one leaves everything it
    was built from as it was; such a dependency need not be waited for, unless one of its own has to be.
    """
    for key in dependencies_of(kustomization):
        dependency = look_up(key)
        message = _not_ready(kustomization, revision, key, dependency, look_up, unconcerned, frozenset())
        if message is None:
            continue
        cycle = find_cycle(kustomization, look_up)
        if cycle:
            path = " -> ".join(str(k) for k in cycle)
            message = f"dependency cycle: {path}; remove one of these dependsOn entries"
        return Blocked(key, message, cycle)
    return None


def find_cycle(kustomization: Obj, look_up: Callable[[ObjectKey], Obj | None]) -> tuple[ObjectKey, ...]:
    """The shortest circle of dependsOn that leads back to this Kustomization; empty when there is none."""
    meta = kustomization["metadata"]
    start = ObjectKey(meta["namespace"], meta["name"])
    seen = {start}
    paths: list[tuple[ObjectKey, ...]] = [(start,)]
    for path in paths:
        current = look_up(path[-1]) if len(path) > 1 else kustomization
        if current is None:
            continue
        for nearby in dependencies_of(current):
            if nearby == start:
                return (*path, start)
            if nearby not in seen:
                seen.add(nearby)
                paths.append((*path, nearby))
    return ()


def _not_ready(
    kustomization: Obj,
    revision: str,
    key: ObjectKey,
    dependency: Obj | None,
    look_up: Callable[[ObjectKey], Obj | None],
    unconcerned: Callable[[ObjectKey], bool],
    seen: frozenset[ObjectKey],
) -> str | None:
    if dependency is None:
        return (
            f"dependency '{key}' not found: "
            f'kustomizations.kustomize.toolkit.fluxcd.io "{key.name}" not found'
        )
    status = dependency.get("status") or {}
    ready = next((c for c in status.get("conditions") or () if c["type"] == "Ready"), None)
    current = dependency["metadata"].get("generation") == status.get("observedGeneration")
    if ready is None or not current or ready["status"] != "True":
        return f"dependency '{key}' is not ready"
    if source_of(dependency) != source_of(kustomization) or status.get("lastAppliedRevision") == revision:
        return None
    if key in seen or not unconcerned(key):
        return f"dependency '{key}' revision is not up to date"
    seen |= {key}
    below = ((k, look_up(k)) for k in dependencies_of(dependency))
    reasons = (_not_ready(dependency, revision, k, d, look_up, unconcerned, seen) for k, d in below)
    return next((r for r in reasons if r is not None), None)
