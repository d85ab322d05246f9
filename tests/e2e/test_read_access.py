"""A tenant learns about an object only what its service account may read: attempts to learn more.

:mod:`tests.support.teams` describes the teams and what the tenant must never see.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.support.cluster import condition, until
from tests.support.manifests import deployment, dump
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
    """A manifest that names somebody else's object, with an annotation that makes Headgate skip it."""
    meta = {"name": check["name"], where: {f"{GROUP}/{key}": value}}
    if "namespace" in check:
        meta["namespace"] = check["namespace"]
    return dump({"apiVersion": check["apiVersion"], "kind": check["kind"], "metadata": meta})


def mine(teams: Teams, name: str) -> str:
    """A ConfigMap of the tenant that names its namespace, so that the decoy next to it can keep its own."""
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
    """An account that once applied an object may not read it forever."""
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
    until("it may no longer read", lambda: not may_get(teams, "secrets"))
    api.apply({**document, "stringData": {"word": WORD}}, manager="other")
    # The Secret equals the applied one, so that Headgate sends no request about it.
    teams.tenant.commit({f"{name}/b.yaml": mine(teams, "c")})
    teams.refused(name, "HealthCheckFailed", "cannot get")


def test_rights_that_are_taken_while_it_waits(teams: Teams) -> None:
    """The result of a health check contains nothing that the account may not read at that moment."""
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
    until("it may no longer read", lambda: not may_get(teams, "configmaps"))
    api.apply({**later, "data": {"word": WORD}}, manager="other")
    teams.refused(name, "HealthCheckFailed", "cannot get")


def test_fields_left_to_others_of_anothers_object(teams: Teams) -> None:
    """``spec.ignore`` compares with the live object, which is read as the account."""
    document: Obj = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "treasure"}}
    document["metadata"]["namespace"] = teams.other.namespace
    name = teams.attempt(
        {"a.yaml": dump({**document, "stringData": {"word": "guess"}})},
        ignore=[{"paths": ["/data/word"], "target": {"kind": "Secret"}}],
        prune=False,
    )
    teams.refused(name, "ReconciliationFailed", "cannot patch")


REVISIONS = (
    "{'a': 1}[dep.status.lastAppliedRevision] == 1",
    "{'a': 1}[dep.status.lastAttemptedRevision] == 1",
    "dep.status.lastAppliedRevision.startsWith('main@sha1:')",
    "dep.status.conditions.exists(c, c.message.contains('sha1:'))",
    "dep.status.conditions.all(c, {'a': 1}[c.message] == 1)",
    "dep.metadata.labels.size() > 0",
    "{'a': 1}[dep.metadata.uid] == 1",
    "int(dep.status.lastAppliedRevision) == 1",
    "dep.status.inventory.entries[0].id.matches(dep.status.lastAppliedRevision + '(')",
)


def test_the_revision_of_a_foreign_dependency(teams: Teams) -> None:
    """Whoever knows a commit may find its artifact."""
    commit = teams.other.repository.head()
    other = {"name": "apps", "namespace": teams.other.namespace}
    for expression in REVISIONS:
        name = teams.attempt(
            {"a.yaml": mine(teams, "asks")}, dependsOn=[{**other, "readyExpr": expression}], prune=False
        )
        teams.refused(name, "DependencyNotReady", "failed to evaluate the CEL expression")
        assert commit[:7] not in dump(teams.tenant.get(name))
        assert commit[:7] not in teams.tenant.event_text(name)


def test_a_foreign_dependency_that_the_account_may_read_is_seen_whole(teams: Teams) -> None:
    api, other = teams.tenant.api, teams.other.namespace
    role: Obj = {
        "apiVersion": f"{RBAC}/v1",
        "kind": "Role",
        "metadata": {"name": "kustomizations", "namespace": other},
        "rules": [{"apiGroups": [GROUP], "resources": ["kustomizations"], "verbs": ["get"]}],
    }
    account = {"kind": "ServiceAccount", "name": "deployer", "namespace": teams.tenant.namespace}
    binding: Obj = {
        "apiVersion": f"{RBAC}/v1",
        "kind": "RoleBinding",
        "metadata": role["metadata"],
        "roleRef": {"apiGroup": RBAC, "kind": "Role", "name": "kustomizations"},
        "subjects": [account],
    }
    for obj in (role, binding):
        api.apply(obj)
    expression = "dep.status.lastAppliedRevision.startsWith('main@sha1:') && has(dep.spec.path)"
    name = teams.attempt(
        {"a.yaml": mine(teams, "asks")},
        dependsOn=[{"name": "apps", "namespace": other, "readyExpr": expression}],
        prune=False,
    )
    teams.tenant.ready(name)
    for obj in (binding, role):
        api.delete(obj["apiVersion"], obj["kind"], obj["metadata"]["name"], other)


