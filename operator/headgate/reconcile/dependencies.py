"""Whether a Kustomization's dependencies let it go ahead. Pure.

The rules are Flux's (Kustomization API reference, "Dependencies"): a dependency counts as ready when it
exists, its newest generation was reconciled, its Ready condition is True and, where both use the same source,
it has applied the very revision that is to be applied now. A ``readyExpr`` takes the place of all that but existence,
or, where the feature gate AdditiveCELDependencyCheck asks for it, comes on top.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from headgate.api import ObjectKey
from headgate.cel import EvaluationError, Expression, InvalidExpression
from headgate.reconcile.store import dependencies_of, source_of

Obj = dict[str, Any]


READY_VARIABLES = ("dep", "self")
"""The variables of a ``readyExpr``: the dependency and the Kustomization that depends on it, as raw objects."""


class InvalidReadyExpression(ValueError):
    """A ``readyExpr`` can never be evaluated: the Kustomization stalls until its spec is another."""


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
    *,
    additive: bool = False,
    guarded: bool = False,
) -> Blocked | None:
    """The first dependency that is not ready for ``revision`` of the source, None when all are.

    ``unconcerned`` tells of a dependency that has applied an older revision whether the new one leaves everything it
    was built from as it was; such a dependency need not be waited for, unless one of its own has to be. ``additive``:
    the built-in rules hold beside a ``readyExpr`` too. ``guarded``: an expression sees of a dependency in another
    namespace what tells its state and no more. Raises :class:`InvalidReadyExpression`.
    """
    rules = _Rules(revision, look_up, unconcerned, additive, guarded)
    for key, expression in _entries(kustomization):
        message = rules.not_ready(kustomization, key, expression)
        if message is None:
            continue
        cycle = find_cycle(kustomization, look_up)
        if cycle:
            path = " -> ".join(str(k) for k in cycle)
            message = f"dependency cycle: {path}; remove one of these dependsOn entries"
        return Blocked(key, message, cycle)
    return None


def ready_expression(text: str) -> Expression:
    """A ``readyExpr``, checked as strictly as Flux does. Raises :class:`headgate.cel.InvalidExpression`."""
    return Expression.compile(text, READY_VARIABLES)


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


def judged_by_expression(kustomization: Obj | None) -> set[ObjectKey]:
    """The dependencies whose ``readyExpr`` tells whether they are ready; empty where there is no Kustomization."""
    return {key for key, expression in _entries(kustomization) if expression} if kustomization else set()


def _entries(kustomization: Obj) -> Iterator[tuple[ObjectKey, str]]:
    """Key and ``readyExpr`` (or nothing) of each dependency."""
    written = (d.get("readyExpr") or "" for d in kustomization["spec"].get("dependsOn") or ())
    return zip(dependencies_of(kustomization), written, strict=True)


@dataclass(frozen=True, slots=True)
class _Rules:
    """What holds for all dependencies looked at for one Kustomization."""

    revision: str
    look_up: Callable[[ObjectKey], Obj | None]
    unconcerned: Callable[[ObjectKey], bool]
    additive: bool
    guarded: bool

    def not_ready(
        self, kustomization: Obj, key: ObjectKey, expression: str, seen: frozenset[ObjectKey] = frozenset()
    ) -> str | None:
        """Why the dependency keeps the Kustomization from going ahead, None when it does not."""
        dependency = self.look_up(key)
        if dependency is None:
            return (
                f"dependency '{key}' not found: "
                f'kustomizations.kustomize.toolkit.fluxcd.io "{key.name}" not found'
            )
        if expression:
            foreign = self.guarded and key.namespace != kustomization["metadata"]["namespace"]
            seen_of_it = _outside_of(dependency) if foreign else dependency
            message = _expression_not_true(kustomization, key, seen_of_it, expression)
            if message is not None or not self.additive:
                return message
        status = dependency.get("status") or {}
        ready = next((c for c in status.get("conditions") or () if c["type"] == "Ready"), None)
        current = dependency["metadata"].get("generation") == status.get("observedGeneration")
        if ready is None or not current or ready["status"] != "True":
            return f"dependency '{key}' is not ready"
        if source_of(dependency) != source_of(kustomization):
            return None
        if status.get("lastAppliedRevision") == self.revision:
            return None
        if key in seen or not self.unconcerned(key):
            return f"dependency '{key}' revision is not up to date"
        seen |= {key}
        reasons = (self.not_ready(dependency, k, e, seen) for k, e in _entries(dependency))
        return next((r for r in reasons if r is not None), None)


def _outside_of(dependency: Obj) -> Obj:
    """A Kustomization of another namespace without what its owners wrote into it: they may not want it to be read."""
    meta, status = dependency["metadata"], dependency.get("status") or {}
    annotations = {
        k: v for k, v in (meta.get("annotations") or {}).items() if not k.startswith("kubectl.kubernetes.io/")
    }
    kept = {k: meta[k] for k in ("name", "namespace", "uid", "generation", "labels") if k in meta}
    return {
        **{k: dependency[k] for k in ("apiVersion", "kind") if k in dependency},
        "metadata": {**kept, **({"annotations": annotations} if annotations else {})},
        "status": {k: v for k, v in status.items() if k not in ("inventory", "history")},
    }


def _expression_not_true(kustomization: Obj, key: ObjectKey, dependency: Obj, text: str) -> str | None:
    try:
        expression = ready_expression(text)
    except InvalidExpression as error:
        raise InvalidReadyExpression(f"failed to evaluate dependency {key.name}: {error}") from error
    try:
        if expression.evaluate_bool({"dep": dependency, "self": kustomization}):
            return None
    except EvaluationError as error:
        return str(error)
    return f"dependency '{key}' is not ready according to readyExpr eval"
