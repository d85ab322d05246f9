"""What 1,000 Kustomizations cost when nothing changes: ten minutes, interval ten minutes.

python tests/bench/idle.py
python tests/bench/idle.py --size 200 --minutes 2
"""

from __future__ import annotations

import time

from _cluster import cluster_bench, options, table
from _fleet import first_apply


def main() -> None:
    parser = options(__doc__)
    parser.add_argument("--size", type=int, default=1000, help="Kustomizations (%(default)s)")
    parser.add_argument("--minutes", type=float, default=10.0, help="how long (%(default)s)")
    chosen = parser.parse_args()
    with cluster_bench(command=chosen.operator) as bench:
        first_apply(bench, chosen.size)
        time.sleep(5)
        bench.mark()
        time.sleep(chosen.minutes * 60)
        cost = bench.cost()
    table(
        ["N", "minutes", "CPU s", "of a core", "RSS MiB", "requests", "per second"],
        [
            [
                chosen.size,
                chosen.minutes,
                f"{cost.cpu:.1f}",
                f"{100 * cost.cpu / cost.seconds:.1f}%",
                f"{cost.rss:.0f}",
                cost.total_requests,
                f"{cost.total_requests / cost.seconds:.1f}",
            ]
        ],
    )


if __name__ == "__main__":
    main()
