#!/usr/bin/env python3
"""Headgate from nothing to Ready, to watch: make demo.

    hack/demo.py                       # on a terminal: with the story, stays until Ctrl-C; elsewhere as --once
    hack/demo.py --once                # ends when all is Ready, with status 1 when that takes too long
    hack/demo.py --once --promotion    # ends after the story, with status 1 when a step of it goes wrong

A cluster (hack/cluster.py says which), a Git server with examples/fleet-infra, the CRDs and the operator; then
clusters/production is applied. The story (sandbox/story.py) needs a second cluster, for staging: diff, promote, break,
roll back. Whatever was started is gone when this ends, however it ends.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from types import FrameType

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))  # tests.support, whose Git server this shares

from controlplane import Cluster, ClusterError, start  # noqa: E402
from controlplane.rest import RestError  # noqa: E402
from sandbox import fleet, operator  # noqa: E402
from sandbox.hints import hints  # noqa: E402
from sandbox.place import DemoFailed, Place  # noqa: E402
from sandbox.screen import Screen  # noqa: E402
from sandbox.story import Story, kubeconfig  # noqa: E402

TIMEOUT = 180.0
_WATCHING_POLL = 0.5


class Demo:
    """One run: production's cluster first, then, for the story of a promotion, staging's as well."""

    def __init__(self, screen: Screen, folder: Path, stack: ExitStack, timeout: float) -> None:
        self._screen, self._folder, self._stack, self._timeout = screen, folder, stack, timeout
        self._began = 0.0

    def run(self, *, once: bool, promotion: bool | None) -> None:
        """All of it. Raises :class:`DemoFailed`; KeyboardInterrupt ends it.

        ``promotion``: whether the story is played; None: if a second cluster can be started.
        """
        production = Place("production", self._cluster("demo"), self._screen)
        given = production.cluster.provider == "given"
        if promotion and given:
            raise DemoFailed(
                "--promotion starts a cluster for staging, so production's cannot be a given one"
            )
        repository = self._stack.enter_context(fleet.served(self._folder))
        self._screen.say(
            f"Git server: {repository.url}, holding examples/fleet-infra with tag {fleet.FIRST_TAG}"
        )
        self._bring_up(production, repository)
        places = [production]
        if promotion or (promotion is None and not given):
            self._screen.say()
            self._screen.say("Now a second cluster, for staging, to show a promotion.", "bold")
            staging = Place("staging", self._cluster("demo-staging"), self._screen, label=" (staging)")
            self._bring_up(staging, repository)
            places.insert(0, staging)
        config = kubeconfig(self._folder, places)
        if len(places) > 1:
            Story(repository, *places, config, self._screen, self._timeout).play()
        if once:
            return
        self._hint(config, repository.work, promoted=len(places) > 1)
        self._watch(places)

    def _cluster(self, name: str) -> Cluster:
        cluster = self._stack.enter_context(start(name))
        self._screen.say(f"Cluster: Kubernetes {cluster.version} ({cluster.provider})")
        return cluster

    def _bring_up(self, place: Place, repository: fleet.Fleet) -> None:
        folder = self._folder / place.environment
        folder.mkdir()
        place.install(folder, self._stack)
        place.follow(repository, self._stack)
        self._began = time.monotonic()
        rows = place.until("Ready", place.is_ready, self._timeout, self._began)
        seconds = time.monotonic() - self._began
        self._screen.table(rows, seconds)
        self._screen.keep()
        if not self._screen.terminal:
            self._screen.say()
            self._screen.say("\n".join(self._screen.lines(rows)))
        count = sum(row.objects for row in rows)
        self._screen.say()
        self._screen.say(f"All Ready {seconds:.1f} s after kubectl apply, {count} objects live.", "green")

    def _hint(self, config: Path, work: Path, *, promoted: bool) -> None:
        for hint in hints(config, work, Path(sys.executable).parent, promoted=promoted):
            self._screen.say()
            self._screen.say(hint.title, "bold")
            for command in hint.commands:
                self._screen.say(f"  {command}")
            if hint.see:
                self._screen.say(f"  → {hint.see}", "dim")
        self._screen.say()

    def _watch(self, places: list[Place]) -> None:
        while True:
            rows = [row for place in places for row in place.rows()]
            self._screen.table(rows, time.monotonic() - self._began, "Ctrl-C ends it and cleans up")
            for place in places:
                place.check()
            time.sleep(_WATCHING_POLL)


def main() -> int:
    """Parse, run, clean up, and print one clear message when it fails."""
    parser = argparse.ArgumentParser(
        prog="hack/demo.py", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--once", action="store_true", help="end when all is Ready, also on a terminal")
    parser.add_argument(
        "--timeout", type=float, default=TIMEOUT, metavar="SECONDS", help="until all is Ready (%(default)s)"
    )
    parser.add_argument(
        "--promotion",
        action=argparse.BooleanOptionalAction,
        help="also show a promotion, on a second cluster (default: on a terminal, without --once)",
    )
    options = parser.parse_args()
    # kubectl comes with the development dependencies, into the same folder as this Python.
    os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupted)
    screen = Screen()
    try:
        with ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="headgate-demo-")))
            once = options.once or not screen.terminal
            promotion = options.promotion if options.promotion is not None or not once else False
            Demo(screen, folder, stack, options.timeout).run(once=once, promotion=promotion)
            screen.keep()
    except (DemoFailed, ClusterError, operator.OperatorFailed, RestError, OSError, RuntimeError) as error:
        screen.keep()
        screen.say(f"The demo failed: {error}", "red")
        return 1
    except KeyboardInterrupt:
        screen.keep()
        screen.say("Stopped; nothing is left running.", "dim")
        return 130 if not screen.terminal else 0
    return 0


def _interrupted(number: int, _: FrameType | None) -> None:
    # Once: whoever presses Ctrl-C again while it cleans up must not stop it half-way.
    for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(each, signal.SIG_IGN)
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
