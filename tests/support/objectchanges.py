"""Kinds of change to an object, each with the object before and after, as a repository holds them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

import yaml

Obj = dict[str, Any]
FLUX = "kustomize.toolkit.fluxcd.io"


def config_map(name: str, data: Obj | None = None, **meta: Any) -> Obj:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, **meta}, "data": data or {}}


def workload(name: str, kind: str = "Deployment", *, pod: Obj | None = None, **spec: Any) -> Obj:
    labels = {"app": name}
    container = {"name": "main", "image": "a:1", "env": [{"name": "A", "value": "1"}], **spec.pop("main", {})}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [container], **(pod or {})}}
    if kind == "StatefulSet":
        spec = {"serviceName": name, **spec}
    if kind != "DaemonSet":
        spec = {"replicas": 1, **spec}
    spec = {"selector": {"matchLabels": labels}, "template": template, **spec}
    return {"apiVersion": "apps/v1", "kind": kind, "metadata": {"name": name}, "spec": spec}


def service(name: str, *ports: Obj, **spec: Any) -> Obj:
    spec = {"selector": {"app": name}, "ports": list(ports) or [{"name": "web", "port": 80}], **spec}
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}, "spec": spec}


def _job(name: str, image: str) -> Obj:
    pod = {"restartPolicy": "Never", "containers": [{"name": "main", "image": image}]}
    meta = {"name": name, "annotations": {f"{FLUX}/force": "enabled"}}
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": meta, "spec": {"template": {"spec": pod}}}


def other(api_version: str, kind: str, name: str, **rest: Any) -> Obj:
    return {"apiVersion": api_version, "kind": kind, "metadata": {"name": name}, **rest}


def _definition(group: str, *fields: str) -> Obj:
    inner = {"type": "object", "properties": {name: {"type": "string"} for name in fields}}
    schema = {"openAPIV3Schema": {"type": "object", "properties": {"spec": inner}}}
    names = {"plural": "gadgets", "singular": "gadget", "kind": "Gadget", "listKind": "GadgetList"}
    version = {"name": "v1", "served": True, "storage": True, "schema": schema}
    spec = {"group": group, "scope": "Namespaced", "names": names, "versions": [version]}
    return other("apiextensions.k8s.io/v1", "CustomResourceDefinition", f"gadgets.{group}", spec=spec)


def _rule(*verbs: str) -> Obj:
    return {"apiGroups": [""], "resources": ["configmaps"], "verbs": list(verbs)}


def object_changes(namespace: str) -> dict[str, tuple[Obj | None, Obj | None]]:
    """Kind of change to an object before and after; None: it does not exist then."""
    group = f"{namespace}.example.com"
    extra = {"name": "side", "image": "b:1"}
    main = {"name": "main", "image": "a:1", "env": [{"name": "A", "value": "1"}]}
    policy = {"podSelector": {}, "policyTypes": ["Ingress"]}
    volume = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    cron = {"jobTemplate": {"spec": _job("x", "a:1")["spec"]}}
    backend = {"service": {"name": "a", "port": {"number": 80}}}
    return {
        "nothing": (config_map("same", {"a": "1"}), config_map("same", {"a": "1"})),
        "value changes": (config_map("value", {"a": "1"}), config_map("value", {"a": "2"})),
        "key is new": (config_map("key", {"a": "1"}), config_map("key", {"a": "1", "b": "1"})),
        "key goes": (config_map("gone-key", {"a": "1", "b": "1"}), config_map("gone-key", {"a": "1"})),
        "label is new": (config_map("label"), config_map("label", labels={"x": "y"})),
        "annotation goes": (config_map("note", annotations={"x": "y"}), config_map("note")),
        "object is new": (None, config_map("fresh", {"a": "1"})),
        "object goes": (config_map("going", {"a": "1"}), None),
        "object goes but is kept": (
            config_map("kept", annotations={f"{FLUX}/prune": "disabled"}),
            None,
        ),
        "excluded from applies": (
            config_map("off", {"a": "1"}),
            config_map("off", {"a": "2"}, annotations={f"{FLUX}/reconcile": "disabled"}),
        ),
        "created once": (
            config_map("once", {"a": "1"}, annotations={f"{FLUX}/ssa": "IfNotPresent"}),
            config_map("once", {"a": "2"}, annotations={f"{FLUX}/ssa": "IfNotPresent"}),
        ),
        "image": (workload("image"), workload("image", main={"image": "a:2"})),
        "replicas": (workload("scale"), workload("scale", replicas=3)),
        "environment grows": (
            workload("env"),
            workload("env", main={"env": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}]}),
        ),
        "environment goes": (workload("no-env"), workload("no-env", main={"env": []})),
        "container is new": (workload("side"), workload("side", pod={"containers": [main, extra]})),
        "container goes": (workload("single", pod={"containers": [main, extra]}), workload("single")),
        "resources": (
            workload("size", main={"resources": {"limits": {"cpu": "1"}}}),
            workload("size", main={"resources": {"limits": {"cpu": "2", "memory": "1Gi"}}}),
        ),
        "the same amount": (
            workload("amount", main={"resources": {"limits": {"cpu": "1000m"}}}),
            workload("amount", main={"resources": {"limits": {"cpu": "1"}}}),
        ),
        "a default is written down": (
            workload("default"),
            workload("default", revisionHistoryLimit=10),
        ),
        "arguments": (workload("args", main={"args": ["a"]}), workload("args", main={"args": ["a", "b"]})),
        "node selector": (workload("nodes"), workload("nodes", pod={"nodeSelector": {"disk": "ssd"}})),
        "strategy": (workload("strategy"), workload("strategy", minReadySeconds=5)),
        "daemon set": (
            workload("daemon", "DaemonSet"),
            workload("daemon", "DaemonSet", main={"image": "a:2"}),
        ),
        "stateful set": (workload("db", "StatefulSet"), workload("db", "StatefulSet", replicas=2)),
        "service port is new": (
            service("ports"),
            service("ports", {"name": "web", "port": 80}, {"name": "more", "port": 81}),
        ),
        "service port changes": (service("port"), service("port", {"name": "web", "port": 8080})),
        "service type": (service("type"), service("type", type="NodePort")),
        "secret": (
            other("v1", "Secret", "secret", stringData={"a": "first-secret"}),
            other("v1", "Secret", "secret", stringData={"a": "other-secret"}),
        ),
        "service account": (None, other("v1", "ServiceAccount", "robot")),
        "role": (
            other("rbac.authorization.k8s.io/v1", "Role", "role", rules=[_rule("get")]),
            other("rbac.authorization.k8s.io/v1", "Role", "role", rules=[_rule("get", "list")]),
        ),
        "schedule": (
            other("batch/v1", "CronJob", "cron", spec={"schedule": "0 0 * * *", **cron}),
            other("batch/v1", "CronJob", "cron", spec={"schedule": "1 0 * * *", **cron}),
        ),
        "recreated": (_job("job", "a:1"), _job("job", "a:2")),
        "ingress": (
            other("networking.k8s.io/v1", "Ingress", "web", spec={"defaultBackend": backend}),
            other("networking.k8s.io/v1", "Ingress", "web", spec={"rules": [{"host": "a.example"}]}),
        ),
        "network policy": (
            other("networking.k8s.io/v1", "NetworkPolicy", "net", spec=policy),
            other("networking.k8s.io/v1", "NetworkPolicy", "net", spec={**policy, "ingress": [{}]}),
        ),
        "volume claim goes": (other("v1", "PersistentVolumeClaim", "disk", spec=volume), None),
        "limit range": (
            None,
            other("v1", "LimitRange", "limits", spec={"limits": [{"type": "Pod", "max": {"cpu": "99"}}]}),
        ),
        "definition is new": (None, _definition(group, "a")),
        "custom object is new": (None, other(f"{group}/v1", "Gadget", "gadget", spec={"a": "1"})),
        "an object that is there already": (None, config_map("found", {"a": "2"})),
    }


def files(objects: Mapping[str, Obj | None]) -> dict[str, str | bytes | None]:
    found: dict[str, str | bytes | None] = {}
    for name, obj in objects.items():
        if obj is not None:
            found[f"apps/{re.sub('[^a-z]+', '-', name)}.yaml"] = yaml.safe_dump(obj)
    return found


def reported(events: Iterable[Obj]) -> dict[str, str]:
    """What the operator's events say that it did."""
    lines = "\n".join(each["message"] for each in events).splitlines()
    found = (re.fullmatch(r"(\S+/\S+) (created|configured|deleted)", line) for line in lines)
    return {match[1]: match[2] for match in found if match}
