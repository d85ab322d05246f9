"""Manifests that tests commit, as YAML."""

from __future__ import annotations

from typing import Any

import yaml

Obj = dict[str, Any]


def dump(*objects: Obj) -> str:
    """Objects as YAML documents."""
    return yaml.safe_dump_all(objects, sort_keys=False)


def config_map(name: str, *, annotations: dict[str, str] | None = None, **data: str) -> str:
    """A ConfigMap."""
    meta: Obj = {"name": name, **({"annotations": annotations} if annotations else {})}
    return dump({"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": data or {"a": "1"}})


def deployment(name: str, *, healthy: bool = True, replicas: int = 1, image: str = "a") -> str:
    """A Deployment; an unhealthy one has pods for a node that no cluster has."""
    pod: Obj = {"containers": [{"name": "main", "image": image}]}
    if not healthy:
        pod["nodeSelector"] = {"headgate-test/node": "none"}
    labels = {"app": name}
    spec = {
        "replicas": replicas,
        "selector": {"matchLabels": labels},
        "template": {"metadata": {"labels": labels}, "spec": pod},
    }
    return dump({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name}, "spec": spec})


def kustomization(*resources: str, **fields: Any) -> str:
    """A kustomization.yaml."""
    head: Obj = {"apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization"}
    return dump({**head, "resources": list(resources), **fields})
