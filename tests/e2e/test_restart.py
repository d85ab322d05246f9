"""A restart of the operator, however it comes, leaves the workloads as they are."""

from __future__ import annotations

import shutil
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest

from sandbox import operator
from tests.support.apiproxy import RecordingProxy
from tests.support.cluster import KUSTOMIZATION, KUSTOMIZATION_VERSION, SOURCE, Api, until
from tests.support.gitserver import GitHttpServer
from tests.support.manifests import config_map, deployment, dump
from tests.support.workspace import OWN, Workspace, namespace_prefix

pytestmark = pytest.mark.e2e

KINDS = (("v1", "ConfigMap"), ("apps/v1", "Deployment"))
APPS = ("one", "two")

Ending = Callable[[operator.Operator, Path], None]


def stopped(running: operator.Operator, _: Path) -> None:
    running.stop()


def killed(running: operator.Operator, _: Path) -> None:
    running.kill()


def storage_lost(running: operator.Operator, folder: Path) -> None:
    running.stop()
    shutil.rmtree(folder / "storage")


def versions(workspace: Workspace) -> dict[str, tuple[str, str]]:
    """UID and resourceVersion of all that was applied."""
    return {
        f"{kind}/{obj['metadata']['name']}": (obj["metadata"]["uid"], obj["metadata"]["resourceVersion"])
        for api_version, kind in KINDS
        for obj in workspace.api.list(api_version, kind, workspace.namespace)
    }


def settled_versions(workspace: Workspace) -> dict[str, tuple[str, str]]:
    """The same, once the cluster's own controllers have written all they had to."""

    def look() -> dict[str, tuple[str, str]] | None:
        before = versions(workspace)
        time.sleep(1)
        return before if versions(workspace) == before else None

    return until("nobody writes", look)


def wait_answered(workspace: Workspace, kind: str, name: str) -> None:
    """Ask for a reconcile and wait until it is done."""
    stamp = workspace.request_reconcile(kind, name)
    until(
        f"{name} is reconciled",
        lambda: workspace.get(name, kind)["status"].get("lastHandledReconcileAt") == stamp,
    )


@pytest.mark.parametrize("ending", [stopped, killed, storage_lost])
def test_a_restart_writes_nothing_to_the_workloads(
    request: pytest.FixtureRequest,
    api: Api,
    git_server: GitHttpServer,
    account: Path,
    tmp_path: Path,
    ending: Ending,
) -> None:
    mark = ending.__name__
    workspace = Workspace(api, git_server, namespace_prefix(request), {OWN: mark})
    files = {f"{app}/{name}.yaml": config_map(f"{app}-{name}") for app in APPS for name in "abc"}
    revision = workspace.commit({**files, "one/web.yaml": deployment("web", replicas=2)})
    options = (f"--watch-label-selector={OWN}={mark}",)
    with operator.running(account, tmp_path, options) as running:
        workspace.source(ready=False)
        workspace.kustomization("one", wait=True)
        workspace.kustomization("two", dependsOn=[{"name": "one"}])
        for app in APPS:
            workspace.ready(app, revision)
        before = settled_versions(workspace)
        stored = tmp_path / "storage" / workspace.get("source", SOURCE)["status"]["artifact"]["path"]
        packed = stored.stat().st_mtime_ns
        counts = {app: len(workspace.events(app)) for app in APPS}
        ending(running, tmp_path)
    with operator.running(account, tmp_path, options):
        wait_answered(workspace, SOURCE, "source")
        for app in APPS:
            wait_answered(workspace, KUSTOMIZATION, app)
            workspace.ready(app, revision)
        assert versions(workspace) == before
        assert all(
            "configured" not in event["message"]
            for app in APPS
            for event in workspace.events(app)[counts[app] :]
        )
        artifact = workspace.ready("source", kind=SOURCE)["status"]["artifact"]
        with urllib.request.urlopen(artifact["url"], timeout=60) as answer:
            assert len(answer.read()) == artifact["size"]
        now = tmp_path / "storage" / artifact["path"]
        kept = ending is not storage_lost
        assert (now.stat().st_mtime_ns == packed) is kept, "packed only if it was lost"
        assert (now == stored) is kept, "what is in the path was lost with it"
        # And it follows Git as before.
        workspace.ready("one", workspace.commit({"one/a.yaml": config_map("one-a", v="2")}))
        workspace.close()


def test_what_happened_meanwhile_is_corrected_at_once(
    request: pytest.FixtureRequest, api: Api, git_server: GitHttpServer, account: Path, tmp_path: Path
) -> None:
    workspace = Workspace(api, git_server, namespace_prefix(request), {OWN: "meanwhile"})
    # So that nothing of it is the doing of a retry.
    options = (f"--watch-label-selector={OWN}=meanwhile", "--requeue-dependency=1h")
    revision = workspace.commit(
        {f"app/{name}.yaml": config_map(name, v="1") for name in ("kept", "lost", "edited")}
    )
    with operator.running(account, tmp_path, options):
        workspace.source(ready=False)
        workspace.kustomization("app")
        workspace.ready("app", revision)
    api.delete("v1", "ConfigMap", "lost", workspace.namespace)
    api.merge(workspace.config_map("edited") or {}, {"data": {"v": "2"}})
    with operator.running(account, tmp_path, options):

        def present() -> bool:
            found = [workspace.config_map(name) for name in ("lost", "edited")]
            return [o and o["data"] for o in found] == [{"v": "1"}, {"v": "1"}]

        until("both are as in Git", present)
        workspace.close()


def test_a_child_whose_status_is_written_meanwhile_is_not_configured(
    request: pytest.FixtureRequest, api: Api, git_server: GitHttpServer, account: Path, tmp_path: Path
) -> None:
    """After a restart, a parent checks its children while Headgate writes their statuses."""
    workspace = Workspace(api, git_server, namespace_prefix(request), {OWN: "child"})
    spec = {"interval": "1h", "prune": True, "path": "./app", "sourceRef": {"kind": SOURCE, "name": "source"}}
    spec["targetNamespace"] = workspace.namespace
    meta = {"name": "child", "labels": workspace.labels}
    child = {"apiVersion": KUSTOMIZATION_VERSION, "kind": KUSTOMIZATION, "metadata": meta, "spec": spec}
    workspace.commit({"parent/child.yaml": dump(child), "app/a.yaml": config_map("a")})
    options = (f"--watch-label-selector={OWN}=child",)
    path, writes = api.path(KUSTOMIZATION_VERSION, KUSTOMIZATION, workspace.namespace, "child"), 0

    def write_its_status(method: str, asked: str) -> None:
        nonlocal writes
        if method == "GET" and asked == path:
            writes += 1
            api.merge(
                workspace.get("child"),
                {"status": {"lastHandledReconcileAt": str(writes)}},
                subresource="status",
            )

    with RecordingProxy(account) as proxy:
        kubeconfig = proxy.kubeconfig(tmp_path)
        with operator.running(kubeconfig, tmp_path, options):
            workspace.source()
            workspace.kustomization("parent")
            workspace.ready("parent")
            workspace.ready("child")
        proxy.before = write_its_status
        with operator.running(kubeconfig, tmp_path, options):
            wait_answered(workspace, KUSTOMIZATION, "parent")
            assert writes
            messages = [event["message"] for event in workspace.events("parent")]
            assert [message for message in messages if "configured" in message] == []
            workspace.close()
