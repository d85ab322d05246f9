"""Thirty commits in thirty seconds on 200 Kustomizations, the source asked after each, as a webhook would.

python tests/bench/storm.py
"""

from __future__ import annotations

import time

from _cluster import cluster_bench, options, ready, table
from _fleet import app_file, first_apply

SIZE, COMMITS, PERIOD = 200, 30, 1.0


def main() -> None:
    parser = options(__doc__)
    parser.add_argument(
        "--touching", type=int, default=SIZE, help="apps that each commit changes (%(default)s)"
    )
    chosen = parser.parse_args()
    with cluster_bench(command=chosen.operator) as bench:
        first_apply(bench, SIZE)
        time.sleep(2)
        bench.mark()
        for number in range(COMMITS):
            tick = time.monotonic()
            files: dict[str, str] = {}
            for app in range(chosen.touching):
                files |= app_file(app, f"storm-{number}")
            bench.repository.commit(files)
            bench.reconcile_source(f"storm-{number}")
            time.sleep(max(0.0, PERIOD - (time.monotonic() - tick)))
        head, last = bench.head(), time.monotonic()
        done = bench.wait("the last commit", lambda s: all(ready(o, head) for o in s.values()))
        cost = bench.cost()
        applied = len({commit for _, commit in bench.changes.ready_at})
    table(
        [
            "N",
            "commits",
            "changed by each",
            "seconds after the last",
            "revisions seen Ready",
            "CPU s",
            "RSS MiB",
            "requests",
        ],
        [
            [
                SIZE,
                COMMITS,
                chosen.touching,
                f"{done - last:.1f}",
                applied - 1,
                f"{cost.cpu:.1f}",
                f"{cost.rss:.0f}",
                cost.total_requests,
            ]
        ],
    )


if __name__ == "__main__":
    main()
