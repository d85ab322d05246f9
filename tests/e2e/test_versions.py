"""Objects whose recorded API version is no longer served, or not at the moment: Headgate forgets none that exists."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.support.cluster import KUSTOMIZATION, KUSTOMIZATION_VERSION, until
from tests.support.manifests import config_map, dump
from tests.support.workspace import Workspace

pytestmark = pytest.mark.e2e

Obj = dict[str, Any]
CRD = ("apiextensions.k8s.io/v1", "CustomResourceDefinition")
GROUP = "versions.headgate.dev"


class Kind:
    """A kind of a test's own, served in two versions until :meth:`retire`."""

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        self.name = "Gadget" + workspace.namespace[-6:]
        self.plural = self.name.lower() + "s"

    def definition(self, *served: str) -> Obj:
        schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
        versions = [
            {"name": v, "served": v in served, "storage": v == "v1", "schema": {"openAPIV3Schema": schema}}
            for v in ("v1alpha1", "v1")
        ]
        names = {"plural": self.plural, "kind": self.name}
        return {
            "apiVersion": CRD[0],
            "kind": CRD[1],
            "metadata": {"name": f"{self.plural}.{GROUP}"},
            "spec": {"group": GROUP, "names": names, "scope": "Namespaced", "versions": versions},
        }

    def manifest(self, name: str, version: str) -> str:
        return dump({"apiVersion": f"{GROUP}/{version}", "kind": self.name, "metadata": {"name": name}})

    def install(self, *served: str) -> None:
        self.workspace.api.apply(self.definition(*served))
        path = f"/apis/{GROUP}"

        def as_wanted() -> bool:
            for version in ("v1alpha1", "v1"):
                found = self.workspace.api.rest.get(f"{path}/{version}") or {"resources": []}
                there = any(r["name"] == self.plural for r in found["resources"])
                if there is not (version in served):
                    return False
            return True

        until(f"{self.name} is served as {served}", as_wanted)

    def uid(self, name: str) -> str:
        found = self.workspace.api.rest.get(
            f"/apis/{GROUP}/v1/namespaces/{self.workspace.namespace}/{self.plural}/{name}"
        )
        return str(found["metadata"]["uid"]) if found else ""


@pytest.fixture
def kind(workspace: Workspace) -> Iterator[Kind]:
    kind = Kind(workspace)
    kind.install("v1alpha1", "v1")
    yield kind
    workspace.api.delete(*CRD, f"{kind.plural}.{GROUP}")


@pytest.fixture
def applied(workspace: Workspace, kind: Kind) -> Kind:
    """Two of them are applied by the version that is about to go."""
    workspace.commit({f"apps/{n}.yaml": kind.manifest(n, "v1alpha1") for n in ("one", "two")})
    workspace.source()
    workspace.kustomization("apps", retryInterval="1s")
    workspace.ready("apps")
    assert kind.uid("one")
    kind.install("v1")
    return kind


def dropped(kind: Kind) -> None:
    """Git moves one to the version that is left, and drops the other."""
    workspace = kind.workspace
    before = kind.uid("one")
    revision = workspace.commit({"apps/one.yaml": kind.manifest("one", "v1"), "apps/two.yaml": None})
    found = workspace.ready("apps", revision)
    assert kind.uid("one") == before
    entries = found["status"]["inventory"]["entries"]
    assert entries == [{"id": f"{workspace.namespace}_one_{GROUP}_{kind.name}", "v": "v1"}]
    assert not kind.uid("two")


def deleted(kind: Kind) -> None:
    """The whole Kustomization goes."""
    kind.workspace.delete("apps")
    assert not kind.uid("one")
    assert not kind.uid("two")


def awaited(kind: Kind) -> None:
    """Likewise, and it waits until they are gone: by the version in which they can be seen."""
    kind.workspace.change("apps", {"deletionPolicy": "WaitForTermination"})
    deleted(kind)


@pytest.mark.parametrize("how", [dropped, deleted, awaited])
def test_objects_of_a_retired_version_are_deleted_by_the_one_that_is_served(
    applied: Kind, how: Callable[[Kind], None]
) -> None:
    how(applied)


def test_objects_of_a_kind_that_is_served_in_no_version_are_not_forgotten(
    workspace: Workspace, applied: Kind
) -> None:
    """They are there, and nobody can reach them until it is served again."""
    applied.install()
    revision = workspace.commit(
        {"apps/one.yaml": None, "apps/two.yaml": None, "apps/a.yaml": config_map("a")}
    )
    workspace.failed("apps", "PruneFailed", rf"{applied.name}/\S+/one delete failed.*does not serve it now")
    assert len(workspace.get("apps")["status"]["inventory"]["entries"]) == 3
    applied.install("v1")
    workspace.ready("apps", revision)
    assert not applied.uid("one")


def test_a_kind_that_is_gone_has_no_objects(workspace: Workspace, applied: Kind) -> None:
    crd = f"{applied.plural}.{GROUP}"
    workspace.api.delete(*CRD, crd)
    until("it is gone", lambda: workspace.api.get(*CRD, crd) is None)
    found = workspace.ready(
        "apps",
        workspace.commit({"apps/one.yaml": None, "apps/two.yaml": None, "apps/a.yaml": config_map("a")}),
    )
    assert len(found["status"]["inventory"]["entries"]) == 1


def test_what_nobody_can_answer_for_stays_in_the_inventory(workspace: Workspace) -> None:
    """An aggregated API whose server is down: its kinds are unknown, not absent."""
    group = f"down-{workspace.namespace[-6:]}.headgate.dev"
    service = {
        "apiVersion": "apiregistration.k8s.io/v1",
        "kind": "APIService",
        "metadata": {"name": f"v1.{group}"},
        "spec": {
            "group": group,
            "version": "v1",
            "groupPriorityMinimum": 100,
            "versionPriority": 100,
            "insecureSkipTLSVerify": True,
            "service": {"name": "nobody", "namespace": workspace.namespace},
        },
    }
    workspace.commit({"apps/a.yaml": config_map("a")})
    workspace.source()
    workspace.kustomization("apps")
    workspace.ready("apps")
    workspace.api.apply(service)
    try:
        entry = {"id": f"{workspace.namespace}_one_{group}_Thing", "v": "v1"}
        entries = [*workspace.get("apps")["status"]["inventory"]["entries"], entry]
        patch = {"status": {"inventory": {"entries": entries}}}
        workspace.api.merge(workspace.get("apps"), patch, subresource="status")
        workspace.request_reconcile(KUSTOMIZATION, "apps")
        workspace.failed("apps", "PruneFailed", f"Thing/.*one delete failed.*{group}")
        assert entry in workspace.get("apps")["status"]["inventory"]["entries"]
        workspace.api.delete(KUSTOMIZATION_VERSION, KUSTOMIZATION, "apps", workspace.namespace)
        workspace.event("apps", "pruning for deleted resource failed", type="Warning")
        assert workspace.find("apps") is not None
    finally:
        workspace.api.delete("apiregistration.k8s.io/v1", "APIService", f"v1.{group}")
    until("with the API gone for good, it goes too", lambda: workspace.find("apps") is None)
