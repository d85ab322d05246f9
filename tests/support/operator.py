"""The operator as deploy/ installs it: its manifests on the cluster, a process of it under its service account.

The Deployment is scaled to none, as the process takes its place; all else is applied as it is, so that the process
has the rights it would have as a pod, neither fewer nor more.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from controlplane import Cluster
from headgate.kustomize import FolderTree, build
from tests.support.cluster import Api, condition, until

Obj = dict[str, Any]

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
NAMESPACE, ACCOUNT = "headgate-system", "headgate"
_FIRST = ("CustomResourceDefinition", "Namespace")
_TOKEN_SECONDS = 4 * 3600


@contextmanager
def installed(api: Api, folder: Path = DEPLOY) -> Iterator[None]:
    """Apply deploy/, or an overlay of it; take away at the end what was not there before."""
    objects = sorted(build(FolderTree(Path("/")), str(folder)), key=lambda obj: obj["kind"] not in _FIRST)
    new: list[Obj] = []
    for obj in objects:
        if obj["kind"] == "Deployment":
            obj["spec"]["replicas"] = 0
        if api.get(*_identity(obj)) is None:
            new.append(obj)
        api.apply(obj, manager="deploy")
    for obj in objects:
        if obj["kind"] == "CustomResourceDefinition":
            identity = _identity(obj)
            until(
                f"{identity} is established",
                lambda identity=identity: (  # type: ignore[misc]
                    condition(api.present(*identity), "Established").get("status") == "True"
                ),
            )
    try:
        yield
    finally:
        for obj in reversed(new):
            api.delete(*_identity(obj))


def as_service_account(cluster: Cluster, api: Api, folder: Path) -> Path:
    """A kubeconfig with a token of the operator's service account."""
    account = api.path("v1", "ServiceAccount", NAMESPACE, ACCOUNT)
    request = {
        "apiVersion": "authentication.k8s.io/v1",
        "kind": "TokenRequest",
        "spec": {"expirationSeconds": _TOKEN_SECONDS},
    }
    token = api.rest.request("POST", f"{account}/token", request)["status"]["token"]
    config = yaml.safe_load(cluster.kubeconfig.read_text())
    for each in config["clusters"]:
        if authority := each["cluster"].get("certificate-authority"):
            each["cluster"]["certificate-authority"] = str(cluster.kubeconfig.parent / authority)
    config["users"] = [{"name": each["name"], "user": {"token": token}} for each in config["users"]]
    path = folder / "operator.kubeconfig"
    path.touch(mode=0o600)
    path.write_text(json.dumps(config))
    return path


def _identity(obj: Obj) -> tuple[str, str, str, str]:
    meta = obj["metadata"]
    return obj["apiVersion"], obj["kind"], meta["name"], meta.get("namespace", "")
