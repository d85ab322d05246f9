"""Two teams, one operator with the rights and arguments of ``deploy/tenancy``, and the servers of a hostile tenant.

    with world(folder) as w:
        w.tenant.kustomization(...)   # as the tenant's own service account, which may do anything in its namespace
        w.sees()                      # all that the tenant can read, as one text
        w.changes_of_the_other_team() # what has changed there; not empty if an attempt has succeeded

The other team's Secret, ConfigMap, source, Kustomizations and annotations hold one word, :data:`WORD`. No attempt may
learn it, or even one bit about it.
"""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from controlplane import Cluster, start
from controlplane.ports import LOOPBACK, free_ports
from controlplane.rest import Rest
from headgate.kustomize import FolderTree, build
from sandbox import operator
from tests.hostile.servers import Servers
from tests.support.cluster import KUSTOMIZATION, KUSTOMIZATION_VERSION, SOURCE, SOURCE_VERSION, Api
from tests.support.gitserver import GitHttpServer
from tests.support.manifests import config_map
from tests.support.operator import ACCOUNT, DEPLOY, NAMESPACE, installed
from tests.support.workspace import OWN, Workspace, served_folder

Obj = dict[str, Any]

RBAC = "rbac.authorization.k8s.io"
RECEIVER, RECEIVER_VERSION = "Receiver", "notification.toolkit.fluxcd.io/v1"
WORD = "treasure-7f3a-of-the-other-team"
DEPLOYER = "deployer"
"""The service account of each team that may do anything in its own namespace."""

_ANYTHING = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
EXTERNAL_ARTIFACTS: Obj = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "externalartifacts.source.toolkit.fluxcd.io"},
    "spec": {
        "group": "source.toolkit.fluxcd.io",
        "scope": "Namespaced",
        "names": {
            "plural": "externalartifacts",
            "singular": "externalartifact",
            "kind": "ExternalArtifact",
            "listKind": "ExternalArtifactList",
        },
        "versions": [
            {
                "name": "v1",
                "served": True,
                "storage": True,
                "subresources": {"status": {}},
                "schema": {
                    "openAPIV3Schema": {
                        "type": "object",
                        "properties": {"spec": _ANYTHING, "status": _ANYTHING},
                    }
                },
            }
        ],
    },
}
"""A minimal definition of the kind whose artifacts other controllers make; the tenant plays such a controller."""

READABLE = (
    ("v1", "ConfigMap"),
    ("v1", "Secret"),
    ("v1", "Event"),
    ("v1", "ServiceAccount"),
    (KUSTOMIZATION_VERSION, KUSTOMIZATION),
    (SOURCE_VERSION, SOURCE),
    (RECEIVER_VERSION, RECEIVER),
)
"""The kinds that the tests compare and search in a namespace: every kind that anything here creates."""


@dataclass
class World:
    """See the docstring of the module."""

    cluster: Cluster
    admin: Api
    git: GitHttpServer
    tenant: Workspace
    """The hostile team; its ``api`` acts as its service account."""
    other: Workspace
    """The team that the tenant attacks; its ``api`` acts as the administrator."""
    running: operator.Operator
    hooks: str
    """``host:port`` of the webhooks."""
    servers: Servers
    """Servers that no tenant may reach through the operator, and servers of the tenant."""
    folder: Path
    before: dict[str, Obj] = field(default_factory=dict)

    def sees(self) -> str:
        """Everything the tenant can read in its namespace, except its own specs, annotations and labels."""
        lines = []
        for version, kind in READABLE:
            for obj in self.tenant.api.list(version, kind, self.tenant.namespace):
                obj.pop("spec", None)
                kept = {
                    k: v for k, v in obj["metadata"].items() if k in ("name", "generateName", "finalizers")
                }
                if kind == "Secret":
                    obj["plain"] = [
                        base64.b64decode(v).decode(errors="replace") for v in (obj.get("data") or {}).values()
                    ]
                lines.append(json.dumps({**obj, "metadata": kept}))
        return "\n".join(lines)

    def remember(self) -> None:
        """Record the state of the other team's namespace, which no attempt may change."""
        self.before = self._of_the_other_team()

    def changes_of_the_other_team(self) -> list[str]:
        """What somebody created, changed or deleted in the other team's namespace since then."""
        now = self._of_the_other_team()
        changed = [f"{name} is gone" for name in self.before.keys() - now.keys()]
        changed += [f"{name} is new: {now[name]}" for name in now.keys() - self.before.keys()]
        changed += [
            f"{name} has changed: {now[name]}"
            for name in self.before.keys() & now.keys()
            if now[name] != self.before[name]
        ]
        return changed

    def _of_the_other_team(self) -> dict[str, Obj]:
        kinds = [*READABLE, (f"{RBAC}/v1", "RoleBinding"), (f"{RBAC}/v1", "Role")]
        found: dict[str, Obj] = {}
        for version, kind in kinds:
            for obj in self.admin.list(version, kind, self.other.namespace):
                meta = obj["metadata"]
                for field_of_no_interest in ("resourceVersion", "managedFields"):
                    meta.pop(field_of_no_interest, None)
                found[f"{kind} {meta['name']}"] = obj
        namespace = self.admin.present("v1", "Namespace", self.other.namespace)
        return {**found, "Namespace": {"phase": namespace["status"]["phase"]}}


