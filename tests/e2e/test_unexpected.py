"""Every error that ends an attempt, even an unexpected one, appears in the condition and an event, and has a retry."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox import operator
from tests.support.apiproxy import RecordingProxy
from tests.support.cluster import (
    KUSTOMIZATION,
    KUSTOMIZATION_VERSION,
    SOURCE,
    SOURCE_VERSION,
    Api,
    condition,
    until,
)
from tests.support.gitserver import GitHttpServer
from tests.support.manifests import config_map
from tests.support.workspace import OWN, Workspace, namespace_prefix

pytestmark = pytest.mark.e2e

NONSENSE = 200, b'{"kind": "Nothing", "metadata": 5}'
MANY = 6_500


def many(count: int = MANY) -> str:
    """ConfigMaps whose names are so long that their inventory is larger than what etcd stores."""
    return "---\n".join(config_map(f"{n:04}-{'n' * 240}") for n in range(count))


def test_an_inventory_that_is_too_large_is_reported_before_anything_is_applied(workspace: Workspace) -> None:
    first = workspace.commit({"apps/a.yaml": config_map("a")})
    workspace.source()
    workspace.kustomization("apps")
    before = workspace.ready("apps", first)["status"]["inventory"]
    workspace.commit({"apps/many.yaml": many()})
    says = r"inventory of 6501 objects is too large to be stored \(2\.0 MiB; the limit is 1\.4 MiB, .*\): split the "
    workspace.failed("apps", "ReconciliationFailed", says)
    workspace.event("apps", says, type="Warning", reason="ReconciliationFailed")
    assert workspace.get("apps")["status"]["inventory"] == before
    names = [item["metadata"]["name"] for item in workspace.api.list("v1", "ConfigMap", workspace.namespace)]
    assert [name for name in names if name.startswith("0")] == []
    workspace.ready("apps", workspace.commit({"apps/many.yaml": None}))


@pytest.fixture
def proxied(
    request: pytest.FixtureRequest, api: Api, git_server: GitHttpServer, account: Path, tmp_path: Path
) -> Iterator[tuple[Workspace, RecordingProxy]]:
    """A workspace of an operator that reaches the API server through a proxy; it accepts inventories of any size."""
    workspace = Workspace(api, git_server, namespace_prefix(request), {OWN: "unexpected"})
    options = (f"--watch-label-selector={OWN}=unexpected", "--max-inventory-size=64Mi")
    with (
        RecordingProxy(account) as proxy,
        operator.running(proxy.kubeconfig(tmp_path), tmp_path, options) as running,
    ):
        yield workspace, proxy
        proxy.instead = lambda method, path: None
        running.check()
        workspace.close()


def test_a_status_that_the_api_server_refuses_for_its_size(proxied: tuple[Workspace, RecordingProxy]) -> None:
    workspace, _ = proxied
    first = workspace.commit({"apps/a.yaml": config_map("a")})
    workspace.source()
    workspace.kustomization("apps")
    before = workspace.ready("apps", first)["status"]["inventory"]
    workspace.commit({"apps/many.yaml": many()})
    says = r"inventory of 6501 objects is too large to be stored \(2\.0 MiB; the API server refuses it"
    # A dry run of each object precedes the first write.
    workspace.failed("apps", "ReconciliationFailed", says, timeout=300)
    workspace.event("apps", says, type="Warning", reason="ReconciliationFailed")
    assert workspace.get("apps")["status"]["inventory"] == before
    workspace.ready("apps", workspace.commit({"apps/many.yaml": None}))


def test_an_unexpected_error_in_each_step_of_a_kustomization(
    proxied: tuple[Workspace, RecordingProxy],
) -> None:
    workspace, proxy = proxied
    first = workspace.commit({"apps/a.yaml": config_map("a"), "apps/b.yaml": config_map("b")})
    workspace.source()
    maps = workspace.api.path("v1", "ConfigMap", workspace.namespace, "")
    apps = workspace.api.path(KUSTOMIZATION_VERSION, KUSTOMIZATION, workspace.namespace, "apps")
    broken = {
        "checking source and dependencies": ("ReconciliationFailed", "PATCH", lambda path: path == apps),
        "applying the objects": ("ReconciliationFailed", "PATCH", lambda path: path.startswith(maps)),
    }
    for step, (reason, verb, fits) in broken.items():
        proxy.instead = lambda method, path, verb=verb, fits=fits: (  # type: ignore[misc]
            NONSENSE if method == verb and fits(path) else None
        )
        workspace.kustomization("apps") if workspace.find("apps") is None else workspace.request_reconcile(
            KUSTOMIZATION, "apps"
        )
        says = f"^{step} failed: unexpected error.*headgate/.*\\.py:\\d+"
        workspace.failed("apps", reason, says)
        workspace.event("apps", says, type="Warning", reason=reason)
        assert "Traceback" not in condition(workspace.get("apps"))["message"]
    proxy.instead = lambda method, path: None
    workspace.ready("apps", first)

    proxy.instead = lambda method, path: (
        NONSENSE if method in ("GET", "DELETE") and path.startswith(maps) else None
    )
    workspace.api.delete(KUSTOMIZATION_VERSION, KUSTOMIZATION, "apps", workspace.namespace)
    says = "^deleting the objects of the deleted Kustomization failed: "
    workspace.failed("apps", "PruneFailed", says)
    workspace.event("apps", says, type="Warning")
    proxy.instead = lambda method, path: None
    until("it is gone", lambda: workspace.find("apps") is None)


def test_an_unexpected_error_of_a_source(proxied: tuple[Workspace, RecordingProxy]) -> None:
    workspace, proxy = proxied
    source = workspace.api.path(SOURCE_VERSION, SOURCE, workspace.namespace, "source")
    proxy.instead = lambda method, path: NONSENSE if method == "PATCH" and path == source else None
    revision = workspace.commit({"apps/a.yaml": config_map("a")})
    workspace.source(ready=False)
    says = "^reconciling the GitRepository failed: unexpected error"
    workspace.failed("source", "GitOperationFailed", says, kind=SOURCE)
    workspace.event("source", says, kind=SOURCE, type="Warning")
    proxy.instead = lambda method, path: None
    workspace.ready("source", revision, kind=SOURCE)


def test_a_refused_status_is_reported_without_what_was_refused(
    proxied: tuple[Workspace, RecordingProxy],
) -> None:
    """The API server refuses each status with a success in it, as a stricter CRD might."""
    workspace, proxy = proxied
    status = workspace.api.path(KUSTOMIZATION_VERSION, KUSTOMIZATION, workspace.namespace, "apps") + "/status"
    refused = {
        "kind": "Status",
        "status": "Failure",
        "code": 422,
        "reason": "Invalid",
        "message": "status.x: no",
    }
    times = 0

    def instead(method: str, path: str) -> tuple[int, bytes] | None:
        nonlocal times
        if method == "PATCH" and path == status and times == 0:
            times += 1
            return 422, json.dumps(refused).encode()
        return None

    revision = workspace.commit({"apps/a.yaml": config_map("a")})
    workspace.source()
    proxy.instead = instead
    workspace.kustomization("apps")
    workspace.event("apps", "the API server refused or failed: status.x: no", type="Warning")
    workspace.ready("apps", revision)
