"""Another cluster as the target: who acts there, and which kubeconfigs and parameters count."""

from __future__ import annotations

import base64
import json
import re
from pathlib import Path

import pytest
import yaml

from controlplane.components import TRUSTED_AUDIENCE, TRUSTED_PREFIX
from sandbox import operator
from tests.support.cluster import Api, until
from tests.support.gitserver import GitHttpServer
from tests.support.gitserver_tls import Authority
from tests.support.manifests import config_map, dump
from tests.support.remotecluster import RBAC, WATCHED, Obj, Remote, by_secret, grant, kube_secret, there
from tests.support.workspace import OWN, Workspace, namespace_prefix

pytestmark = pytest.mark.e2e


@pytest.mark.parametrize("key", ["value", "value.yaml", "mine"])
def test_keys_of_the_secret(ground: Workspace, remote: Remote, key: str) -> None:
    kube_secret(ground, remote.kubeconfig, key=key)
    ground.commit({"apps/a.yaml": config_map("a")})
    ground.source()
    ground.kustomization("apps", kubeConfig=by_secret(**({"key": key} if key == "mine" else {})))
    ground.ready("apps")
    assert there(remote, ground, "a")


def test_who_acts_on_the_other_cluster(ground: Workspace, remote: Remote) -> None:
    """``serviceAccountName`` is an account of the other cluster."""
    kube_secret(ground, remote.kubeconfig)
    ground.commit({"apps/a.yaml": config_map("a")})
    ground.source()
    ground.kustomization("apps", kubeConfig=by_secret(), serviceAccountName="deployer")
    user = f"system:serviceaccount:{ground.namespace}:deployer"
    ground.failed("apps", "ReconciliationFailed", f'User "{user}" cannot patch')
    grant(remote.api, ground.namespace, {"kind": "ServiceAccount", "name": "deployer"})
    ground.request_reconcile("Kustomization", "apps")
    ground.ready("apps")
    assert there(remote, ground, "a")


def test_by_workload_identity(ground: Workspace, remote: Remote) -> None:
    """provider generic: a service account of this cluster is a user of the other one, with no secret stored."""
    namespace = ground.namespace
    for each in (ground.api, remote.api):
        meta = {"name": "identity", "namespace": namespace}
        each.apply({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": meta})
    user = f"{TRUSTED_PREFIX}system:serviceaccount:{namespace}:identity"
    parameters = {
        "provider": "generic",
        "address": remote.server.removeprefix("https://"),
        "ca.crt": remote.authority,
        "audiences": f"\n{TRUSTED_AUDIENCE}\n",
        "serviceAccountName": "identity",
    }
    access = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "kube", "namespace": namespace}}
    access["metadata"]["labels"] = WATCHED  # type: ignore[index]
    ground.api.apply({**access, "data": parameters})
    ground.commit({"apps/a.yaml": config_map("a")})
    ground.source()
    ground.kustomization("apps", kubeConfig={"configMapRef": {"name": "kube"}})
    ground.failed("apps", "ReconciliationFailed", f'User "{user}" cannot')
    watcher = {"apiVersion": f"{RBAC}/v1", "kind": "ClusterRoleBinding", "metadata": {"name": namespace}}
    view = {"apiGroup": RBAC, "kind": "ClusterRole", "name": "view"}
    who = {"apiGroup": RBAC, "kind": "User", "name": user}
    remote.api.bind({**watcher, "roleRef": view, "subjects": [who]}, verb="watch")
    grant(remote.api, namespace, {"kind": "User", "name": user})
    ground.request_reconcile("Kustomization", "apps")
    ground.ready("apps")
    found = there(remote, ground, "a")
    assert found is not None
    remote.api.delete("v1", "ConfigMap", "a", namespace)
    until("it is back", lambda: there(remote, ground, "a"))
    # Another audience is another token, which the other cluster does not accept.
    ground.api.apply({**access, "data": {**parameters, "audiences": "elsewhere"}})
    ground.failed("apps", "ReconciliationFailed", "refuses the credentials")
    # No way into another namespace.
    ground.api.apply({**access, "data": {**parameters, "serviceAccountName": "../../x/serviceaccounts/y"}})
    ground.failed("apps", "ReconciliationFailed", "is not the name of a service account")
    remote.api.delete(f"{RBAC}/v1", "ClusterRoleBinding", namespace)
    # With the way there gone the Kustomization can go.
    ground.api.delete("v1", "ConfigMap", "kube", namespace)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({}, "provider must be one of aws, azure, gcp, generic, not ''"),
        ({"provider": "other"}, "not 'other'"),
        ({"provider": "generic"}, "the key 'address' is required"),
        ({"provider": "aws", "address": "https://10.0.0.1"}, "the key 'cluster' is required"),
        ({"provider": "gcp", "cluster": "projects/../x"}, "is not the resource name of a cluster"),
        ({"provider": "generic", "address": "http://10.0.0.1"}, "must use the https scheme"),
        ({"provider": "generic", "address": "https://ada:pw@10.0.0.1"}, "is not the address"),
    ],
)
def test_parameters_that_do_not_do(workspace: Workspace, data: dict[str, str], message: str) -> None:
    meta = {"name": "kube", "namespace": workspace.namespace}
    workspace.api.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": data})
    workspace.commit({"apps/a.yaml": config_map("a")})
    workspace.source()
    workspace.kustomization("apps", kubeConfig={"configMapRef": {"name": "kube"}})
    workspace.failed("apps", "ReconciliationFailed", re.escape(message))
    assert workspace.config_map("a") is None


