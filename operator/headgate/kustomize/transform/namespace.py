"""``namespace``: sets the namespace of every namespaced object and of the fields that refer to it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from headgate.documents.budget import NODE, SCAN, Budget
from headgate.kustomize.errors import KustomizationError, ResourceError
from headgate.kustomize.paths.fieldspec import Plans, for_each_field
from headgate.kustomize.resources.resmap import ResMap
from headgate.kustomize.resources.resource import Resource

DEFAULT_ONLY = "defaultOnly"
ALL_SERVICE_ACCOUNTS = "allServiceAccounts"
NO_SUBJECTS = "none"
_MODES = (DEFAULT_ONLY, NO_SUBJECTS, ALL_SERVICE_ACCOUNTS)

_BINDINGS = ("RoleBinding", "ClusterRoleBinding")


def set_namespace(
    resources: ResMap,
    namespace: str,
    plans: Plans,
    *,
    unset_only: bool = False,
    subjects: str = "",
) -> None:
    """Set the namespace of everything that can have one.

    ``unset_only`` keeps fields that contain a namespace already. ``subjects`` selects the subjects of role bindings to
    change: those named "default" ("defaultOnly", as when empty), all service accounts ("allServiceAccounts") or none
    ("none"). Raises ResourceError, IdConflict or KustomizationError.
    """
    mode = check_mode(subjects)
    if not namespace:
        return
    setter = _setter(namespace, unset_only, resources.budget)
    for resource in resources:
        if resource.obj and not resource.helm_generated:
            resource.remember_id()
            _apply(resource, plans, setter, mode)
    resources.changed()
    resources.check_unique()


def move_one(resource: Resource, namespace: str, plans: Plans) -> None:
    """Set the namespace of one resource, without recording its old identity."""
    _apply(resource, plans, _setter(namespace, False, resource.budget), DEFAULT_ONLY)


def check_mode(subjects: str) -> str:
    """Validate the value of ``setRoleBindingSubjects`` and return its mode; raises KustomizationError."""
    mode = subjects or DEFAULT_ONLY
    if mode not in _MODES:
        raise KustomizationError(f"must be one of {', '.join(_MODES)}", field="setRoleBindingSubjects")
    return mode


def _setter(namespace: str, unset_only: bool, budget: Budget) -> Callable[[Any, Any], None]:
    def setter(container: Any, key: Any) -> None:
        old = container[key]
        if isinstance(old, (dict, list)):
            raise ResourceError("a namespace must be a scalar")
        budget.charge(len(namespace))
        if not (unset_only and old not in ("", None)):
            container[key] = namespace

    return setter


def _apply(resource: Resource, plans: Plans, setter: Callable[[Any, Any], None], mode: str) -> None:
    gvk = resource.gvk
    if not resource.cluster_scoped(gvk):
        metadata = resource.metadata
        metadata.setdefault("namespace", "")
        try:
            setter(metadata, "namespace")
        except ResourceError as error:
            raise error.at(object=str(resource), field="metadata/namespace") from None
    is_binding = gvk.kind in _BINDINGS
    if is_binding and mode != NO_SUBJECTS:
        _set_subjects(resource, setter, mode)
    is_core = gvk.api_version == "v1"
    here = plans.of(gvk)
    resource.budget.charge(NODE * (1 + len(here)))
    for plan in here:
        if plan.path == "metadata/namespace" or (plan.path == "metadata/name" and not is_core):
            continue
        if is_binding and plan.path == "subjects/namespace" and _names_binding(plans, gvk.kind):
            continue
        for_each_field(resource, plan, setter, str)


def _names_binding(plans: Plans, kind: str) -> bool:
    return any(spec.path == "subjects/namespace" and spec.gvk.kind == kind for spec in plans.specs)


def _set_subjects(resource: Resource, setter: Callable[[Any, Any], None], mode: str) -> None:
    subjects = resource.obj.get("subjects")
    if subjects is None:
        return
    if not isinstance(subjects, list):
        raise ResourceError("must be a list", object=str(resource), field="subjects")
    resource.budget.charge(SCAN * len(subjects))
    wanted = ("name", "default") if mode == DEFAULT_ONLY else ("kind", "ServiceAccount")
    for subject in subjects:
        if subject is None:
            continue
        if not isinstance(subject, dict):
            raise ResourceError("must be a map", object=str(resource), field="subjects")
        value = subject.get(wanted[0])
        if isinstance(value, (dict, list)):
            raise ResourceError("must be a scalar", object=str(resource), field=f"subjects/{wanted[0]}")
        if value == wanted[1]:
            subject.setdefault("namespace", "")
            setter(subject, "namespace")
