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
from _cluster import ROOT, ClusterBench, cluster_bench, options, ready, table

from headgate.kustomize import BuildOptions, FolderTree, build

EXAMPLE = ROOT / "examples" / "fleet-infra"
LAYERS = ("infrastructure", "apps")
ROUNDS = 3


def main() -> None:
    chosen = options(__doc__).parse_args()
    rows = []
    for number in range(1, ROUNDS + 1):
        with cluster_bench(command=chosen.operator) as bench:
            shutil.copytree(EXAMPLE, bench.repository.work, dirs_exist_ok=True)
            bench.repository.commit({}, "The fleet")
            bench.repository.git("tag", "1.0.0")
            seconds, cost = _operator(bench)
        with cluster_bench(command=chosen.operator) as bench:
            floor = _by_hand(bench)
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


def _operator(bench: ClusterBench) -> Any:
    objects = _objects("clusters/production")
    for obj in objects:
        if obj["kind"] == "GitRepository":
            obj["spec"]["url"] = bench.url
    # The namespace comes first, as the cluster's admin has it.
    bench.apply([o for o in objects if o["kind"] == "Namespace"] or [_flux_system()])
    bench.mark()
    began = time.monotonic()
    bench.apply(objects)
    done = bench.wait(
        "both layers", lambda s: len(s) == len(LAYERS) and all(ready(o) for o in s.values()), 120
    )
    return done - began, bench.cost()


def _flux_system() -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "flux-system"}}


def _by_hand(bench: ClusterBench) -> float:
    began = time.monotonic()
    for layer in LAYERS:
        objects = _objects(f"{layer}/production")
        first = [o for o in objects if o["kind"] in ("CustomResourceDefinition", "Namespace")]
        if first:
            bench.kubectl(
                "apply", "--server-side", "-f", "-", stdin=yaml.dump_all(first, Dumper=yaml.CSafeDumper)
            )
        crds = [f"crd/{o['metadata']['name']}" for o in first if o["kind"] == "CustomResourceDefinition"]
        if crds:
            bench.kubectl("wait", "--for=condition=Established", *crds, "--timeout=60s")
        bench.apply(objects)
        for obj in objects:
            if obj["kind"] in ("Deployment", "StatefulSet"):
                meta = obj["metadata"]
                bench.kubectl(
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