def test_forged_owner_labels_disturb_nobody(teams: Teams) -> None:
    """A tenant's objects with another team's labels: no event there, no health check of theirs cancelled."""
    other, tenant = teams.other, teams.tenant
    other.commit({"waits/d.yaml": deployment("never", healthy=False)})
    other.kustomization("waits", serviceAccountName="deployer", wait=True, timeout="30m")
    until(
        "it waits",
        lambda: str(condition(other.get("waits"), "Reconciling").get("message", "")).startswith("Running"),
    )
    names = [f"forged-{n}" for n in range(10)]
    name = teams.attempt({f"{n}.yaml": mine(teams, n) for n in names}, prune=False)
    tenant.ready(name)
    forged = {f"{GROUP}/name": "waits", f"{GROUP}/namespace": other.namespace}
    for each in names:
        tenant.api.merge(
            tenant.object("v1", "ConfigMap", each) or {},
            {"metadata": {"labels": forged}},
            manager="I am <b>you</b>",
        )
    for each in names:
        until("it is put right", lambda: labels_of(teams, each)[f"{GROUP}/name"] == name)  # noqa: B023
    said = tenant.event(name, "drift detected: ConfigMap/", reason="DriftDetected")["message"]
    assert '"I am <b>you</b>" changed' in said
    events = other.events("waits")
    assert [e for e in events if e["reason"] == "DriftDetected" or "canceled" in e["message"]] == []
    other.delete("waits")


def labels_of(teams: Teams, name: str) -> dict[str, str]:
    found = teams.tenant.config_map(name)
    return dict(found["metadata"].get("labels") or {}) if found else {}


def test_internal_pages_by_way_of_a_kubeconfig(teams: Teams) -> None:
    """The operator sends nothing to its own host, and does not quote responses."""
    address = urlsplit(teams.other.url)
    place = f"http://{address.netloc}"
    asked = len(teams.other.server.requests)
    for server in (
        place,
        f"{place}{address.path}/HEAD",
        "http://169.254.169.254/latest/meta-data",
    ):
        content = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "c", "cluster": {"server": server}}],
            "users": [{"name": "u", "user": {"token": "t"}}],
            "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
            "current-context": "x",
        }
        teams.tenant.secret("leads", {"value": dump(content)})
        name = teams.attempt(
            {"a.yaml": mine(teams, "a")}, kubeConfig={"secretRef": {"name": "leads"}}, prune=False
        )
        teams.refused(name, "ReconciliationFailed", "its address is this host's own, link-local or a cloud's")
    assert [r for r in teams.other.server.requests[asked:] if "/version" in r.line] == []


def test_invented_kinds_cost_nothing_lasting(teams: Teams) -> None:
    """A kind that the cluster does not have is not watched, and says so when time is over."""
    checks = [
        {
            "apiVersion": "invented.test/v1",
            "kind": f"Kind{n}",
            "name": "a",
            "namespace": teams.tenant.namespace,
        }
        for n in range(300)
    ]
    name = teams.attempt({"a.yaml": mine(teams, "a")}, healthChecks=checks, timeout="3s", prune=False)
    teams.refused(name, "HealthCheckFailed", 'no matches for kind "Kind0" in version "invented.test/v1"')
    log = teams.running.log.read_text()
    assert "watch of Kind" not in log


def test_more_checks_than_are_allowed(teams: Teams) -> None:
    checks = [
        {"apiVersion": "v1", "kind": "ConfigMap", "name": f"c{n}", "namespace": teams.tenant.namespace}
        for n in range(1001)
    ]
    name = teams.attempt({"a.yaml": mine(teams, "a")}, healthChecks=checks, prune=False)
    said = teams.tenant.failed(name, "InvalidSpec", "healthChecks: has 1001 entries")["message"]
    assert "--max-list-entries" in said
