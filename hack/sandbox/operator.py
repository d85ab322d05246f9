"""``headgate run`` as a child process on loopback ports, for as long as a context lasts.

Killed with us by the kernel's hand (Linux), asked to stop otherwise; its log stays in the folder it was given.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from controlplane.ports import LOOPBACK, free_ports
from controlplane.tether import tied

START_TIMEOUT = 60.0
STOP_TIMEOUT = 60.0
_LOG_TAIL = 15


class OperatorFailed(Exception):
    """The operator ended by itself, or never became ready; the message ends with the end of its log."""


class Operator:
    """A running operator; ``log`` is the file its output goes to, the addresses are ``host:port``."""

    def __init__(
        self, process: subprocess.Popen[bytes], log: Path, health: str, *, storage: str, metrics: str
    ) -> None:
        self._process, self._health = process, f"http://{health}"
        self.log = log
        self.health, self.storage, self.metrics = health, storage, metrics

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def check(self) -> None:
        """Raises :class:`OperatorFailed` when it has ended."""
        code = self._process.poll()
        if code is not None:
            raise OperatorFailed(f"the operator ended with status {code}\n{self.tail()}")

    def wait_ready(self, timeout: float = START_TIMEOUT) -> None:
        """Wait until it watches everything it needs. Raises :class:`OperatorFailed`."""
        limit = time.monotonic() + timeout
        while not self._is_ready():
            self.check()
            if time.monotonic() > limit:
                raise OperatorFailed(f"the operator is not ready after {timeout:.0f}s\n{self.tail()}")
            time.sleep(0.05)

    def stop(self) -> None:
        """Ask it to stop, wait, kill it when that takes too long."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(STOP_TIMEOUT)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def kill(self) -> None:
        """``kill -9``."""
        self._process.kill()
        self._process.wait()

    def tail(self) -> str:
        """The end of its log, indented."""
        lines = self.log.read_text(errors="replace").splitlines()[-_LOG_TAIL:]
        return "\n".join([f"--- {self.log}", *("    " + line[:400] for line in lines)])

    def _is_ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self._health}/readyz", timeout=2) as answer:
                return int(answer.status) == 200
        except (OSError, urllib.error.URLError):
            return False


@contextmanager
def running(
    kubeconfig: Path, folder: Path, arguments: Sequence[str] = (), *, ready: bool = True
) -> Iterator[Operator]:
    """Start the operator, storage and log in ``folder``, and wait until it is ready; stop it at the end.

    ``arguments`` are further ones for ``headgate run``; ``ready``: wait until it is. Raises :class:`OperatorFailed`.
    """
    storage, health, metrics = (f"{LOOPBACK}:{port}" for port in free_ports(3))
    command = [sys.executable, "-m", "headgate.cli", "run", f"--kubeconfig={kubeconfig}"]
    command += [f"--storage-path={folder / 'storage'}", f"--storage-addr={storage}"]
    command += [f"--storage-adv-addr={storage}", f"--health-addr={health}", f"--metrics-addr={metrics}"]
    log = folder / "operator.log"
    with log.open("ab") as output:  # of one folder there may be several, one after the other
        process = subprocess.Popen(
            tied([*command, *arguments]),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={name: value for name, value in os.environ.items() if name != "KUBECONFIG"},
            start_new_session=True,  # a Ctrl-C at our terminal is ours to handle
        )
    operator = Operator(process, log, health, storage=storage, metrics=metrics)
    try:
        if ready:
            operator.wait_ready()
        yield operator
    finally:
        operator.stop()
