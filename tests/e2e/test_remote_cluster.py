"""Another cluster as the target (``spec.kubeConfig``): what Kustomizations do there."""

from __future__ import annotations

import socket
import time
from contextlib import closing

import pytest
import yaml

from controlplane import Cluster
from tests.support.cluster import condition, until
from tests.support.manifests import config_map, deployment
from tests.support.remotecluster import Remote, by_secret, kube_secret, there
from tests.support.workspace import Workspace

pytestmark = pytest.mark.e2e


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
