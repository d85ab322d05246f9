"""Flux's source-controller, helm-controller and kustomize-controller at work on the same cluster as Headgate.

Headgate reconciles the custom resources with its label, Flux's controllers all others.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import fluxfamily
from controlplane import Cluster
from sandbox import operator
from tests.flux.conftest import FLUX, HEADGATE, Notifications, Programs, define
from tests.flux.objects import SOURCES, flux_object, oci_repository
from tests.support.charts import ChartServer, chart
from tests.support.cluster import KUSTOMIZATION, SOURCE, Api, until
from tests.support.gitserver import GitHttpServer
from tests.support.manifests import config_map, dump, kustomization
from tests.support.registry import Registry
from tests.support.workspace import OWN, REQUESTED_AT, Workspace, namespace_prefix

Obj = dict[str, Any]

RELEASES = "helm.toolkit.fluxcd.io/v2"
GREETING = config_map("greeting", said="{{ .Values.greeting }}").replace("'", "")
BROKEN = "a: {{ .Values.gone.field }}\n"


@pytest.fixture(scope="module")
def helm(
    api: Api,
    shared_cluster: Cluster,
    notifications: Notifications,
    programs: Programs,
    folder: Path,
    headgate: object,
    flux: object,
) -> Iterator[None]:
    """helm-controller, next to the controllers of both sides."""
    built = programs("helm-controller")
    define(api, built)
    options = [f"--events-addr=http://{notifications.events}/"]
    with fluxfamily.running(built, shared_cluster.kubeconfig, folder, options) as controller:
        yield
        controller.check()


@pytest.fixture
def workspace(
    request: pytest.FixtureRequest, api: Api, git_server: GitHttpServer, helm: None
) -> Iterator[Workspace]:
    """A namespace and a repository for one test; its helpers make custom resources of Headgate."""
    workspace = Workspace(api, git_server, namespace_prefix(request), {OWN: HEADGATE})
    yield workspace
    workspace.close()


@pytest.fixture
def charts() -> Iterator[ChartServer]:
    with ChartServer() as server:
        yield server


def _repository(name: str, url: str) -> str:
    meta = {"name": name}
    spec = {"interval": "1h", "url": url}
    return dump({"apiVersion": SOURCES, "kind": "HelmRepository", "metadata": meta, "spec": spec})


def _release(chart: str, source: Obj, **values: str) -> str:
    spec = {
        "interval": "1h",
        "timeout": "1m",
        "chart": {"spec": {"chart": chart, "version": "*", "interval": "1h", "sourceRef": source}},
        "values": values,
    }
    return dump({"apiVersion": RELEASES, "kind": "HelmRelease", "metadata": {"name": "app"}, "spec": spec})


def _said(workspace: Workspace) -> str:
    found = workspace.config_map("greeting")
    return str(found["data"]["said"]) if found else ""


def test_a_release_from_a_chart_repository_is_awaited(workspace: Workspace, charts: ChartServer) -> None:
    """When the Kustomization is Ready, helm-controller has installed the chart, and upgraded it."""
    charts.publish("hello", "1.0.0", {"greeting.yaml": GREETING})
    source = {"kind": "HelmRepository", "name": "charts"}
    files = {
        "apps/kustomization.yaml": kustomization("repository.yaml", "release.yaml"),
        "apps/repository.yaml": _repository("charts", charts.url),
        "apps/release.yaml": _release("hello", source, greeting="good morning"),
    }
    first = workspace.commit(files)
    workspace.source()
    workspace.kustomization("apps", wait=True, timeout="3m")
    workspace.ready("apps", first, timeout=240)
    assert _said(workspace) == "good morning"
    second = workspace.commit({"apps/release.yaml": _release("hello", source, greeting="good night")})
    workspace.ready("apps", second, timeout=240)
    assert _said(workspace) == "good night"
    workspace.delete("apps")
    until("helm-controller has uninstalled it", lambda: workspace.config_map("greeting") is None)


def test_a_release_that_fails_is_the_failure_of_its_kustomization(
    workspace: Workspace, charts: ChartServer
) -> None:
    charts.publish("hello", "1.0.0", {"broken.yaml": BROKEN})
    files = {
        "apps/repository.yaml": _repository("charts", charts.url),
        "apps/release.yaml": _release("hello", {"kind": "HelmRepository", "name": "charts"}),
    }
    workspace.commit(files)
    workspace.source()
    workspace.kustomization("apps", wait=True, timeout="1m")
    workspace.failed("apps", "HealthCheckFailed", f"HelmRelease/{workspace.namespace}/app", timeout=180)


def test_a_release_from_a_chart_in_git(workspace: Workspace) -> None:
    """source-controller needs a GitRepository that it fetches itself; it may be of the same repository."""
    meta = {"name": "charts"}
    spec = {"interval": "1h", "url": workspace.url, "ref": {"branch": "main"}}
    source = dump({"apiVersion": SOURCES, "kind": SOURCE, "metadata": meta, "spec": spec})
    files: dict[str, str | bytes | None] = {
        "apps/source.yaml": source,
        "apps/release.yaml": _release("./charts/hello", {"kind": SOURCE, "name": "charts"}),
        "apps/kustomization.yaml": kustomization("source.yaml", "release.yaml"),
        **chart("hello", "1.0.0", {"greeting.yaml": GREETING}, "charts/hello"),
    }
    revision = workspace.commit(files)
    workspace.source()
    workspace.kustomization("apps", wait=True, timeout="3m")
    workspace.ready("apps", revision, timeout=240)
    assert _said(workspace) == "hello"


def test_headgate_applies_what_source_controller_fetched_from_a_registry(workspace: Workspace) -> None:
    with Registry() as registry:
        registry.push("apps", "latest", {"a.yaml": config_map("a")}, {})
        source = oci_repository(workspace, "apps", registry)
        workspace.kustomization("apps", path=".", sourceRef={"kind": "OCIRepository", "name": "apps"})
        workspace.ready("apps")
        digest = registry.push("apps", "latest", {"b.yaml": config_map("b")}, {})
        workspace.api.merge(source, {"metadata": {"annotations": {REQUESTED_AT: "now"}}})
        workspace.ready("apps", f"latest@{digest}")
        assert workspace.config_map("a") is None
        assert workspace.config_map("b")


def test_kustomize_controller_applies_what_headgate_fetched(workspace: Workspace) -> None:
    first = workspace.commit({"apps/a.yaml": config_map("a")})
    workspace.source()
    mine, workspace.labels = workspace.labels, {OWN: FLUX}
    workspace.kustomization("theirs", "apps")
    workspace.labels = mine
    workspace.ready("theirs", first)
    second = workspace.commit({"apps/a.yaml": config_map("a", a="2")})
    workspace.ready("theirs", second)


def test_a_kustomization_of_flux_waits_for_one_of_headgate(workspace: Workspace) -> None:
    workspace.commit({"a/a.yaml": config_map("a"), "b/b.yaml": config_map("b")})
    workspace.source()
    mine, workspace.labels = workspace.labels, {OWN: FLUX}
    workspace.kustomization("b", dependsOn=[{"name": "a"}])
    workspace.failed("b", "DependencyNotReady")
    workspace.labels = mine
    workspace.kustomization("a")
    for name in ("a", "b"):
        workspace.ready(name)


def test_headgate_uses_only_what_its_selector_selects(workspace: Workspace) -> None:
    """Neither a dependency nor a GitRepository that Flux reconciles; the message names what is missing."""
    workspace.commit({"a/a.yaml": config_map("a"), "b/b.yaml": config_map("b")})
    workspace.source()
    mine, workspace.labels = workspace.labels, {OWN: FLUX}
    workspace.kustomization("a")
    workspace.source("theirs")
    workspace.ready("a")
    workspace.labels = mine
    workspace.kustomization("b", dependsOn=[{"name": "a"}])
    workspace.failed("b", "DependencyNotReady", "/a' not found")
    workspace.kustomization("c", "b", sourceRef={"kind": SOURCE, "name": "theirs"})
    workspace.failed("c", "ArtifactFailed", '"theirs" not found')


def test_a_kustomization_moves_to_headgate_and_back_with_its_label(workspace: Workspace) -> None:
    """Nothing is deleted or created again, and each side prunes what the other one applied."""
    workspace.labels = {OWN: FLUX}
    workspace.commit({"apps/a.yaml": config_map("a"), "apps/b.yaml": config_map("b")})
    workspace.source()
    workspace.kustomization("apps")
    workspace.ready("apps")
    first = workspace.config_map("a")
    assert first is not None

    def move(side: str, *objects: tuple[str, str]) -> None:
        for kind, name in objects:
            workspace.api.merge(workspace.get(name, kind), {"metadata": {"labels": {OWN: side}}})

    move(HEADGATE, (SOURCE, "source"), (KUSTOMIZATION, "apps"))
    moved = workspace.commit({"apps/b.yaml": None, "apps/c.yaml": config_map("c")})
    workspace.ready("apps", moved)
    assert workspace.config_map("b") is None
    move(FLUX, (KUSTOMIZATION, "apps"), (SOURCE, "source"))
    back = workspace.commit({"apps/c.yaml": None, "apps/d.yaml": config_map("d")})
    workspace.ready("apps", back)
    assert workspace.config_map("c") is None
    last = workspace.config_map("a")
    assert last is not None
    assert last["metadata"]["uid"] == first["metadata"]["uid"]


def test_each_leaves_the_sources_of_the_other_unchanged(
    workspace: Workspace, headgate: operator.Operator
) -> None:
    """Also when somebody requests a reconcile."""
    workspace.commit({"apps/a.yaml": config_map("a")})
    workspace.source("ours")
    spec = {"interval": "1h", "url": workspace.url, "ref": {"branch": "main"}}
    flux_object(workspace, SOURCES, SOURCE, "theirs", spec)
    workspace.ready("theirs", kind=SOURCE)
    for name in ("ours", "theirs"):
        stamp = workspace.request_reconcile(SOURCE, name)
        until(
            f"{name} is reconciled",
            lambda name=name, stamp=stamp: (  # type: ignore[misc]
                workspace.get(name, SOURCE)["status"].get("lastHandledReconcileAt") == stamp
            ),
        )
    urls = {name: workspace.get(name, SOURCE)["status"]["artifact"]["url"] for name in ("ours", "theirs")}
    assert headgate.storage in urls["ours"]
    assert headgate.storage not in urls["theirs"]
