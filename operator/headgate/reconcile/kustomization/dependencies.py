"""Whether a Kustomization's dependencies are ready.

The rules are Flux's (Kustomization API reference, "Dependencies"). A dependency is ready if it exists, its newest
generation was reconciled, its Ready condition is True and, if both use the same source, it has applied the same
revision. A ``readyExpr`` replaces all of these rules except existence; with the feature gate
AdditiveCELDependencyCheck, it is an additional rule.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Container, Iterator
from dataclasses import dataclass

from headgate.api import ObjectKey
from headgate.api import conditions as cond
from headgate.api.reasons import READY
from headgate.cel import BudgetExceeded, EvaluationFailed, Expression, ExpressionBudget, ExpressionInvalid
from headgate.loop import Pauses
from headgate.objects import Obj
from headgate.reconcile.core.store import dependencies_of, key_of, source_of
from headgate.reconcile.kustomization.errors import SpecExpressionInvalid

READY_VARIABLES = ("dep", "self")
"""The variables of a ``readyExpr``: the dependency and its dependent, as raw objects."""


@dataclass(frozen=True, slots=True)
class Blocked:
    """Why a Kustomization has to wait."""

    dependency: ObjectKey
    message: str
    cycle: tuple[ObjectKey, ...] = ()
    """A circle that can never be resolved; its first member is repeated at the end."""


async def blocked_by(
    kustomization: Obj,
    revision: str,
    look_up: Callable[[ObjectKey], Obj | None],
    budget: ExpressionBudget,
    unconcerned: Callable[[ObjectKey], bool] = lambda _: False,
    *,
    additive: bool = False,
    hidden: Container[ObjectKey] = (),
) -> Blocked | None:
    """The first dependency that is not ready for ``revision`` of the source; None if all are ready.

    Expressions come last, in their order and up to the first that is not true, and only if all other rules hold.
    ``unconcerned`` says about a dependency with an older revision whether the new one leaves all its inputs unchanged;
    such a dependency counts as ready, unless one of its dependencies is not. ``additive``: the built-in rules hold in
    addition to a ``readyExpr``. ``hidden``: the dependencies of which an expression sees only :func:`state_of`. Raises
    :class:`SpecExpressionInvalid`, and :class:`headgate.cel.BudgetExceeded`, which names the field.
    """
    blocked = await _Rules(kustomization, revision, look_up, unconcerned, additive).first_not_ready()
    if blocked is None:
        for i, (key, text) in enumerate(_entries(kustomization)):
            dependency = look_up(key) if text else None
            if dependency is None:
                continue
            data = {"dep": state_of(dependency) if key in hidden else dependency, "self": kustomization}
            try:
                message = await _expression_not_true(key, text, data, budget)
            except BudgetExceeded as error:
                raise error.at(f"spec.dependsOn[{i}].readyExpr") from None
            if message is not None:
                blocked = Blocked(key, message)
                break
    if blocked is not None:
        cycle = await find_cycle(kustomization, look_up)
        if cycle:
            path = " -> ".join(str(k) for k in cycle)
            message = f"dependency cycle: {path}; remove one of these dependsOn entries"
            return Blocked(blocked.dependency, message, cycle)
    return blocked


async def ready_expression(text: str, budget: ExpressionBudget) -> Expression:
    """A ``readyExpr``, checked as strictly as in Flux. Raises :class:`headgate.cel.ExpressionInvalid`."""
    return await budget.compile(text, READY_VARIABLES)


async def find_cycle(kustomization: Obj, look_up: Callable[[ObjectKey], Obj | None]) -> tuple[ObjectKey, ...]:
    """The shortest circle of dependsOn that leads back to this Kustomization; empty if there is none."""
    start, pauses = key_of(kustomization), Pauses()
    reached_from: dict[ObjectKey, ObjectKey] = {}
    to_do = deque((start,))
    while to_do:
        key = to_do.popleft()
        current = kustomization if key == start else look_up(key)
        for nearby in dependencies_of(current) if current is not None else ():
            if nearby == start:
                path = [start, key]
                while path[-1] != start:
                    path.append(reached_from[path[-1]])
                return tuple(reversed(path))
            if nearby not in reached_from:
                reached_from[nearby] = key
                to_do.append(nearby)
        await pauses.here()
    return ()


def _entries(kustomization: Obj) -> Iterator[tuple[ObjectKey, str]]:
    """Key and ``readyExpr`` (or empty text) of each dependency."""
    written = (d.get("readyExpr") or "" for d in kustomization["spec"].get("dependsOn") or ())
    return zip(dependencies_of(kustomization), written, strict=True)


@dataclass(frozen=True, slots=True)
class _Rules:
    """The built-in rules for one Kustomization."""

    kustomization: Obj
    revision: str
    look_up: Callable[[ObjectKey], Obj | None]
    unconcerned: Callable[[ObjectKey], bool]
    additive: bool

    async def first_not_ready(self) -> Blocked | None:
        """The first dependency that is not ready.

        Checks each Kustomization once, however many paths lead to it.
        """
        pauses = Pauses()
        entered: set[ObjectKey] = set()
        on_the_way: dict[ObjectKey, None] = {}
        stack = [_entries(self.kustomization)]
        while stack:
            await pauses.here()
            key, expression = next(stack[-1], (None, ""))
            if key is None:
                stack.pop()
                if on_the_way:
                    on_the_way.popitem()
                continue
            message, dependency = self._not_ready(key, expression, next(reversed(on_the_way), None))
            if dependency is not None and key in on_the_way:
                message = f"dependency '{key}' revision is not up to date"
            if message is not None:
                return Blocked(next(iter(on_the_way), key), message)
            if dependency is not None and key not in entered:
                # It has applied an older revision, and need not apply this one if its own dependencies are ready.
                entered.add(key)
                on_the_way[key] = None
                stack.append(_entries(dependency))
        return None

    def _not_ready(
        self, key: ObjectKey, expression: str, of: ObjectKey | None
    ) -> tuple[str | None, Obj | None]:
        """Why a dependency is not ready; otherwise the dependency, if its own dependencies must be checked.

        ``of``: the dependent; None: the Kustomization itself.
        """
        if expression and of is not None:
            # Another Kustomization's own attempt evaluates its expressions.
            return f"dependency '{of}' revision is not up to date", None
        dependency = self.look_up(key)
        if dependency is None:
            return (
                f"dependency '{key}' not found: "
                f'kustomizations.kustomize.toolkit.fluxcd.io "{key.name}" not found'
            ), None
        if expression and not self.additive:
            return None, None
        status = dependency.get("status") or {}
        ready = cond.get(cond.of(dependency), READY)
        current = dependency["metadata"].get("generation") == status.get("observedGeneration")
        if ready is None or not current or ready["status"] != "True":
            return f"dependency '{key}' is not ready", None
        if source_of(dependency) != source_of(self.kustomization):
            return None, None
        if status.get("lastAppliedRevision") == self.revision:
            return None, None
        if not self.unconcerned(key):
            return f"dependency '{key}' revision is not up to date", None
        return None, dependency


def state_of(dependency: Obj) -> Obj:
    """The state of a Kustomization, without anything of its owners or its repository: no revision, message or label.

    Generations, and type, status, reason and observed generation of each condition: what the built-in rules use.
    """
    meta, status = dependency["metadata"], dependency.get("status") or {}
    conditions = [
        {k: c[k] for k in ("type", "status", "reason", "observedGeneration") if k in c}
        for c in status.get("conditions") or ()
    ]
    observed = {k: status[k] for k in ("observedGeneration",) if k in status}
    return {
        **{k: dependency[k] for k in ("apiVersion", "kind") if k in dependency},
        "metadata": {k: meta[k] for k in ("name", "namespace", "generation") if k in meta},
        "status": {**observed, **({"conditions": conditions} if "conditions" in status else {})},
    }


def foreign_judged_by_expression(kustomization: Obj) -> set[ObjectKey]:
    """The dependencies in other namespaces with a ``readyExpr``."""
    own = kustomization["metadata"]["namespace"]
    return {key for key, text in _entries(kustomization) if text and key.namespace != own}


async def _expression_not_true(key: ObjectKey, text: str, data: Obj, budget: ExpressionBudget) -> str | None:
    try:
        expression = await ready_expression(text, budget)
    except ExpressionInvalid as error:
        raise SpecExpressionInvalid(f"failed to evaluate dependency {key.name}: {error}") from error
    try:
        if await budget.evaluate_bool(expression, data):
            return None
    except EvaluationFailed as error:
        return str(error)
    return f"dependency '{key}' is not ready according to readyExpr eval"