def test_a_rotated_kubeconfig_takes_effect_at_once(ground: Workspace, remote: Remote) -> None:
    """A token that is not accepted, then one that is, then one of somebody else."""
    kube_secret(ground, remote.of({"token": "expired-token-of-yesterday"}))
    ground.commit({"apps/a.yaml": config_map("a")})
    ground.source()
    ground.kustomization("apps", kubeConfig=by_secret())
    said = ground.failed("apps", "ReconciliationFailed", "refuses the credentials")
    assert "yesterday" not in said["message"]
    kube_secret(ground, remote.kubeconfig)
    ground.ready("apps")
    assert there(remote, ground, "a")
    grant(remote.api, ground.namespace, {"kind": "ServiceAccount", "name": "other"})
    account = remote.api.path("v1", "ServiceAccount", ground.namespace, "other")
    request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}}
    token = remote.api.rest.request("POST", f"{account}/token", request)["status"]["token"]
    kube_secret(ground, remote.of({"token": token}))
    revision = ground.commit({"apps/b.yaml": config_map("b")})
    ground.ready("apps", revision)
    assert there(remote, ground, "b")


def test_a_client_certificate_leaves_no_file(
    ground: Workspace, remote: Remote, shared_operator: operator.Operator
) -> None:
    """Key and certificate of a kubeconfig are on no disk, whether they are good for anything or not."""
    temporary = Path("/tmp")
    before = set(temporary.iterdir())
    key, certificate = key_pair()
    user = {
        "client-certificate-data": base64.b64encode(certificate).decode(),
        "client-key-data": base64.b64encode(key).decode(),
    }
    kube_secret(ground, remote.of(user))
    ground.commit({"apps/a.yaml": config_map("a")})
    ground.source()
    ground.kustomization("apps", kubeConfig=by_secret())
    ground.failed("apps", "ReconciliationFailed", "cannot|refuses|forbidden")
    secret = base64.b64encode(key)[40:80]
    for path in set(temporary.iterdir()) - before:
        assert not path.is_file() or secret not in base64.b64encode(path.read_bytes())
        assert not path.is_file() or b"PRIVATE KEY" not in path.read_bytes()
    assert "PRIVATE" not in shared_operator.log.read_text()


def key_pair() -> tuple[bytes, bytes]:
    """A private key and a certificate that nobody trusts, in PEM."""
    issued = Authority().issue("somebody")
    return issued.key, issued.certificate


@pytest.mark.parametrize(
    ("user", "cluster", "message"),
    [
        ({"exec": {"command": "id", "apiVersion": "client.authentication.k8s.io/v1"}}, {}, r"user\.exec"),
        ({"auth-provider": {"name": "gcp"}}, {}, r"user\.auth-provider"),
        ({"tokenFile": "/var/run/secrets/kubernetes.io/serviceaccount/token"}, {}, r"user\.tokenFile"),
        ({"client-certificate": "/etc/passwd", "client-key": "/etc/passwd"}, {}, r"user\.client-certificate"),
        ({"token": "x"}, {"certificate-authority": "/etc/passwd"}, r"cluster\.certificate-authority"),
        ({"token": "x"}, {"insecure-skip-tls-verify": True}, r"cluster\.insecure-skip-tls-verify"),
        ({"client-key-data": "no base64!"}, {}, r"user\.client-key-data is not base64"),
        ({"token": "x", "as-groups": ["system:masters"]}, {}, "set 'as'"),
        ({"token": "x"}, {"proxy-url": "socks5://127.0.0.1:1"}, r"cluster\.proxy-url must be a URL"),
    ],
)
def test_what_a_kubeconfig_may_not_hold(
    workspace: Workspace, remote: Remote, user: Obj, cluster: Obj, message: str
) -> None:
    kube_secret(workspace, remote.of(user, **cluster))
    workspace.commit({"apps/a.yaml": config_map("a")})
    workspace.source()
    workspace.kustomization("apps", kubeConfig=by_secret())
    said = workspace.failed("apps", "ReconciliationFailed", message)["message"]
    assert "root:" not in said


