"""What ``kubectl get`` shows, and what is written to the custom resources: as Flux's."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from controlplane import Cluster
from tests.support.cluster import KUSTOMIZATION, SOURCE, until
from tests.support.manifests import config_map
from tests.support.workspace import Workspace

pytestmark = pytest.mark.e2e

KUBECTL = Path(sys.executable).with_name("kubectl")
FINALIZER = "finalizers.fluxcd.io"


def kubectl(cluster: Cluster, *arguments: str) -> str:
    command = [str(KUBECTL), f"--kubeconfig={cluster.kubeconfig}", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def cells(line: str) -> list[str]:
    return re.split(r" {2,}", line.strip())


def test_kubectl_prints_the_columns_of_flux(workspace: Workspace, shared_cluster: Cluster) -> None:
    revision = workspace.commit({"apps/a.yaml": config_map("a")})
    revision = f"main@sha1:{workspace.repository.head()}"
    workspace.source()
    workspace.kustomization("apps")
    workspace.ready("apps")
    said = kubectl(shared_cluster, "get", "gitrepositories,kustomizations", "--all-namespaces")
    sources, kustomizations = said.strip().split("\n\n")
    assert cells(sources.splitlines()[0]) == ["NAMESPACE", "NAME", "URL", "AGE", "READY", "STATUS"]
    assert cells(kustomizations.splitlines()[0]) == ["NAMESPACE", "NAME", "AGE", "READY", "STATUS"]

    def row(table: str) -> list[str]:
        (line,) = [line for line in table.splitlines() if line.startswith(workspace.namespace)]
        return [cell for n, cell in enumerate(cells(line)) if cell != cells(line)[-3] or n == 2]

    source, applied = row(sources), row(kustomizations)
    assert source[1:3] == ["gitrepository.source.toolkit.fluxcd.io/source", workspace.url]
    assert source[-2:] == ["True", f"stored artifact for revision '{revision}'"]
    assert applied[1] == "kustomization.kustomize.toolkit.fluxcd.io/apps"
    assert applied[-2:] == ["True", f"Applied revision: {revision}"]
    for short in ("gitrepo", "ks"):
        assert workspace.namespace in kubectl(shared_cluster, "get", short, "--all-namespaces")


def test_the_custom_resources_carry_what_flux_writes_and_nothing_else(workspace: Workspace) -> None:
    workspace.commit({"apps/a.yaml": config_map("a")})
    workspace.source()
    workspace.kustomization("apps", annotations={"mine": "yes"})
    workspace.ready("apps")
    applied, source = workspace.get("apps"), workspace.get("source", SOURCE)
    assert applied["metadata"]["annotations"] == {"mine": "yes"}
    assert "annotations" not in source["metadata"]
    assert source["metadata"]["finalizers"] == applied["metadata"]["finalizers"] == [FINALIZER]
    assert "labels" not in source["metadata"]

    stamp = workspace.request_reconcile(KUSTOMIZATION, "apps")
    until(
        "the request is answered",
        lambda: workspace.get("apps")["status"].get("lastHandledReconcileAt") == stamp,
    )
    asked = workspace.get("apps")["metadata"]["annotations"]
    assert asked == {"mine": "yes", "reconcile.fluxcd.io/requestedAt": stamp}
    managers = {each["manager"] for each in workspace.get("apps")["metadata"]["managedFields"]}
    assert managers == {"kubectl", "flux", "gotk-kustomize-controller"}
    managers = {each["manager"] for each in workspace.get("source", SOURCE)["metadata"]["managedFields"]}
    assert managers == {"kubectl", "source-controller"}
