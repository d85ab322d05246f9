"""CEL expressions of users, in Flux's dialect, evaluated in processes with limited resources.

    budget = evaluator.budget("team-a")
    ready = await budget.compile("status.phase == 'Running' && spec.replicas > 0.5")
    await budget.evaluate_bool(ready, {"status": {"phase": "Running"}, "spec": {"replicas": 1}})

evaluator         evaluation for namespaces, with limits on processor time
expression        a valid expression
processes         a few worker processes, shared in fair order
process           the client side of one of them
worker            the program that runs in one
environment, sets Flux's environment of functions and variables
reasons           why an evaluation failed, without data
errors            the exceptions
"""

from __future__ import annotations

from headgate.cel.errors import BudgetExceeded, CelError, EvaluationFailed, ExpressionInvalid
from headgate.cel.evaluator import CpuLimits, Evaluator, ExpressionBudget
from headgate.cel.expression import Expression

__all__ = [
    "BudgetExceeded",
    "CelError",
    "CpuLimits",
    "EvaluationFailed",
    "Evaluator",
    "Expression",
    "ExpressionBudget",
    "ExpressionInvalid",
]
