"""What other objects need before them, and cannot have: said at once, and at every attempt."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.area import Area
from tests.support.cluster import KUSTOMIZATION, until
from tests.support.manifests import config_map, dump

pytestmark = pytest.mark.e2e

Obj = dict[str, Any]
GROUP = "definitions.headgate.dev"
CRD = ("apiextensions.k8s.io/v1", "CustomResourceDefinition")


def definition(area: Area, plural: str, **names: Any) -> Obj:
    suffix = area.namespace[-6:]
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


def test_a_definition_that_is_refused_fails_every_attempt(area: Area) -> None:
    first = definition(area, "firsts")
    area.api.apply(first)
    until(
        "the first one has the name",
        lambda: (
            (area.api.get(*CRD, first["metadata"]["name"]) or {})
            .get("status", {})
            .get("acceptedNames", {})
            .get("kind")
        ),
    )
    second = definition(area, "seconds")
    area.commit({"apps/crd.yaml": dump(second), "apps/a.yaml": config_map("a")})
    area.source()
    area.kustomization("apps", retryInterval="1s")
    area.failed("apps", "ReconciliationFailed", "cannot be used: its names are not accepted")
    for n in range(2):
        revision = area.commit({"apps/a.yaml": config_map("a", v=str(n))})
        until("it is attempted", lambda: area.get("apps")["status"].get("lastAttemptedRevision") == revision)  # noqa: B023
        area.failed("apps", "ReconciliationFailed", "cannot be used: its names are not accepted")
    assert area.config_map("a") is None
    # Mended, it goes on.
    area.api.delete(*CRD, first["metadata"]["name"])
    area.ready("apps", revision)
    assert area.config_map("a") is not None


def test_a_namespace_that_is_being_deleted_is_named_at_once(area: Area) -> None:
    """Not waited for until the timeout: it cannot become ready; when it is gone, it is made anew."""
    name = f"{area.namespace}-going"
    inside = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "inside", "namespace": name}}
    area.commit(
        {
            "apps/namespace.yaml": dump(
                {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
            ),
            "apps/inside.yaml": dump(inside),
        }
    )
    area.source()
    area.kustomization("apps", targetNamespace=None, timeout="10m", retryInterval="1h")
    area.ready("apps")
    held = area.api.present("v1", "ConfigMap", "inside", name)
    area.api.merge(held, {"metadata": {"finalizers": ["headgate.test/held"]}})
    area.api.delete("v1", "Namespace", name)
    area.poke(KUSTOMIZATION, "apps")
    area.failed("apps", "ReconciliationFailed", f"Namespace/{name} cannot be used: it is being deleted")
    area.api.merge(held, {"metadata": {"finalizers": None}})
    until("it is there again", lambda: area.api.get("v1", "ConfigMap", "inside", name))
    area.ready("apps")


def test_a_kustomization_never_deletes_what_it_stands_on(area: Area) -> None:
    """Its own namespace, and itself: neither when Git drops them nor when it is deleted."""
    namespace = {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": area.namespace, "labels": {"headgate-test": "true"}},
    }
    area.commit({"apps/a.yaml": config_map("a"), "apps/namespace.yaml": dump(namespace)})
    area.source()
    area.kustomization("apps")
    area.ready("apps")
    itself = area.get("apps")
    rendered = {
        "apiVersion": itself["apiVersion"],
        "kind": KUSTOMIZATION,
        "metadata": {"name": "apps"},
        "spec": itself["spec"],
    }
    area.ready("apps", area.commit({"apps/itself.yaml": dump(rendered)}))
    found = area.ready("apps", area.commit({"apps/itself.yaml": None, "apps/namespace.yaml": None}))
    assert found["metadata"]["uid"] == itself["metadata"]["uid"]
    area.event(
        "apps", f"Namespace/{area.namespace} skipped: a Kustomization does not delete the namespace it is in"
    )
    area.event("apps", "Kustomization/.*/apps skipped: a Kustomization does not delete itself")
    area.ready("apps", area.commit({"apps/namespace.yaml": dump(namespace)}))
    area.delete("apps")
    assert area.config_map("a") is None
    assert not area.api.present("v1", "Namespace", area.namespace)["metadata"].get("deletionTimestamp")
