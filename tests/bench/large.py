"""A large repository: how much memory fetching it, making its artifact and building a small part of it take.

    python tests/bench/large.py [--megabytes 200] [--files 2000]

The repository holds files of random bytes, which do not compress: half of its size in files of a few kilobytes, half
in files of 16 MiB. The floor is ``git clone --depth 1`` from the same server in the same run. One column is the memory
of the operator, the other includes its Git processes, because a pod's limit counts them. Memory is sampled every few
milliseconds.
"""

from __future__ import annotations

import os
import random
import re
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from _cluster import ClusterBench, cluster_bench, kustomization, options, ready, rss_mib, source, table

from tests.support.processes import descendants

MIB = 1 << 20
LARGE = 16 * MIB
LOOK = 0.02
"""Seconds between two samples of the memory."""
CONFIG_MAP = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\n  namespace: bench\ndata:\n  v: '{}'\n"


class Peak:
    """The most memory that was seen, in MiB."""

    def __init__(self) -> None:
        self.alone = self.together = 0.0

    def look(self, pid: int) -> None:
        alone = _rss(pid)
        self.alone = max(self.alone, alone)
        self.together = max(self.together, alone + sum(map(_rss, descendants(pid))))


def main() -> None:
    parser = options(__doc__)
    parser.add_argument("--megabytes", type=int, default=200)
    parser.add_argument("--files", type=int, default=2000, help="files in the half of small ones")
    chosen = parser.parse_args()
    with cluster_bench(command=chosen.operator) as bench:
        _fill(bench.repository.work, chosen.megabytes, chosen.files)
        bench.repository.commit({"apps/a.yaml": CONFIG_MAP.format(1)}, "Everything")
        # So that the server sends the pack as it is; otherwise we would measure how it compresses.
        bench.repository.git("repack", "-a", "-d", "-q", "--window=0")
        rows = [_clone(bench)]
        idle = rss_mib(bench.pid)
        rows.append(
            _row(
                "first fetch, artifact, build",
                bench,
                lambda: bench.apply([source(bench.url), kustomization("a", "./apps")]),
            )
        )
        bench.repository.commit({"apps/a.yaml": CONFIG_MAP.format(2)}, "One line")
        rows.append(_row("then one line changes", bench, lambda: bench.reconcile_source("now")))
    print(
        f"{chosen.megabytes} MiB in {chosen.files} small files and some of 16 MiB; the operator idle: {idle:.0f} MiB"
    )
    table(["what", "seconds", "CPU s", "operator MiB", "with its Git MiB"], rows)


def _row(what: str, bench: ClusterBench, start: object) -> list[object]:
    assert callable(start)
    bench.mark()
    with _watched(bench.pid) as peak:
        start()
        head = bench.head()
        bench.wait(what, lambda seen: "a" in seen and ready(seen["a"], head))
    cost = bench.cost()
    return [what, f"{cost.seconds:.1f}", f"{cost.cpu:.1f}", f"{peak.alone:.0f}", f"{peak.together:.0f}"]


def _clone(bench: ClusterBench) -> list[object]:
    """The floor: what Git alone needs to have the commit."""
    with tempfile.TemporaryDirectory(prefix="headgate-bench-") as folder:
        began, before = time.monotonic(), os.times()
        command = ["git", "clone", "--quiet", "--bare", "--depth=1", bench.url, f"{folder}/clone"]
        process = subprocess.Popen(command)
        with _watched(process.pid) as peak:
            if process.wait():
                raise RuntimeError("git clone failed")
        after = os.times()
        cpu = after.children_user + after.children_system - before.children_user - before.children_system
        return [
            "git clone --depth 1",
            f"{time.monotonic() - began:.1f}",
            f"{cpu:.1f}",
            "",
            f"{peak.together:.0f}",
        ]


def _fill(folder: Path, megabytes: int, files: int) -> None:
    chance = random.Random(1)
    half = megabytes * MIB // 2
    for n in range(files):
        path = folder / "small" / f"{n % 50}" / f"{n}.bin"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(chance.randbytes(half // files))
    (folder / "large").mkdir()
    for n in range(max(1, half // LARGE)):
        (folder / "large" / f"{n}.bin").write_bytes(chance.randbytes(min(LARGE, half)))


@contextmanager
def _watched(pid: int) -> Iterator[Peak]:
    peak, over = Peak(), threading.Event()

    def watch() -> None:
        while not over.wait(LOOK):
            peak.look(pid)

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield peak
    finally:
        over.set()
        thread.join()


def _rss(pid: int) -> float:
    """Resident memory without what is shared, so that processes of one program add up; none of what has ended."""
    try:
        text = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0.0
    return sum(int(kb) for kb in re.findall(r"Rss(?:Anon|Shmem):\s+(\d+) kB", text)) / 1024


if __name__ == "__main__":
    assert shutil.which("git")
    main()
