"""Times ``headgate build`` against ``kubectl kustomize`` on the same trees, in the same run.

    python tests/bench/build.py                          # the shop of 4 to 6,400 resources, CRDs, nested overlays
    python tests/bench/build.py --sizes 400 --runs 9
    python tests/bench/build.py --shapes                 # how cost grows with what there may be many of

"cold" is a build in a new interpreter with nothing cached, without the interpreter's start; "warm" is a build in a
running process after one file has changed; "command" is ``headgate build``, start and printing included, which is
what the peer's time is too. Memory is the peak of the whole process. In each run the peer and we take turns, ratios
are taken within a run, and medians are printed. On a machine that does other work as well, the ratio of CPU seconds
says more than that of seconds. Every comparison needs ``kubectl``; without it only our side runs.
"""

from __future__ import annotations

import argparse
import itertools
import json
import math
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import _trees

PEER_SECONDS = 600
"""When the peer is given up."""
SLOW = 15.0
"""Seconds from which a peer is timed once only."""

_OURS = """
import json, resource, sys, time
from pathlib import Path
from headgate.kustomize import BuildOptions, ContentCache, FolderTree, build
options = BuildOptions(reorder="legacy", cache=ContentCache())
tree, path, changed = FolderTree(Path("/")), sys.argv[1], sys.argv[2]
times, cpu = [], []
for run in range(4 if changed else 1):
    if run:
        file = Path(changed)
        file.write_text(file.read_text() + f"# run {time.time_ns()}\\n")
    started, used = time.perf_counter(), time.process_time()
    count = len(build(tree, path, options))
    times.append(time.perf_counter() - started)
    cpu.append(time.process_time() - used)
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(json.dumps({"cold": times[0], "cpu": cpu[0], "warm": min(times[1:], default=0), "peak": peak, "count": count}))
"""


class Ours(NamedTuple):
    """Builds in one process: seconds cold, CPU seconds cold, seconds warm, peak in MiB, objects."""

    cold: float
    cpu: float
    warm: float
    peak: float
    count: int


class Measured(NamedTuple):
    """A whole process: seconds, CPU seconds, and its peak in MiB."""

    seconds: float
    cpu: float
    peak: float


def run_ours(folder: Path, changed: Path | None) -> Ours:
    """Build in a new process, and again there each time ``changed`` has changed."""
    done = subprocess.run(
        [sys.executable, "-c", _OURS, str(folder), str(changed or "")],
        check=True,
        capture_output=True,
        text=True,
    )
    return Ours(**json.loads(done.stdout))


