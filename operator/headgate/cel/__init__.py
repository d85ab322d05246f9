"""CEL expressions of users, in Flux's dialect, evaluated where they can do no harm.

>>> ready = Expression.compile("status.phase == 'Running' && spec.replicas > 0.5")
>>> ready.evaluate_bool({"status": {"phase": "Running"}, "spec": {"replicas": 1}})
True
"""

from __future__ import annotations

from headgate.cel.errors import EvaluationError, InvalidExpression
from headgate.cel.expression import Expression

__all__ = ["EvaluationError", "Expression", "InvalidExpression"]
