"""A controller of Flux as a process on loopback, for as long as a context lasts."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import urllib3

from controlplane.ports import LOOPBACK, free_ports
from controlplane.tether import tied
from fluxfamily.building import Built

NAMESPACE = "flux-system"
"""The namespace that the controllers believe to run in."""
_START, _STOP = 120.0, 60.0
_LOG_TAIL = 20


@dataclass(frozen=True, slots=True)
class Controller:
    """A running controller; ``log`` is the file its output goes to."""

    name: str
    log: Path
    _process: subprocess.Popen[bytes]

    def check(self) -> None:
        """Fails if it has ended."""
        assert self._process.poll() is None, f"{self.name} has ended\n{self.tail()}"

    def tail(self) -> str:
        """The end of its log."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-_LOG_TAIL:])


@contextmanager
def running(
    built: Built, kubeconfig: Path, folder: Path, arguments: Sequence[str] = ()
) -> Iterator[Controller]:
    """Start a controller with the rights of ``kubeconfig``, and wait until it is ready; stop it at the end.

    ``arguments`` must name all of its addresses except those of metrics and probes, whose defaults listen on all
    interfaces.
    """
    health, metrics = (f"{LOOPBACK}:{port}" for port in free_ports(2))
    log = folder / f"{built.name}.log"
    command = [str(built.program), f"--health-addr={health}", f"--metrics-addr={metrics}", *arguments]
    with log.open("ab") as output:
        process = subprocess.Popen(
            tied(command),
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=os.environ | {"KUBECONFIG": str(kubeconfig), "RUNTIME_NAMESPACE": NAMESPACE},
            start_new_session=True,
        )
    controller = Controller(built.name, log, process)
    try:
        _wait(controller, f"http://{health}/readyz")
        yield controller
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        try:
            process.wait(_STOP)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait(controller: Controller, probe: str) -> None:
    deadline = time.monotonic() + _START
    while time.monotonic() < deadline:
        controller.check()
        try:
            if urllib3.request("GET", probe, retries=False, timeout=5).status == 200:
                return
        except urllib3.exceptions.HTTPError:
            pass
        time.sleep(0.2)
    raise AssertionError(f"{controller.name} is not ready\n{controller.tail()}")
