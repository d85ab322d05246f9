"""Promotion as the demo shows it: diff, promote, break, roll back; each command as a user types it, with its output.

Staging and production are two clusters. The files of the example stay as they are, except for the rules in the second
chapter: nobody watches a demo for the day that production's rules ask for.
"""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import yaml

from sandbox import observe
from sandbox.fleet import Fleet
from sandbox.place import DemoFailed, Place
from sandbox.screen import Screen

SOAK = "5s"
"""How long content runs in staging by the rules of the demo."""
IMAGE = "6.8.0"
_LAST_LINES = 3
"""How many lines of a refused command are shown again: the verdict is at the end."""


def kubeconfig(folder: Path, places: list[Place]) -> Path:
    """A kubeconfig with one context for each place, named as its environment; the last one is the current one."""
    merged: dict[str, object] = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": places[-1].environment,
    }
    clusters, users, contexts = [], [], []
    for place in places:
        name, given = place.environment, yaml.safe_load(place.cluster.kubeconfig.read_text())
        clusters.append({"name": name, "cluster": given["clusters"][0]["cluster"]})
        users.append({"name": name, "user": given["users"][0]["user"]})
        contexts.append({"name": name, "context": {"cluster": name, "user": name}})
    path = folder / "kubeconfig"
    path.touch(0o600)
    path.write_text(yaml.safe_dump({**merged, "clusters": clusters, "users": users, "contexts": contexts}))
    return path


class Story:
    """Plays once, on two places that are Ready."""

    def __init__(
        self, fleet: Fleet, staging: Place, production: Place, config: Path, screen: Screen, timeout: float
    ) -> None:
        self._fleet, self._staging, self._production = fleet, staging, production
        self._config, self._screen, self._timeout = config, screen, timeout

    def play(self) -> None:
        """All chapters. Raises :class:`~sandbox.place.DemoFailed` if one does not end as it should."""
        began = time.monotonic()
        self._diff()
        self._promote()
        self._break()
        self._roll_back()
        self._screen.say()
        self._screen.say(f"Promoted, broken and rolled back in {time.monotonic() - began:.0f} s.", "green")

    def _diff(self) -> None:
        self._chapter("Diff: what does a change do to each environment?")
        self._git("switch", "--quiet", "--create", "podinfo")
        self._edit("apps/base/my-app/deployment.yaml", r"podinfo:.*", f"podinfo:{IMAGE}")
        self._git("commit", "--all", f"--message=podinfo {IMAGE}")
        self._headgate("diff", status=1)
        self._git("switch", "--quiet", "main")
        self._merge("podinfo")

    def _promote(self) -> None:
        self._chapter("Promote: production takes what staging runs healthy, if the rules allow it")
        self._headgate("promote", "production", status=1, refused="soak")
        self._note(f"A day is long for a demo: its rules become soak: {SOAK}, and no windows.")
        self._edit("headgate.yaml", r"soak: \S+", f"soak: {SOAK}")
        self._edit("headgate.yaml", r"    windows:\n(      .*\n)+", "")
        self._git("commit", "--all", "--message=Rules for a demo")
        self._push()
        time.sleep(float(SOAK.rstrip("s")))
        self._headgate("promote", "production")
        self._ready(self._production, "1.0.1@")
        self._git("fetch", "--quiet", "--tags")
        self._git("tag", "--list", "-n99", "1.0.1", shown=True)

    def _break(self) -> None:
        self._chapter("Break: a change that only production reads, so that staging cannot show what is wrong")
        self._edit("apps/production/my-app-patch.yaml", r"replicas: .*", "replicas: many")
        self._git("commit", "--all", "--message=Many replicas")
        self._push()
        self._headgate("promote", "production")
        self._wait(
            self._production,
            "broken",
            lambda rows: any(row.state == observe.FAILED and row.name == "apps" for row in rows),
        )
        self._headgate("environments", status=None)

    def _roll_back(self) -> None:
        self._chapter("Roll back: the files of the version before, as the next version")
        self._headgate("rollback", "production")
        self._ready(self._production, "1.0.3@")
        self._git("fetch", "--quiet", "--tags")
        self._git("diff", "--exit-code", "1.0.1", "1.0.3")
        self._note("Until main has the revert, nothing that contains the bad commit gets in:")
        self._headgate("promote", "production", status=1, refused="not-rolled-back")
        self._merge("origin/headgate/revert-production")
        self._headgate("environments")

    def _merge(self, branch: str) -> None:
        self._git("merge", "--no-ff", "--no-edit", branch)
        self._push()

    def _push(self) -> None:
        """Push main, and wait until staging runs it."""
        self._git("push", "--quiet", "origin", "main")
        self._ready(self._staging, f"sha1:{self._fleet.git('rev-parse', 'HEAD')[:7]}")

    def _ready(self, place: Place, revision: str) -> None:
        self._wait(
            place,
            f"Ready at {revision.strip('@')}",
            lambda rows: place.is_ready(rows) and all(revision in row.revision for row in rows),
        )

    def _wait(self, place: Place, what: str, true: Callable[[list[observe.Row]], bool]) -> None:
        self._screen.say()
        place.until(what, true, self._timeout, time.monotonic())
        self._screen.keep()

    def _edit(self, path: str, pattern: str, replacement: str) -> None:
        file = self._fleet.work / path
        text, count = re.subn(pattern, replacement, file.read_text())
        if count == 0:
            raise DemoFailed(f"{path} has no {pattern!r} to replace")
        self._screen.say(f"# {path}: {replacement or pattern.split(':')[0].strip() + ' removed'}", "dim")
        file.write_text(text)

    def _git(self, *arguments: str, shown: bool = False) -> None:
        self._prompt("git", *arguments)
        output = self._fleet.git(*arguments)
        if shown:
            self._screen.say(output)

    def _headgate(self, *arguments: str, status: int | None = 0, refused: str = "") -> None:
        """Run it in the clone and show its output; None: any status. ``refused``: the guard that refuses it."""
        self._prompt("headgate", *arguments)
        done = subprocess.run(
            [sys.executable, "-m", "headgate.cli", *arguments],
            cwd=self._fleet.work,
            env={**self._fleet.environment(), "KUBECONFIG": str(self._config), "NO_COLOR": "1"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        self._screen.say(done.stdout.rstrip())
        if (status is not None and done.returncode != status) or refused not in _end(done.stdout):
            raise DemoFailed(f"headgate {arguments[0]} ended with {done.returncode}, expected {status}")

    def _prompt(self, *words: str) -> None:
        self._screen.say()
        self._screen.say("$ " + " ".join(f"'{word}'" if " " in word else word for word in words), "bold")

    def _chapter(self, title: str) -> None:
        self._screen.say()
        self._screen.say(f"── {title}", "bold")

    def _note(self, text: str) -> None:
        self._screen.say()
        self._screen.say(text, "dim")


def _end(output: str) -> str:
    return "\n".join(output.strip().splitlines()[-_LAST_LINES:])
