"""Attempts to act with somebody else's rights."""

from __future__ import annotations

import json

import yaml

from tests.hostile.attempt import Attempt, Obj, Try, attempt
from tests.hostile.objects import (
    intruder,
)
from tests.hostile.world import RBAC, World
from tests.support.cluster import (
    KUSTOMIZATION,
    KUSTOMIZATION_VERSION,
    SOURCE,
)
from tests.support.manifests import config_map, dump
from tests.support.workspace import REQUESTED_AT

ATTEMPTS: list[Attempt] = []


@attempt(
    ("masters", "system:masters"),
    ("full", "system:serviceaccount:{other}:deployer"),
    ("colon", "{other}:deployer"),
    ("slash", "{other}/deployer"),
    ("path", "../{other}/deployer"),
    ("group-header", "deployer\nImpersonate-Group: system:masters"),
    ("crlf", "deployer\r\nImpersonate-Group: system:masters"),
    ("operator", "headgate-system:headgate"),
    ("case", "Deployer"),
    ("empty", " "),
)
def account_named(w: World, name: str, account: str) -> Try:
    """The service account is always one in the Kustomization's own namespace, whatever its name looks like."""
    spec = {"serviceAccountName": account.format(other=w.other.namespace)}
    return Try({"a.yaml": intruder(w, name)}, spec)


@attempt(("none", None), ("missing", "nobody"))
def account_left_out(w: World, name: str, account: str | None) -> Try:
    """Without a service account, the Kustomization acts as the namespace's default account, never as the operator."""
    return Try({"a.yaml": intruder(w, name)}, {"serviceAccountName": account})


@attempt(
    ("namespace", "metadata"), ("target-namespace", "target"), ("overlay", "overlay"), ("patch", "patch")
)
def object_of_another_namespace(w: World, name: str, where: str) -> Try:
    """The account may not write in the other namespace, however the object got that namespace."""
    namespace = w.other.namespace
    plain = {"a.yaml": config_map(name)}
    if where == "metadata":
        return Try({"a.yaml": intruder(w, name)})
    if where == "target":
        return Try(plain, {"targetNamespace": namespace})
    if where == "overlay":
        text = yaml.safe_dump({"resources": ["a.yaml"], "namespace": namespace})
        return Try({**plain, "kustomization.yaml": text})
    change = [{"op": "add", "path": "/metadata/namespace", "value": namespace}]
    return Try(plain, {"patches": [{"patch": json.dumps(change), "target": {"kind": "ConfigMap"}}]})


@attempt(
    ("cluster-role-binding", f"{RBAC}/v1", "ClusterRoleBinding"),
    ("cluster-role", f"{RBAC}/v1", "ClusterRole"),
    ("namespace", "v1", "Namespace"),
    ("definition", "apiextensions.k8s.io/v1", "CustomResourceDefinition"),
    ("webhook", "admissionregistration.k8s.io/v1", "MutatingWebhookConfiguration"),
)
def object_of_the_whole_cluster(w: World, name: str, version: str, kind: str) -> Try:
    """The account may not write cluster-scoped objects."""
    more: Obj = {"roleRef": {"apiGroup": RBAC, "kind": "ClusterRole", "name": "cluster-admin"}}
    if kind != "ClusterRoleBinding":
        more = {}
    if kind == "ClusterRole":
        more = {"rules": [{"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}]}
    if kind == "CustomResourceDefinition":
        names = {"kind": "X", "plural": "xs"}
        more = {"spec": {"group": "x.test", "scope": "Cluster", "names": names, "versions": []}}
    obj = {"apiVersion": version, "kind": kind, "metadata": {"name": name}, **more}
    return Try({"a.yaml": dump(obj)})


@attempt(
    ("kustomization", KUSTOMIZATION), ("source", SOURCE), ("event", "Event"), ("role-binding", "RoleBinding")
)
def custom_resource_of_the_other_team(w: World, name: str, kind: str) -> Try:
    """The operator may change every Kustomization and source, but a tenant's Kustomization may not."""
    versions = {"Event": "v1", "RoleBinding": f"{RBAC}/v1"}
    there = {KUSTOMIZATION: "apps", SOURCE: "source"}.get(kind, name)
    meta = {"name": there, "namespace": w.other.namespace, "annotations": {REQUESTED_AT: name}}
    obj: Obj = {"apiVersion": versions.get(kind, KUSTOMIZATION_VERSION), "kind": kind, "metadata": meta}
    if kind == SOURCE:
        obj["apiVersion"] = "source.toolkit.fluxcd.io/v1"
    if kind == KUSTOMIZATION:
        obj["spec"] = {"suspend": True}
    return Try({"a.yaml": dump(obj)}, {"serviceAccountName": None})
