"""The health of any object: the rules in their order.

1. Generic (:func:`_generic`): deletion, a spec that the controller has not observed yet, and the conditions Reconciling
   and Stalled, which controllers set for this purpose.
2. The rule of the object's kind (:mod:`.workloads`, :mod:`.resources`).
3. Any other kind: its Ready condition; current without one.

The order and the rules are kstatus' (cli-utils, ``pkg/kstatus/status``).
"""

from __future__ import annotations

from headgate.health import resources, workloads
from headgate.health.result import Health, HealthStatus, current, failed, in_progress
from headgate.health.rule import GroupKind, Rule
from headgate.health.view import ConditionsUnreadable, View
from headgate.objects import Obj

RULES: dict[GroupKind, Rule] = {**workloads.RULES, **resources.RULES}
"""The rules by API group and kind."""

GENERIC_FIELDS = ("metadata.deletionTimestamp", "metadata.generation", "status.observedGeneration")
GENERIC_CONDITIONS = ("Reconciling", "Stalled", "Ready")

_JOB: GroupKind = ("batch", "Job")


def compute(obj: Obj) -> Health:
    """The health of an object, from its own fields.

    Never raises for an object with apiVersion and kind; a malformed status is UNKNOWN.
    """
    view = View(obj)
    key = group_kind(obj)
    rule = RULES.get(key)
    try:
        if key == _JOB:
            return _job(view)
        generic = _generic(view)
        if generic is not None:
            return generic
        return rule.judge(view) if rule else _any_kind(view)
    except ConditionsUnreadable as error:
        return Health(HealthStatus.UNKNOWN, str(error))


def group_kind(obj: Obj) -> GroupKind:
    """API group and kind of a raw object."""
    group, _, _ = str(obj.get("apiVersion") or "").rpartition("/")
    return (group, str(obj.get("kind") or ""))


def _generic(view: View) -> Health | None:
    if _is_terminating(view):
        return _TERMINATING
    generation = view.optional_number("metadata.generation")
    observed = view.optional_number("status.observedGeneration")
    if generation is not None and observed is not None and observed != generation:
        kind = view.text("kind")
        return in_progress(f"{kind} generation is {generation}, but latest observed generation is {observed}")
    for condition in view.conditions():
        if condition.type == "Reconciling" and condition.is_true:
            return in_progress(condition.message or condition.reason)
        if condition.type == "Stalled" and condition.is_true:
            return failed(condition.message or condition.reason)
    return None


def _any_kind(view: View) -> Health:
    for condition in view.conditions():
        if condition.type == "Ready":
            if condition.is_true:
                return current("Resource is Ready")
            if condition.status in ("False", "Unknown"):
                return in_progress(condition.message or condition.reason)
    return current("Resource is current")


def _job(view: View) -> Health:
    """A finished Job keeps its health during its deletion, for example after its time to live."""
    health = workloads.job(view)
    over = health.status in (HealthStatus.CURRENT, HealthStatus.FAILED)
    return _TERMINATING if _is_terminating(view) and not over else health


def _is_terminating(view: View) -> bool:
    return bool(view.text("metadata.deletionTimestamp"))


_TERMINATING = Health(HealthStatus.TERMINATING, "Resource scheduled for deletion")
