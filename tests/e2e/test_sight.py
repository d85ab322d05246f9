"""What a tenant is told of an object is what its service account may read: the attempts to be told more.

See :mod:`tests.support.teams` for who the teams are and what must never be seen.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.cluster import condition, until
from tests.support.manifests import dump
from tests.support.teams import RBAC, WORD, Teams

pytestmark = pytest.mark.e2e

Obj = dict[str, Any]
GROUP = "kustomize.toolkit.fluxcd.io"
MARKS = (
    ("annotations", "reconcile", "disabled"),
    ("labels", "reconcile", "disabled"),
    ("annotations", "reconcile", "Disabled"),
    ("annotations", "ssa", "Ignore"),
    ("labels", "ssa", "Ignore"),
    ("annotations", "ssa", "IfNotPresent"),
    ("labels", "ssa", "IfNotPresent"),
    ("annotations", "ssa", "Merge"),
)
QUOTING = "{'a': 1}[string(base64.decode(data.word))] == 1"
GUESSING = "string(base64.decode(data.word)).startsWith('treasure')"


def decoy(check: Obj, where: str, key: str, value: str) -> str:
    """A manifest of an object that is somebody else's, which asks to be left alone."""
    meta = {"name": check["name"], where: {f"{GROUP}/{key}": value}}
    if "namespace" in check:
        meta["namespace"] = check["namespace"]
    return dump({"apiVersion": check["apiVersion"], "kind": check["kind"], "metadata": meta})


def mine(teams: Teams, name: str) -> str:
    """A ConfigMap of the tenant's, with its namespace, so that the decoy beside it can keep its own."""
    meta = {"name": name, "namespace": teams.tenant.namespace}
    return dump({"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta})


def waits(teams: Teams, name: str) -> bool:
    said = condition(teams.tenant.get(name), "Reconciling").get("message", "")
    return str(said).startswith("Running health checks")


def may_get(teams: Teams, resource: str) -> bool:
    """Whether the tenant's account may read such objects of the other team."""
    attributes = {"namespace": teams.other.namespace, "verb": "get", "resource": resource}
    user = f"system:serviceaccount:{teams.tenant.namespace}:deployer"
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SubjectAccessReview",
        "spec": {"user": user, "resourceAttributes": attributes},
    }
    path = "/apis/authorization.k8s.io/v1/subjectaccessreviews"
    return bool(teams.tenant.api.rest.request("POST", path, review)["status"]["allowed"])


def secret_of(teams: Teams) -> Obj:
    return {"apiVersion": "v1", "kind": "Secret", "name": "treasure", "namespace": teams.other.namespace}


@pytest.mark.parametrize("expression", [QUOTING, GUESSING])
@pytest.mark.parametrize(("where", "key", "value"), MARKS)
def test_a_decoy_of_anothers_secret(teams: Teams, where: str, key: str, value: str, expression: str) -> None:
    """An object that is skipped without a request is nothing that the account was shown."""
    check = secret_of(teams)
    name = teams.attempt(
        {"a.yaml": mine(teams, "looks"), "decoy.yaml": decoy(check, where, key, value)},
        healthChecks=[check],
        prune=False,
        healthCheckExprs=[{"apiVersion": "v1", "kind": "Secret", "current": expression}],
    )
    skipped = value.lower() in ("disabled", "ignore")
    teams.refused(name, "HealthCheckFailed" if skipped else "ReconciliationFailed", "cannot (get|patch)")


@pytest.mark.parametrize("kind", ["ClusterRole", "Namespace", "CustomResourceDefinition"])
def test_a_decoy_of_what_lives_in_no_namespace(teams: Teams, kind: str) -> None:
    version, name = {
        "ClusterRole": (f"{RBAC}/v1", "cluster-admin"),
        "Namespace": ("v1", teams.other.namespace),
        "CustomResourceDefinition": (
            "apiextensions.k8s.io/v1",
            "gitrepositories.source.toolkit.fluxcd.io",
        ),
    }[kind]
    check = {"apiVersion": version, "kind": kind, "name": name}
    for claimed in (check, {**check, "namespace": teams.tenant.namespace}):
        attempt = teams.attempt(
            {"a.yaml": mine(teams, "looks"), "decoy.yaml": decoy(claimed, *MARKS[0])},
            healthChecks=[claimed],
            prune=False,
            healthCheckExprs=[{"apiVersion": version, "kind": kind, "current": "metadata.name != ''"}],
        )
        teams.refused(attempt, "HealthCheckFailed", "cannot get")


def test_a_decoy_of_a_second_kustomization(teams: Teams) -> None:
    """One has the decoy, the other asks after it; and the one that has it asks for itself by ``wait``."""
    check = secret_of(teams)
    expressions = [{"apiVersion": "v1", "kind": "Secret", "current": QUOTING}]
    first, second = teams.attempt_each(
        [
            {"decoy.yaml": decoy(check, *MARKS[0]), "a.yaml": mine(teams, "one")},
            {"a.yaml": mine(teams, "two")},
        ],
        healthCheckExprs=expressions,
        wait=True,
        prune=False,
    )
    for name in (first, second):
        teams.tenant.ready(name)
        teams.tenant.change(name, {"wait": False, "healthChecks": [check]})
        teams.refused(name, "HealthCheckFailed", "cannot get")


def test_what_it_applied_before_its_rights_were_taken(teams: Teams) -> None:
    """That the account once applied an object does not make it its own for ever."""
    api, other = teams.tenant.api, teams.other.namespace
    account = {"kind": "ServiceAccount", "name": "deployer", "namespace": teams.tenant.namespace}
    meta = {"name": "guest", "namespace": other}
    role = {"apiGroup": RBAC, "kind": "ClusterRole", "name": "cluster-admin"}
    version = f"{RBAC}/v1"
    api.apply(
        {
            "apiVersion": version,
            "kind": "RoleBinding",
            "metadata": meta,
            "roleRef": role,
            "subjects": [account],
        }
    )
    document: Obj = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "shared", "namespace": other}}
    check = {"apiVersion": "v1", "kind": "Secret", "name": "shared", "namespace": other}
    expression = f"!has(data.word) || {GUESSING}"
    name = teams.attempt(
        {"a.yaml": dump({**document, "stringData": {"own": "x"}}), "b.yaml": mine(teams, "b")},
        healthChecks=[check],
        prune=False,
        healthCheckExprs=[{"apiVersion": "v1", "kind": "Secret", "current": expression}],
    )
    teams.tenant.ready(name)
    api.delete(version, "RoleBinding", "guest", other)
    until("it may not look any more", lambda: not may_get(teams, "secrets"))
    api.apply({**document, "stringData": {"word": WORD}}, manager="other")
    # The Secret is as it was applied, so that nothing is asked about it.
    teams.tenant.commit({f"{name}/b.yaml": mine(teams, "c")})
    teams.refused(name, "HealthCheckFailed", "cannot get")


