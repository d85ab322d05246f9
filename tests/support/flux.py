"""What Flux's controllers leave on a cluster, written the way they write it.

Made of data: the field managers, labels, finalizers, conditions, inventory and history that recordings of
source-controller and kustomize-controller show. The objects are built by kustomize itself. Tests of the way from Flux
to Headgate begin with this, and those of the way back end with it.
"""

from __future__ import annotations

import base64
import hashlib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

from tests.conformance.peer import kustomize, write
from tests.support.cluster import KUSTOMIZATION, KUSTOMIZATION_VERSION, SOURCE, SOURCE_VERSION
from tests.support.workspace import Workspace

Obj = dict[str, Any]

OBJECTS, KUSTOMIZATIONS, SOURCES = "kustomize-controller", "gotk-kustomize-controller", "source-controller"
"""Field managers: of what is applied, and of the status and finalizers of both custom resources."""
FINALIZER = "finalizers.fluxcd.io"
OWNER = "kustomize.toolkit.fluxcd.io"
_RBAC = "rbac.authorization.k8s.io"
_FIRST = ("CustomResourceDefinition", "Namespace", "ClusterRole")


def built(files: dict[str, str], path: str, folder: Path, name: str, namespace: str) -> list[Obj]:
    """The objects of an overlay, built by kustomize, as Flux applies them for this Kustomization."""
    write(folder, files)
    printed = kustomize(folder / path)
    assert not printed.failed, printed.text
    objects = [o for o in yaml.safe_load_all(printed.text) if o]
    for obj in objects:
        labels = obj["metadata"].setdefault("labels", {})
        labels |= {f"{OWNER}/name": name, f"{OWNER}/namespace": namespace}
        _by_way_of_go(obj)
    return sorted(objects, key=lambda obj: obj["kind"] not in _FIRST)


def _by_way_of_go(obj: Obj) -> None:
    """An object as Flux's normalization writes it, which converts built-in kinds to Go's types and back.

    Structures without a value become empty, ``stringData`` moves to ``data``, ports get a protocol.
    """
    spec, kind = obj.get("spec") or {}, obj["kind"]
    if kind == "Secret":
        encoded = {k: base64.b64encode(v.encode()).decode() for k, v in obj.pop("stringData", {}).items()}
        obj["data"] = {**obj.get("data", {}), **encoded}
    for port in spec.get("ports") or ():
        port.setdefault("protocol", "TCP")
    if kind in ("Deployment", "StatefulSet"):
        spec.setdefault("strategy" if kind == "Deployment" else "updateStrategy", {})
    if kind == "CronJob":
        spec["jobTemplate"].setdefault("metadata", {})["creationTimestamp"] = None
        spec = spec["jobTemplate"]["spec"]
    template = spec.get("template")
    if template is not None:
        template.setdefault("metadata", {})["creationTimestamp"] = None
        for container in template["spec"]["containers"]:
            container.setdefault("resources", {})
            for port in container.get("ports") or ():
                port.setdefault("protocol", "TCP")


def apply(workspace: Workspace, objects: list[Obj]) -> None:
    """As kustomize-controller applies them: where a dry run shows that something would change, owners apart."""
    for obj in objects:
        meta = obj["metadata"]
        live = workspace.api.get(obj["apiVersion"], obj["kind"], meta["name"], meta.get("namespace", ""))
        if live is None or _content(live) != _content(
            workspace.api.apply(obj, manager=OBJECTS, dry_run=True)
        ):
            workspace.api.apply(obj, manager=OBJECTS)


def _content(obj: Obj) -> Obj:
    left_out = ("managedFields", "resourceVersion", "generation")
    meta = {k: v for k, v in obj["metadata"].items() if k not in left_out}
    return {**{k: v for k, v in obj.items() if k != "status"}, "metadata": meta}


def inventory(objects: list[Obj]) -> Obj:
    """``status.inventory`` of applied objects."""
    entries = []
    for obj in objects:
        group, _, version = obj["apiVersion"].rpartition("/")
        meta = obj["metadata"]
        name = meta["name"].replace(":", "__") if group == _RBAC else meta["name"]
        entries.append({"id": f"{meta.get('namespace', '')}_{name}_{group}_{obj['kind']}", "v": version})
    return {"entries": entries}


def source_status(workspace: Workspace, name: str, revision: str) -> None:
    """A GitRepository as source-controller leaves it; the server of its artifact no longer exists."""
    obj = _with_finalizer(workspace, name, SOURCE, SOURCES)
    commit = revision.rpartition(":")[2]
    path = f"gitrepository/{workspace.namespace}/{name}/{commit}.tar.gz"
    text = f"stored artifact for revision '{revision}'"
    status = {
        "artifact": {
            "digest": "sha256:" + hashlib.sha256(commit.encode()).hexdigest(),
            "lastUpdateTime": _now(),
            "path": path,
            "revision": revision,
            "size": 1234,
            "url": f"http://source-controller.flux-system.svc.cluster.local./{path}",
        },
        "conditions": [
            _condition(obj, "Ready", "Succeeded", text),
            _condition(obj, "ArtifactInStorage", "Succeeded", text),
        ],
        "observedGeneration": obj["metadata"]["generation"],
    }
    workspace.api.merge(obj, {"status": status}, manager=SOURCES, subresource="status")


def kustomization_status(workspace: Workspace, name: str, revision: str, objects: list[Obj]) -> None:
    """A Kustomization as kustomize-controller leaves it when all went well; with ``healthChecks``."""
    obj = _with_finalizer(workspace, name, KUSTOMIZATION, KUSTOMIZATIONS)
    conditions = [
        _condition(obj, "Ready", "ReconciliationSucceeded", f"Applied revision: {revision}"),
        _condition(obj, "Healthy", "Succeeded", "Health check passed in 35.123456ms"),
    ]
    status = {
        "conditions": conditions,
        "history": [
            {
                "digest": "sha256:" + hashlib.sha256(b"what was built").hexdigest(),
                "firstReconciled": _now(),
                "lastReconciled": _now(),
                "lastReconciledDuration": "1.234567891s",
                "lastReconciledStatus": "ReconciliationSucceeded",
                "metadata": {"revision": revision},
                "totalReconciliations": 3,
            }
        ],
        "inventory": inventory(objects),
        "lastAppliedRevision": revision,
        "lastAttemptedRevision": revision,
        "observedGeneration": obj["metadata"]["generation"],
    }
    workspace.api.merge(obj, {"status": status}, manager=KUSTOMIZATIONS, subresource="status")


def managers(obj: Obj) -> set[tuple[str, str, str]]:
    """Manager, operation and subresource of each entry of ``managedFields``; Kubernetes' own parts are excluded."""
    entries = obj["metadata"].get("managedFields") or ()
    return {
        (e["manager"], e["operation"], e.get("subresource", ""))
        for e in entries
        if not e["manager"].startswith(("kube-", "kwok"))
    }


def _with_finalizer(workspace: Workspace, name: str, kind: str, manager: str) -> Obj:
    return workspace.api.merge(
        workspace.get(name, kind), {"metadata": {"finalizers": [FINALIZER]}}, manager=manager
    )


def _condition(obj: Obj, type: str, reason: str, message: str) -> Obj:
    return {
        "lastTransitionTime": _now(),
        "message": message,
        "observedGeneration": obj["metadata"]["generation"],
        "reason": reason,
        "status": "True",
        "type": type,
    }


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


VERSIONS = {SOURCE: SOURCE_VERSION, KUSTOMIZATION: KUSTOMIZATION_VERSION}
