"""Starts and stops a local control plane, from outside of its supervisor."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

from controlplane import binaries
from controlplane.errors import PortTaken, StartFailed
from controlplane.processes import Identity, end
from controlplane.progress import Progress, elapsed
from controlplane.state import FAILED, READY, Cluster, Folder, State

_TRIES = 3
"""Starts before giving up on ports that others take."""


class Attached:
    """A control plane that ends when this object is closed or this process is gone."""

    def __init__(self, folder: Folder, supervisor: subprocess.Popen[bytes]) -> None:
        self._folder, self._supervisor = folder, supervisor

    def close(self) -> None:
        """End it and wait until nothing of it is left."""
        assert self._supervisor.stdin is not None
        self._supervisor.stdin.close()
        self._supervisor.wait()
        state = self._folder.state()
        if state is not None and state.phase == FAILED:  # it ended by itself meanwhile
            raise StartFailed(f"the control plane {self._folder.name} failed: {state.message}")


def start(
    folder: Folder, progress: Progress, detached: bool, timeout: float, trusting: Path | None = None
) -> Attached | None:
    """Start a control plane and wait until it is usable; an :class:`Attached` unless it is detached.

    ``trusting`` is the kubeconfig of another local control plane, whose service accounts are users of this one.

    Raises :class:`StartFailed`; then the logs stay in the folder.
    """
    paths = binaries.ensure(progress)
    began = time.monotonic()
    for attempt in range(1, _TRIES + 1):
        folder.create()
        if trusting is not None:
            shutil.copy(trusting, folder.path / "trusted.kubeconfig")
        supervisor = _spawn(folder, {name: str(path) for name, path in paths.items()}, detached)
        try:
            _wait(folder, supervisor, progress, began, timeout)
        except PortTaken:
            if attempt == _TRIES:
                raise
        except BaseException:
            _close(supervisor)
            raise
        else:
            return None if detached else Attached(folder, supervisor)
    raise AssertionError("unreachable")


def stop(folder: Folder, state: State) -> None:
    """End a control plane, also one whose supervisor was killed, and delete its folder."""
    if state.supervisor is not None:
        end([state.supervisor], grace=15.0)
    end(state.processes.values(), grace=0)
    folder.remove()


def _spawn(folder: Folder, paths: dict[str, str], detached: bool) -> subprocess.Popen[bytes]:
    hack = Path(__file__).resolve().parents[1]
    command = [sys.executable, "-m", "controlplane.supervisor", str(folder.path)]
    if detached:
        command.append("--detached")
    with (folder.logs / "supervisor.log").open("wb") as log:
        return subprocess.Popen(
            [*command, *(f"{name}={path}" for name, path in paths.items())],
            env=os.environ | {"PYTHONPATH": str(hack)},
            stdin=subprocess.DEVNULL if detached else subprocess.PIPE,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # a Ctrl-C at our terminal is ours to handle
        )


def _wait(
    folder: Folder, supervisor: subprocess.Popen[bytes], progress: Progress, began: float, timeout: float
) -> None:
    while True:
        state = folder.state()
        if state is not None and state.phase == READY:
            progress.say(f"Kubernetes {state.version} is up ({elapsed(began)}), logs in {folder.logs}")
            return
        if supervisor.poll() is not None:
            raise _failure(folder)
        if time.monotonic() - began > timeout:
            raise StartFailed(f"not up after {timeout:.0f}s; logs in {folder.logs}")
        started = ", ".join(state.processes) if state else ""
        progress.update(f"Starting the control plane, {elapsed(began)}: {started}")
        time.sleep(0.05)


def _failure(folder: Folder) -> StartFailed:
    state = folder.state()
    if state is not None and state.phase == FAILED:
        failure = PortTaken if state.message.startswith("port taken") else StartFailed
        return failure(state.message)
    log = folder.logs / "supervisor.log"
    said = log.read_text(errors="replace") if log.exists() else ""
    return StartFailed(f"the supervisor ended\n--- {log}\n{said}")


def _close(supervisor: subprocess.Popen[bytes]) -> None:
    end([Identity.of(supervisor.pid)], grace=10.0)
    supervisor.wait()


def cluster(folder: Folder) -> Cluster:
    """The started cluster of a folder."""
    found = folder.cluster()
    if found is None:
        raise StartFailed(f"the cluster {folder.name} ended at once; logs in {folder.logs}")
    return found
