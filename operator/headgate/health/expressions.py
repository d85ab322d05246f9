"""The health of custom resources by the user's expressions (``spec.healthCheckExprs``).

The rules are Flux's (``runtime/cel/status_evaluator.go`` and ``status_reader.go``, RFC 0009). An entry applies to a
kind, or to all kinds of its API group without a separate entry, in any version. It replaces the built-in rules: an
object whose controller has not observed its spec yet is in progress; then the first true expression of ``inProgress``,
``failed`` and ``current`` decides, and if none is true, the object is in progress. While an expression cannot be
evaluated, usually because a field does not exist yet, the status is unknown, which a wait treats as in progress. The
built-in rule always applies to Jobs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from headgate.cel import BudgetExceeded, EvaluationFailed, Expression, ExpressionBudget, ExpressionInvalid
from headgate.health.result import Health, HealthStatus, current, failed, in_progress
from headgate.health.rule import GroupKind
from headgate.health.verdict import compute, group_kind
from headgate.health.view import View
from headgate.objects import Obj

_ANY_KIND = ""
_JOB: GroupKind = ("batch", "Job")


class HealthExpressionsInvalid(ValueError):
    """The entries can never be evaluated; the message names the entry, the expression and the position in it."""


@dataclass(frozen=True, slots=True)
class _Entry:
    index: int
    """Its index in the list."""
    current: Expression
    failed: Expression | None
    in_progress: Expression | None


class HealthExpressions:
    """The compiled entries of one Kustomization. Caches the health of an object until the object changes."""

    def __init__(self, entries: Mapping[GroupKind, _Entry] | None = None) -> None:
        self._entries = dict(entries or {})
        self._verdicts: dict[tuple[str, ...], tuple[str, Health]] = {}
        """By group, kind and UID, with the resource version."""

    @classmethod
    async def compile(
        cls, entries: Iterable[Mapping[str, Any]], budget: ExpressionBudget
    ) -> HealthExpressions:
        """From the raw ``spec.healthCheckExprs``.

        Raises :class:`HealthExpressionsInvalid`, or :class:`headgate.cel.BudgetExceeded`, which names the field.
        """
        compiled: dict[GroupKind, _Entry] = {}
        for i, entry in enumerate(entries):
            key = group_kind(dict(entry))
            if key in compiled:
                name = f"{key[1]}.{key[0]}" if key[0] else key[1]
                raise HealthExpressionsInvalid(
                    f"duplicate custom health check for GroupKind {name} at healthchecks[{i}]"
                )
            try:
                compiled[key] = await _compile(entry, i, budget)
            except ValueError as error:
                raise HealthExpressionsInvalid(
                    f"failed to create custom status evaluator for healthchecks[{i}]: {error}"
                ) from error
        return cls(compiled)

    def __bool__(self) -> bool:
        return bool(self._entries)

    def cover(self, api_version: str, kind: str) -> bool:
        """Whether an entry applies to a kind, so that :func:`headgate.health.whole` must be kept of its objects."""
        return self._entry(group_kind({"apiVersion": api_version, "kind": kind})) is not None

    def known(self, obj: Obj) -> Health | None:
        """The health of an object: by the entry of its kind, else by :func:`headgate.health.compute`.

        None when an entry applies and :meth:`evaluate` has not been awaited for this version of the object.
        """
        key = group_kind(obj)
        if self._entry(key) is None:
            return compute(obj)
        uid, version = _version(obj)
        kept = self._verdicts.get((*key, uid))
        return kept[1] if kept is not None and kept[0] == version else None

    async def evaluate(self, obj: Obj, budget: ExpressionBudget) -> Health:
        """The same as :meth:`known`, evaluating expressions if needed.

        Raises :class:`headgate.cel.BudgetExceeded`, which names the field.
        """
        known = self.known(obj)
        if known is not None:
            return known
        key = group_kind(obj)
        entry = self._entry(key)
        assert entry is not None
        verdict = await _judge(entry, obj, budget)
        uid, version = _version(obj)
        if uid and version:
            self._verdicts[*key, uid] = version, verdict
        return verdict

    def _entry(self, key: GroupKind) -> _Entry | None:
        if key == _JOB:
            return None
        return self._entries.get(key) or self._entries.get((key[0], _ANY_KIND))


def _version(obj: Obj) -> tuple[str, str]:
    meta = obj.get("metadata") or {}
    return str(meta.get("uid") or ""), str(meta.get("resourceVersion") or "")


async def _compile(entry: Mapping[str, Any], index: int, budget: ExpressionBudget) -> _Entry:
    if not entry.get("current"):
        raise ValueError("expression Current not specified")
    compiled: dict[str, Expression | None] = {}
    for name, field in (("Current", "current"), ("Failed", "failed"), ("InProgress", "inProgress")):
        text = entry.get(field)
        try:
            with _named(index, field):
                compiled[name] = await budget.compile(text) if text else None
        except ExpressionInvalid as error:
            raise ValueError(f"failed to parse the expression {name}: {error}") from error
    wanted = compiled["Current"]
    assert wanted is not None
    return _Entry(index, wanted, compiled["Failed"], compiled["InProgress"])


async def _judge(entry: _Entry, obj: Obj, budget: ExpressionBudget) -> Health:
    view = View(obj)
    generation = view.optional_number("metadata.generation")
    observed = view.optional_number("status.observedGeneration")
    if generation is not None and observed is not None and observed != generation:
        return in_progress(f"generation is {generation}, but latest observed generation is {observed}")
    steps = (
        ("inProgress", entry.in_progress, in_progress),
        ("failed", entry.failed, failed),
        ("current", entry.current, current),
    )
    try:
        for field, expression, health in steps:
            with _named(entry.index, field):
                if expression and await budget.evaluate_bool(expression, obj):
                    return health(f"the expression {field} is true")
    except EvaluationFailed as error:
        return Health(HealthStatus.UNKNOWN, str(error))
    return in_progress("the expression current is not true yet")


@contextmanager
def _named(index: int, field: str) -> Iterator[None]:
    """Name the field in an error about a used-up budget."""
    try:
        yield
    except BudgetExceeded as error:
        raise error.at(f"spec.healthCheckExprs[{index}].{field}") from None
