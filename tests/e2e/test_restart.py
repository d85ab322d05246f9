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
from tests.support.area import OWN, Area, area_name
from tests.support.cluster import KUSTOMIZATION, KUSTOMIZATION_VERSION, SOURCE, Api, until
from tests.support.gitserver import GitHttpServer
from tests.support.manifests import config_map, deployment, dump

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


def versions(area: Area) -> dict[str, tuple[str, str]]:
    """UID and resourceVersion of all that was applied."""
    return {
        f"{kind}/{obj['metadata']['name']}": (obj["metadata"]["uid"], obj["metadata"]["resourceVersion"])
        for api_version, kind in KINDS
        for obj in area.api.list(api_version, kind, area.namespace)
    }


def settled_versions(area: Area) -> dict[str, tuple[str, str]]:
    """The same, once the cluster's own controllers have written all they had to."""

    def look() -> dict[str, tuple[str, str]] | None:
        before = versions(area)
        time.sleep(1)
        return before if versions(area) == before else None

    return until("nobody writes any more", look)


def wait_answered(area: Area, kind: str, name: str) -> None:
    """Ask for a reconcile and wait until it is done."""
    stamp = area.poke(kind, name)
    until(
        f"{name} was looked at", lambda: area.get(name, kind)["status"].get("lastHandledReconcileAt") == stamp
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
    area = Area(api, git_server, area_name(request), {OWN: mark})
    files = {f"{app}/{name}.yaml": config_map(f"{app}-{name}") for app in APPS for name in "abc"}
    revision = area.commit({**files, "one/web.yaml": deployment("web", replicas=2)})
    options = (f"--watch-label-selector={OWN}={mark}",)
    with operator.running(account, tmp_path, options) as running:
        area.source(ready=False)
        area.kustomization("one", wait=True)
        area.kustomization("two", dependsOn=[{"name": "one"}])
        for app in APPS:
            area.ready(app, revision)
        before = settled_versions(area)
        stored = tmp_path / "storage" / area.get("source", SOURCE)["status"]["artifact"]["path"]
        packed = stored.stat().st_mtime_ns
        told = {app: len(area.events(app)) for app in APPS}
        ending(running, tmp_path)
    with operator.running(account, tmp_path, options):
        wait_answered(area, SOURCE, "source")
        for app in APPS:
            wait_answered(area, KUSTOMIZATION, app)
            area.ready(app, revision)
        assert versions(area) == before
        assert all(
            "configured" not in event["message"] for app in APPS for event in area.events(app)[told[app] :]
        )
        artifact = area.ready("source", kind=SOURCE)["status"]["artifact"]
        with urllib.request.urlopen(artifact["url"], timeout=60) as answer:
            assert len(answer.read()) == artifact["size"]
        now = tmp_path / "storage" / artifact["path"]
        kept = ending is not storage_lost
        assert (now.stat().st_mtime_ns == packed) is kept, "packed only if it was lost"
        assert (now == stored) is kept, "what is in the path was lost with it"
        # And it follows Git as before.
        area.ready("one", area.commit({"one/a.yaml": config_map("one-a", v="2")}))
        area.close()


def test_what_happened_meanwhile_is_mended_at_once(
    request: pytest.FixtureRequest, api: Api, git_server: GitHttpServer, account: Path, tmp_path: Path
) -> None:
    area = Area(api, git_server, area_name(request), {OWN: "meanwhile"})
    # So that nothing of it is the doing of a retry.
    options = (f"--watch-label-selector={OWN}=meanwhile", "--requeue-dependency=1h")
    revision = area.commit(
        {f"app/{name}.yaml": config_map(name, v="1") for name in ("kept", "lost", "edited")}
    )
    with operator.running(account, tmp_path, options):
        area.source(ready=False)
        area.kustomization("app")
        area.ready("app", revision)
    api.delete("v1", "ConfigMap", "lost", area.namespace)
    api.merge(area.config_map("edited") or {}, {"data": {"v": "2"}})
    with operator.running(account, tmp_path, options):

        def present() -> bool:
            found = [area.config_map(name) for name in ("lost", "edited")]
            return [o and o["data"] for o in found] == [{"v": "1"}, {"v": "1"}]

        until("both are as in Git", present)
        area.close()


def test_a_child_whose_status_is_written_meanwhile_is_not_configured(
    request: pytest.FixtureRequest, api: Api, git_server: GitHttpServer, account: Path, tmp_path: Path
) -> None:
    """At a restart, a parent looks at its children while the statuses of these are being written."""
    area = Area(api, git_server, area_name(request), {OWN: "child"})
    spec = {"interval": "1h", "prune": True, "path": "./app", "sourceRef": {"kind": SOURCE, "name": "source"}}
    spec["targetNamespace"] = area.namespace
    meta = {"name": "child", "labels": area.labels}
    child = {"apiVersion": KUSTOMIZATION_VERSION, "kind": KUSTOMIZATION, "metadata": meta, "spec": spec}
    area.commit({"parent/child.yaml": dump(child), "app/a.yaml": config_map("a")})
    options = (f"--watch-label-selector={OWN}=child",)
    path, writes = api.path(KUSTOMIZATION_VERSION, KUSTOMIZATION, area.namespace, "child"), 0

    def write_its_status(method: str, asked: str) -> None:
        nonlocal writes
        if method == "GET" and asked == path:
            writes += 1
            api.merge(
                area.get("child"), {"status": {"lastHandledReconcileAt": str(writes)}}, subresource="status"
            )

    with RecordingProxy(account) as proxy:
        kubeconfig = proxy.kubeconfig(tmp_path)
        with operator.running(kubeconfig, tmp_path, options):
            area.source()
            area.kustomization("parent")
            area.ready("parent")
            area.ready("child")
        proxy.before = write_its_status
        with operator.running(kubeconfig, tmp_path, options):
            wait_answered(area, KUSTOMIZATION, "parent")
            assert writes
            told = [event["message"] for event in area.events("parent")]
            assert [message for message in told if "configured" in message] == []
            area.close()
