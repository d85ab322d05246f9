"""Each right that ``deploy/`` gives to the operator itself is one that it uses."""

from __future__ import annotations

from pathlib import Path

import pytest

from sandbox import operator
from tests.support.apiproxy import RecordingProxy, Right
from tests.support.area import OWN, Area, area_name
from tests.support.cluster import KUSTOMIZATION, KUSTOMIZATION_VERSION, SOURCE, SOURCE_VERSION, Api, until
from tests.support.gitserver import GitHttpServer
from tests.support.manifests import config_map

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

    def __init__(self, area: Area) -> None:
        self._area = area
        self._left = {
            area.api.path(version, kind, area.namespace, name): (kind, name)
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
            self._area.api.merge(self._area.get(name, kind), patch)


def test_every_right_is_used(
    request: pytest.FixtureRequest, api: Api, git_server: GitHttpServer, account: Path, tmp_path: Path
) -> None:
    area = Area(api, git_server, area_name(request), {OWN: "rights"})
    area.commit({"apps/a.yaml": config_map("a", v="${v}"), "bad/a.yaml": "a: [\n"})
    area.secret("git", {"username": "ada", "password": "x"})
    area.secret("values", {"w": "1"})
    meta = {"name": "values", "namespace": area.namespace, "labels": WATCHED}
    values = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": {"v": "one"}}
    api.apply(values)
    options = (f"--watch-label-selector={OWN}=rights",)
    with (
        RecordingProxy(account) as proxy,
        operator.running(proxy.kubeconfig(tmp_path), tmp_path, options),
    ):
        proxy.before = Meddler(area).meddle
        area.source(secretRef={"name": "git"})
        references = [{"kind": "ConfigMap", "name": "values"}, {"kind": "Secret", "name": "values"}]
        area.kustomization("apps", postBuild={"substituteFrom": references})
        area.kustomization("bad")
        area.ready("apps")
        for name, kind in (("source", SOURCE), ("apps", KUSTOMIZATION)):
            obj = area.get(name, kind)
            assert obj["metadata"]["finalizers"] == ["test.headgate.dev/mine", "finalizers.fluxcd.io"]
            api.merge(obj, {"metadata": {"finalizers": ["finalizers.fluxcd.io"]}})
        api.apply({**values, "data": {"v": "two"}})
        until("the new value is applied", lambda: (area.config_map("a") or {})["data"] == {"v": "two"})
        area.failed("bad", "BuildFailed")
        area.poke(KUSTOMIZATION, "bad")
        until("a repeat is counted", lambda: [e for e in area.events("bad") if e["count"] > 1])
        area.close()
    needless = granted(api) - proxy.used
    assert {right for right in needless if right.resource not in FOREIGN} == set()
    assert {right.verb for right in needless} <= {"list", "watch"}
