"""What open status pages cost the operator: 100 streams, in the same run with and without them.

    python tests/bench/page.py
    python tests/bench/page.py --size 200 --minutes 1 --rounds 3 --streams 10

The floor is the same operator on the same cluster while nobody looks: ``idle`` (nothing changes) and ``chain`` (ten
Kustomizations, each depending on the one before). Then the list: how long, how large, and the requests that 20 views
add.
"""

from __future__ import annotations

import gzip
import http.client
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from _cluster import (
    NAMESPACE,
    ClusterBench,
    Cost,
    cluster_bench,
    kustomization,
    options,
    ready,
    table,
)
from _fleet import DEPLOYMENT, first_apply

from controlplane.ports import free_ports

LINKS = 10
VIEWS = 20
READER = """
import selectors, socket, sys
port, streams = map(int, sys.argv[1:])
chosen = selectors.DefaultSelector()
for _ in range(streams):
    each = socket.create_connection(("127.0.0.1", port))
    lines = ("GET /stream?page=/ HTTP/1.1", f"Host: 127.0.0.1:{port}", "Accept-Encoding: gzip", "", "")
    each.sendall("\\r\\n".join(lines).encode())
    chosen.register(each, selectors.EVENT_READ)
heads = set()
while True:
    for key, _ in chosen.select():
        data = key.fileobj.recv(1 << 16)
        if not data:
            sys.exit("a stream has ended")
        if key.fd not in heads:
            if not data.startswith(b"HTTP/1.1 200"):
                sys.exit(data.decode(errors="replace"))
            heads.add(key.fd)
            if len(heads) == streams:
                print("open", flush=True)
"""
"""A separate process, whose time does not count as the operator's."""


def main() -> None:
    parser = options(__doc__)
    parser.add_argument("--size", type=int, default=1000, help="Kustomizations (%(default)s)")
    parser.add_argument("--minutes", type=float, default=2.0, help="how long nothing changes (%(default)s)")
    parser.add_argument("--streams", type=int, default=100, help="open pages (%(default)s)")
    parser.add_argument("--rounds", type=int, default=5, help="chains of each sort (%(default)s)")
    chosen = parser.parse_args()
    (port,) = free_ports(1)
    with cluster_bench((f"--ui-addr=127.0.0.1:{port}", f"--ui-max-streams={chosen.streams}")) as bench:
        first_apply(bench, chosen.size)
        time.sleep(5)
        views = _views(bench, port)
        floor = _idle(bench, chosen.minutes)
        with _streams(port, chosen.streams):
            watched = _idle(bench, chosen.minutes)
        chains: dict[bool, list[float]] = {False: [], True: []}
        for number in range(2 * chosen.rounds):
            if number % 2:
                with _streams(port, chosen.streams):
                    chains[True].append(_chain(bench, number))
            else:
                chains[False].append(_chain(bench, number))
    print(f"{chosen.size} Kustomizations, {chosen.streams} streams")
    table(
        ["", "without", "with", "ratio"],
        [
            ["idle, CPU s", *_row(floor.cpu, watched.cpu)],
            ["idle, requests", *_row(floor.total_requests, watched.total_requests)],
            ["RSS MiB", *_row(floor.rss, watched.rss)],
            ["chain, s (median)", *_row(statistics.median(chains[False]), statistics.median(chains[True]))],
        ],
    )
    print(f"chains without {_texts(chains[False])}, with {_texts(chains[True])}")
    print(views)


def _row(floor: float, watched: float) -> list[str]:
    return [f"{floor:.2f}", f"{watched:.2f}", f"{watched / floor:.2f}" if floor else "-"]


def _texts(values: list[float]) -> str:
    return ", ".join(f"{each:.2f}" for each in values)


def _idle(bench: ClusterBench, minutes: float) -> Cost:
    bench.mark()
    time.sleep(minutes * 60)
    return bench.cost()


def _chain(bench: ClusterBench, number: int) -> float:
    names = [f"chain-{number}-{link}" for link in range(LINKS)]
    bench.repository.commit({f"{name}/app.yaml": DEPLOYMENT.format(name=name, selector="") for name in names})
    head = bench.head()
    bench.reconcile_source(f"chain-{number}")
    bench.wait("the commit of the chain", lambda s: all(ready(each, head) for each in s.values()))
    objects = [
        kustomization(
            name,
            f"./{name}",
            targetNamespace=NAMESPACE,
            wait=True,
            dependsOn=[{"name": names[link - 1]}] if link else [],
            timeout="2m",
        )
        for link, name in enumerate(names)
    ]
    began = time.monotonic()
    bench.apply(objects)
    done = bench.wait("the chain", lambda s: all(name in s and ready(s[name], head) for name in names))
    bench.kubectl("-n", NAMESPACE, "delete", "kustomization", *names)
    return done - began


@contextmanager
def _streams(port: int, streams: int) -> Iterator[None]:
    command = [sys.executable, "-c", READER, str(port), str(streams)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as reader:
        assert reader.stdout is not None
        if reader.stdout.readline().strip() != "open":
            raise RuntimeError("the streams did not open")
        try:
            yield
            if reader.poll() is not None:
                raise RuntimeError("a stream has ended")
        finally:
            reader.kill()


def _views(bench: ClusterBench, port: int) -> str:
    seconds, compressed, plain = [], 0, 0
    bench.mark()
    for _ in range(VIEWS):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        began = time.monotonic()
        connection.request("GET", "/", headers={"Accept-Encoding": "gzip", "Accept": "text/html"})
        answer = connection.getresponse()
        body = answer.read()
        seconds.append(time.monotonic() - began)
        connection.close()
        if answer.status != 200:
            raise RuntimeError(f"the list answers {answer.status}")
        compressed, plain = len(body), len(gzip.decompress(body))
    cost = bench.cost()
    return (
        f"list: first {seconds[0]:.2f} s, median {statistics.median(seconds):.3f} s, {plain / 1000:.0f} kB, "
        f"{compressed / 1000:.1f} kB gzipped; {VIEWS} views in {cost.seconds:.1f} s: {cost.total_requests} requests "
        "to the API server by anybody"
    )


if __name__ == "__main__":
    main()
