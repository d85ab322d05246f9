#!/usr/bin/env python3
"""Headgate from nothing to Ready, to watch: make demo.

    hack/demo.py            # on a terminal, stays until Ctrl-C; elsewhere ends when all is Ready
    hack/demo.py --once     # ends when all is Ready, with status 1 when that takes too long

A cluster (hack/cluster.py says which), a Git server with examples/fleet-infra, the CRDs and the operator; then
clusters/production is applied. Whatever was started is gone when this ends, however it ends.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from types import FrameType

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))  # tests.support, whose Git server this shares

import yaml  # noqa: E402

from controlplane import Cluster, ClusterError, start  # noqa: E402
from controlplane.rest import Rest, RestError  # noqa: E402
from sandbox import fleet, observe, operator  # noqa: E402
from sandbox.hints import hints  # noqa: E402
from sandbox.screen import Screen  # noqa: E402

TIMEOUT = 180.0
_WAITING_POLL, _WATCHING_POLL = 0.1, 0.5

_LISTS = {
    observe.SOURCE: "/apis/source.toolkit.fluxcd.io/v1/gitrepositories",
    observe.KUSTOMIZATION: "/apis/kustomize.toolkit.fluxcd.io/v1/kustomizations",
}


_CRDS = (
    "customresourcedefinition/gitrepositories.source.toolkit.fluxcd.io",
    "customresourcedefinition/kustomizations.kustomize.toolkit.fluxcd.io",
)


class DemoFailed(Exception):
    """It did not become Ready, or a step failed; the message is for the user."""


class Demo:
    """One run: the cluster, the screen, and what is applied."""

    def __init__(self, cluster: Cluster, screen: Screen, timeout: float) -> None:
        self._cluster, self._screen, self._timeout = cluster, screen, timeout
        self._rest = Rest.connect(cluster.kubeconfig)
        self._began = 0.0

    def run(self, folder: Path, stack: ExitStack, once: bool) -> None:
        """All of it. Raises :class:`DemoFailed`; KeyboardInterrupt ends it."""
        repository = stack.enter_context(fleet.served(folder))
        self._screen.say(
            f"Git server: {repository.url}, holding examples/fleet-infra with tag {fleet.FIRST_TAG}"
        )
        self._kubectl("apply", "--server-side", f"--kustomize={ROOT / 'crds'}")
        self._kubectl("wait", "--for=condition=Established", "--timeout=30s", *_CRDS)
        running = stack.enter_context(operator.running(self._cluster.kubeconfig, folder))
        self._screen.say(f"Operator: headgate run, log in {running.log}")
        manifests = repository.manifests()
        if self._cluster.provider == "given":  # a cluster that stays must not keep our objects
            stack.callback(self._withdraw, manifests)
        self._screen.say()
        self._screen.say("$ kubectl apply --server-side -k clusters/production", "bold")
        self._began = time.monotonic()
        self._kubectl("apply", "--server-side", "--filename=-", text=manifests)
        self._until_ready(running, sum(obj["kind"] in _LISTS for obj in yaml.safe_load_all(manifests)))
        if once:
            return
        self._hint(repository.work)
        self._watch(running)

    def _until_ready(self, running: operator.Operator, expected: int) -> None:
        while True:
            rows, seconds = self._rows(), time.monotonic() - self._began
            self._screen.table(rows, seconds, f"{seconds:.1f} s")
            if observe.all_ready(rows, expected):
                break
            running.check()
            if seconds > self._timeout:
                raise DemoFailed(f"not Ready after {self._timeout:.0f} s\n{self._events()}\n{running.tail()}")
            time.sleep(_WAITING_POLL)
        self._screen.table(rows, seconds)
        self._screen.keep()
        if not self._screen.terminal:
            self._screen.say()
            self._screen.say("\n".join(self._screen.lines(rows)))
        count = sum(row.objects for row in rows)
        self._screen.say()
        self._screen.say(f"All Ready {seconds:.1f} s after kubectl apply, {count} objects live.", "green")

    def _hint(self, work: Path) -> None:
        for hint in hints(self._cluster.kubeconfig, work, Path(sys.executable).parent):
            self._screen.say()
            self._screen.say(hint.title, "bold")
            for command in hint.commands:
                self._screen.say(f"  {command}")
            if hint.see:
                self._screen.say(f"  → {hint.see}", "dim")
        self._screen.say()

    def _watch(self, running: operator.Operator) -> None:
        while True:
            self._screen.table(self._rows(), time.monotonic() - self._began, "Ctrl-C ends it and cleans up")
            running.check()
            time.sleep(_WATCHING_POLL)

    def _rows(self) -> list[observe.Row]:
        found = {}
        for kind, path in _LISTS.items():
            items = (self._rest.get(path) or {}).get("items", [])
            found[kind] = [{"kind": kind, **item} for item in items]
        return observe.rows(found[observe.SOURCE], found[observe.KUSTOMIZATION])

    def _events(self) -> str:
        events = (self._rest.get("/api/v1/namespaces/flux-system/events") or {}).get("items", [])
        warnings = [event for event in events if event.get("type") == "Warning"]
        return "\n".join(
            "    {involvedObject[kind]}/{involvedObject[name]}: {reason}: {message}".format_map(each)
            for each in warnings[-10:]
        )

    def _withdraw(self, manifests: str) -> None:
        self._screen.say("Deleting what the demo applied; the CRDs stay")
        self._kubectl("delete", "--ignore-not-found", "--timeout=120s", "--filename=-", text=manifests)

    def _kubectl(self, *arguments: str, text: str | None = None) -> None:
        command = ["kubectl", f"--kubeconfig={self._cluster.kubeconfig}", *arguments]
        done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise DemoFailed(f"kubectl {arguments[0]}: {done.stderr.strip()}")


def main() -> int:
    """Parse, run, clean up, and print one clear message when it fails."""
    parser = argparse.ArgumentParser(
        prog="hack/demo.py", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--once", action="store_true", help="end when all is Ready, also on a terminal")
    parser.add_argument(
        "--timeout", type=float, default=TIMEOUT, metavar="SECONDS", help="until all is Ready (%(default)s)"
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
            cluster = stack.enter_context(start("demo"))
            screen.say(f"Cluster: Kubernetes {cluster.version} ({cluster.provider})")
            Demo(cluster, screen, options.timeout).run(folder, stack, options.once or not screen.terminal)
            screen.keep()
    except (DemoFailed, ClusterError, operator.OperatorFailed, RestError, OSError) as error:
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
