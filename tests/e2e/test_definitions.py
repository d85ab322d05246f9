"""What other objects need before them, and cannot have: said at once, and at every attempt."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.cluster import KUSTOMIZATION, until
from tests.support.manifests import config_map, dump
from tests.support.workspace import Workspace

pytestmark = pytest.mark.e2e

Obj = dict[str, Any]
GROUP = "definitions.headgate.dev"
CRD = ("apiextensions.k8s.io/v1", "CustomResourceDefinition")


def definition(workspace: Workspace, plural: str, **names: Any) -> Obj:
    suffix = workspace.namespace[-6:]
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    return {
        "apiVersion": CRD[0],
        "kind": CRD[1],
        "metadata": {"name": f"{plural}{suffix}.{GROUP}"},
        "spec": {
            "group": GROUP,
            "names": {"plural": f"{plural}{suffix}", "kind": f"Claimed{suffix}", **names},
            "scope": "Namespaced",
            "versions": [
                {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
            ],
        },
    }


def test_a_definition_that_is_refused_fails_every_attempt(workspace: Workspace) -> None:
    first = definition(workspace, "firsts")
    workspace.api.apply(first)
    until(
        "the first one has the name",
        lambda: (
            (workspace.api.get(*CRD, first["metadata"]["name"]) or {})
            .get("status", {})
            .get("acceptedNames", {})
            .get("kind")
        ),
    )
    second = definition(workspace, "seconds")
    workspace.commit({"apps/crd.yaml": dump(second), "apps/a.yaml": config_map("a")})
    workspace.source()
    workspace.kustomization("apps", retryInterval="1s")
    workspace.failed("apps", "ReconciliationFailed", "cannot be used: its names are not accepted")
    for n in range(2):
        revision = workspace.commit({"apps/a.yaml": config_map("a", v=str(n))})
        until(
            "it is attempted",
            lambda: workspace.get("apps")["status"].get("lastAttemptedRevision") == revision,  # noqa: B023
        )
        workspace.failed("apps", "ReconciliationFailed", "cannot be used: its names are not accepted")
    assert workspace.config_map("a") is None
    # Once the definition is correct, the Kustomization continues.
    workspace.api.delete(*CRD, first["metadata"]["name"])
    workspace.ready("apps", revision)
    assert workspace.config_map("a") is not None


def test_a_namespace_that_is_being_deleted_is_named_at_once(workspace: Workspace) -> None:
    """Headgate does not wait for it, as it cannot become ready, and creates it again once it is gone."""
    name = f"{workspace.namespace}-going"
    inside = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "inside", "namespace": name}}
    workspace.commit(
        {
            "apps/namespace.yaml": dump(
                {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
            ),
            "apps/inside.yaml": dump(inside),
        }
    )
    workspace.source()
    workspace.kustomization("apps", targetNamespace=None, timeout="10m", retryInterval="1h")
    workspace.ready("apps")
    held = workspace.api.present("v1", "ConfigMap", "inside", name)
    workspace.api.merge(held, {"metadata": {"finalizers": ["headgate.test/held"]}})
    workspace.api.delete("v1", "Namespace", name)
    workspace.request_reconcile(KUSTOMIZATION, "apps")
    workspace.failed("apps", "ReconciliationFailed", f"Namespace/{name} cannot be used: it is being deleted")
    workspace.api.merge(held, {"metadata": {"finalizers": None}})
    until("it is there again", lambda: workspace.api.get("v1", "ConfigMap", "inside", name))
    workspace.ready("apps")


def test_a_kustomization_never_deletes_what_it_stands_on(workspace: Workspace) -> None:
    """Its own namespace, and itself: neither when Git drops them nor when it is deleted."""
    namespace = {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": workspace.namespace, "labels": {"headgate-test": "true"}},
    }
    workspace.commit({"apps/a.yaml": config_map("a"), "apps/namespace.yaml": dump(namespace)})
    workspace.source()
    workspace.kustomization("apps")
    workspace.ready("apps")
    itself = workspace.get("apps")
    rendered = {
        "apiVersion": itself["apiVersion"],
        "kind": KUSTOMIZATION,
        "metadata": {"name": "apps"},
        "spec": itself["spec"],
    }
    workspace.ready("apps", workspace.commit({"apps/itself.yaml": dump(rendered)}))
    found = workspace.ready("apps", workspace.commit({"apps/itself.yaml": None, "apps/namespace.yaml": None}))
    assert found["metadata"]["uid"] == itself["metadata"]["uid"]
    workspace.event(
        "apps",
        f"Namespace/{workspace.namespace} skipped: a Kustomization does not delete the namespace it is in",
    )
    workspace.event("apps", "Kustomization/.*/apps skipped: a Kustomization does not delete itself")
    workspace.ready("apps", workspace.commit({"apps/namespace.yaml": dump(namespace)}))
    workspace.delete("apps")
    assert workspace.config_map("a") is None
    assert not workspace.api.present("v1", "Namespace", workspace.namespace)["metadata"].get(
        "deletionTimestamp"
    )