def run_process(command: Sequence[str]) -> Measured | None:
    """Run a command to its end; None when it takes too long."""
    # Its warnings would break the table; they matter only when it fails.
    with tempfile.TemporaryFile() as errors:
        started = time.perf_counter()
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=errors)
        deadline = started + PEER_SECONDS
        while True:
            pid, status, usage = os.wait4(process.pid, os.WNOHANG)
            if pid:
                break
            if time.perf_counter() > deadline:
                process.kill()
                process.wait()
                return None
            time.sleep(0.001)
        seconds = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            errors.seek(0)
            raise SystemExit(f"{command} failed: {errors.read().decode(errors='replace')}")
    return Measured(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


class Round(NamedTuple):
    """One run of a case; ``peer`` is None if the peer did not run."""

    ours: Ours
    command: Measured
    peer: Measured | None


class Bench:
    """What the options say, and where the commands are."""

    def __init__(self, options: argparse.Namespace) -> None:
        scripts = Path(sys.executable).parent
        self.kubectl = shutil.which("kubectl", path=str(scripts)) or shutil.which("kubectl")
        self.headgate = [sys.executable, "-m", "headgate.cli"]
        self.runs: int = options.runs
        self.peer_up_to: int = options.peer_up_to if self.kubectl else 0

    def peer(self, folder: Path) -> Measured | None:
        return run_process([str(self.kubectl), "kustomize", str(folder)])

    def case(self, folder: Path, changed: Path, size: int) -> list[Round]:
        """Run a case as often as asked for, the peer and we in turns."""
        rounds: list[Round] = []
        with_peer = size <= self.peer_up_to
        for _ in range(self.runs):
            peer = self.peer(folder) if with_peer else None
            command = run_process([*self.headgate, "build", str(folder)])
            if command is None:
                raise SystemExit(f"headgate build {folder} takes more than {PEER_SECONDS} s")
            rounds.append(Round(run_ours(folder, changed), command, peer))
            with_peer = peer is not None and peer.seconds < SLOW
        return rounds


HEAD = (
    "case",
    "cold s",
    "warm s",
    "MiB",
    "command s",
    "peer s",
    "MiB",
    "peer/cold",
    "peer/warm",
    "peer/command",
    "CPU: peer/cold",
)


def row(name: str, rounds: Sequence[Round]) -> list[str]:
    """One line of the table: medians of times, of peaks, and of the ratios within each run."""
    middle = statistics.median
    cells = [
        name,
        f"{middle(each.ours.cold for each in rounds):.3f}",
        f"{middle(each.ours.warm for each in rounds):.3f}",
        f"{middle(each.ours.peak for each in rounds):.0f}",
        f"{middle(each.command.seconds for each in rounds):.2f}",
    ]
    pairs = [(each, each.peer) for each in rounds if each.peer is not None]
    if not pairs:
        return cells
    return [
        *cells,
        f"{middle(peer.seconds for _, peer in pairs):.2f}",
        f"{middle(peer.peak for _, peer in pairs):.0f}",
        f"{middle(peer.seconds / each.ours.cold for each, peer in pairs):.1f}",
        f"{middle(peer.seconds / each.ours.warm for each, peer in pairs):.1f}",
        f"{middle(peer.seconds / each.command.seconds for each, peer in pairs):.1f}",
        f"{middle(peer.cpu / each.ours.cpu for each, peer in pairs):.1f}",
    ]


def show(cells: Sequence[str], widths: Sequence[int]) -> None:
    """Print one line of a table."""
    print(" | ".join(f"{cell:>{width}}" for cell, width in zip(cells, widths, strict=False)), flush=True)


def sizes(bench: Bench, counts: Sequence[int]) -> None:
    """The shop in all sizes, and how its cost grows; then the two special trees."""
    widths = [14] + [12] * (len(HEAD) - 1)
    show(HEAD, widths)
    cpu: dict[int, float] = {}
    for count in counts:
        with tempfile.TemporaryDirectory() as temporary:
            root = Path(temporary).resolve()
            folder = _trees.make_shop(root, count)
            rounds = bench.case(folder, root / "bases/app-0000/deployment.yaml", count)
        cpu[count] = statistics.median(each.ours.cpu for each in rounds)
        show(row(f"{count} resources", rounds), widths)
    special: list[tuple[str, Callable[[Path], Path], str]] = [
        ("300 CRDs", lambda root: _trees.make_crds(root, 300), "crds/crd0.yaml"),
        ("20 overlays", lambda root: _trees.make_nested(root, 20), "bases/app-0000/deployment.yaml"),
    ]
    for name, make, changed in special:
        with tempfile.TemporaryDirectory() as temporary:
            root = Path(temporary).resolve()
            show(row(name, bench.case(make(root), root / changed, 1)), widths)
    print(
        "\ncold CPU per resource: "
        + ", ".join(f"{count}: {cpu[count] / count * 1e6:.0f} µs" for count in counts)
    )
    for small, large in itertools.pairwise(counts):
        print(f"{small} to {large} resources: ×{large / small:.0f}, CPU ×{cpu[large] / cpu[small]:.1f}")


def shapes(bench: Bench, small: int, factor: int) -> None:
    """How our cost grows with each thing there may be many of; the peer at the smaller size, once."""
    large = small * factor
    widths = [24, 12, 12, 12, 12, 12, 12]
    show(
        ("many", f"cold s {small}", f"cold s {large}", "growth", "exponent", f"peer s {small}", "peer/cold"),
        widths,
    )
    for name, make in _trees.SHAPES.items():
        measured: list[list[float]] = []
        peer: Measured | None = None
        for count in (small, large):
            with tempfile.TemporaryDirectory() as temporary:
                folder = make(Path(temporary).resolve(), count)
                measured.append([run_ours(folder, None).cpu for _ in range(bench.runs)])
                if count == small <= bench.peer_up_to:
                    peer = bench.peer(folder)
        # Taken pair by pair, as the machine's speed may change from one to the next.
        growth = statistics.median(after / before for before, after in zip(*measured, strict=True))
        cold = [statistics.median(each) for each in measured]
        cells = [name, f"{cold[0]:.3f}", f"{cold[1]:.3f}", f"{growth:.1f}", f"{math.log(growth, factor):.2f}"]
        if peer is not None:
            cells += [f"{peer.seconds:.2f}", f"{peer.seconds / cold[0]:.0f}"]
        show(cells, widths)


def main() -> None:
    """Run what the options ask for."""
    with tempfile.TemporaryDirectory() as bytecode:
        # What is installed has its modules compiled, whatever is set here.
        os.environ["PYTHONPYCACHEPREFIX"] = bytecode
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
        run()


def run() -> None:
    """Read the options and run."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else "")
    parser.add_argument(
        "--sizes", default="4,40,400,1600,6400", help="resources of the shop (default: %(default)s)"
    )
    parser.add_argument(
        "--runs", type=int, default=3, help="how often each case is run (default: %(default)s)"
    )
    parser.add_argument(
        "--peer-up-to",
        type=int,
        default=1600,
        help="leave the peer out above this size (default: %(default)s)",
    )
    parser.add_argument(
        "--no-peer", dest="peer_up_to", action="store_const", const=0, help="no kubectl at all"
    )
    parser.add_argument("--shapes", action="store_true", help="measure the shapes instead of the sizes")
    parser.add_argument("--small", type=int, default=400, help="the smaller size of the shapes")
    options = parser.parse_args()
    bench = Bench(options)
    if options.shapes:
        shapes(bench, options.small, 4)
    else:
        sizes(bench, [int(text) for text in options.sizes.split(",")])


if __name__ == "__main__":
    main()
