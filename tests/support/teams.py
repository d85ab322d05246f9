"""Two teams on one cluster, as ``deploy/tenancy`` sets it up: a tenant that tries to read what the other team has.

The operator has the rights and the arguments of ``deploy/tenancy``. The tenant may do anything in its own namespace,
through its service account ``deployer``. The other team's namespace holds a Secret, a ConfigMap, a source and
Kustomizations; all of them hold one word. After each attempt, the tests search for that word in everything that the
tenant can read.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from controlplane import Cluster
from headgate.kustomize import FolderTree, build
from sandbox import operator
from tests.support.cluster import KUSTOMIZATION, SOURCE, Api, condition
from tests.support.gitserver import GitHttpServer
from tests.support.manifests import config_map
from tests.support.operator import DEPLOY, NAMESPACE
from tests.support.workspace import OWN, Workspace

Obj = dict[str, Any]
Files = dict[str, str | bytes | None]

RBAC = "rbac.authorization.k8s.io"
ACCOUNT = "headgate-tenancy"
WORD = "treasure-of-the-other-team"
SELECTED = {OWN: "tenancy"}


def installation() -> tuple[list[Obj], list[str]]:
    """The role bindings of deploy/tenancy, for a separate account, and the arguments of its Deployment."""
    bindings, arguments = [], []
    for obj in build(FolderTree(Path("/")), str(DEPLOY / "tenancy")):
        if obj["kind"] == "Deployment":
            (container,) = obj["spec"]["template"]["spec"]["containers"]
            # One replica runs, with a separate account, which may not use the Lease of the installation.
            left_out = ("run", "--storage", "--log", "--enable-leader-election")
            arguments = [a for a in container["args"] if not a.startswith(left_out)]
        if obj["kind"] == "ClusterRole":
            bindings.append(obj)
        if obj["kind"] == "ClusterRoleBinding":
            obj["metadata"]["name"] += "-tenancy"
            obj["subjects"] = [{"kind": "ServiceAccount", "name": ACCOUNT, "namespace": NAMESPACE}]
            bindings.append(obj)
    return bindings, arguments


@dataclass
class Teams:
    """The tenant, the other team, and the operator they share."""

    tenant: Workspace
    other: Workspace
    running: operator.Operator
    attempts: list[str] = field(default_factory=list)
    made: int = 0

    def attempt(self, files: Files | None = None, **spec: Any) -> str:
        """A Kustomization of the tenant, with these files in a new folder; returns its name."""
        return self.attempt_each([files or {}], **spec)[0]

    def attempt_each(self, trees: list[Files], **spec: Any) -> list[str]:
        """The same for several, in one commit. Deletes the Kustomizations of earlier attempts."""
        for name in self.attempts:
            self.tenant.api.delete(
                "kustomize.toolkit.fluxcd.io/v1", KUSTOMIZATION, name, self.tenant.namespace
            )
        self.attempts = [f"try-{self.next_number() + n}" for n in range(len(trees))]
        self.made += len(trees)
        named = zip(self.attempts, trees, strict=True)
        self.tenant.commit({f"{name}/{path}": text for name, files in named for path, text in files.items()})
        spec = {"serviceAccountName": "deployer", "targetNamespace": None, "timeout": "2s", **spec}
        for name in self.attempts:
            self.tenant.kustomization(name, **spec)
        return list(self.attempts)

    def next_number(self) -> int:
        """The number of the next attempt."""
        return self.made + 1

    def refused(self, name: str, reason: str, message: str = "") -> str:
        """Wait until it is refused and check that nothing has leaked; returns the message."""
        said = str(self.tenant.failed(name, reason, message)["message"])
        self.check_silence()
        return said

    def check_silence(self) -> None:
        """The word is neither in anything that the tenant can read nor in the log."""
        api, namespace = self.tenant.api, self.tenant.namespace
        for version, kind in (
            ("v1", "ConfigMap"),
            ("v1", "Secret"),
            ("v1", "Event"),
            ("kustomize.toolkit.fluxcd.io/v1", KUSTOMIZATION),
            ("source.toolkit.fluxcd.io/v1", SOURCE),
        ):
            for obj in api.list(version, kind, namespace):
                obj.pop("spec", None)  # what the tenant wrote itself
                obj["metadata"].pop("annotations", None)
                assert WORD not in json.dumps(obj), obj
        assert WORD not in self.running.log.read_text()

    def check_unharmed(self) -> None:
        """The other team's objects are theirs, as they were, and the operator runs."""
        self.running.check()
        self.check_silence()
        owned = self.other.config_map("owned")
        assert owned is not None
        assert owned["data"] == {"v": WORD}
        assert condition(self.other.get("apps"))["status"] == "True"
        assert os.path.exists(f"/proc/{self.running.pid}")


