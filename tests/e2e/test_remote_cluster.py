"""Another cluster as the target (``spec.kubeConfig``): a second control plane, as real as the first."""

from __future__ import annotations

import base64
import json
import re
import socket
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from controlplane import Cluster, start
from controlplane.components import TRUSTED_AUDIENCE, TRUSTED_PREFIX
from controlplane.rest import Rest
from sandbox import operator
from tests.support.cluster import Api, condition, until
from tests.support.gitserver import GitHttpServer
from tests.support.gitserver_tls import Authority
from tests.support.manifests import config_map, deployment, dump
from tests.support.workspace import OWN, Workspace, namespace_prefix

pytestmark = pytest.mark.e2e

Obj = dict[str, Any]
WATCHED = {"reconcile.fluxcd.io/watch": "Enabled"}
RBAC = "rbac.authorization.k8s.io"


@dataclass(frozen=True)
class Remote:
    """The other cluster."""

    api: Api
    kubeconfig: Obj
    """Of its administrator, with everything inside."""

    @property
    def server(self) -> str:
        return str(self.kubeconfig["clusters"][0]["cluster"]["server"])

    @property
    def authority(self) -> str:
        data = self.kubeconfig["clusters"][0]["cluster"]["certificate-authority-data"]
        return base64.b64decode(data).decode()

    def of(self, user: Obj, **cluster: Any) -> Obj:
        """A kubeconfig of another user, or for another way to it."""
        changed = json.loads(json.dumps(self.kubeconfig))
        changed["users"][0]["user"] = user
        changed["clusters"][0]["cluster"].update(cluster)
        return dict(changed)


@pytest.fixture(scope="module")
def remote(shared_cluster: Cluster, api: Api) -> Iterator[Remote]:
    """A second cluster that trusts service accounts of the first, which lets anybody read its keys for that."""
    if shared_cluster.provider != "local":
        pytest.skip("the cluster's keys have to be readable by the other one: a local control plane only")
    reader = {
        "apiVersion": f"{RBAC}/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": "headgate-test-issuer"},
        "roleRef": {
            "apiGroup": RBAC,
            "kind": "ClusterRole",
            "name": "system:service-account-issuer-discovery",
        },
        "subjects": [{"apiGroup": RBAC, "kind": "Group", "name": "system:unauthenticated"}],
    }
    api.apply(reader)
    with start("remote", provider="local", trusting=shared_cluster) as cluster:
        config = yaml.safe_load(cluster.kubeconfig.read_text())
        yield Remote(Api(Rest.connect(cluster.kubeconfig)), config)
    api.delete(reader["apiVersion"], reader["kind"], "headgate-test-issuer")


@pytest.fixture
def ground(workspace: Workspace, remote: Remote) -> Iterator[Workspace]:
    """A namespace of the same name on both clusters."""
    remote.api.create_namespace(workspace.namespace)
    yield workspace
    remote.api.delete("v1", "Namespace", workspace.namespace)


def kube_secret(workspace: Workspace, kubeconfig: Obj, name: str = "kube", key: str = "value") -> None:
    """The kubeconfig in a Secret whose changes are seen at once."""
    meta = {"name": name, "namespace": workspace.namespace, "labels": WATCHED}
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": meta}
    workspace.api.apply({**secret, "stringData": {key: json.dumps(kubeconfig)}})


def by_secret(name: str = "kube", **more: str) -> Obj:
    return {"secretRef": {"name": name, **more}}


def there(
    remote: Remote, workspace: Workspace, name: str, kind: str = "ConfigMap", version: str = "v1"
) -> Obj | None:
    """An object of the workspace's namespace on the other cluster."""
    return remote.api.get(version, kind, name, workspace.namespace)


