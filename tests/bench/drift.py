"""Drift: two writers that disagree about one object, then 200 objects that somebody changes at once.

python tests/bench/drift.py
"""

from __future__ import annotations

import time

from _cluster import NAMESPACE, ClusterBench, Cost, cluster_bench, options, table
from _fleet import app_name, first_apply
from kubernetes import client, config

SIZE, FIGHT = 200, 30.0
DEPLOYMENTS = f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments"


def main() -> None:
    chosen = options(__doc__).parse_args()
    with cluster_bench(command=chosen.operator) as bench:
        first_apply(bench, SIZE)
        time.sleep(3)
        requests, writes, seconds = _fight(bench)
        corrected, cost = _all_at_once(bench)
    print("\nTwo writers that disagree about one object")
    table(
        ["seconds", "foreign writes", "other requests", "per second"],
        [[f"{seconds:.0f}", writes, requests, f"{requests / seconds:.2f}"]],
    )
    print("\n200 objects changed by hand in one call")
    table(
        ["objects", "all corrected s", "CPU s", "requests", "per object"],
        [
            [
                SIZE,
                f"{corrected:.1f}",
                f"{cost.cpu:.1f}",
                cost.total_requests,
                f"{cost.total_requests / SIZE:.1f}",
            ]
        ],
    )


def _fight(bench: ClusterBench) -> tuple[int, int, float]:
    """The cost of a rival that keeps writing a field that Git sets, in an object to which no controller reacts."""
    time.sleep(3)
    rival = client.NetworkingV1Api(config.new_client_from_config(str(bench.kubeconfig)))
    bench.mark()
    began, writes = time.monotonic(), 0
    while time.monotonic() - began < FIGHT:
        rules = [{"host": f"rival-{writes}.example.com"}]
        rival.patch_namespaced_ingress(
            app_name(0), NAMESPACE, {"spec": {"rules": rules}}, field_manager="rival"
        )
        writes += 1
        time.sleep(0.3)
    seconds = time.monotonic() - began
    return bench.cost().total_requests - writes, writes, seconds


def _all_at_once(bench: ClusterBench) -> tuple[float, Cost]:
    bench.mark()
    bench.kubectl("-n", NAMESPACE, "set", "image", "deployment", "--all", "app=registry.example.com/other:2")
    began = time.monotonic()
    while _wrong(bench):
        if time.monotonic() - began > 120:
            raise TimeoutError(f"{_wrong(bench)} objects are still as changed by hand")
        time.sleep(0.25)
    return time.monotonic() - began, bench.cost()


def _wrong(bench: ClusterBench) -> int:
    images = [
        d["spec"]["template"]["spec"]["containers"][0]["image"] for d in bench.get(DEPLOYMENTS)["items"]
    ]
    return sum("other" in i for i in images)


if __name__ == "__main__":
    main()