@contextmanager
def world(folder: Path, *more: str) -> Iterator[World]:
    """The world, on a new cluster; ``more`` are further arguments of the operator."""
    overlay = folder / "install"
    overlay.mkdir(parents=True)
    named = {"resources": [_relative("tenancy", overlay)], "components": [_relative("webhook", overlay)]}
    (overlay / "kustomization.yaml").write_text(yaml.safe_dump(named))
    hooks = f"{LOOPBACK}:{free_ports(1)[0]}"
    with ExitStack() as stack:
        cluster = stack.enter_context(start("hostile"))
        git = stack.enter_context(GitHttpServer(served_folder(folder)))
        servers = stack.enter_context(Servers(WORD))
        admin = Api(Rest.connect(cluster.kubeconfig))
        stack.enter_context(installed(admin, overlay))
        admin.apply(EXTERNAL_ARTIFACTS)
        account = kubeconfig_of(cluster, admin, NAMESPACE, ACCOUNT, folder)
        tenant, other = Workspace(admin, git, "tenant"), Workspace(admin, git, "other")
        for each in (tenant, other):
            give_rights(admin, each.namespace)
        tenant.api = Api(Rest.connect(kubeconfig_of(cluster, admin, tenant.namespace, DEPLOYER, folder)))
        with environment(servers.environment()):
            arguments = [*arguments_of(overlay), f"--webhook-addr={hooks}", f"--watch-label-selector=!{OWN}"]
            running = stack.enter_context(operator.running(account, folder, [*arguments, *more]))
        furnish(other)
        tenant.commit({"good/a.yaml": config_map("good")})
        tenant.source()
        found = World(cluster, admin, git, tenant, other, running, hooks, servers, folder)
        found.remember()
        yield found
        running.check()


def arguments_of(overlay: Path) -> list[str]:
    """The arguments of the Deployment in an overlay of deploy/, without those that need a pod."""
    (deployment,) = (o for o in build(FolderTree(Path("/")), str(overlay)) if o["kind"] == "Deployment")
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    without = ("run", "--storage", "--log", "--webhook-addr", "--enable-leader-election", "--leader-election")
    return [str(each) for each in container["args"] if not each.startswith(without)]


def kubeconfig_of(cluster: Cluster, api: Api, namespace: str, account: str, folder: Path) -> Path:
    """A kubeconfig with a token of a service account."""
    request = {
        "apiVersion": "authentication.k8s.io/v1",
        "kind": "TokenRequest",
        "spec": {"expirationSeconds": 14400},
    }
    place = api.path("v1", "ServiceAccount", namespace, account)
    token = api.rest.request("POST", f"{place}/token", request)["status"]["token"]
    config = yaml.safe_load(cluster.kubeconfig.read_text())
    config["users"] = [{"name": each["name"], "user": {"token": token}} for each in config["users"]]
    path = folder / f"{namespace}-{account}.kubeconfig"
    path.touch(mode=0o600)
    path.write_text(json.dumps(config))
    return path


def give_rights(api: Api, namespace: str) -> None:
    """A service account that may do anything in its namespace, and nothing elsewhere."""
    meta = {"name": DEPLOYER, "namespace": namespace}
    api.apply({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": meta})
    role = {"apiGroup": RBAC, "kind": "ClusterRole", "name": "cluster-admin"}
    subjects = [{"kind": "ServiceAccount", **meta}]
    binding = {"apiVersion": f"{RBAC}/v1", "kind": "RoleBinding", "metadata": meta, "roleRef": role}
    api.apply({**binding, "subjects": subjects})


def furnish(other: Workspace) -> None:
    """Create the objects of the other team, which the tenant must not read."""
    other.secret(
        "treasure",
        {
            "word": WORD,
            "value": f"clusters: [{WORD}]",
            "identity.agekey": WORD,
            "token": WORD,
            "password": WORD,
        },
    )
    meta: Obj = {"name": "treasure", "namespace": other.namespace}
    other.api.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": {"word": WORD}})
    other.commit({"apps/a.yaml": config_map("owned", v=WORD), "base/b.yaml": config_map("base", v=WORD)})
    other.source()
    other.kustomization(
        "apps",
        serviceAccountName=DEPLOYER,
        postBuild={"substitute": {"word": WORD}},
        annotations={"example.com/word": WORD},
    )
    other.ready("apps")


@contextmanager
def environment(more: Mapping[str, str]) -> Iterator[None]:
    """Set environment variables while entered; child processes inherit them."""
    before = {name: os.environ.get(name) for name in more}
    os.environ.update(more)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _relative(name: str, start: Path) -> str:
    return os.path.relpath(DEPLOY / name, start)
