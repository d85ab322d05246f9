"""A first apply that ends half way, whose objects are of kinds that come with it: it is taken up where it ended."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from sandbox import operator
from tests.support.apiproxy import RecordingProxy
from tests.support.area import OWN, Area, area_name
from tests.support.cluster import KUSTOMIZATION, Api, until
from tests.support.gitserver import GitHttpServer
from tests.support.manifests import config_map, dump

pytestmark = pytest.mark.e2e

Obj = dict[str, Any]
GROUP = "first.headgate.dev"


@pytest.fixture
def own_area(request: pytest.FixtureRequest, api: Api, git_server: GitHttpServer) -> Area:
    """An area that the shared operator leaves alone; whoever uses it closes it."""
    return Area(api, git_server, area_name(request), {OWN: "first"})


@pytest.fixture
def proxy(account: Path) -> Iterator[RecordingProxy]:
    with RecordingProxy(account) as proxy:
        yield proxy


def plural(area: Area) -> str:
    return f"planet{area.namespace[-6:]}s"


def files(area: Area) -> dict[str, str]:
    """A kind that lives in no namespace, an object of it, and one of a namespaced kind."""
    kind = plural(area).capitalize().removesuffix("s")
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    crd = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural(area)}.{GROUP}"},
        "spec": {
            "group": GROUP,
            "names": {"plural": plural(area), "kind": kind},
            "scope": "Cluster",
            "versions": [
                {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
            ],
        },
    }
    planet = {"apiVersion": f"{GROUP}/v1", "kind": kind, "metadata": {"name": "earth"}}
    return {"apps/crd.yaml": dump(crd), "apps/earth.yaml": dump(planet), "apps/a.yaml": config_map("a")}


def earth(area: Area) -> str:
    """Its UID; empty where there is none."""
    found = area.api.rest.get(f"/apis/{GROUP}/v1/{plural(area)}/earth")
    return str(found["metadata"]["uid"]) if found else ""


def ids(area: Area) -> set[str]:
    return {e["id"] for e in area.get("apps")["status"]["inventory"]["entries"]}


def wanted(area: Area) -> set[str]:
    kind = plural(area).capitalize().removesuffix("s")
    crd = f"_{plural(area)}.{GROUP}_apiextensions.k8s.io_CustomResourceDefinition"
    return {crd, f"_earth_{GROUP}_{kind}", f"{area.namespace}_a__ConfigMap"}


Ending = Callable[[operator.Operator], None]


def killed(running: operator.Operator) -> None:
    running.kill()


def stopped(running: operator.Operator) -> None:
    running.stop()


@pytest.mark.parametrize("ending", [killed, stopped])
def test_what_was_applied_before_a_restart_is_not_pruned_after_it(
    own_area: Area, proxy: RecordingProxy, tmp_path: Path, ending: Ending
) -> None:
    """The operator ends after the object was created and before it could say so."""
    own_area.commit(files(own_area))
    options = (f"--watch-label-selector={OWN}=first",)
    released = threading.Event()

    def hold(method: str, path: str) -> None:
        if method == "PATCH" and path.endswith("/kustomizations/apps/status") and earth(own_area):
            released.wait(60)

    with operator.running(proxy.kubeconfig(tmp_path), tmp_path, options) as running:
        proxy.before = hold
        own_area.source(ready=False)
        own_area.kustomization("apps")
        until("the object is there", lambda: earth(own_area))
        before = earth(own_area)
        ending(running)
    proxy.before = lambda method, path: None
    released.set()
    assert ids(own_area) <= wanted(own_area)
    assert wanted(own_area) - ids(own_area) <= {f"{own_area.namespace}_a__ConfigMap"}, (
        "what is there is recorded"
    )
    with operator.running(proxy.kubeconfig(tmp_path), tmp_path, options):
        own_area.ready("apps")
        assert earth(own_area) == before
        assert ids(own_area) == wanted(own_area)
        own_area.ready("apps", own_area.commit({"apps/earth.yaml": None}))
        assert not earth(own_area)
        own_area.close()


def test_an_entry_of_an_older_release_with_a_namespace_too_many(area: Area) -> None:
    """It names the same object as the one without, which is in Git."""
    area.commit(files(area))
    area.source()
    area.kustomization("apps")
    area.ready("apps")
    before = earth(area)
    kind = plural(area).capitalize().removesuffix("s")
    extra = {"id": f"{area.namespace}_earth_{GROUP}_{kind}", "v": "v1"}
    entries = [*area.get("apps")["status"]["inventory"]["entries"], extra]
    area.api.merge(area.get("apps"), {"status": {"inventory": {"entries": entries}}}, subresource="status")
    area.poke(KUSTOMIZATION, "apps")
    until("the entry is gone", lambda: ids(area) == wanted(area))
    area.ready("apps")
    assert earth(area) == before
