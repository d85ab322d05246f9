"""The health of custom resources by a user's own expressions (``spec.healthCheckExprs``).

The rules are Flux's (``runtime/cel/status_evaluator.go`` and ``status_reader.go``, RFC 0009). An entry applies to a
kind, or to all kinds of its API group that have no entry of their own; the version does not matter. Where one
applies, the built-in rules do not: a spec its controller has not seen yet is in progress, then the first of
``inProgress``, ``failed`` and ``current`` that is true tells the status, and in progress it is when none is. While an
expression cannot be evaluated, most often because a field is not there yet, the status is unknown, which a wait
treats as not there yet. Jobs are always judged by the built-in rule.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from headgate.cel import EvaluationError, Expression, InvalidExpression
from headgate.health.result import Health, HealthStatus, current, failed, in_progress
from headgate.health.rule import GroupKind
from headgate.health.verdict import compute, group_kind
from headgate.health.view import View

Obj = dict[str, Any]

_ANY_KIND = ""
_JOB: GroupKind = ("batch", "Job")
_REMEMBERED = 10_000


class InvalidHealthExpressions(ValueError):
    """The entries can never be used; the message names the entry, the expression and the place in it."""


@dataclass(frozen=True, slots=True)
class _Entry:
    current: Expression
    failed: Expression | None
    in_progress: Expression | None


class HealthExpressions:
    """The entries of one Kustomization, compiled. Verdicts are remembered until the object changes."""

    def __init__(self, entries: Mapping[GroupKind, _Entry] | None = None) -> None:
        self._entries = dict(entries or {})
        self._verdicts: OrderedDict[tuple[str, ...], Health] = OrderedDict()

    @classmethod
    def compile(cls, entries: Iterable[Mapping[str, Any]]) -> HealthExpressions:
        """From the raw ``spec.healthCheckExprs``. Raises :class:`InvalidHealthExpressions`."""
        compiled: dict[GroupKind, _Entry] = {}
        for i, entry in enumerate(entries):
            key = group_kind(dict(entry))
            if key in compiled:
                name = f"{key[1]}.{key[0]}" if key[0] else key[1]
                raise InvalidHealthExpressions(
                    f"duplicate custom health check for GroupKind {name} at healthchecks[{i}]"
                )
            try:
                compiled[key] = _compile(entry)
            except ValueError as error:
                raise InvalidHealthExpressions(
                    f"failed to create custom status evaluator for healthchecks[{i}]: {error}"
                ) from error
        return cls(compiled)

    def __bool__(self) -> bool:
        return bool(self._entries)

    def cover(self, api_version: str, kind: str) -> bool:
        """Whether an entry applies to a kind: then :func:`headgate.health.whole` is what to keep of its objects."""
        return self._entry(group_kind({"apiVersion": api_version, "kind": kind})) is not None

    def compute(self, obj: Obj) -> Health:
        """The health of an object: by the entry of its kind, or else by :func:`headgate.health.compute`."""
        key = group_kind(obj)
        entry = self._entry(key)
        if entry is None:
            return compute(obj)
        meta = obj.get("metadata") or {}
        state = (*key, meta.get("uid") or "", meta.get("resourceVersion") or "")
        verdict = self._verdicts.get(state)
        if verdict is None:
            verdict = _judge(entry, obj)
            if all(state[2:]) and verdict.status is not HealthStatus.UNKNOWN:
                self._verdicts[state] = verdict
            while len(self._verdicts) > _REMEMBERED:
                self._verdicts.popitem(last=False)
        return verdict

    def _entry(self, key: GroupKind) -> _Entry | None:
        if key == _JOB:
            return None
        return self._entries.get(key) or self._entries.get((key[0], _ANY_KIND))


def _compile(entry: Mapping[str, Any]) -> _Entry:
    if not entry.get("current"):
        raise ValueError("expression Current not specified")
    named = {
        "Current": entry["current"],
        "Failed": entry.get("failed"),
        "InProgress": entry.get("inProgress"),
    }
    compiled: dict[str, Expression | None] = {}
    for name, text in named.items():
        try:
            compiled[name] = Expression.compile(text) if text else None
        except InvalidExpression as error:
            raise ValueError(f"failed to parse the expression {name}: {error}") from error
    wanted = compiled["Current"]
    assert wanted is not None
    return _Entry(wanted, compiled["Failed"], compiled["InProgress"])


def _judge(entry: _Entry, obj: Obj) -> Health:
    view = View(obj)
    generation = view.optional_number("metadata.generation")
    observed = view.optional_number("status.observedGeneration")
    if generation is not None and observed is not None and observed != generation:
        return in_progress(f"generation is {generation}, but latest observed generation is {observed}")
    try:
        if entry.in_progress and entry.in_progress.evaluate_bool(obj):
            return in_progress("the expression inProgress is true")
        if entry.failed and entry.failed.evaluate_bool(obj):
            return failed("the expression failed is true")
        if entry.current.evaluate_bool(obj):
            return current("the expression current is true")
    except EvaluationError as error:
        return Health(HealthStatus.UNKNOWN, str(error))
    return in_progress("the expression current is not true yet")
