"""Expressions for unit tests: one evaluator for all of them, with no limit but that of each expression."""

from __future__ import annotations

from typing import Any

from headgate.cel import CpuLimits, Evaluator, ExpressionBudget

_EVALUATOR = Evaluator(CpuLimits(attempt=1e6, namespace=1e6))


def budget(namespace: str = "ns") -> ExpressionBudget:
    """A budget that does not run out."""
    return _EVALUATOR.budget(namespace)


async def evaluate(text: str, data: dict[str, Any], variables: tuple[str, ...] | None = None) -> bool:
    """Compile and evaluate."""
    own = budget()
    return await own.evaluate_bool(await own.compile(text, variables), data)
