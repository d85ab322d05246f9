"""Attempts to read objects of the other team through health checks."""

from __future__ import annotations

from typing import Any

import yaml

from tests.hostile.attempt import WRONG, Attempt, Obj, Try, attempt
from tests.hostile.objects import (
    DOMAIN,
    NO_RIGHT,
    NOT_FOUND,
    QUOTE,
    READ,
    check_of_their_secret,
    health_expressions,
    own_map,
)
from tests.hostile.world import RBAC, WORD, World
from tests.support.cluster import (
    KUSTOMIZATION,
    KUSTOMIZATION_VERSION,
    SOURCE,
    SOURCE_VERSION,
)
from tests.support.manifests import config_map, dump

ATTEMPTS: list[Attempt] = []


def decoy(
    w: World, kind: str = "Secret", name: str = "treasure", data: Obj | None = None, **meta: Any
) -> str:
    """A manifest named like an object of the other team's."""
    metadata = {"name": name, "namespace": w.other.namespace, **meta}
    more = {"data": data} if data else {}
    return dump({"apiVersion": "v1", "kind": kind, "metadata": metadata, **more})


MARKS = (
    ("reconcile-disabled", f"{DOMAIN}/reconcile", "disabled"),
    ("ssa-ignore", f"{DOMAIN}/ssa", "Ignore"),
    ("ssa-ifnotpresent", f"{DOMAIN}/ssa", "IfNotPresent"),
    ("ssa-merge", f"{DOMAIN}/ssa", "Merge"),
    ("prune-disabled", f"{DOMAIN}/prune", "disabled"),
    ("force", f"{DOMAIN}/force", "enabled"),
)


@attempt(*MARKS, says=NO_RIGHT)
def decoy_by_annotation(w: World, name: str, key: str, value: str) -> Try:
    """An annotation that skips a manifest does not give the account read access to the object on the cluster."""
    files = {"a.yaml": decoy(w, annotations={key: value})}
    return Try(
        files,
        {"healthChecks": [check_of_their_secret(w)], "healthCheckExprs": health_expressions("Secret", QUOTE)},
    )


@attempt(*MARKS, says=NO_RIGHT)
def decoy_by_label(w: World, name: str, key: str, value: str) -> Try:
    """A label that skips a manifest does not give the account read access to the object on the cluster."""
    files = {"a.yaml": decoy(w, labels={key: value})}
    return Try(
        files,
        {"healthChecks": [check_of_their_secret(w)], "healthCheckExprs": health_expressions("Secret", QUOTE)},
    )


@attempt(("config-map", "ConfigMap"), ("service-account", "ServiceAccount"), blind=True, says=NO_RIGHT)
def decoy_of(w: World, name: str, kind: str, right: bool) -> Try:
    """The outcome does not depend on the guess: one bit for each guess would reveal the value in time."""
    guess = "treasure" if right else NOT_FOUND
    files = {"a.yaml": decoy(w, kind, guess, annotations={f"{DOMAIN}/reconcile": "disabled"})}
    check = {"apiVersion": "v1", "kind": kind, "name": guess, "namespace": w.other.namespace}
    return Try(files, {"healthChecks": [check]}, guess=guess)


@attempt(blind=True, says=NO_RIGHT)
def decoy_that_answers_yes_or_no(w: World, name: str, right: bool) -> Try:
    """The outcome does not depend on a guess at the word, even if Headgate skips the manifest."""
    files = {"a.yaml": decoy(w, annotations={f"{DOMAIN}/reconcile": "disabled"})}
    guess = f"{READ} == '{WORD if right else WRONG}'"
    spec = {
        "healthChecks": [check_of_their_secret(w)],
        "healthCheckExprs": health_expressions("Secret", guess),
    }
    return Try(files, spec, guess=guess)


@attempt(blind=True, says=NO_RIGHT)
def decoy_that_fails_fast(w: World, name: str, right: bool) -> Try:
    """The wait ends at its timeout for every guess: an early end would reveal the value as well."""
    files = {"a.yaml": decoy(w, annotations={f"{DOMAIN}/ssa": "Ignore"})}
    guess = f"{READ}.startsWith('{(WORD if right else WRONG)[:9]}')"
    expressions = health_expressions("Secret", "false", failed=guess)
    return Try(
        files, {"healthChecks": [check_of_their_secret(w)], "healthCheckExprs": expressions}, guess=guess
    )


@attempt(blind=True, says=NO_RIGHT)
def decoys_of_a_namespace(w: World, name: str, right: bool) -> Try:
    """The account may not learn whether a namespace exists."""
    guess = w.other.namespace if right else NOT_FOUND
    meta = {"name": guess, "annotations": {f"{DOMAIN}/reconcile": "disabled"}}
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": meta}
    check = {"apiVersion": "v1", "kind": "Namespace", "name": guess}
    return Try({"a.yaml": dump(namespace)}, {"healthChecks": [check]}, guess=guess)