def test_rights_that_are_taken_while_it_waits(teams: Teams) -> None:
    """The verdict tells nothing that the account may not read at that moment."""
    api, other = teams.tenant.api, teams.other.namespace
    account = {"kind": "ServiceAccount", "name": "deployer", "namespace": teams.tenant.namespace}
    role = {"apiGroup": RBAC, "kind": "ClusterRole", "name": "view"}
    meta = {"name": "reader", "namespace": other}
    binding = {"apiVersion": f"{RBAC}/v1", "kind": "RoleBinding", "metadata": meta}
    api.apply({**binding, "roleRef": role, "subjects": [account]})
    later = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "later", "namespace": other}}
    check = {"apiVersion": "v1", "kind": "ConfigMap", "name": "later", "namespace": other}
    name = teams.attempt(
        {"a.yaml": mine(teams, "waits")},
        healthChecks=[check],
        prune=False,
        healthCheckExprs=[
            {"apiVersion": "v1", "kind": "ConfigMap", "current": "data.word.startsWith('treasure')"}
        ],
        timeout="10m",
        targetNamespace=teams.tenant.namespace,
    )
    until("it waits", lambda: waits(teams, name))
    api.delete(f"{RBAC}/v1", "RoleBinding", "reader", other)
    until("it may not look any more", lambda: not may_get(teams, "configmaps"))
    api.apply({**later, "data": {"word": WORD}}, manager="other")
    teams.refused(name, "HealthCheckFailed", "cannot get")
