"""Another cluster as the target (``spec.kubeConfig``): a second control plane, as real as the first."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import yaml

from controlplane import Cluster, start
from controlplane.rest import Rest
from tests.support.cluster import Api
from tests.support.workspace import Workspace

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


@contextmanager
def second_cluster(first: Cluster, api: Api) -> Iterator[Remote]:
    """A second cluster that trusts service accounts of the first, which lets anybody read its keys for that."""
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
    with start("remote", provider="local", trusting=first) as cluster:
        config = yaml.safe_load(cluster.kubeconfig.read_text())
        yield Remote(Api(Rest.connect(cluster.kubeconfig)), config)
    api.delete(f"{RBAC}/v1", "ClusterRoleBinding", "headgate-test-issuer")


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
