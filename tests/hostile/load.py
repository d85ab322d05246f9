"""How long another team waits for its commits, and how much memory the operator needs, while a tenant attacks.

    make test-hostile                     all attacks
    python tests/hostile/load.py --only silent --samples 40

One row for each attack: seconds from the requested reconcile until the object of a commit is live, and the peak memory
(sampled) of the operator and its child processes. The first row is the floor: the same loop without an attack on the
same machine. The last row is the same again after all attacks. Exit status 1 if a limit is exceeded.
"""

from __future__ import annotations

import argparse
import os
import re
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "hack"), str(ROOT / "operator")]

from tests.hostile.attack import Attack, clear  # noqa: E402
from tests.hostile.attacks import ATTACKS  # noqa: E402
from tests.hostile.steady import Steady, children_mib, resident_mib  # noqa: E402
from tests.hostile.world import World, world  # noqa: E402

MEDIAN, WORST, MEMORY = 2.0, 5.0, 512.0
"""Seconds until a commit is live, in the median and at worst; MiB of the operator's own process."""
SAMPLES = 20
PAUSE = 1.0
"""Seconds between two commits, unless the first takes longer to be live."""
PATIENCE = 60.0


@dataclass
class Row:
    """The measurements during one attack."""

    name: str
    seconds: list[float] = field(default_factory=list)
    memory: float = 0.0
    children: float = 0.0
    problem: str = ""

    @property
    def within(self) -> bool:
        """Whether no limit is exceeded."""
        return (
            not self.problem
            and statistics.median(self.seconds) <= MEDIAN
            and max(self.seconds) <= WORST
            and self.memory < MEMORY
        )

    def __str__(self) -> str:
        median, worst = (
            (f"{statistics.median(self.seconds):.2f}", f"{max(self.seconds):.2f}")
            if self.seconds
            else ("-", "-")
        )
        verdict = "" if self.within else f"  OVER {self.problem}"
        return (
            f"{self.name:34} {len(self.seconds):7} {median:>8} {worst:>8} "
            f"{self.memory:10.0f} {self.children:10.0f}{verdict}"
        )


HEAD = f"{'attack':34} {'samples':>7} {'median s':>8} {'worst s':>8} {'peak MiB':>10} {'children':>10}"


def main() -> int:
    """Measure and print; the exit status."""
    chosen = _options().parse_args()
    attacks = [each for each in ATTACKS if re.search(chosen.only, each.name)]
    rows = []
    with tempfile.TemporaryDirectory(prefix="headgate-hostile-") as folder, ExitStack() as stack:
        w = stack.enter_context(world(Path(folder)))
        steady = Steady(w)
        print(
            f"limits: median {MEDIAN:g} s, worst {WORST:g} s, memory {MEMORY:g} MiB; load {os.getloadavg()[0]:.1f}"
        )
        print(HEAD, flush=True)
        for each in (None, *attacks, None):
            row = _measure(w, steady, each, chosen.samples)
            print(row, flush=True)
            rows.append(row)
    return 0 if all(row.within for row in rows) else 1


def _measure(w: World, steady: Steady, attack: Attack | None, samples: int) -> Row:
    row = Row(attack.name if attack else "none (floor)")
    with _sampled(w, row), ExitStack() as stack:
        try:
            if attack is not None:
                attack.start(w, f"x-{attack.name}", stack)
            for _ in range(samples):
                took = steady.commit(PATIENCE)
                row.seconds.append(took)
                time.sleep(max(0.0, PAUSE - took))
            w.running.check()
        except Exception as error:
            # A failed row is a result; the loop measures the next attack anyway.
            row.problem = f"{type(error).__name__}: {str(error).splitlines()[0][:120]}"
    try:
        clear(w)
    except Exception as error:
        row.problem += f" {str(error).splitlines()[0][:120]}"
    return row


@contextmanager
def _sampled(w: World, row: Row) -> Iterator[None]:
    """Record the peak memory while entered."""
    end = threading.Event()

    def look() -> None:
        while not end.wait(0.1):
            row.memory = max(row.memory, resident_mib(w.running.pid))
            row.children = max(row.children, children_mib(w.running.pid))

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield
    finally:
        end.set()
        thread.join()


def _options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", default="", metavar="PATTERN", help="attacks whose name matches")
    parser.add_argument("--samples", type=int, default=SAMPLES, help="commits during each attack")
    return parser


if __name__ == "__main__":
    sys.exit(main())
