"""Alerts, Providers and Receivers of Flux for a test, and what arrives at their ends."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from tests.support.cluster import condition, until
from tests.support.eventserver import EventServer
from tests.support.workspace import Workspace

Obj = dict[str, Any]

GROUP = "notification.toolkit.fluxcd.io"
PROVIDER_VERSION, RECEIVER_VERSION = f"{GROUP}/v1beta3", f"{GROUP}/v1"
_SPANS = re.compile(r"\b\d[\d.]*(ns|µs|ms|s|m|h)(\d[\d.]*(ms|s|m))*")


def provider(
    workspace: Workspace, name: str, type: str, address: str, secret: Mapping[str, str] | None = None
) -> Obj:
    """Apply a Provider, with a Secret if it needs one, and return it."""
    spec: Obj = {"type": type, "address": address}
    if secret is not None:
        workspace.secret(name, secret)
        spec["secretRef"] = {"name": name}
    return _apply(workspace, PROVIDER_VERSION, "Provider", name, spec)


def alert(workspace: Workspace, name: str, *kinds: str, **spec: Any) -> Obj:
    """Apply an Alert for all objects of these kinds here, which goes to the Provider of the same name."""
    sources = [{"kind": kind, "name": "*"} for kind in kinds]
    fields = {"providerRef": {"name": name}, "eventSeverity": "info", "eventSources": sources, **spec}
    return _apply(workspace, PROVIDER_VERSION, "Alert", name, fields)


def receiver(workspace: Workspace, name: str, token: str, **spec: Any) -> str:
    """Apply a Receiver with a token; returns the path of its webhook when it is Ready."""
    workspace.secret(name, {"token": token})
    _apply(workspace, RECEIVER_VERSION, "Receiver", name, {"secretRef": {"name": name}, **spec})

    def path() -> str:
        obj = workspace.api.present(RECEIVER_VERSION, "Receiver", name, workspace.namespace)
        ready = condition(obj).get("status") == "True"
        return str((obj.get("status") or {}).get("webhookPath") or "") if ready else ""

    return until(f"the Receiver {name} is Ready", path)


def context(provider: Obj, kind: str, name: str) -> str:
    """The context of the statuses that notification-controller sets for an object."""
    return f"{kind}/{name}/{provider['metadata']['uid'].partition('-')[0]}".lower()


def told(sink: EventServer, workspace: Workspace) -> list[Obj]:
    """What arrived about the namespace of a workspace, without what differs from run to run."""
    found = [each for each in sink.received if each["involvedObject"]["namespace"] == workspace.namespace]
    return [_comparable(each, workspace.namespace) for each in found]


def _comparable(event: Obj, namespace: str) -> Obj:
    about = event["involvedObject"]
    message = _SPANS.sub("SPAN", event["message"].replace(namespace, "NAMESPACE"))
    if event["severity"] == "error":
        message = "SOME ERROR"
    return {
        "about": f"{about['kind']}/{about['name']}",
        "by": event["reportingController"],
        "severity": event["severity"],
        "reason": event["reason"],
        "message": message,
        "metadata": event.get("metadata") or {},
    }


def _apply(workspace: Workspace, api_version: str, kind: str, name: str, spec: Obj) -> Obj:
    meta = {"name": name, "namespace": workspace.namespace}
    obj = {"apiVersion": api_version, "kind": kind, "metadata": meta, "spec": spec}
    return workspace.api.apply(obj, manager="kubectl")
