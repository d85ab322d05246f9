"""Healthy Kustomizations next to as many that never become healthy: do they become Ready as fast as alone?

python tests/bench/starve.py
"""

from __future__ import annotations

import statistics
import time

from _cluster import NAMESPACE, ClusterBench, cluster_bench, kustomization, options, ready, source, table
from _fleet import DEPLOYMENT

SIZE = 100

_NOWHERE = """
      nodeSelector:
        nowhere: "true\""""


def main() -> None:
    chosen = options(__doc__).parse_args()
    rows = []
    for sick in (0, SIZE):
        with cluster_bench(command=chosen.operator) as bench:
            rows.append(_run(bench, sick))
    table(["healthy", "never healthy", "median s to Ready", "all healthy Ready s", "CPU s", "requests"], rows)


def _run(bench: ClusterBench, sick: int) -> list[object]:
    good = [f"good-{n:03}" for n in range(SIZE)]
    bad = [f"bad-{n:03}" for n in range(sick)]
    files = {f"{n}/app.yaml": DEPLOYMENT.format(name=n, selector="") for n in good}
    files |= {f"{n}/app.yaml": DEPLOYMENT.format(name=n, selector=_NOWHERE) for n in bad}
    bench.repository.commit(files)
    bench.apply([source(bench.url), *(_waiting(n) for n in bad)])
    head = bench.head()
    if bad:
        bench.wait("the bad ones to wait", lambda s: len(s) == sick and all(_waits(o) for o in s.values()))
    bench.mark()
    began = time.monotonic()
    bench.apply([_waiting(n) for n in good])
    bench.wait("the good ones", lambda s: all(n in s and ready(s[n], head) for n in good))
    times = [bench.changes.ready_at[n, head] - began for n in good]
    cost = bench.cost()
    return [
        SIZE,
        sick,
        f"{statistics.median(times):.2f}",
        f"{max(times):.2f}",
        f"{cost.cpu:.1f}",
        cost.total_requests,
    ]


def _waiting(name: str) -> dict[str, object]:
    return kustomization(
        name, f"./{name}", targetNamespace=NAMESPACE, wait=True, timeout="1m", retryInterval="5s"
    )


def _waits(obj: dict[str, object]) -> bool:
    status = obj.get("status") or {}
    assert isinstance(status, dict)
    return any(c["type"] == "Healthy" and c["status"] != "True" for c in status.get("conditions") or ())


if __name__ == "__main__":
    main()
