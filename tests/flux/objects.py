"""Custom resources that Flux's controllers reconcile, in the namespace of a test."""

from __future__ import annotations

from typing import Any

from tests.support.registry import Registry
from tests.support.workspace import Workspace

Obj = dict[str, Any]

SOURCES = "source.toolkit.fluxcd.io/v1"


def oci_repository(workspace: Workspace, name: str, registry: Registry) -> Obj:
    """Apply an OCIRepository of the artifact with the tag ``latest``."""
    url = f"oci://{registry.host}/{name}"
    spec = {"interval": "1h", "url": url, "insecure": True, "ref": {"tag": "latest"}}
    return flux_object(workspace, SOURCES, "OCIRepository", name, spec)


def flux_object(workspace: Workspace, api_version: str, kind: str, name: str, spec: Obj) -> Obj:
    """Apply a custom resource without the label by which Headgate selects those here."""
    meta = {"name": name, "namespace": workspace.namespace}
    obj = {"apiVersion": api_version, "kind": kind, "metadata": meta, "spec": spec}
    return workspace.api.apply(obj, manager="kubectl")
