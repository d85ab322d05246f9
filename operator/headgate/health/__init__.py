"""How healthy is an object? Pure rules over what the API server says of it, as kstatus and Flux have them.

>>> compute({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "status": {"phase": "Pending"}}).message
'PVC is not Bound. phase: Pending'

verdict      the health of any object: the general rules, then the one of its kind
workloads    rules for what runs in Pods
resources    rules for other built-in kinds
rule         what a rule is: a function, and the fields that it reads
view         access to the fields of a raw object
result       a health: status and message
extract      what of an object its health depends on
expressions  ``spec.healthCheckExprs``, evaluated by :mod:`headgate.cel`
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
