"""A chain of ten Kustomizations, each with a Deployment and ``wait: true``, each depending on the one before.

    python tests/bench/chain.py

The floor is the same by hand: ``kubectl apply --server-side`` and ``kubectl wait`` layer by layer, on the same
cluster in the same run.
"""

from __future__ import annotations

import time

import yaml
from _cluster import (
    NAMESPACE,
    ClusterBench,
    cluster_bench,
    kustomization,
    namespace,
    options,
    ready,
    source,
    table,
)
from _fleet import DEPLOYMENT

LINKS = 10


def main() -> None:
    chosen = options(__doc__).parse_args()
    names = [f"link-{n}" for n in range(LINKS)]
    files = {f"{n}/app.yaml": DEPLOYMENT.format(name=n, selector="") for n in names}
    with cluster_bench(command=chosen.operator) as bench:
        bench.repository.commit(files)
        floor = _by_hand(bench, files)
        objects = [source(bench.url)]
        for number, name in enumerate(names):
            before = [{"name": names[number - 1]}] if number else []
            objects.append(
                kustomization(
                    name, f"./{name}", targetNamespace=NAMESPACE, wait=True, dependsOn=before, timeout="2m"
                )
            )
        bench.mark()
        began = time.monotonic()
        bench.apply(objects)
        head = bench.head()
        done = bench.wait("the chain", lambda s: len(s) == LINKS and all(ready(o, head) for o in s.values()))
        seconds, cost = done - began, bench.cost()
    table(
        ["links", "seconds", "by hand s", "ratio", "beyond by hand, s a link", "CPU s", "requests"],
        [
            [
                LINKS,
                f"{seconds:.1f}",
                f"{floor:.1f}",
                f"{seconds / floor:.2f}",
                f"{(seconds - floor) / LINKS:.2f}",
                f"{cost.cpu:.1f}",
                cost.total_requests,
            ]
        ],
    )


def _by_hand(bench: ClusterBench, files: dict[str, str]) -> float:
    bench.apply([namespace("by-hand")])
    began = time.monotonic()
    for text in files.values():
        document = yaml.safe_load(text)
        document["metadata"]["namespace"] = "by-hand"
        bench.apply([document])
        name = document["metadata"]["name"]
        bench.kubectl(
            "-n", "by-hand", "wait", "--for=condition=Available", f"deployment/{name}", "--timeout=60s"
        )
    return time.monotonic() - began


if __name__ == "__main__":
    main()