def test_a_kubeconfig_that_acts_as_somebody_else(ground: Workspace, remote: Remote) -> None:
    """The token could do everything; who is acted as may not."""
    token = dict(remote.kubeconfig["users"][0]["user"])
    limited = {
        "as": "jane",
        "as-groups": ["system:authenticated", "team"],
        "as-user-extra": {"reason": ["x"]},
    }
    kube_secret(ground, remote.of({**token, **limited}))
    ground.commit({"apps/a.yaml": config_map("a")})
    ground.source()
    ground.kustomization("apps", kubeConfig=by_secret())
    ground.failed("apps", "ReconciliationFailed", 'User "jane" cannot patch')
    # What the group may do, she may.
    role = {"apiGroup": RBAC, "kind": "ClusterRole", "name": "cluster-admin"}
    binding = {
        "apiVersion": f"{RBAC}/v1",
        "kind": "RoleBinding",
        "metadata": {"name": "team", "namespace": ground.namespace},
        "roleRef": role,
        "subjects": [{"apiGroup": RBAC, "kind": "Group", "name": "team"}],
    }
    remote.api.apply(binding)
    ground.request_reconcile("Kustomization", "apps")
    ground.ready("apps")
    ground.change("apps", {"serviceAccountName": "deployer"})
    said = ground.failed("apps", "ReconciliationFailed", "the kubeconfig acts as 'jane'")["message"]
    assert "spec.serviceAccountName" in said
    ground.change("apps", {"serviceAccountName": None})
    ground.ready("apps")
    ground.delete("apps")


@pytest.mark.parametrize(
    "content", ["a: [", "- 1", "{}", "clusters: [1]", "clusters: []\ncontexts: x", "\x00"]
)
def test_what_is_not_a_kubeconfig(workspace: Workspace, content: str) -> None:
    workspace.secret("kube", {"value": content})
    workspace.commit({"apps/a.yaml": config_map("a")})
    workspace.source()
    workspace.kustomization("apps", kubeConfig=by_secret())
    workspace.failed("apps", "ReconciliationFailed", "kubeconfig|not valid YAML|does not contain")


def test_a_missing_secret_and_its_coming(ground: Workspace, remote: Remote) -> None:
    ground.commit({"apps/a.yaml": config_map("a")})
    ground.source()
    ground.kustomization("apps", kubeConfig=by_secret())
    ground.failed(
        "apps", "ReconciliationFailed", f"unable to read KubeConfig secret '{ground.namespace}/kube'"
    )
    kube_secret(ground, remote.kubeconfig)
    ground.ready("apps")
    # Without it nobody can delete the objects there, and the Kustomization must not stay forever.
    ground.api.delete("v1", "Secret", "kube", ground.namespace)
    ground.delete("apps")
    assert there(remote, ground, "a")


def test_programs_where_the_operator_allows_them(
    request: pytest.FixtureRequest,
    api: Api,
    git_server: GitHttpServer,
    account: Path,
    remote: Remote,
    tmp_path: Path,
) -> None:
    """``--insecure-kubeconfig-exec`` and ``--insecure-kubeconfig-tls``."""
    workspace = Workspace(api, git_server, namespace_prefix(request), {OWN: "insecure"})
    remote.api.create_namespace(workspace.namespace)
    token = remote.kubeconfig["users"][0]["user"]["token"]
    answer = {
        "apiVersion": "client.authentication.k8s.io/v1",
        "kind": "ExecCredential",
        "status": {"token": token},
    }
    program = tmp_path / "login"
    program.write_text(f"#!/bin/sh\ncat <<'END'\n{json.dumps(answer)}\nEND\n")
    program.chmod(0o700)
    user = {
        "exec": {
            "apiVersion": answer["apiVersion"],
            "command": str(program),
            "interactiveMode": "Never",
        }
    }
    kubeconfig = remote.of(user)
    place = kubeconfig["clusters"][0]["cluster"]
    del place["certificate-authority-data"]
    place["insecure-skip-tls-verify"] = True
    kube_secret(workspace, kubeconfig)
    workspace.commit({"apps/a.yaml": dump(yaml.safe_load(config_map("a")))})
    options = (
        f"--watch-label-selector={OWN}=insecure",
        "--insecure-kubeconfig-exec",
        "--insecure-kubeconfig-tls",
    )
    with operator.running(account, tmp_path, options):
        workspace.source()
        workspace.kustomization("apps", kubeConfig=by_secret())
        workspace.ready("apps")
        assert there(remote, workspace, "a")
        workspace.close()
    remote.api.delete("v1", "Namespace", workspace.namespace)
