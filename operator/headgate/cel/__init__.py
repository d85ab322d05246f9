"""CEL expressions of users, in Flux's dialect, evaluated where they can do no harm.

    budget = evaluator.budget("team-a")
    ready = await budget.compile("status.phase == 'Running' && spec.replicas > 0.5")
    await budget.evaluate_bool(ready, {"status": {"phase": "Running"}, "spec": {"replicas": 1}})

evaluator         evaluation on behalf of namespaces, with limits of processor time
expression        an expression that is known to be valid
processes         a few worker processes, shared fairly
process           one of them, from this side
worker            the program that runs in it
environment, sets Flux's environment of functions and variables
reasons           why an evaluation failed, without any data
errors            what can be wrong with an expression
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
