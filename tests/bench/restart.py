"""What a restart costs: the operator is stopped and started again on a fleet of which all is in place.

python tests/bench/restart.py
python tests/bench/restart.py --size 1000
"""

from __future__ import annotations

import time

from _cluster import ClusterBench, cluster_bench, options, ready, table
from _fleet import app_file, first_apply

QUIET = 8.0
"""Seconds without a request after which the first pass counts as over."""


def main() -> None:
    parser = options(__doc__)
    parser.add_argument("--size", type=int, default=200, help="Kustomizations (%(default)s)")
    chosen = parser.parse_args()
    with cluster_bench(command=chosen.operator) as bench:
        first_apply(bench, chosen.size)
        bench.restart()
        seconds = _until_quiet(bench)
        cost = bench.cost()
        bench.repository.commit(app_file(0, "after"))
        bench.restart()
        began, new = time.monotonic(), bench.head()
        bench.reconcile_source("after")
        live = (
            bench.wait("the commit made meanwhile", lambda s: all(ready(o, new) for o in s.values())) - began
        )
    table(
        ["N", "first pass s", "CPU s", "RSS MiB", "requests", "per Kustomization", "commit meanwhile s"],
        [
            [
                chosen.size,
                f"{seconds:.1f}",
                f"{cost.cpu:.1f}",
                f"{cost.rss:.0f}",
                cost.total_requests,
                f"{cost.total_requests / chosen.size:.1f}",
                f"{live:.1f}",
            ]
        ],
    )


def _until_quiet(bench: ClusterBench) -> float:
    """Seconds from the start until the last request before a time without any."""
    last = time.monotonic()
    seen = -1
    while time.monotonic() - last < QUIET:
        time.sleep(0.25)
        total = bench.cost().total_requests
        if total != seen:
            seen, last = total, time.monotonic()
    return bench.cost().seconds - (time.monotonic() - last)


if __name__ == "__main__":
    main()