def test_objects_live_and_die_on_the_other_cluster(ground: Workspace, remote: Remote) -> None:
    """Apply, prune and delete there; nothing here."""
    kube_secret(ground, remote.kubeconfig)
    ground.commit({"apps/a.yaml": config_map("a"), "apps/b.yaml": config_map("b")})
    ground.source()
    ground.kustomization("apps", kubeConfig=by_secret())
    done = ground.ready("apps")
    assert sorted(e["id"] for e in done["status"]["inventory"]["entries"]) == [
        f"{ground.namespace}_a__ConfigMap",
        f"{ground.namespace}_b__ConfigMap",
    ]
    found = there(remote, ground, "a")
    assert found is not None
    assert found["metadata"]["labels"]["kustomize.toolkit.fluxcd.io/name"] == "apps"
    assert [e["manager"] for e in found["metadata"]["managedFields"]] == ["kustomize-controller"]
    assert ground.config_map("a") is None
    revision = ground.commit({"apps/b.yaml": None})
    ground.ready("apps", revision)
    assert there(remote, ground, "b") is None
    ground.event("apps", rf"ConfigMap/{ground.namespace}/b deleted")
    ground.delete("apps")
    assert there(remote, ground, "a") is None


@pytest.mark.parametrize("key", ["value", "value.yaml", "mine"])
def test_keys_of_the_secret(ground: Workspace, remote: Remote, key: str) -> None:
    kube_secret(ground, remote.kubeconfig, key=key)
    ground.commit({"apps/a.yaml": config_map("a")})
    ground.source()
    ground.kustomization("apps", kubeConfig=by_secret(**({"key": key} if key == "mine" else {})))
    ground.ready("apps")
    assert there(remote, ground, "a")


def test_health_is_the_other_clusters(ground: Workspace, remote: Remote) -> None:
    """Headgate waits for a Deployment there, and reports what is wrong with it."""
    kube_secret(ground, remote.kubeconfig)
    ground.commit({"apps/web.yaml": deployment("web"), "bad/worse.yaml": deployment("worse", healthy=False)})
    ground.source()
    ground.kustomization("apps", kubeConfig=by_secret(), wait=True)
    check = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web", "namespace": ground.namespace}
    ground.kustomization("bad", kubeConfig=by_secret(), wait=True, timeout="2s")
    ground.ready("apps")
    web = there(remote, ground, "web", "Deployment", "apps/v1")
    assert web is not None
    assert web["status"]["readyReplicas"] == 1
    ground.failed("bad", "HealthCheckFailed", r"Deployment/\S+/worse")
    ground.commit({"checks/a.yaml": config_map("a")})
    ground.kustomization("checks", kubeConfig=by_secret(), healthChecks=[check])
    assert condition(ground.ready("checks"), "Healthy")["status"] == "True"


def test_drift_on_the_other_cluster_is_corrected_at_once(ground: Workspace, remote: Remote) -> None:
    kube_secret(ground, remote.kubeconfig)
    ground.commit({"apps/a.yaml": config_map("a", v="1"), "apps/b.yaml": config_map("b")})
    ground.source()
    ground.kustomization("apps", kubeConfig=by_secret())
    ground.ready("apps")
    found = there(remote, ground, "a")
    assert found is not None
    remote.api.merge(found, {"data": {"v": "2"}}, manager="kubectl-edit")
    until("the change is undone", lambda: (there(remote, ground, "a") or {}).get("data") == {"v": "1"})
    remote.api.delete("v1", "ConfigMap", "b", ground.namespace)
    until("it is back", lambda: there(remote, ground, "b"))
    ground.event("apps", "drift detected", reason="DriftDetected")


def test_the_finalizer_waits_for_what_goes_on_the_other_cluster(ground: Workspace, remote: Remote) -> None:
    kube_secret(ground, remote.kubeconfig)
    ground.commit({"apps/a.yaml": config_map("a")})
    ground.source()
    policy = "WaitForTermination"
    ground.kustomization("apps", kubeConfig=by_secret(), deletionPolicy=policy, timeout="30s")
    ground.ready("apps")
    found = there(remote, ground, "a")
    assert found is not None
    held = remote.api.merge(found, {"metadata": {"finalizers": ["headgate-test/held"]}})
    ground.api.delete("kustomize.toolkit.fluxcd.io/v1", "Kustomization", "apps", ground.namespace)
    until(
        "it is being deleted there",
        lambda: ((there(remote, ground, "a") or {}).get("metadata") or {}).get("deletionTimestamp"),
    )
    time.sleep(1.0)
    assert ground.find("apps") is not None
    remote.api.merge(held, {"metadata": {"finalizers": None}})
    until("the Kustomization is gone", lambda: ground.find("apps") is None)


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


