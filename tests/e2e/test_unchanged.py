"""Objects that the API server stores differently from their manifests: a full pass writes none of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sandbox import operator
from tests.support.cluster import KUSTOMIZATION, Api, until
from tests.support.manifests import dump
from tests.support.workspace import Workspace

pytestmark = pytest.mark.e2e

Obj = dict[str, Any]
GROUP = "unchanged.headgate.dev"


def objects(workspace: Workspace) -> list[Obj]:
    """Empty lists and maps, nulls, numbers in other notations, defaults and pruned fields of a CRD."""

    def obj(version: str, kind: str, name: str, **fields: Any) -> Obj:
        return {"apiVersion": version, "kind": kind, "metadata": {"name": name}, **fields}

    def policy(name: str, **spec: Any) -> Obj:
        return obj("networking.k8s.io/v1", "NetworkPolicy", name, spec={"podSelector": {}, **spec})

    labels = {"app": "web"}
    pod = {
        "containers": [
            {
                "name": "main",
                "image": "web",
                "env": [],
                "args": [],
                "resources": {"limits": {"cpu": "1000m", "memory": "1024Mi"}, "requests": {}},
            }
        ],
        "volumes": [],
        "nodeSelector": {},
        "securityContext": {},
        "affinity": None,
    }
    template = {"metadata": {"labels": labels, "annotations": {}}, "spec": pod}
    name = workspace.namespace
    client = {"service": {"name": "none", "namespace": name, "path": "/"}}
    hook = {
        "name": f"{name}.headgate.dev",
        "clientConfig": client,
        "rules": [],
        "sideEffects": "None",
        "admissionReviewVersions": ["v1"],
        "namespaceSelector": {"matchExpressions": []},
        "matchConditions": [],
    }
    admission = "admissionregistration.k8s.io/v1"
    return [
        policy("no-ingress", ingress=[], policyTypes=["Ingress"]),
        policy("no-egress", egress=[], policyTypes=["Egress"]),
        policy("from-nobody", ingress=[{"from": [], "ports": []}]),
        policy("expressions", podSelector={"matchLabels": {}, "matchExpressions": []}),
        obj(admission, "ValidatingWebhookConfiguration", name, webhooks=[hook]),
        obj(admission, "MutatingWebhookConfiguration", name, webhooks=[]),
        obj("v1", "ConfigMap", "empty", data={}, binaryData={}),
        obj("v1", "ServiceAccount", "web", secrets=[], imagePullSecrets=[]),
        obj("v1", "Service", "web", spec={"selector": labels, "ports": [{"port": 80, "targetPort": "http"}]}),
        obj(
            "apps/v1",
            "Deployment",
            "web",
            spec={"replicas": 0, "selector": {"matchLabels": labels}, "template": template},
        ),
        obj("rbac.authorization.k8s.io/v1", "Role", "none", rules=[]),
        obj("rbac.authorization.k8s.io/v1", "Role", "null", rules=None),
        obj(
            "policy/v1",
            "PodDisruptionBudget",
            "web",
            spec={"minAvailable": "50%", "selector": {"matchLabels": labels}},
        ),
        obj(f"{GROUP}/v1", "Defaulted", "some", spec={"known": [], "list": [], "nothing": None}),
    ]


def definition() -> Obj:
    fields = {
        "known": {"type": "array", "items": {"type": "string"}},
        "list": {"type": "array", "items": {"type": "string"}, "default": ["a"]},
        "nothing": {"type": "string", "nullable": True},
        "count": {"type": "integer", "default": 3},
    }
    schema = {"type": "object", "properties": {"spec": {"type": "object", "properties": fields}}}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"defaulteds.{GROUP}"},
        "spec": {
            "group": GROUP,
            "names": {"plural": "defaulteds", "kind": "Defaulted"},
            "scope": "Namespaced",
            "versions": [
                {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
            ],
        },
    }


@pytest.fixture
def own_workspace(own_workspace: Workspace, api: Api) -> Iterator[Workspace]:
    """With the definition of a kind that has defaults."""
    api.apply(definition())
    yield own_workspace
    api.remove("apiextensions.k8s.io/v1", "CustomResourceDefinition", f"defaulteds.{GROUP}")


def versions(workspace: Workspace) -> dict[str, str]:
    found = {}
    for each in objects(workspace):
        namespace = "" if "Webhook" in each["kind"] else workspace.namespace
        live = workspace.api.present(each["apiVersion"], each["kind"], each["metadata"]["name"], namespace)
        meta = live["metadata"]
        found[f"{each['kind']}/{meta['name']}"] = f"{meta['resourceVersion']} {meta.get('generation')}"
    return found


def settled(workspace: Workspace) -> dict[str, str]:
    """The same, once the controllers have written what they had to."""
    last: dict[str, str] = {}

    def look() -> dict[str, str] | None:
        nonlocal last
        before, last = last, versions(workspace)
        deployment = workspace.object("apps/v1", "Deployment", "web") or {}
        done = (deployment.get("status") or {}).get("observedGeneration")
        return last if before == last and done else None

    return until("nobody writes", look)


def verified(workspace: Workspace) -> None:
    """A pass that asks the API server about every object."""
    stamp = workspace.request_reconcile(KUSTOMIZATION, "apps")
    until("it is verified", lambda: workspace.get("apps")["status"].get("lastHandledReconcileAt") == stamp)


def test_full_passes_write_nothing(own_workspace: Workspace, account: Path, tmp_path: Path) -> None:
    """Neither right after the apply, nor later, nor after a restart, and nothing is called configured."""
    workspace = own_workspace
    workspace.commit({"apps/all.yaml": dump(*objects(workspace))})
    options = (own_workspace.selector,)
    with operator.running(account, tmp_path, options):
        workspace.source(ready=False)
        workspace.kustomization("apps")
        workspace.ready("apps")
        before = settled(workspace)
        for _ in range(2):
            verified(workspace)
            assert versions(workspace) == before
    with operator.running(account, tmp_path, options):
        for _ in range(2):
            verified(workspace)
            assert versions(workspace) == before
        assert "configured" not in workspace.event_text("apps")
        # A change in Git is written, and only that.
        changed = [
            o if o["metadata"]["name"] != "no-ingress" else {**o, "spec": {**o["spec"], "egress": []}}
            for o in objects(workspace)
        ]
        changed[1]["spec"] = {**changed[1]["spec"], "policyTypes": ["Egress", "Ingress"]}
        workspace.ready("apps", workspace.commit({"apps/all.yaml": dump(*changed)}))
        after = versions(workspace)
        assert after.pop("NetworkPolicy/no-egress") != before.pop("NetworkPolicy/no-egress")
        before.pop("NetworkPolicy/no-ingress")
        after.pop("NetworkPolicy/no-ingress")
        assert after == before
        workspace.close()
