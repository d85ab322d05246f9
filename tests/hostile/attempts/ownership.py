"""Attempts to claim or delete objects of the other team through owner labels and inventories."""

from __future__ import annotations

import yaml

from tests.hostile.attempt import Attempt, Obj, Try, attempt
from tests.hostile.objects import (
    NOT_FOUND,
    own_map,
)
from tests.hostile.world import World
from tests.support.cluster import (
    KUSTOMIZATION,
    KUSTOMIZATION_VERSION,
    condition,
    until,
)
from tests.support.manifests import dump

ATTEMPTS: list[Attempt] = []


@attempt(
    ("labels", {}),
    ("both", {"annotations": {"kustomize.toolkit.fluxcd.io/prune": "disabled"}}),
    may_pass=True,
)
def owner_labels_in_git(w: World, name: str, more: Obj) -> Try:
    """Headgate replaces owner labels in a manifest with the true ones."""
    obj = yaml.safe_load(own_map(w, name))
    obj["metadata"].update(labels=owned_by(w), **more)
    return Try({"a.yaml": dump(obj)}, then=lambda w, _: _owner(w, name))


def _owner(w: World, name: str) -> str:
    found = w.tenant.config_map(name) or {"metadata": {}}
    marks = found["metadata"].get("labels") or {}
    assert marks == {
        k: {"apps": name, w.other.namespace: w.tenant.namespace}[v] for k, v in owned_by(w).items()
    }
    return ""


@attempt(("new", False), ("applied", True), may_pass=True)
def owner_labels_on_the_cluster(w: World, name: str, applied: bool) -> Try:
    """The inventory decides which Kustomization manages an object; forged labels do not reach the other team."""

    def relabel(w: World, _: Obj) -> str:
        labels = owned_by(w)
        meta = {"name": name if applied else f"{name}-new", "namespace": w.tenant.namespace}
        for turn in range(5):
            obj = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {**meta, "labels": labels}}
            w.tenant.api.apply({**obj, "data": {"turn": str(turn)}}, manager="kustomize-controller")
        return ""

    return Try({"a.yaml": own_map(w, name)}, {"targetNamespace": w.tenant.namespace}, then=relabel)


def owned_by(w: World) -> dict[str, str]:
    """The other team's owner labels."""
    domain = "kustomize.toolkit.fluxcd.io"
    return {f"{domain}/name": "apps", f"{domain}/namespace": w.other.namespace}


ENTRIES = (
    ("config-map", "{other}_owned__ConfigMap", "v1"),
    ("secret", "{other}_treasure__Secret", "v1"),
    ("kustomization", "{other}_apps_kustomize.toolkit.fluxcd.io_Kustomization", "v1"),
    ("role-binding", "{other}_deployer_rbac.authorization.k8s.io_RoleBinding", "v1"),
    ("namespace", "_{other}__Namespace", "v1"),
    ("cluster-role-binding", "_headgate_rbac.authorization.k8s.io_ClusterRoleBinding", "v1"),
    ("path", "..%2f{other}_owned__ConfigMap", "v1"),
    ("group-with-a-path", "{other}_owned_../../api/v1_ConfigMap", "v1"),
    ("version-with-a-path", "{other}_owned__ConfigMap", "v1/namespaces/{other}/configmaps/owned?x="),
)


@attempt(*ENTRIES, may_pass=True)
def inventory_that_names_theirs(w: World, name: str, entry: str, version: str) -> Try:
    """A forged inventory deletes only objects that the account may delete."""
    other = w.other.namespace

    def poison(w: World, obj: Obj) -> str:
        forged = [{"id": entry.format(other=other), "v": version.format(other=other)}]
        _forge(w, obj, forged)
        return _reconciled(w, name)

    return Try({"a.yaml": own_map(w, name)}, then=poison)


@attempt(("config-map", "ConfigMap"), ("kustomization", "Kustomization"), blind=True, may_pass=True)
def inventory_that_asks(w: World, name: str, kind: str, right: bool) -> Try:
    """The refusal to delete does not show whether the object exists."""
    there = {"ConfigMap": "owned", "Kustomization": "apps"}[kind]
    group = "kustomize.toolkit.fluxcd.io" if kind == "Kustomization" else ""
    guess = there if right else NOT_FOUND

    def poison(w: World, obj: Obj) -> str:
        _forge(w, obj, [{"id": f"{w.other.namespace}_{guess}_{group}_{kind}", "v": "v1"}])
        return _reconciled(w, name)

    return Try({"a.yaml": own_map(w, name)}, then=poison, guess=guess)


@attempt(("delete", "Delete"), ("wait", "WaitForTermination"), may_pass=True)
def deletion_that_takes_theirs(w: World, name: str, policy: str) -> Try:
    """The deletion of a Kustomization deletes only objects that its account may delete."""

    def poison(w: World, obj: Obj) -> str:
        _forge(w, obj, [{"id": f"{w.other.namespace}_owned__ConfigMap", "v": "v1"}])
        w.tenant.api.delete(KUSTOMIZATION_VERSION, KUSTOMIZATION, name, w.tenant.namespace)
        said = ("PruneFailed", "GarbageCollectionSucceeded", "ReconciliationFailed")
        until(
            f"{name} is gone, or says why not",
            lambda: w.tenant.find(name) is None or any(s in w.tenant.event_text(name) for s in said),
        )
        return w.tenant.event_text(name)

    return Try({"a.yaml": own_map(w, name)}, {"deletionPolicy": policy}, then=poison)


def _forge(w: World, obj: Obj, entries: list[Obj]) -> None:
    w.tenant.api.merge(obj, {"status": {"inventory": {"entries": entries}}}, subresource="status")


def _reconciled(w: World, name: str) -> str:
    """Request a reconcile and wait for its end; returns the condition as text."""
    stamp = w.tenant.request_reconcile(KUSTOMIZATION, name)

    def look() -> str:
        obj = w.tenant.get(name)
        ready = condition(obj)
        handled = (obj.get("status") or {}).get("lastHandledReconcileAt") == stamp
        done = handled and ready.get("status") in ("True", "False")
        return f"{ready['status']} {ready['reason']}: {ready['message']}" if done else ""

    return until(f"{name} is reconciled once more", look)
