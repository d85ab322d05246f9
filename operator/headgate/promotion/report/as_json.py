"""Changes as JSON, ``schemaVersion`` 1: docs/reference/diff.schema.json. Pure."""

from __future__ import annotations

from typing import Any

from headgate.promotion.changes.environments import Comparison
from headgate.promotion.changes.model import (
    Counterpart,
    EnvironmentAnswer,
    EnvironmentChange,
    FieldChange,
    Hidden,
    KustomizationChange,
    ObjectChange,
)
from headgate.promotion.changes.paths import Element
from headgate.promotion.fleet.rendering import Problem
from headgate.promotion.report.document import ChangeReport, counts

__all__ = ["SCHEMA_VERSION", "as_json", "change_as_json", "comparison_as_json"]

SCHEMA_VERSION = 1

Json = dict[str, Any]


def as_json(report: ChangeReport) -> Json:
    """Return a report as plain values."""
    return {
        "schemaVersion": SCHEMA_VERSION,
        "comparedWith": report.counterpart.value,
        "base": {"revision": report.base, "commit": report.base_commit}
        if report.counterpart is Counterpart.GIT
        else None,
        "head": {"revision": report.head, "commit": report.head_commit or None},
        "notes": list(report.notes),
        "changed": not report.is_empty,
        "environments": [_answer(each) for each in report.environments],
    }


def comparison_as_json(comparison: Comparison) -> Json:
    """Return the difference of two environments as plain values: docs/reference/compare.schema.json."""
    return {
        "schemaVersion": SCHEMA_VERSION,
        "left": comparison.left,
        "right": comparison.right,
        "namespaces": dict(comparison.namespaces),
        "expected": comparison.covered,
        "difference": change_as_json(comparison.change),
    }


def _answer(each: EnvironmentAnswer) -> Json:
    return {
        "name": each.environment,
        "follows": each.follows,
        "after": list(each.after),
        "onMerge": change_as_json(each.on_merge),
        "atPromotion": None if each.at_promotion is None else change_as_json(each.at_promotion),
    }


def change_as_json(change: EnvironmentChange) -> Json:
    """Return the change of one environment at one stage as plain values."""
    return {
        "changed": not change.is_empty,
        "summary": counts(change),
        "approximate": change.approximate,
        "sources": [
            {"source": name, "before": change.base.get(name), "after": change.head.get(name)}
            for name in dict.fromkeys((*change.base, *change.head))
        ],
        "kustomizations": [_kustomization(each) for each in change.kustomizations],
        "clusterFolder": [_object(each) for each in change.root],
        "problems": [_problem(each) for each in change.problems],
        "unknownVariables": list(change.unknown_variables),
    }


def _kustomization(each: KustomizationChange) -> Json:
    return {
        "namespace": each.key.namespace,
        "name": each.key.name,
        "action": None if each.action is None else each.action.value,
        "suspended": each.suspended,
        "dangers": [danger.name for danger in each.dangers],
        "notes": list(each.notes),
        "problem": None if each.problem is None else {**_problem(each.problem), "unchanged": each.certain},
        "fields": [_field(field) for field in each.fields],
        "objects": [_object(change) for change in each.objects],
        "place": each.place,
    }


def _object(each: ObjectChange) -> Json:
    return {
        "apiVersion": each.ref.api_version,
        "kind": each.ref.kind,
        "namespace": each.ref.namespace,
        "name": each.ref.name,
        "action": each.action.value,
        "deleted": each.deletes,
        "kept": each.kept or None,
        "notApplied": each.inert or None,
        "renamedFrom": each.renamed_from or None,
        "movedFrom": None if each.before_owner is None else str(each.before_owner),
        "movedTo": None if each.after_owner is None else str(each.after_owner),
        "dangers": [danger.name for danger in each.dangers],
        "immutable": list(each.immutable),
        "images": [
            {"container": i.container, "before": i.before or None, "after": i.after or None}
            for i in each.images
        ],
        "replicas": None
        if each.replicas is None
        else dict(zip(("before", "after"), each.replicas, strict=True)),
        "fields": [_field(field) for field in each.fields],
        "place": each.place,
    }


def _field(field: FieldChange) -> Json:
    result: Json = {
        "path": field.path,
        "steps": [_step(step) for step in field.steps],
        "order": field.order,
        "unknown": list(field.unknown),
    }
    # An absent field has no entry: null is a value.
    if field.before_present:
        result["before"] = _value(field.before)
    if field.after_present:
        result["after"] = _value(field.after)
    return result


def _step(step: str | Element) -> Any:
    if isinstance(step, str):
        return step
    return {"index": step.index} if not step.keys else {"keys": dict(step.keys)}


def _value(value: Any) -> Any:
    if isinstance(value, Hidden):
        return {"hidden": value.name}
    return {"value": _plain(value)}


def _plain(value: Any) -> Any:
    if isinstance(value, Hidden):
        return f"({value.value})"
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_plain(each) for each in value]
    return value


def _problem(each: Problem) -> Json:
    return {
        "message": each.message,
        "kustomization": None if each.kustomization is None else str(each.kustomization),
    }
