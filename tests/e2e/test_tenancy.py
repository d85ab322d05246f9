"""Several teams on one cluster, as ``deploy/tenancy`` sets it up: what a team may do, and every way out that it tries.

See :mod:`tests.support.teams` for who they are and what must never be seen.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml

from tests.support.cluster import KUSTOMIZATION, SOURCE, condition, until
from tests.support.manifests import config_map, dump, kustomization
from tests.support.operator import DEPLOY
from tests.support.teams import RBAC, Files, Teams

pytestmark = pytest.mark.e2e

Obj = dict[str, Any]

# What is allowed.


def test_a_tenant_does_what_it_may(teams: Teams) -> None:
    name = teams.attempt({"a.yaml": config_map("mine"), "b.yaml": config_map("yours")})
    teams.tenant.kustomization(name, serviceAccountName="deployer")
    teams.tenant.ready(name)
    assert teams.tenant.config_map("mine")
    teams.tenant.commit({f"{name}/b.yaml": None})
    until("it is pruned", lambda: teams.tenant.config_map("yours") is None)
    teams.tenant.delete(name)
    assert teams.tenant.config_map("mine") is None


# Rights.


def test_without_an_account_it_is_the_default_one(teams: Teams) -> None:
    """Not the operator, who may change every Kustomization there is."""
    theirs = teams.other.get("apps")
    patch = {"apiVersion": theirs["apiVersion"], "kind": KUSTOMIZATION, "spec": theirs["spec"]}
    patch["metadata"] = {"name": "apps", "namespace": teams.other.namespace}
    name = teams.attempt({"a.yaml": dump(patch)}, serviceAccountName=None)
    said = teams.refused(name, "ReconciliationFailed", "forbidden|cannot")
    assert f"system:serviceaccount:{teams.tenant.namespace}:default" in said


def test_an_object_of_another_namespace(teams: Teams) -> None:
    document = yaml.safe_load(config_map("intruder"))
    document["metadata"]["namespace"] = teams.other.namespace
    name = teams.attempt({"a.yaml": dump(document)})
    teams.refused(name, "ReconciliationFailed", "cannot patch")
    assert teams.other.config_map("intruder") is None


@pytest.mark.parametrize("where", ["target", "overlay", "patch"])
def test_the_namespace_of_everything_set_to_another(teams: Teams, where: str) -> None:
    namespace = teams.other.namespace
    files: Files = {"a.yaml": config_map("intruder")}
    spec: Obj = {}
    if where == "target":
        spec = {"targetNamespace": namespace}
    elif where == "overlay":
        files["kustomization.yaml"] = kustomization("a.yaml", namespace=namespace)
    else:
        change = [{"op": "add", "path": "/metadata/namespace", "value": namespace}]
        spec = {"patches": [{"patch": json.dumps(change), "target": {"kind": "ConfigMap"}}]}
    name = teams.attempt(files, **spec)
    teams.refused(name, "ReconciliationFailed", "cannot patch")
    assert teams.other.config_map("intruder") is None


@pytest.mark.parametrize(
    "kind", ["Namespace", "ClusterRole", "ClusterRoleBinding", "CustomResourceDefinition"]
)
def test_objects_of_the_whole_cluster(teams: Teams, kind: str) -> None:
    account = {"kind": "ServiceAccount", "name": "deployer", "namespace": teams.tenant.namespace}
    version, more = {
        "Namespace": ("v1", {}),
        "ClusterRole": (f"{RBAC}/v1", {"rules": [{"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}]}),
        "ClusterRoleBinding": (
            f"{RBAC}/v1",
            {
                "roleRef": {"apiGroup": RBAC, "kind": "ClusterRole", "name": "cluster-admin"},
                "subjects": [account],
            },
        ),
        "CustomResourceDefinition": (
            "apiextensions.k8s.io/v1",
            {
                "spec": {
                    "group": "x.test",
                    "scope": "Cluster",
                    "names": {"kind": "X", "plural": "xs"},
                    "versions": [],
                }
            },
        ),
    }[kind]
    title = "xs.x.test" if kind == "CustomResourceDefinition" else f"{teams.tenant.namespace}-more"
    obj = {"apiVersion": version, "kind": kind, "metadata": {"name": title}, **more}
    name = teams.attempt({"a.yaml": dump(obj)})
    teams.refused(name, "ReconciliationFailed", "cannot patch")
    assert teams.tenant.api.get(version, kind, title) is None


@pytest.mark.parametrize(
    "account",
    [
        "system:masters",
        "system:admin",
        "../kube-system/default",
        "{other}:deployer",
        "deployer:system:masters",
        "deployer\nImpersonate-Group: system:masters",
        "deployer\r\nImpersonate-Group: system:masters",
        "{other}/deployer",
        "-",
        "Deployer",
    ],
)
def test_names_of_accounts_that_mean_somebody_else(teams: Teams, account: str) -> None:
    name = teams.attempt(
        {"a.yaml": config_map("intruder")},
        serviceAccountName=account.format(other=teams.other.namespace),
        targetNamespace=teams.other.namespace,
    )
    teams.refused(name, "ReconciliationFailed", "is not the name of a service account")


def test_what_carries_the_other_teams_labels_is_not_theirs(teams: Teams) -> None:
    labels = {
        "kustomize.toolkit.fluxcd.io/name": "apps",
        "kustomize.toolkit.fluxcd.io/namespace": teams.other.namespace,
    }
    document = yaml.safe_load(config_map("labelled"))
    document["metadata"]["labels"] = labels
    name = teams.attempt({"a.yaml": dump(document)}, targetNamespace=teams.tenant.namespace)
    teams.tenant.ready(name)
    found = teams.tenant.config_map("labelled")
    assert found is not None
    assert found["metadata"]["labels"] == {
        "kustomize.toolkit.fluxcd.io/name": name,
        "kustomize.toolkit.fluxcd.io/namespace": teams.tenant.namespace,
    }


def test_an_inventory_that_names_what_others_have(teams: Teams) -> None:
    """Whoever can write a status still deletes nothing that the account may not, nor what is another's."""
    name = teams.attempt({"a.yaml": config_map("pruner")}, targetNamespace=teams.tenant.namespace)
    done = teams.tenant.ready(name)
    entries = done["status"]["inventory"]["entries"]
    forged = [*entries, {"id": f"{teams.other.namespace}_owned__ConfigMap", "v": "v1"}]
    teams.tenant.api.merge(done, {"status": {"inventory": {"entries": forged}}}, subresource="status")
    revision = teams.tenant.commit({f"{name}/a.yaml": config_map("pruner", v="2")})
    teams.tenant.ready(name, revision)
    teams.check_silence()
    assert teams.other.config_map("owned")
    teams.tenant.api.merge(done, {"status": {"inventory": {"entries": entries}}}, subresource="status")


