"""One kustomization file over given objects."""

from __future__ import annotations

from typing import Any

from headgate.kustomize import BuildOptions, MemoryTree, build

Obj = dict[str, Any]


def workload(name: str = "web", **spec: Any) -> Obj:
    containers = [
        {"name": "main", "image": "registry.example.com:5000/web:1.0"},
        {"name": "side", "image": "nginx"},
    ]
    template = {"spec": {"containers": containers, **spec}}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name},
        "spec": {"template": template},
    }


def run(kustomization: Obj, *objects: Obj, files: dict[str, str] | None = None) -> list[Obj]:
    import orjson

    tree = {
        "kustomization.yaml": orjson.dumps({"resources": ["all.yaml"], **kustomization}),
        "all.yaml": b"\n---\n".join(map(orjson.dumps, objects)) or b"# none\n",
        **{path: text.encode() for path, text in (files or {}).items()},
    }
    return build(MemoryTree(tree), "", BuildOptions())


def images(obj: Obj) -> list[str]:
    return [each["image"] for each in obj["spec"]["template"]["spec"]["containers"]]
