"""The fleet of the scale benchmarks: N apps of four objects each, from one repository.

The Deployments are scaled to zero, so that what is measured is the operator and the API server, not pods.
"""

from __future__ import annotations

from typing import Any

from _cluster import NAMESPACE, ClusterBench, kustomization, ready, source

Obj = dict[str, Any]

_OBJECTS = """\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {name}
spec:
  replicas: 0
  selector:
    matchLabels:
      app: {name}
  template:
    metadata:
      labels:
        app: {name}
      annotations:
        version: "{version}"
    spec:
      serviceAccountName: {name}
      containers:
        - name: app
          image: registry.example.com/{name}:1.0.0
---
apiVersion: v1
kind: ServiceAccount
metadata:
  name: {name}
---
apiVersion: v1
kind: Service
metadata:
  name: {name}
spec:
  selector:
    app: {name}
  ports:
    - port: 80
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: {name}
spec:
  rules:
    - host: {name}.example.com
      http:
        paths:
          - path: /
            pathType: Prefix
            backend:
              service:
                name: {name}
                port:
                  number: 80
"""

_KUSTOMIZATION = """\
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
resources:
  - app.yaml
"""

DEPLOYMENT = """\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {name}
spec:
  selector:
    matchLabels:
      app: {name}
  template:
    metadata:
      labels:
        app: {name}
    spec:{selector}
      containers:
        - name: app
          image: registry.example.com/app:1.0.0
"""
"""A Deployment of one pod; ``selector`` is what follows ``spec:`` of its pods."""


def app_name(number: int) -> str:
    return f"app-{number:04}"


def app_file(number: int, version: str = "1") -> dict[str, str]:
    """The one file of an app that changes with its version."""
    name = app_name(number)
    return {f"apps/{name}/app.yaml": _OBJECTS.format(name=name, version=version)}


def fleet_files(size: int) -> dict[str, str]:
    files: dict[str, str] = {}
    for number in range(size):
        files |= app_file(number)
        files[f"apps/{app_name(number)}/kustomization.yaml"] = _KUSTOMIZATION
    return files


def fleet(size: int, **spec: Any) -> list[Obj]:
    """One Kustomization for each app."""
    return [
        kustomization(app_name(n), f"./apps/{app_name(n)}", targetNamespace=NAMESPACE, **spec)
        for n in range(size)
    ]


def first_apply(bench: ClusterBench, size: int) -> None:
    """Commit and apply the whole fleet, and wait until all of it is Ready."""
    bench.repository.commit(fleet_files(size))
    bench.apply([source(bench.url), *fleet(size)])
    head = bench.head()
    bench.wait("first apply", lambda seen: len(seen) == size and all(ready(o, head) for o in seen.values()))
