"""Whether a Kustomization's dependencies let it go ahead.

The rules are Flux's (Kustomization API reference, "Dependencies"): a dependency counts as ready when it
exists, its newest generation was reconciled, its Ready condition is True and, where both use the same source,
it has applied the very revision that is to be applied now. A ``readyExpr`` takes the place of all that but existence,
or, where the feature gate AdditiveCELDependencyCheck asks for it, comes on top.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Container, Iterator
from dataclasses import dataclass

from headgate.api import ObjectKey
from headgate.cel import Budget, BudgetExceeded, EvaluationFailed, Expression, ExpressionInvalid
from headgate.loop import Pauses
from headgate.objects import Obj
from headgate.reconcile.core.store import dependencies_of, key_of, source_of
from headgate.reconcile.kustomization.errors import InvalidSpecExpression

READY_VARIABLES = ("dep", "self")
"""The variables of a ``readyExpr``: the dependency and the Kustomization that depends on it, as raw objects."""


@dataclass(frozen=True, slots=True)
class Blocked:
    """Why a Kustomization has to wait."""

    dependency: ObjectKey
    message: str
    cycle: tuple[ObjectKey, ...] = ()
    """The circle that can never be resolved, its first member repeated at the end."""


async def blocked_by(
    kustomization: Obj,
    revision: str,
    look_up: Callable[[ObjectKey], Obj | None],
    budget: Budget,
    unconcerned: Callable[[ObjectKey], bool] = lambda _: False,
    *,
    additive: bool = False,
    hidden: Container[ObjectKey] = (),
) -> Blocked | None:
    """The first dependency that is not ready for ``revision`` of the source, None when all are.

    Expressions are evaluated last, in their order and until one is not true, when all that can be seen without them is
    as it should be. ``unconcerned`` says of a dependency that has applied an older revision whether the new one leaves
    everything it was built from as it was; such a dependency need not be waited for, unless one of its own has to be.
    ``additive``: the built-in rules hold beside a ``readyExpr`` too. ``hidden``: the dependencies of which an
    expression sees what tells their state and no more. Raises :class:`InvalidSpecExpression`, and
    :class:`headgate.cel.BudgetExceeded`, which names the field.
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


async def ready_expression(text: str, budget: Budget) -> Expression:
    """A ``readyExpr``, checked as strictly as Flux does. Raises :class:`headgate.cel.ExpressionInvalid`."""
    return await budget.compile(text, READY_VARIABLES)


async def find_cycle(kustomization: Obj, look_up: Callable[[ObjectKey], Obj | None]) -> tuple[ObjectKey, ...]:
    """The shortest circle of dependsOn that leads back to this Kustomization; empty when there is none."""
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
    """Key and ``readyExpr`` (or nothing) of each dependency."""
    written = (d.get("readyExpr") or "" for d in kustomization["spec"].get("dependsOn") or ())
    return zip(dependencies_of(kustomization), written, strict=True)


@dataclass(frozen=True, slots=True)
class _Rules:
    """The built-in rules, as they hold for one Kustomization."""

    kustomization: Obj
    revision: str
    look_up: Callable[[ObjectKey], Obj | None]
    unconcerned: Callable[[ObjectKey], bool]
    additive: bool

    async def first_not_ready(self) -> Blocked | None:
        """The first dependency that keeps the Kustomization from going ahead.

        Looks at each Kustomization once, however many ways lead to it.
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
        """Why a dependency is not ready; or else the dependency, where its own dependencies have to be looked at.

        ``of``: whose dependency it is; None: the Kustomization's own.
        """
        if expression and of is not None:
            # What another Kustomization's expression says of its dependency, its own attempt finds out.
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
        ready = next((c for c in status.get("conditions") or () if c["type"] == "Ready"), None)
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
    """How a Kustomization is, and nothing of what its owners or its repository hold: no revision, message or label.

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
    """The dependencies in other namespaces whose ``readyExpr`` says whether they are ready."""
    own = kustomization["metadata"]["namespace"]
    return {key for key, text in _entries(kustomization) if text and key.namespace != own}


async def _expression_not_true(key: ObjectKey, text: str, data: Obj, budget: Budget) -> str | None:
    try:
        expression = await ready_expression(text, budget)
    except ExpressionInvalid as error:
        raise InvalidSpecExpression(f"failed to evaluate dependency {key.name}: {error}") from error
    try:
        if await budget.evaluate_bool(expression, data):
            return None
    except EvaluationFailed as error:
        return str(error)
    return f"dependency '{key}' is not ready according to readyExpr eval"
