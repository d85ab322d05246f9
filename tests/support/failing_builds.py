"""Builds that fail: a small tree, and the error of its build."""

from __future__ import annotations

import pytest

from headgate.kustomize import (
    BuildError,
    BuildOptions,
    MemoryTree,
    build,
)

FILE = "app/kustomization.yaml"
MAP = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\n"
WORKLOAD = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  template:
    spec:
      containers: [{name: web, image: nginx}]
"""


def fails(kustomization: str, files: dict[str, str] | None = None, **options: object) -> BuildError:
    tree = MemoryTree({"app/kustomization.yaml": kustomization, **(files or {})})
    with pytest.raises(BuildError) as caught:
        build(tree, "app", BuildOptions(**options))  # type: ignore[arg-type]
    return caught.value
