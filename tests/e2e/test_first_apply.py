"""A first apply that ends half way, whose objects are of kinds that come with it: it is taken up where it ended."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sandbox import operator
from tests.support.apiproxy import RecordingProxy
from tests.support.cluster import KUSTOMIZATION, until
from tests.support.manifests import config_map, dump
from tests.support.workspace import Workspace

pytestmark = pytest.mark.e2e

Obj = dict[str, Any]
GROUP = "first.headgate.dev"


def plural(workspace: Workspace) -> str:
    return f"planet{workspace.namespace[-6:]}s"


def files(workspace: Workspace) -> dict[str, str]:
    """A kind that lives in no namespace, an object of it, and one of a namespaced kind."""
    kind = plural(workspace).capitalize().removesuffix("s")
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    crd = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural(workspace)}.{GROUP}"},
        "spec": {
            "group": GROUP,
            "names": {"plural": plural(workspace), "kind": kind},
            "scope": "Cluster",
            "versions": [
                {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
            ],
        },
    }
    planet = {"apiVersion": f"{GROUP}/v1", "kind": kind, "metadata": {"name": "earth"}}
    return {"apps/crd.yaml": dump(crd), "apps/earth.yaml": dump(planet), "apps/a.yaml": config_map("a")}


def earth(workspace: Workspace) -> str:
    """Its UID; empty where there is none."""
    found = workspace.api.rest.get(f"/apis/{GROUP}/v1/{plural(workspace)}/earth")
    return str(found["metadata"]["uid"]) if found else ""


def ids(workspace: Workspace) -> set[str]:
    return {e["id"] for e in workspace.get("apps")["status"]["inventory"]["entries"]}


def wanted(workspace: Workspace) -> set[str]:
    kind = plural(workspace).capitalize().removesuffix("s")
    crd = f"_{plural(workspace)}.{GROUP}_apiextensions.k8s.io_CustomResourceDefinition"
    return {crd, f"_earth_{GROUP}_{kind}", f"{workspace.namespace}_a__ConfigMap"}


Ending = Callable[[operator.Operator], None]


def killed(running: operator.Operator) -> None:
    running.kill()


def stopped(running: operator.Operator) -> None:
    running.stop()


@pytest.mark.parametrize("ending", [killed, stopped])
def test_what_was_applied_before_a_restart_is_not_pruned_after_it(
    own_workspace: Workspace, proxy: RecordingProxy, tmp_path: Path, ending: Ending
) -> None:
    """The operator ends after the object was created and before it could say so."""
    own_workspace.commit(files(own_workspace))
    options = (own_workspace.selector,)
    released = threading.Event()

    def hold(method: str, path: str) -> None:
        if method == "PATCH" and path.endswith("/kustomizations/apps/status") and earth(own_workspace):
            released.wait(60)

    with operator.running(proxy.kubeconfig(tmp_path), tmp_path, options) as running:
        proxy.before = hold
        own_workspace.source(ready=False)
        own_workspace.kustomization("apps")
        until("the object is there", lambda: earth(own_workspace))
        before = earth(own_workspace)
        ending(running)
    proxy.before = lambda method, path: None
    released.set()
    assert ids(own_workspace) <= wanted(own_workspace)
    assert wanted(own_workspace) - ids(own_workspace) <= {f"{own_workspace.namespace}_a__ConfigMap"}, (
        "what is there is recorded"
    )
    with operator.running(proxy.kubeconfig(tmp_path), tmp_path, options):
        own_workspace.ready("apps")
        assert earth(own_workspace) == before
        assert ids(own_workspace) == wanted(own_workspace)
        own_workspace.ready("apps", own_workspace.commit({"apps/earth.yaml": None}))
        assert not earth(own_workspace)
        own_workspace.close()


def test_an_entry_of_an_older_release_with_a_namespace_too_many(workspace: Workspace) -> None:
    """It names the same object as the one without, which is in Git."""
    workspace.commit(files(workspace))
    workspace.source()
    workspace.kustomization("apps")
    workspace.ready("apps")
    before = earth(workspace)
    kind = plural(workspace).capitalize().removesuffix("s")
    extra = {"id": f"{workspace.namespace}_earth_{GROUP}_{kind}", "v": "v1"}
    entries = [*workspace.get("apps")["status"]["inventory"]["entries"], extra]
    workspace.api.merge(
        workspace.get("apps"), {"status": {"inventory": {"entries": entries}}}, subresource="status"
    )
    workspace.request_reconcile(KUSTOMIZATION, "apps")
    until("the entry is gone", lambda: ids(workspace) == wanted(workspace))
    workspace.ready("apps")
    assert earth(workspace) == before
