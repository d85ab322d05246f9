"""The example fleet's production cluster: infrastructure, then apps, both ``wait: true``, from apply to both Ready.

    python tests/bench/seed.py

The floor is the same manifests by hand, in the same run: ``kubectl apply --server-side`` and ``kubectl wait``, layer
by layer.
"""

from __future__ import annotations

import shutil
import time
from typing import Any

import yaml
from _arena import ROOT, Arena, arena, options, ready, table

from headgate.kustomize import BuildOptions, FolderTree, build

EXAMPLE = ROOT / "examples" / "fleet-infra"
LAYERS = ("infrastructure", "apps")
ROUNDS = 3


def main() -> None:
    chosen = options(__doc__).parse_args()
    rows = []
    for number in range(1, ROUNDS + 1):
        with arena(command=chosen.operator) as a:
            shutil.copytree(EXAMPLE, a.repository.work, dirs_exist_ok=True)
            a.repository.commit({}, "The fleet")
            a.repository.git("tag", "1.0.0")
            seconds, cost = _operator(a)
        with arena(command=chosen.operator) as a:
            floor = _by_hand(a)
        rows.append(
            [
                number,
                f"{seconds:.2f}",
                f"{floor:.2f}",
                f"{seconds / floor:.2f}",
                f"{cost.cpu:.2f}",
                cost.total_requests,
            ]
        )
    table(["round", "both Ready s", "by hand s", "ratio", "CPU s", "requests"], rows)


def _objects(path: str) -> list[dict[str, Any]]:
    return list(build(FolderTree(EXAMPLE), path, BuildOptions(reorder="legacy")))


def _operator(a: Arena) -> Any:
    objects = _objects("clusters/production")
    for obj in objects:
        if obj["kind"] == "GitRepository":
            obj["spec"]["url"] = a.url
    # The namespace comes first, as the cluster's admin has it.
    a.apply([o for o in objects if o["kind"] == "Namespace"] or [_flux_system()])
    a.mark()
    began = time.monotonic()
    a.apply(objects)
    done = a.wait("both layers", lambda s: len(s) == len(LAYERS) and all(ready(o) for o in s.values()), 120)
    return done - began, a.cost()


def _flux_system() -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "flux-system"}}


def _by_hand(a: Arena) -> float:
    began = time.monotonic()
    for layer in LAYERS:
        objects = _objects(f"{layer}/production")
        first = [o for o in objects if o["kind"] in ("CustomResourceDefinition", "Namespace")]
        if first:
            a.kubectl(
                "apply", "--server-side", "-f", "-", stdin=yaml.dump_all(first, Dumper=yaml.CSafeDumper)
            )
        crds = [f"crd/{o['metadata']['name']}" for o in first if o["kind"] == "CustomResourceDefinition"]
        if crds:
            a.kubectl("wait", "--for=condition=Established", *crds, "--timeout=60s")
        a.apply(objects)
        for obj in objects:
            if obj["kind"] in ("Deployment", "StatefulSet"):
                meta = obj["metadata"]
                a.kubectl(
                    "-n",
                    meta["namespace"],
                    "rollout",
                    "status",
                    f"{obj['kind']}/{meta['name']}",
                    "--timeout=60s",
                )
    return time.monotonic() - began


if __name__ == "__main__":
    main()
