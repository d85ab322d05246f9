"""Many worlds, with progress: ``make model-long ARGS=20000``, or ``python -m tests.model.explore [WORLDS] [SEED]``.

It continues after a broken invariant. At the end it prints the smallest story found for each sort of breakage.
"""

from __future__ import annotations

import gc
import re
import sys
import time

from hypothesis import HealthCheck, Phase, given, seed, settings

from tests.model.shrink import smallest
from tests.model.story import Story
from tests.model.strategies import stories
from tests.model.world import Broken, play

EVERY = 10.0
"""Seconds between two lines of progress."""


def sort_of(broken: Broken) -> str:
    """What of a breakage is the same in many worlds."""
    line = str(broken).partition("\n")[0]
    line = re.sub(r"^\d+\.\d+: ", "", line)
    line = re.sub(r"\b(ConfigMap|ClusterRole|Thing|Globe|CustomResourceDefinition)/[^\s,;]+", r"\1", line)
    return re.sub(r"\bk[123]\b", "k", line)[:110]


def main(worlds: int, beginning: int) -> int:
    """Explore; the exit status says whether anything broke."""
    gc.set_threshold(200_000, 20, 20)  # worlds make much garbage, and are done with it soon
    found: dict[str, Story] = {}
    counts: dict[str, int] = {}
    done, started, printed = 0, time.perf_counter(), time.perf_counter()

    @seed(beginning)
    @settings(
        max_examples=worlds,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(stories())
    def explore(story: Story) -> None:
        nonlocal done, printed
        try:
            play(story)
        except Broken as broken:
            sort = sort_of(broken)
            counts[sort] = counts.get(sort, 0) + 1
            if sort not in found:
                print(f"world {done + 1} is broken: {sort}\n{story}", flush=True)
            if sort not in found or len(story.steps) < len(found[sort].steps):
                found[sort] = story
        done += 1
        if time.perf_counter() - printed > EVERY:
            printed = time.perf_counter()
            print(f"{done:6d} worlds, {printed - started:5.0f} s, {sum(counts.values())} broken", flush=True)

    explore()
    spent = time.perf_counter() - started
    print(
        f"{done} worlds in {spent:.0f} s ({1000 * spent / max(done, 1):.0f} ms each), {sum(counts.values())} broken"
    )
    for sort, story in sorted(found.items(), key=lambda pair: -counts[pair[0]]):
        small = smallest(story, lambda s, sort=sort: _breaks(s, sort))  # type: ignore[misc]
        print(f"\n=== {counts[sort]} × {sort}\n{_text(small)}", flush=True)
    return 1 if found else 0


def _breaks(story: Story, sort: str) -> bool:
    try:
        play(story)
    except Broken as broken:
        return sort_of(broken) == sort
    return False


def _text(story: Story) -> str:
    try:
        play(story)
    except Broken as broken:
        return str(broken)
    return str(story)


if __name__ == "__main__":
    arguments = [int(a) for a in sys.argv[1:]]
    sys.exit(main(*(arguments + [5000, 0][len(arguments) :])))
