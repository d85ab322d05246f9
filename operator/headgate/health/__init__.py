"""The health of objects: the rules of kstatus and Flux over the fields of an object. Pure.

>>> compute({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "status": {"phase": "Pending"}}).message
'PVC is not Bound. phase: Pending'

verdict      the health of any object: the general rules, then the rule of its kind
workloads    rules for kinds that run in Pods
resources    rules for other built-in kinds
rule         the type of a rule: a function and the fields that it reads
view         access to the fields of a raw object
result       a health: status and message
extract      the fields of an object that determine its health
expressions  ``spec.healthCheckExprs``, evaluated by :mod:`headgate.cel`
"""

from __future__ import annotations

from headgate.health.expressions import HealthExpressions, HealthExpressionsInvalid
from headgate.health.extract import essence, whole
from headgate.health.result import Health, HealthStatus
from headgate.health.verdict import compute

__all__ = [
    "Health",
    "HealthExpressions",
    "HealthExpressionsInvalid",
    "HealthStatus",
    "compute",
    "essence",
    "whole",
]
