"""What the status page knows of an operator that reconciles a real cluster, also after the operator was killed."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from controlplane import Cluster
from controlplane.ports import free_ports
from sandbox import operator
from tests.support.cluster import Api, until
from tests.support.manifests import config_map, deployment
from tests.support.workspace import Workspace

pytestmark = pytest.mark.e2e

Obj = dict[str, Any]


@contextmanager
def served(workspace: Workspace, kubeconfig: Path, folder: Path) -> Iterator[tuple[operator.Operator, str]]:
    """An operator for the workspace, with its page."""
    (port,) = free_ports(1)
    with operator.running(kubeconfig, folder, [workspace.selector, f"--ui-addr=127.0.0.1:{port}"]) as running:
        yield running, f"http://127.0.0.1:{port}"


def page(url: str) -> str:
    request = urllib.request.Request(url, headers={"Accept": "text/html"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        text: str = answer.read().decode()
        return text


def why(cluster: Cluster, workspace: Workspace, name: str) -> Obj:
    """What ``headgate why`` prints."""
    arguments = ["why", f"ks/{name}", "-n", workspace.namespace, "-o", "json"]
    done = subprocess.run(
        [sys.executable, "-m", "headgate.cli", *arguments, f"--kubeconfig={cluster.kubeconfig}"],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode in (0, 1), done.stderr
    found: Obj = json.loads(done.stdout)
    return found


def break_pod(api: Api, namespace: str) -> None:
    """The pod of the Deployment cannot pull its image, as the kubelet reports it."""
    (pod,) = until("the pod exists", lambda: api.list("v1", "Pod", namespace, "app=web"))
    waiting = {"reason": "ImagePullBackOff", "message": 'Back-off pulling image "a"'}
    container = {
        "name": "main",
        "image": "a",
        "imageID": "",
        "ready": False,
        "restartCount": 0,
        "state": {"waiting": waiting},
    }
    api.merge(
        {**pod, "apiVersion": "v1", "kind": "Pod"},
        {"status": {"phase": "Pending", "containerStatuses": [container]}},
        subresource="status",
    )


def test_why_a_health_check_fails_is_what_the_command_says_also_after_a_crash(
    own_workspace: Workspace, api: Api, account: Path, shared_cluster: Cluster, tmp_path: Path
) -> None:
    workspace, name = own_workspace, "apps"
    workspace.commit({"apps/web.yaml": deployment("web", healthy=False), "apps/a.yaml": config_map("a")})
    workspace.source(ready=False)
    workspace.kustomization(name, wait=True, timeout="20s")
    workspace.kustomization("after", "apps", dependsOn=[{"name": name}])
    query = f"namespace={workspace.namespace}&name="

    def same(url: str, each: str) -> bool:
        return bool(json.loads(page(f"{url}/why.json?{query}{each}")) == why(shared_cluster, workspace, each))

    with served(workspace, account, tmp_path) as (running, url):
        break_pod(api, workspace.namespace)
        workspace.failed(name, "HealthCheckFailed")
        for each in (name, "after"):
            until(f"the page says of {each} what the command says", lambda each=each: same(url, each))  # type: ignore[misc]
        (cause,) = json.loads(page(f"{url}/why.json?{query}{name}"))["causes"]
        assert [each["object"]["kind"] for each in cause["objects"]] == ["Deployment", "Pod"]
        assert cause["objects"][1]["reason"] == "ImagePullBackOff"
        assert "image" in cause["remedy"]
        running.kill()
    with served(workspace, account, tmp_path) as (running, url):
        workspace.request_reconcile("Kustomization", name)
        until("the page has what was failing before", lambda: same(url, name))
        workspace.commit({"apps/web.yaml": deployment("web", replicas=0)})
        workspace.ready(name)
        workspace.ready("after")
        detail = f"{url}/kustomizations/{workspace.namespace}/{name}"
        until("the page is Ready", lambda: '"ready": true' in page(f"{url}/why.json?{query}{name}"))
        until("the page has the files", lambda: "apps/web.yaml" in page(detail))
        until("the page has the health of objects", lambda: "Healthy" in page(detail))
        workspace.close()


def test_an_open_health_check_is_work_that_waits(
    own_workspace: Workspace, account: Path, tmp_path: Path
) -> None:
    own_workspace.commit({"apps/web.yaml": deployment("web", healthy=False)})
    own_workspace.source(ready=False)
    own_workspace.kustomization("apps", wait=True, timeout="10m")
    with served(own_workspace, account, tmp_path) as (_, url):
        until("the page names the object", lambda: "web" in page(f"{url}/work"))
        own_workspace.commit({"apps/web.yaml": deployment("web", replicas=0)})
        own_workspace.ready("apps")
        until("nothing waits", lambda: "web" not in page(f"{url}/work"))
        own_workspace.close()