def grant(api: Api, namespace: str, subject: Obj) -> None:
    """The right to do anything in the namespace, for a service account there or a user."""
    if subject["kind"] == "ServiceAccount":
        meta = {"name": subject["name"], "namespace": namespace}
        api.apply({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": meta})
        subject = {**subject, "namespace": namespace}
    else:
        subject = {**subject, "apiGroup": RBAC}
    binding = {
        "apiVersion": f"{RBAC}/v1",
        "kind": "RoleBinding",
        "metadata": {"name": "test-deployer", "namespace": namespace},
        "roleRef": {"apiGroup": RBAC, "kind": "ClusterRole", "name": "cluster-admin"},
        "subjects": [subject],
    }
    api.bind(binding)


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
    remote.api.delete(watcher["apiVersion"], "ClusterRoleBinding", namespace)
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


def test_a_cluster_that_does_not_answer_holds_up_nobody(ground: Workspace, remote: Remote) -> None:
    """More Kustomizations than workers point at an address that takes connections and says nothing."""
    with closing(socket.create_server(("127.0.0.1", 0))) as silent:
        address = f"https://127.0.0.1:{silent.getsockname()[1]}"
        kube_secret(ground, remote.of({"token": "x"}, server=address), "silent")
        ground.commit({"apps/a.yaml": config_map("a"), "good/b.yaml": config_map("b")})
        ground.source()
        for number in range(12):
            ground.kustomization(f"silent-{number}", "apps", kubeConfig=by_secret("silent"))
        time.sleep(0.5)
        kube_secret(ground, remote.kubeconfig)
        began = time.monotonic()
        ground.kustomization("good", kubeConfig=by_secret())
        ground.kustomization("here", "good")
        for name in ("good", "here"):
            ground.ready(name)
        print(f"the others were ready after {time.monotonic() - began:.1f} s")
        for number in (0, 11):
            ground.failed(f"silent-{number}", "ReconciliationFailed", "cannot reach the API server at https")
    # The Secret is what holds them: with it gone, so is the way to what they may have applied.
    ground.api.delete("v1", "Secret", "silent", ground.namespace)


def test_an_unreachable_cluster_is_tried_again(ground: Workspace, remote: Remote) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        address = f"https://127.0.0.1:{taken.getsockname()[1]}"
    kube_secret(ground, remote.of({"token": "x"}, server=address))
    ground.commit({"apps/a.yaml": config_map("a")})
    ground.source()
    ground.kustomization("apps", kubeConfig=by_secret())
    ground.failed("apps", "ReconciliationFailed", f"cannot reach the API server at {address}")
    ground.event("apps", "cannot reach the API server", type="Warning", reason="ReconciliationFailed")
    kube_secret(ground, remote.kubeconfig)
    ground.ready("apps")


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


def test_from_one_cluster_to_the_other(ground: Workspace, remote: Remote) -> None:
    """A Kustomization that is moved applies everything where it goes."""
    kube_secret(ground, remote.kubeconfig)
    ground.commit({"apps/a.yaml": config_map("a")})
    ground.source()
    ground.kustomization("apps")
    ground.ready("apps")
    assert there(remote, ground, "a") is None
    ground.change("apps", {"kubeConfig": by_secret()})
    ground.ready("apps")
    assert there(remote, ground, "a")
    ground.change("apps", {"kubeConfig": None})
    ground.ready("apps")
    ground.delete("apps")
    assert ground.config_map("a") is None
    assert there(remote, ground, "a")


def test_the_same_cluster_by_another_way(workspace: Workspace, shared_cluster: Cluster) -> None:
    """A kubeconfig of the very cluster the operator is on: two views of the same objects."""
    kube_secret(workspace, yaml.safe_load(shared_cluster.kubeconfig.read_text()))
    workspace.commit({"apps/a.yaml": config_map("a", v="1"), "web/web.yaml": deployment("web")})
    workspace.source()
    workspace.kustomization("apps", kubeConfig=by_secret())
    workspace.kustomization("web", kubeConfig=by_secret(), wait=True)
    workspace.ready("apps")
    workspace.ready("web")
    found = workspace.config_map("a")
    assert found is not None
    workspace.api.merge(found, {"data": {"v": "2"}}, manager="kubectl-edit")
    until("the change is undone", lambda: (workspace.config_map("a") or {}).get("data") == {"v": "1"})


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
