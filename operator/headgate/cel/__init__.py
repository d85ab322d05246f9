"""CEL expressions of users, in Flux's dialect, evaluated where they can do no harm.

budget = evaluator.budget("team-a")
ready = await budget.compile("status.phase == 'Running' && spec.replicas > 0.5")
await budget.evaluate_bool(ready, {"status": {"phase": "Running"}, "spec": {"replicas": 1}})
"""

from __future__ import annotations

from headgate.cel.errors import BudgetExceeded, CelError, EvaluationFailed, ExpressionInvalid
from headgate.cel.evaluator import Budget, CpuLimits, Evaluator
from headgate.cel.expression import Expression

__all__ = [
    "Budget",
    "BudgetExceeded",
    "CelError",
    "CpuLimits",
    "EvaluationFailed",
    "Evaluator",
    "Expression",
    "ExpressionInvalid",
]