@contextmanager
def two_teams(api: Api, cluster: Cluster, git_server: GitHttpServer, folder: Path) -> Iterator[Teams]:
    """The tenant and the other team, and a running operator."""
    bindings, arguments = installation()
    meta = {"name": ACCOUNT, "namespace": NAMESPACE}
    api.apply({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": meta})
    for obj in bindings:
        api.apply(obj, manager="tenancy")
    kubeconfig = token_kubeconfig(api, cluster, NAMESPACE, ACCOUNT, folder / "kubeconfig")
    tenant, other = (Workspace(api, git_server, name, SELECTED) for name in ("tenant", "other"))
    for each in (tenant, other):
        give_rights(api, each.namespace)
    with operator.running(
        kubeconfig, folder, [*arguments, f"--watch-label-selector={OWN}=tenancy"]
    ) as running:
        furnish(other)
        tenant.commit({"good/a.yaml": config_map("good")})
        tenant.source()
        yield Teams(tenant, other, running)
        running.check()
        for each in (tenant, other):
            each.close()
    for obj in bindings:
        if obj["kind"] == "ClusterRoleBinding":
            api.delete(obj["apiVersion"], obj["kind"], obj["metadata"]["name"])
    api.delete("v1", "ServiceAccount", ACCOUNT, NAMESPACE)


def token_kubeconfig(api: Api, cluster: Cluster, namespace: str, account: str, path: Path) -> Path:
    """A kubeconfig of a service account."""
    request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}}
    place = api.path("v1", "ServiceAccount", namespace, account)
    token = api.rest.request("POST", f"{place}/token", request)["status"]["token"]
    config = yaml.safe_load(cluster.kubeconfig.read_text())
    config["users"] = [{"name": each["name"], "user": {"token": token}} for each in config["users"]]
    path.write_text(json.dumps(config))
    return path


def give_rights(api: Api, namespace: str) -> None:
    """A service account that may do anything in its namespace, and nothing elsewhere."""
    meta = {"name": "deployer", "namespace": namespace}
    api.apply({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": meta})
    api.bind(
        {
            "apiVersion": f"{RBAC}/v1",
            "kind": "RoleBinding",
            "metadata": meta,
            "roleRef": {"apiGroup": RBAC, "kind": "ClusterRole", "name": "cluster-admin"},
            "subjects": [{"kind": "ServiceAccount", **meta}],
        }
    )


def furnish(other: Workspace) -> None:
    """The objects of the other team, which the tenant must not read."""
    other.secret("treasure", {"word": WORD, "value": f"clusters: [{WORD}]", "identity.agekey": WORD})
    meta = {"name": "treasure", "namespace": other.namespace}
    other.api.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": {"word": WORD}})
    other.commit({"apps/a.yaml": config_map("owned", v=WORD), "base/b.yaml": config_map("base", v=WORD)})
    other.source()
    other.kustomization("apps", serviceAccountName="deployer", postBuild={"substitute": {"word": WORD}})
    other.ready("apps")