def test_a_source_that_says_that_another_teams_artifact_is_its_own(teams: Teams) -> None:
    """Whoever may read the other's status knows its path; no file of it is kept, served as its own or deleted."""
    theirs = teams.other.get("source", SOURCE)["status"]["artifact"]
    source = teams.tenant.get("source", SOURCE)
    own = source["status"]["artifact"]
    forged = {**own, "path": theirs["path"], "digest": theirs["digest"], "url": theirs["url"]}
    teams.tenant.api.merge(source, {"status": {"artifact": forged}}, subresource="status")
    teams.tenant.request_reconcile(SOURCE, "source")
    until(
        "the source has its own artifact again",
        lambda: (
            f"/{teams.tenant.namespace}/source/"
            in teams.tenant.get("source", SOURCE)["status"]["artifact"]["path"]
        ),
    )
    assert teams.other.get("source", SOURCE)["status"]["artifact"]["path"] == theirs["path"]


# References into another namespace.


def test_the_source_of_another_team(teams: Teams) -> None:
    source = {"kind": SOURCE, "name": "source", "namespace": teams.other.namespace}
    name = teams.attempt(sourceRef=source, path="./apps", targetNamespace=teams.tenant.namespace)
    teams.refused(name, "AccessDenied", "cross-namespace references have been blocked")
    assert condition(teams.tenant.get(name), "Stalled")["status"] == "True"
    assert teams.tenant.config_map("owned") is None


@pytest.mark.parametrize("kind", ["Secret", "ConfigMap"])
@pytest.mark.parametrize(
    "written", ["{other}/treasure", "../{other}/treasure", "../../{other}/secrets/treasure"]
)
def test_variables_of_another_team(teams: Teams, kind: str, written: str) -> None:
    reference = {"kind": kind, "name": written.format(other=teams.other.namespace)}
    name = teams.attempt(
        {"a.yaml": config_map("sees", v="${word}")},
        postBuild={"substituteFrom": [reference]},
        targetNamespace=teams.tenant.namespace,
    )
    teams.refused(name, "BuildFailed")
    assert teams.tenant.config_map("sees") is None


@pytest.mark.parametrize(
    "written", ["{other}/treasure", "../{other}/treasure", "../../{other}/secrets/treasure"]
)
@pytest.mark.parametrize("reference", ["secretRef", "configMapRef"])
def test_the_kubeconfig_of_another_team(teams: Teams, reference: str, written: str) -> None:
    place = {reference: {"name": written.format(other=teams.other.namespace)}}
    name = teams.attempt({"a.yaml": config_map("intruder")}, kubeConfig=place)
    teams.refused(name, "ReconciliationFailed", "unable to read KubeConfig")


