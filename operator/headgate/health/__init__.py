"""How healthy is an object? Pure rules over what the API server says of it.

>>> compute({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "status": {"phase": "Pending"}}).message
'PVC is not Bound. phase: Pending'
"""

from __future__ import annotations

from headgate.health.expressions import HealthExpressions, InvalidHealthExpressions
from headgate.health.extract import essence, whole
from headgate.health.result import Health, HealthStatus
from headgate.health.verdict import compute

__all__ = [
    "Health",
    "HealthExpressions",
    "HealthStatus",
    "InvalidHealthExpressions",
    "compute",
    "essence",
    "whole",
]
