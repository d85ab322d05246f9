"""Many GitRepositories of one remote: how many requests the Git server gets, and how soon a push arrives.

    python tests/bench/sources.py [--sources 200] [--interval 30] [--seconds 120]

The Git server counts its requests for refs and for packs. Without sharing, each object would cost one request for refs
per interval. The floor of a push is Git's own time to fetch one commit.
"""

from __future__ import annotations

import subprocess
import tempfile
import time
from collections.abc import Callable
from typing import Any

from _cluster import NAMESPACE, SOURCES, ClusterBench, cluster_bench, options, source, table

from tests.support.gitserver import GitHttpServer

POLL = 0.05
CONFIG_MAP = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\n  namespace: bench\ndata:\n  v: '{}'\n"


def main() -> None:
    parser = options(__doc__)
    parser.add_argument("--sources", type=int, default=200)
    parser.add_argument("--interval", type=int, default=30, help="of each GitRepository, in seconds")
    parser.add_argument("--seconds", type=int, default=120, help="how long nothing happens")
    chosen = parser.parse_args()
    with (
        cluster_bench(command=chosen.operator) as bench,
        GitHttpServer(bench.repository.path.parent) as server,
    ):
        url, names = server.url("repo.git"), [f"repo-{n:03}" for n in range(chosen.sources)]
        bench.repository.commit({"apps/a.yaml": CONFIG_MAP.format(1)}, "Everything")
        rows = []

        def phase(what: str, act: Callable[[], object], until: Callable[[], bool] = lambda: True) -> None:
            server.forget()
            bench.mark()
            act()
            while not until():
                time.sleep(POLL)
            cost = bench.cost()
            asked, fetched = server.count("ls-refs"), server.count("fetch")
            rows.append([what, f"{cost.seconds:.1f}", asked, fetched, f"{cost.cpu:.1f}", cost.total_requests])

        objects = [_named(source(url, interval=f"{chosen.interval}s"), name) for name in names]
        phase(
            "all are made, until Ready",
            lambda: bench.apply(objects),
            lambda: _at(bench, bench.head()) == len(names),
        )
        phase(f"nothing happens for {chosen.seconds} s", lambda: time.sleep(chosen.seconds))
        reconciles = chosen.sources * chosen.seconds // chosen.interval
        bench.repository.commit({"apps/a.yaml": CONFIG_MAP.format(2)}, "Two")
        phase("a commit, until all have it", lambda: None, lambda: _at(bench, bench.head()) == len(names))
        bench.repository.commit({"apps/a.yaml": CONFIG_MAP.format(3)}, "Three")
        phase(
            "a commit, a request to all",
            lambda: _request(bench, names),
            lambda: _at(bench, bench.head()) == len(names),
        )
        bench.repository.commit({"apps/a.yaml": CONFIG_MAP.format(4)}, "Four")
        phase(
            "a commit, a request to one",
            lambda: _request(bench, names[:1]),
            lambda: _has(bench, names[0], bench.head()),
        )
        floor = _fetch(url)
    print(
        f"{chosen.sources} GitRepositories, interval {chosen.interval} s: {reconciles} reconciles while nothing happens"
    )
    table(["what", "seconds", "asked", "fetched", "CPU s", "API requests"], rows)
    print(f"git fetch of one commit: {floor:.2f} s")


def _named(obj: dict[str, Any], name: str) -> dict[str, Any]:
    obj["metadata"]["name"] = name
    return obj


def _revision(obj: dict[str, Any]) -> str:
    return str(((obj.get("status") or {}).get("artifact") or {}).get("revision", ""))


def _at(bench: ClusterBench, commit: str) -> int:
    """How many sources have it."""
    return sum(_revision(obj).endswith(commit) for obj in bench.get(SOURCES)["items"])


def _has(bench: ClusterBench, name: str, commit: str) -> bool:
    path = SOURCES.replace("/gitrepositories", f"/namespaces/{NAMESPACE}/gitrepositories/{name}")
    return _revision(bench.get(path)).endswith(commit)


def _request(bench: ClusterBench, names: list[str]) -> None:
    """What a webhook does."""
    stamp = f"reconcile.fluxcd.io/requestedAt={time.time_ns()}"
    bench.kubectl("-n", NAMESPACE, "annotate", "--overwrite", "gitrepository", *names, stamp)


def _fetch(url: str) -> float:
    with tempfile.TemporaryDirectory(prefix="headgate-bench-") as folder:
        subprocess.run(["git", "init", "-q", "--bare", folder], check=True)
        began = time.monotonic()
        command = ["git", "-C", folder, "fetch", "-q", "--depth=1", url, "main"]
        subprocess.run(command, check=True)
        return time.monotonic() - began


if __name__ == "__main__":
    main()
