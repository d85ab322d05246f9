"""Healthy Kustomizations beside as many that can never become healthy: do they become Ready as fast as alone?

python tests/bench/starve.py
"""

from __future__ import annotations

import statistics
import time

from _arena import NAMESPACE, Arena, arena, kustomization, options, ready, source, table
from _fleet import DEPLOYMENT

SIZE = 100

_NOWHERE = """
      nodeSelector:
        nowhere: "true\""""


def main() -> None:
    chosen = options(__doc__).parse_args()
    rows = []
    for sick in (0, SIZE):
        with arena(command=chosen.operator) as a:
            rows.append(_run(a, sick))
    table(["healthy", "never healthy", "median s to Ready", "all healthy Ready s", "CPU s", "requests"], rows)


def _run(a: Arena, sick: int) -> list[object]:
    good = [f"good-{n:03}" for n in range(SIZE)]
    bad = [f"bad-{n:03}" for n in range(sick)]
    files = {f"{n}/app.yaml": DEPLOYMENT.format(name=n, selector="") for n in good}
    files |= {f"{n}/app.yaml": DEPLOYMENT.format(name=n, selector=_NOWHERE) for n in bad}
    a.repository.commit(files)
    a.apply([source(a.url), *(_waiting(n) for n in bad)])
    head = a.head()
    if bad:
        a.wait("the bad ones to wait", lambda s: len(s) == sick and all(_waits(o) for o in s.values()))
    a.mark()
    began = time.monotonic()
    a.apply([_waiting(n) for n in good])
    a.wait("the good ones", lambda s: all(n in s and ready(s[n], head) for n in good))
    times = [a.changes.ready_at[n, head] - began for n in good]
    cost = a.cost()
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
