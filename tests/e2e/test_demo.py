"""``make demo`` as a person sees it: on a terminal, with the commands it proposes pasted into another one."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from controlplane import all_clusters

pytestmark = pytest.mark.e2e

DEMO = Path(__file__).resolve().parents[2] / "hack" / "demo.py"
LIMIT = 240.0


class Terminal:
    """The demo on its own terminal; ``text`` is everything it has printed, without colors."""

    def __init__(self, temporary: Path, *arguments: str) -> None:
        self._master, slave = pty.openpty()
        environment = {**os.environ, "TERM": "xterm", "COLUMNS": "200", "TMPDIR": str(temporary)}
        self.process = subprocess.Popen(
            [sys.executable, str(DEMO), *arguments],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env=environment,
            start_new_session=True,
        )
        os.close(slave)
        self.text = ""

    def until(self, what: str, true: Callable[[], object]) -> None:
        """Read on until something is true."""
        limit = time.monotonic() + LIMIT
        while not true():
            assert time.monotonic() < limit, f"still waiting until {what}\n{self.text[-3000:]}"
            self.read()

    def read(self) -> bool:
        """Take what was written; False at the end."""
        if select.select([self._master], [], [], 0.1)[0]:
            try:
                data = os.read(self._master, 65536)
            except OSError:  # Linux raises this if nobody has the other side open
                return False
            self.text += re.sub(r"\x1b\[\d*[A-Za-z]|\r", "", data.decode(errors="replace"))
        return True

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self._master)


def clusters_of_the_demo() -> list[str]:
    """The folders of clusters that a demo has left behind."""
    return [each.name for each in all_clusters() if each.name.startswith("demo-")]


def proposed(text: str, title: str) -> list[str]:
    """The commands below a heading."""
    block = text.split(title, 1)[1]
    return re.findall(r"^  (?!→)(\S.*)$", block.split("\n\n", 1)[0], re.MULTILINE)


@pytest.mark.skipif(
    bool(os.environ.get("HEADGATE_TEST_KUBECONFIG")), reason="the demo starts its own cluster"
)
def test_the_tour_works_as_it_is_printed_and_leaves_nothing(tmp_path: Path) -> None:
    terminal = Terminal(tmp_path, "--no-promotion")
    try:
        terminal.until("all is Ready", lambda: "Ctrl-C ends it" in terminal.text)
        tour = terminal.text
        assert re.search(r"All Ready \d+\.\d s after kubectl apply, 32 objects live\.", tour)
        first, folder, *_ = proposed(tour, "In another terminal")
        shell = f"set -e; {first}; {folder}; "

        def paste(title: str) -> str:
            commands = [each for each in proposed(tour, title) if "--watch" not in each]
            done = subprocess.run(
                ["bash", "-c", shell + "\n".join(commands)], capture_output=True, text=True, check=False
            )
            assert done.returncode == 0, done.stderr
            return done.stdout

        def shows(pattern: str) -> Callable[[], object]:
            begin = len(terminal.text)
            return lambda: re.search(pattern, terminal.text[begin:])

        assert "Applied revision: 1.0.0@sha1:" in paste("In another terminal")
        paste("Promote")
        terminal.until("1.1.0 is live", shows(r"● +kustomization/apps .* True +1\.1\.0@sha1:"))
        paste("Break it")
        terminal.until(
            "apps says why", shows(r"✖ +kustomization/apps .* 1\.1\.0@.*Deployment/production/my-app")
        )
        paste("Roll back")
        terminal.until("1.2.1 is live", shows(r"● +kustomization/apps .* True +1\.2\.1@sha1:"))
        paste("Change what Git says otherwise")
        look = "kubectl --namespace production get deployment my-app --ignore-not-found --output json"

        def back() -> bool:
            said = subprocess.run(
                ["bash", "-c", shell + look], capture_output=True, text=True, check=True
            ).stdout
            return bool(said) and json.loads(said)["status"].get("availableReplicas") == 5

        terminal.until("the deleted Deployment is back", back)

        terminal.process.send_signal(signal.SIGINT)
        terminal.until("it has ended", lambda: not terminal.read())
        assert terminal.process.wait(LIMIT) == 0
        assert "nothing is left running" in terminal.text
    finally:
        terminal.close()
    kubeconfig = Path(re.search(r"KUBECONFIG=(\S+)", first)[1])  # type: ignore[index]
    assert not kubeconfig.exists()
    assert list(tmp_path.iterdir()) == [], "the repository, the storage"
    assert not clusters_of_the_demo()


@pytest.mark.skipif(
    bool(os.environ.get("HEADGATE_TEST_KUBECONFIG")), reason="the demo starts its own cluster"
)
def test_without_a_terminal_it_ends_by_itself_and_fails_when_it_takes_too_long(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(DEMO), "--timeout", "0"],
        capture_output=True,
        text=True,
        env=os.environ | {"TMPDIR": str(tmp_path)},
        check=False,
        timeout=LIMIT,
    )
    assert done.returncode == 1
    assert "The demo failed: not Ready after 0 s" in done.stdout
    assert "\x1b[" not in done.stdout + done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(
    bool(os.environ.get("HEADGATE_TEST_KUBECONFIG")), reason="the demo starts its own clusters"
)
def test_the_story_promotes_breaks_and_rolls_back_and_leaves_something_to_try(tmp_path: Path) -> None:
    terminal = Terminal(tmp_path)
    try:
        terminal.until("the story has ended", lambda: "Ctrl-C ends it" in terminal.text)
        story = terminal.text
        chapters = re.findall(r"^── (\w+)", story, re.MULTILINE)
        assert chapters == ["Diff", "Promote", "Break", "Roll"]
        assert "Refused by the guard soak" in story
        assert "pushed the tag 1.0.1: production follows it" in story
        assert re.search(r"Deployment/production/my-app dry-run failed", story)
        assert "pushed the tag 1.0.3 with the content of 1.0.1" in story
        assert "Refused by the guard not-rolled-back" in story
        first, folder, *_ = proposed(story, "In another terminal")
        commands = "\n".join(proposed(story, "Promote your own change, and roll it back"))
        # A diff that finds changes has status 1; nothing else fails.
        shell = f"set -e; {first}; {folder}; {commands.replace('headgate diff;', 'headgate diff || test $? = 1;')}"
        done = subprocess.run(["bash", "-c", shell], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        assert "pushed the tag 1.0.4" in done.stdout
        assert "pushed the tag 1.0.5 with the content of 1.0.3" in done.stdout
        begin = len(terminal.text)
        terminal.until(
            "1.0.5 is live",
            lambda: re.search(r"● +kustomization/apps .* True +1\.0\.5@sha1:", terminal.text[begin:]),
        )
        terminal.process.send_signal(signal.SIGINT)
        terminal.until("it has ended", lambda: not terminal.read())
        assert terminal.process.wait(LIMIT) == 0
    finally:
        terminal.close()
    assert list(tmp_path.iterdir()) == []
    assert not clusters_of_the_demo()