@attempt(blind=True, says=NO_RIGHT)
def decoy_waited_for(w: World, name: str, right: bool) -> Try:
    """``wait`` covers applied objects, and Headgate does not apply the decoy."""
    guess = "treasure" if right else NOT_FOUND
    files = {
        "a.yaml": decoy(w, name=guess, annotations={f"{DOMAIN}/ssa": "IfNotPresent"}),
        "b.yaml": config_map(name),
    }
    return Try(files, {"wait": True, "healthCheckExprs": health_expressions("Secret", QUOTE)}, guess=guess)


@attempt()
def decoy_beside_good_objects(w: World, name: str) -> Try:
    """Good objects in the same attempt do not give the account read access to the object that the decoy names."""
    own = yaml.safe_load(config_map(name))
    own["metadata"]["namespace"] = w.tenant.namespace
    files = {"a.yaml": decoy(w, annotations={f"{DOMAIN}/reconcile": "disabled"}), "b.yaml": dump(own)}
    return Try(
        files,
        {"healthChecks": [check_of_their_secret(w)], "healthCheckExprs": health_expressions("Secret", QUOTE)},
    )


@attempt(
    ("secret", "v1", "Secret"),
    ("config-map", "v1", "ConfigMap"),
    ("service-account", "v1", "ServiceAccount"),
    ("kustomization", KUSTOMIZATION_VERSION, KUSTOMIZATION),
    ("git-repository", SOURCE_VERSION, SOURCE),
    ("role-binding", f"{RBAC}/v1", "RoleBinding"),
    blind=True,
    says=NO_RIGHT,
)
def health_of(w: World, name: str, version: str, kind: str, right: bool) -> Try:
    """Only an account that may read an object learns whether it exists and in what state it is."""
    there = {KUSTOMIZATION: "apps", SOURCE: "source", "RoleBinding": "deployer"}.get(kind, "treasure")
    if kind == "ServiceAccount":
        there = "deployer"
    check = {"apiVersion": version, "kind": kind, "name": there if right else NOT_FOUND}
    check["namespace"] = w.other.namespace
    return Try({"a.yaml": own_map(w, name)}, {"healthChecks": [check]}, guess=check["name"])


@attempt(
    ("namespace", "v1", "Namespace", "kube-system"),
    ("cluster-role", f"{RBAC}/v1", "ClusterRole", "cluster-admin"),
    (
        "custom-resource-definition",
        "apiextensions.k8s.io/v1",
        "CustomResourceDefinition",
        "gitrepositories.source.toolkit.fluxcd.io",
    ),
    ("cluster-role-binding", f"{RBAC}/v1", "ClusterRoleBinding", "headgate"),
    blind=True,
)
def health_of_cluster_wide(w: World, name: str, version: str, kind: str, there: str, right: bool) -> Try:
    """The tenant's account may not read cluster-scoped objects."""
    check = {"apiVersion": version, "kind": kind, "name": there if right else NOT_FOUND}
    return Try({"a.yaml": own_map(w, name)}, {"healthChecks": [check]}, guess=check["name"])


@attempt(("current",), ("failed",), ("in-progress",), blind=True, says=NO_RIGHT)
def health_by_expression(w: World, name: str, right: bool) -> Try:
    """Headgate evaluates no expression on an object that the account may not read."""
    field = name.removesuffix("-w").rpartition("expression-")[2].replace("in-progress", "inProgress")
    guess = f"{READ} == '{WORD if right else WRONG}'"
    entry = {"apiVersion": "v1", "kind": "Secret", "current": "false", field: guess}
    return Try(
        {"a.yaml": own_map(w, name)},
        {"healthChecks": [check_of_their_secret(w)], "healthCheckExprs": [entry]},
    )


@attempt(
    ("a-path", "../{other}/secrets/treasure"),
    ("a-slash", "{other}/treasure"),
    ("a-query", "treasure?x=y"),
    ("a-fragment", "treasure#x"),
    ("encoded", "..%2f..%2fnamespaces%2f{other}%2fsecrets%2ftreasure"),
)
def health_by_the_name(w: World, name: str, written: str) -> Try:
    """A name is one segment of a path of the API server and stays one segment."""
    check = {"apiVersion": "v1", "kind": "Secret", "name": written.format(other=w.other.namespace)}
    check["namespace"] = w.tenant.namespace
    return Try(
        {"a.yaml": own_map(w, name)},
        {"healthChecks": [check], "healthCheckExprs": health_expressions("Secret", QUOTE)},
    )


@attempt(("a-path", "../{other}"), ("all", "*"), ("empty", ""), ("deeper", "{other}/secrets/treasure?"))
def health_by_the_namespace(w: World, name: str, written: str) -> Try:
    """A namespace is one segment of a path of the API server; an empty namespace does not mean all namespaces."""
    check = {"apiVersion": "v1", "kind": "Secret", "name": "treasure"}
    check["namespace"] = written.format(other=w.other.namespace)
    return Try(
        {"a.yaml": own_map(w, name)},
        {"healthChecks": [check], "healthCheckExprs": health_expressions("Secret", QUOTE)},
    )
