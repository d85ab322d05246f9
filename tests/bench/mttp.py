"""Mean time to production: N Kustomizations from one repository until all are Ready, then one line of one app changes.

    python tests/bench/mttp.py                  # 100, 200, 500 and 1,000 Kustomizations
    python tests/bench/mttp.py --size 200

The floor is the time of the API server for the same objects without an operator: one ``kubectl apply --server-side``
of all of them, on the same cluster, in the same run, into a separate namespace.
"""

from __future__ import annotations

import time

import yaml
from _cluster import NAMESPACE, ClusterBench, cluster_bench, namespace, options, ready, source, table
from _fleet import app_file, app_name, fleet, fleet_files

SIZES = (100, 200, 500, 1000)
FLOOR = "floor"


def main() -> None:
    parser = options(__doc__)
    parser.add_argument("--size", type=int, action="append", help="Kustomizations; may be repeated")
    chosen = parser.parse_args()
    first: list[list[object]] = []
    second: list[list[object]] = []
    for size in chosen.size or SIZES:
        with cluster_bench(command=chosen.operator) as bench:
            first.append(_first_apply(bench, size))
            second.append(_one_commit(bench, size))
    print("\nFirst apply of N Kustomizations with 4 objects each")
    table(
        ["N", "all Ready s", "floor s", "ratio", "CPU s", "RSS MiB", "requests", "per Kustomization"],
        first,
    )
    print("\nThen one line of one app changes")
    table(
        ["N", "app live s", "all at revision s", "CPU s", "RSS MiB", "requests", "per Kustomization"],
        second,
    )


def _first_apply(bench: ClusterBench, size: int) -> list[object]:
    files = fleet_files(size)
    bench.repository.commit(files)
    floor = _floor(bench, files)
    objects = [source(bench.url), *fleet(size)]
    bench.mark()
    began = time.monotonic()
    bench.apply(objects)
    head = bench.head()
    done = bench.wait(
        "first apply", lambda seen: len(seen) == size and all(ready(o, head) for o in seen.values())
    )
    cost = bench.cost()
    seconds = done - began
    return [
        size,
        f"{seconds:.1f}",
        f"{floor:.1f}",
        f"{seconds / floor:.1f}",
        f"{cost.cpu:.1f}",
        f"{cost.rss:.0f}",
        cost.total_requests,
        f"{cost.total_requests / size:.1f}",
    ]


def _floor(bench: ClusterBench, files: dict[str, str]) -> float:
    """Seconds kubectl takes for all objects."""
    documents = [
        d for name, text in files.items() if name.endswith("app.yaml") for d in yaml.safe_load_all(text)
    ]
    bench.apply([namespace(FLOOR)])
    for document in documents:
        document["metadata"]["namespace"] = FLOOR
    began = time.monotonic()
    bench.apply(documents)
    seconds = time.monotonic() - began
    bench.kubectl("delete", "namespace", FLOOR, "--wait=true")
    return seconds


def _one_commit(bench: ClusterBench, size: int) -> list[object]:
    time.sleep(3)  # what the first apply left to be written
    target = size // 2
    bench.repository.commit(app_file(target, "2"))
    head = bench.head()
    bench.mark()
    began = time.monotonic()
    bench.reconcile_source("1")
    live = bench.wait("the app", lambda seen: ready(seen[app_name(target)], head)) - began
    every = bench.wait("all", lambda seen: all(ready(o, head) for o in seen.values())) - began
    time.sleep(1)
    cost = bench.cost()
    version = bench.get(f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments/{app_name(target)}")
    assert version["spec"]["template"]["metadata"]["annotations"]["version"] == "2"
    return [
        size,
        f"{live:.2f}",
        f"{every:.2f}",
        f"{cost.cpu:.1f}",
        f"{cost.rss:.0f}",
        cost.total_requests,
        f"{cost.total_requests / size:.1f}",
    ]


if __name__ == "__main__":
    main()