@pytest.mark.parametrize("account", ["../../{other}/serviceaccounts/deployer", "{other}:deployer", "a/b"])
def test_a_token_of_another_teams_account(teams: Teams, account: str) -> None:
    """By the parameters of ``kubeConfig.configMapRef``, which name an account of the own namespace."""
    access = {
        "provider": "generic",
        "address": "https://127.0.0.1:1",
        "serviceAccountName": account.format(other=teams.other.namespace),
    }
    meta = {"name": "access", "namespace": teams.tenant.namespace}
    teams.tenant.api.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": access})
    name = teams.attempt({"a.yaml": config_map("intruder")}, kubeConfig={"configMapRef": {"name": "access"}})
    teams.refused(name, "ReconciliationFailed", "is not the name of a service account")


def test_the_operators_own_token_is_sent_to_nobody(teams: Teams) -> None:
    """An address of the tenant's gets a token of the tenant's default account, whatever the audience."""
    access = {"provider": "generic", "address": "https://127.0.0.1:1", "audiences": "anything"}
    meta = {"name": "nobody", "namespace": teams.tenant.namespace}
    teams.tenant.api.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": access})
    account = teams.tenant.api.path("v1", "ServiceAccount", teams.tenant.namespace, "default")
    name = teams.attempt({"a.yaml": config_map("intruder")}, kubeConfig={"configMapRef": {"name": "nobody"}})
    teams.refused(name, "ReconciliationFailed", "cannot reach the API server at https://127.0.0.1:1")
    assert teams.tenant.api.rest.get(account)


def test_a_dependency_on_another_team_tells_only_how_it_is(teams: Teams) -> None:
    """A dependent may wait until it is Ready, but cannot learn its content through guesses."""
    other = {"name": "apps", "namespace": teams.other.namespace}
    waits = teams.attempt(
        {"a.yaml": config_map("waits")}, dependsOn=[other], targetNamespace=teams.tenant.namespace
    )
    teams.tenant.ready(waits)
    ready = "dep.status.conditions.exists(c, c.type == 'Ready' && c.status == 'True')"
    for expression, reason in (
        (ready, ""),
        ("dep.spec.postBuild.substitute.word.startsWith('treasure')", "DependencyNotReady"),
        ("has(dep.spec.postBuild) ? true : true", "DependencyNotReady"),
        ("dep.status.inventory.entries.size() > 0", "DependencyNotReady"),
        ("dep.status.history.size() > 0", "DependencyNotReady"),
    ):
        asks = teams.attempt(
            {"a.yaml": config_map("asks")},
            dependsOn=[{**other, "readyExpr": expression}],
            targetNamespace=teams.tenant.namespace,
        )
        if reason:
            teams.refused(asks, reason)
        else:
            teams.tenant.ready(asks)
        teams.tenant.delete(asks)


def test_the_health_of_another_teams_objects(teams: Teams) -> None:
    """The operator sees them; the tenant's account may not."""
    check = {"apiVersion": "v1", "kind": "ConfigMap", "name": "owned", "namespace": teams.other.namespace}
    name = teams.attempt(
        {"a.yaml": config_map("looks")}, healthChecks=[check], targetNamespace=teams.tenant.namespace
    )
    teams.refused(name, "HealthCheckFailed", "cannot get")
    expression = {"apiVersion": "v1", "kind": "ConfigMap", "current": "data.v.startsWith('treasure')"}
    name = teams.attempt(
        {"a.yaml": config_map("looks")},
        healthChecks=[check],
        healthCheckExprs=[expression],
        targetNamespace=teams.tenant.namespace,
    )
    teams.refused(name, "HealthCheckFailed", "cannot get")


@pytest.mark.parametrize("written", ["{other}/source", "../{other}/source"])
def test_another_teams_source_included_in_ones_own(teams: Teams, written: str) -> None:
    include = [{"repository": {"name": written.format(other=teams.other.namespace)}, "toPath": "stolen"}]
    source = f"include-{written.count('.')}"
    teams.tenant.source(source, ready=False, include=include)

    def refused() -> bool:
        return condition(teams.tenant.get(source, SOURCE)).get("status") == "False"

    until("the source is refused", refused)
    teams.check_silence()


@pytest.mark.parametrize("written", ["{other}/treasure", "../{other}/treasure"])
def test_another_teams_credentials_for_git(teams: Teams, written: str) -> None:
    source = f"credentials-{written.count('.')}"
    secret = {"name": written.format(other=teams.other.namespace)}
    teams.tenant.source(source, ready=False, secretRef=secret)

    def refused() -> bool:
        return condition(teams.tenant.get(source, SOURCE)).get("status") == "False"

    until("the source is refused", refused)
    teams.check_silence()


def test_another_teams_keys_for_decryption(teams: Teams) -> None:
    folder = DEPLOY.parent / "tests/unit/postbuild/data/sops/encrypted"
    name = teams.attempt(
        {"a.yaml": (folder / "values.age.yaml").read_text()},
        decryption={"provider": "sops", "secretRef": {"name": f"../{teams.other.namespace}/treasure"}},
        targetNamespace=teams.tenant.namespace,
    )
    teams.refused(name, "BuildFailed")


def test_the_operator_itself_is_as_it_was(teams: Teams) -> None:
    """After all this."""
    teams.check_unharmed()
