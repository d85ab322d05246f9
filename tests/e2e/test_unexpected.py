"""Whatever ends an attempt is told in the condition and an event, and tried again: also what nobody foresaw."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox import operator
from tests.support.apiproxy import RecordingProxy
from tests.support.area import OWN, Area, area_name
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

pytestmark = pytest.mark.e2e

NONSENSE = 200, b'{"kind": "Nothing", "metadata": 5}'
MANY = 6_500


def many(count: int = MANY) -> str:
    """ConfigMaps whose names are so long that their inventory is larger than what etcd stores."""
    return "---\n".join(config_map(f"{n:04}-{'n' * 240}") for n in range(count))


def test_an_inventory_that_is_too_large_is_told_before_anything_is_applied(area: Area) -> None:
    first = area.commit({"apps/a.yaml": config_map("a")})
    area.source()
    area.kustomization("apps")
    before = area.ready("apps", first)["status"]["inventory"]
    area.commit({"apps/many.yaml": many()})
    says = r"inventory of 6501 objects is too large to be stored \(2\.0 MiB; the limit is 1\.4 MiB, .*\): split the "
    area.failed("apps", "ReconciliationFailed", says)
    area.event("apps", says, type="Warning", reason="ReconciliationFailed")
    assert area.get("apps")["status"]["inventory"] == before
    names = [item["metadata"]["name"] for item in area.api.list("v1", "ConfigMap", area.namespace)]
    assert [name for name in names if name.startswith("0")] == []
    area.ready("apps", area.commit({"apps/many.yaml": None}))


@pytest.fixture
def proxied(
    request: pytest.FixtureRequest, api: Api, git_server: GitHttpServer, account: Path, tmp_path: Path
) -> Iterator[tuple[Area, RecordingProxy]]:
    """An area of an operator that reaches the API server through a proxy; it accepts inventories of any size."""
    area = Area(api, git_server, area_name(request), {OWN: "unexpected"})
    options = (f"--watch-label-selector={OWN}=unexpected", "--max-inventory-size=64Mi")
    with (
        RecordingProxy(account) as proxy,
        operator.running(proxy.kubeconfig(tmp_path), tmp_path, options) as running,
    ):
        yield area, proxy
        proxy.instead = lambda method, path: None
        running.check()
        area.close()


def test_a_status_that_the_api_server_refuses_for_its_size(proxied: tuple[Area, RecordingProxy]) -> None:
    area, _ = proxied
    first = area.commit({"apps/a.yaml": config_map("a")})
    area.source()
    area.kustomization("apps")
    before = area.ready("apps", first)["status"]["inventory"]
    area.commit({"apps/many.yaml": many()})
    says = r"inventory of 6501 objects is too large to be stored \(2\.0 MiB; the API server refuses it"
    # Each object is asked about before the first is written.
    area.failed("apps", "ReconciliationFailed", says, timeout=300)
    area.event("apps", says, type="Warning", reason="ReconciliationFailed")
    assert area.get("apps")["status"]["inventory"] == before
    area.ready("apps", area.commit({"apps/many.yaml": None}))


def test_an_unexpected_error_in_each_step_of_a_kustomization(proxied: tuple[Area, RecordingProxy]) -> None:
    area, proxy = proxied
    first = area.commit({"apps/a.yaml": config_map("a"), "apps/b.yaml": config_map("b")})
    area.source()
    maps = area.api.path("v1", "ConfigMap", area.namespace, "")
    apps = area.api.path(KUSTOMIZATION_VERSION, KUSTOMIZATION, area.namespace, "apps")
    broken = {
        "looking at source and dependencies": ("ReconciliationFailed", "PATCH", lambda path: path == apps),
        "applying the objects": ("ReconciliationFailed", "PATCH", lambda path: path.startswith(maps)),
    }
    for step, (reason, verb, meant) in broken.items():
        proxy.instead = lambda method, path, verb=verb, meant=meant: (  # type: ignore[misc]
            NONSENSE if method == verb and meant(path) else None
        )
        area.kustomization("apps") if area.find("apps") is None else area.poke(KUSTOMIZATION, "apps")
        says = f"^{step} failed: unexpected error.*headgate/.*\\.py:\\d+"
        area.failed("apps", reason, says)
        area.event("apps", says, type="Warning", reason=reason)
        assert "Traceback" not in condition(area.get("apps"))["message"]
    proxy.instead = lambda method, path: None
    area.ready("apps", first)

    proxy.instead = lambda method, path: (
        NONSENSE if method in ("GET", "DELETE") and path.startswith(maps) else None
    )
    area.api.delete(KUSTOMIZATION_VERSION, KUSTOMIZATION, "apps", area.namespace)
    says = "^deleting the objects of the deleted Kustomization failed: "
    area.failed("apps", "PruneFailed", says)
    area.event("apps", says, type="Warning")
    proxy.instead = lambda method, path: None
    until("it is gone", lambda: area.find("apps") is None)


def test_an_unexpected_error_of_a_source(proxied: tuple[Area, RecordingProxy]) -> None:
    area, proxy = proxied
    source = area.api.path(SOURCE_VERSION, SOURCE, area.namespace, "source")
    proxy.instead = lambda method, path: NONSENSE if method == "PATCH" and path == source else None
    revision = area.commit({"apps/a.yaml": config_map("a")})
    area.source(ready=False)
    says = "^reconciling the GitRepository failed: unexpected error"
    area.failed("source", "GitOperationFailed", says, kind=SOURCE)
    area.event("source", says, kind=SOURCE, type="Warning")
    proxy.instead = lambda method, path: None
    area.ready("source", revision, kind=SOURCE)


def test_a_refused_status_is_told_without_what_was_refused(proxied: tuple[Area, RecordingProxy]) -> None:
    """The API server refuses each status with a success in it, as a stricter CRD might."""
    area, proxy = proxied
    status = area.api.path(KUSTOMIZATION_VERSION, KUSTOMIZATION, area.namespace, "apps") + "/status"
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

    revision = area.commit({"apps/a.yaml": config_map("a")})
    area.source()
    proxy.instead = instead
    area.kustomization("apps")
    area.event("apps", "the API server refused or failed: status.x: no", type="Warning")
    area.ready("apps", revision)
