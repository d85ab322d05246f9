"""Evaluation of users' expressions for namespaces, with limits on processor time.

All methods are awaitable: the event loop continues while a process evaluates. Each attempt of a reconciler has an
:class:`ExpressionBudget`, and all attempts of a namespace share a budget that refills with time. One
:class:`Evaluator` serves the whole program.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

import orjson
from cachetools import LRUCache

from headgate.cel.errors import BudgetExceeded, EvaluationFailed, ExpressionInvalid, shown
from headgate.cel.expression import Expression
from headgate.cel.process import Busy, Exhausted
from headgate.cel.processes import PROCESSES, Processes

EXHAUSTED_COST: Final = 0.5
"""Seconds charged for a request that ended its process: its processor time and the start of another process."""
BUSY_PAUSE: Final = 10.0
"""Seconds until the retry of an attempt whose expressions were not evaluated in time."""
_REMEMBERED: Final = 1024
_MAX_REMEMBERED_LENGTH: Final = 4096
_MINUTE: Final = 60.0


class ExpressionObserver(Protocol):
    """Receives reports of evaluations; the metrics implement it."""

    def expression_took(self, seconds: float) -> None:
        """Record the processor time of one evaluation or compilation."""

    def expression_refused(self, limit: str) -> None:
        """Count a refused expression; ``limit`` is ``expression``, ``attempt`` or ``namespace``."""


@dataclass(frozen=True, slots=True)
class CpuLimits:
    """Processor time in seconds."""

    attempt: float = 5.0
    """For all expressions of one attempt."""
    namespace: float = 20.0
    """For all expressions of a namespace within a minute."""


@dataclass(slots=True)
class _Account:
    left: float
    at: float


class Evaluator:
    """See the module's text. Use it from one event loop."""

    def __init__(
        self,
        limits: CpuLimits | None = None,
        *,
        processes: int = PROCESSES,
        observer: ExpressionObserver | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.limits = limits or CpuLimits()
        self._processes, self._observer, self._clock = Processes(processes), observer, clock
        self._accounts: dict[str, _Account] = {}
        self._faults: LRUCache[tuple[str, tuple[str, ...]], str | None] = LRUCache(_REMEMBERED)

    def budget(self, namespace: str) -> ExpressionBudget:
        """The budget of one attempt for a namespace."""
        return ExpressionBudget(self, namespace)

    def close(self) -> None:
        """End the processes; later evaluations are impossible."""
        self._processes.close()

    async def _fault(self, budget: ExpressionBudget, text: str, variables: tuple[str, ...]) -> str | None:
        """The fault of an expression, None for a valid one. Raises :class:`Exhausted`."""
        asked = (text, variables)
        if asked in self._faults:
            return self._faults[asked]
        answer = await self._ask(budget, {"text": text, "variables": variables})
        fault: str | None = answer.get("invalid")
        if len(text) <= _MAX_REMEMBERED_LENGTH:
            self._faults[asked] = fault
        return fault

    async def _ask(self, budget: ExpressionBudget, content: dict[str, Any]) -> dict[str, Any]:
        self._check(budget)
        asked = self._processes.submit(budget.namespace, content)
        cost = 0.0 if asked.done() else EXHAUSTED_COST
        try:
            answer = await asyncio.wrap_future(asked)
            cost = answer["cpu"]
        except Busy as error:
            raise BudgetExceeded(str(error), BUSY_PAUSE) from error
        except Exhausted:
            self._refused("expression")
            raise
        finally:
            # Counts cancelled requests too: the process may still evaluate them.
            budget.spent += cost
            self._account(budget.namespace).left -= cost
            if self._observer is not None:
                self._observer.expression_took(cost)
        return answer

    def _check(self, budget: ExpressionBudget) -> None:
        limits = self.limits
        if budget.spent > limits.attempt:
            self._refused("attempt")
            raise BudgetExceeded(
                f"the expressions before it took more than the {limits.attempt:g}s of processor time that one "
                "attempt may use: write simpler ones, or fewer",
                limits.attempt,
            )
        left = self._account(budget.namespace).left
        if left <= 0:
            self._refused("namespace")
            wanted = min(limits.attempt, limits.namespace) - left
            after = wanted / limits.namespace * _MINUTE
            raise BudgetExceeded(
                f"the expressions of namespace '{budget.namespace}' took more than the {limits.namespace:g}s of "
                "processor time that they may use in a minute: write simpler ones, or fewer",
                after,
            )

    def _account(self, namespace: str) -> _Account:
        """The current budget of a namespace."""
        now, most = self._clock(), self.limits.namespace
        account = self._accounts.get(namespace)
        if account is None:
            if len(self._accounts) >= _REMEMBERED:
                self._forget_full_ones(now)
            account = self._accounts[namespace] = _Account(most, now)
        account.left = min(most, account.left + (now - account.at) * most / _MINUTE)
        account.at = now
        return account

    def _forget_full_ones(self, now: float) -> None:
        for namespace, account in list(self._accounts.items()):
            if now - account.at > _MINUTE and account.left > 0:
                del self._accounts[namespace]

    def _refused(self, limit: str) -> None:
        if self._observer is not None:
            self._observer.expression_refused(limit)


class ExpressionBudget:
    """The budget of the expressions of one attempt. All methods raise :class:`headgate.cel.BudgetExceeded`."""

    def __init__(self, evaluator: Evaluator, namespace: str) -> None:
        self._evaluator = evaluator
        self.namespace, self.spent = namespace, 0.0

    async def compile(self, text: str, variables: tuple[str, ...] | None = None) -> Expression:
        """Raise :class:`ExpressionInvalid` unless the text is a valid expression.

        Without ``variables`` it checks only the grammar, because the fields of the data are unknown. With them it also
        checks names and types, and that the result is a boolean; each variable is an object.
        """
        try:
            fault = await self._evaluator._fault(self, text, variables or ())
        except Exhausted as error:
            raise ExpressionInvalid(text, str(error)) from error
        if fault is not None:
            raise ExpressionInvalid(text, fault)
        return Expression(text)

    async def evaluate_bool(self, expression: Expression, data: Mapping[str, Any]) -> bool:
        """The value of the expression; its variables are the top-level fields of ``data``, a JSON object.

        Raises :class:`EvaluationFailed` when a field is missing, types do not match, the value is not a boolean, or the
        evaluation needs too much time or memory.
        """
        text = expression.text
        try:
            answer = await self._evaluator._ask(self, {"text": text, "data": data})
        except (Exhausted, orjson.JSONEncodeError) as error:
            raise EvaluationFailed(
                f"failed to evaluate the CEL expression '{shown(text)}': {error}"
            ) from error
        reason = answer.get("error") or answer.get("invalid")
        if reason is not None:
            raise EvaluationFailed(f"failed to evaluate the CEL expression '{shown(text)}': {reason}")
        value: bool | None = answer["value"]
        if value is None:
            raise EvaluationFailed(f"failed to evaluate CEL expression as boolean: '{shown(text)}'")
        return value
