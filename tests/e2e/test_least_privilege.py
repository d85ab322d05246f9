"""Each right that ``deploy/`` gives to the operator itself is one that it uses."""

from __future__ import annotations

from pathlib import Path

import pytest

from sandbox import operator
from tests.support.apiproxy import RecordingProxy, Right
from tests.support.cluster import KUSTOMIZATION, KUSTOMIZATION_VERSION, SOURCE, SOURCE_VERSION, Api, until
from tests.support.gitserver import GitHttpServer
from tests.support.manifests import config_map
from tests.support.workspace import OWN, Workspace, namespace_prefix

pytestmark = pytest.mark.e2e

ROLE = "headgate"
FOREIGN = ("buckets", "externalartifacts", "ocirepositories")
"""Sources of other controllers: watched once their definitions are there, which here they are not."""
WATCHED = {"reconcile.fluxcd.io/watch": "Enabled"}


def granted(api: Api) -> set[Right]:
    """The rights of the operator's own role."""
    rules = api.present("rbac.authorization.k8s.io/v1", "ClusterRole", ROLE)["rules"]
    return {
        Right(group, resource, verb)
        for rule in rules
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }


class Meddler:
    """Somebody who changes a custom resource just before the operator does, once each."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._left = {
            workspace.api.path(version, kind, workspace.namespace, name): (kind, name)
            for version, kind, name in (
                (SOURCE_VERSION, SOURCE, "source"),
                (KUSTOMIZATION_VERSION, KUSTOMIZATION, "apps"),
            )
        }

    def meddle(self, method: str, path: str) -> None:
        found = self._left.pop(path, None) if method == "PATCH" else None
        if found is not None:
            patch = {"metadata": {"finalizers": ["test.headgate.dev/mine"]}}
            kind, name = found
            self._workspace.api.merge(self._workspace.get(name, kind), patch)


def test_every_right_is_used(
    request: pytest.FixtureRequest, api: Api, git_server: GitHttpServer, account: Path, tmp_path: Path
) -> None:
    workspace = Workspace(api, git_server, namespace_prefix(request), {OWN: "rights"})
    workspace.commit({"apps/a.yaml": config_map("a", v="${v}"), "bad/a.yaml": "a: [\n"})
    workspace.secret("git", {"username": "ada", "password": "x"})
    workspace.secret("values", {"w": "1"})
    meta = {"name": "values", "namespace": workspace.namespace, "labels": WATCHED}
    values = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": {"v": "one"}}
    api.apply(values)
    options = (f"--watch-label-selector={OWN}=rights",)
    with (
        RecordingProxy(account) as proxy,
        operator.running(proxy.kubeconfig(tmp_path), tmp_path, options),
    ):
        proxy.before = Meddler(workspace).meddle
        workspace.source(secretRef={"name": "git"})
        references = [{"kind": "ConfigMap", "name": "values"}, {"kind": "Secret", "name": "values"}]
        workspace.kustomization("apps", postBuild={"substituteFrom": references})
        workspace.kustomization("bad")
        workspace.ready("apps")
        for name, kind in (("source", SOURCE), ("apps", KUSTOMIZATION)):
            obj = workspace.get(name, kind)
            assert obj["metadata"]["finalizers"] == ["test.headgate.dev/mine", "finalizers.fluxcd.io"]
            api.merge(obj, {"metadata": {"finalizers": ["finalizers.fluxcd.io"]}})
        api.apply({**values, "data": {"v": "two"}})
        until("the new value is applied", lambda: (workspace.config_map("a") or {})["data"] == {"v": "two"})
        workspace.failed("bad", "BuildFailed")
        workspace.request_reconcile(KUSTOMIZATION, "bad")
        until("a repeat is counted", lambda: [e for e in workspace.events("bad") if e["count"] > 1])
        workspace.close()
    needless = granted(api) - proxy.used
    assert {right for right in needless if right.resource not in FOREIGN} == set()
    assert {right.verb for right in needless} <= {"list", "watch"}
