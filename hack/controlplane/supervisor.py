"""The one process that owns a local control plane: it starts, supervises and stops its parts.

    python -m controlplane.supervisor FOLDER [--detached]

It runs in its own session and ends, with all its parts and its folder, when

- it receives SIGTERM or SIGINT, or
- its standard input closes because the process that started it has ended in any way (not with ``--detached``), or
- a part ends by itself. Then the folder stays, for its logs.

On Linux, the kernel kills the parts when this process ends, so even ``kill -9`` leaves none. There is one thread, which
waits in one ``select`` for signals (through a wake-up pipe) and for the end of standard input.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType

from controlplane import components, nodes
from controlplane.binaries import kubernetes_version
from controlplane.components import APISERVER, CONTROLLERS, ETCD, KWOK, SCHEDULER, Layout
from controlplane.errors import PortTaken, StartFailed
from controlplane.ports import free_ports
from controlplane.processes import Identity, end
from controlplane.rest import Rest, RestError
from controlplane.state import FAILED, READY, Folder, State
from controlplane.tether import tied

START_TIMEOUT = 120.0
"""Seconds for the whole start: it takes 7 on two idle cores, and they may be busy."""

_LOG_TAIL = 12
_POLL = 0.05


class Stopped(Exception):
    """Somebody asked the supervisor to end."""


class Supervisor:
    """The parts of one control plane, and what they are waited for with."""

    def __init__(self, folder: Folder, binaries: dict[str, str], detached: bool) -> None:
        self._folder, self._binaries = folder, binaries
        self._detached = detached
        self._parts: dict[str, subprocess.Popen[bytes]] = {}
        self._stop = False
        self._wake, wake = os.pipe()
        os.set_blocking(self._wake, False)
        os.set_blocking(wake, False)
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._asked)
        signal.signal(signal.SIGCHLD, lambda *_: None)

    def run(self) -> int:
        """Start, watch, end; the exit status."""
        try:
            self._start()
            while True:
                self._rest(None)
        except Stopped:
            self._end()
            self._folder.remove()
            return 0
        except StartFailed as error:
            self._end()
            message = f"port taken: {error}" if isinstance(error, PortTaken) else str(error)
            self._folder.update(phase=FAILED, message=message, processes={})
            return 1
        finally:
            self._end()

    def _start(self) -> None:
        etcd_port, peer_port, api_port = free_ports(3)
        layout = Layout(self._folder.path, etcd_port, peer_port, api_port)
        self._limit = time.monotonic() + START_TIMEOUT
        token = components.prepare(layout)
        self._spawn(ETCD, layout)
        self._spawn(APISERVER, layout)
        self._until("the API server's certificate", lambda: self._certificate(layout))
        components.write_kubeconfig(layout, token)
        rest = Rest.connect(layout.kubeconfig, timeout=10.0)
        self._until("the API server to be ready", lambda: rest.request("GET", "/readyz") == "ok")
        for component in (CONTROLLERS, SCHEDULER, KWOK):
            self._spawn(component, layout)
        nodes.create(rest)
        self._until("the nodes and the default service account", lambda: nodes.usable(rest))
        self._folder.update(phase=READY, message="", version=kubernetes_version())

    @staticmethod
    def _certificate(layout: Layout) -> bool:
        # The key is written after the certificate, so that the latter is whole when the former is there.
        return layout.certificate.exists() and layout.certificate.with_suffix(".key").exists()

    def _spawn(self, component: str, layout: Layout) -> None:
        with (self._folder.logs / f"{component}.log").open("wb") as log:
            self._parts[component] = subprocess.Popen(
                tied([self._binaries[component], *components.arguments(component, layout)]),
                cwd=self._folder.path,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                # Whatever proxy or kubeconfig the user's shell names is not for these.
                env={"PATH": os.defpath, "HOME": str(self._folder.path)},
            )
        processes = {name: Identity.of(part.pid) for name, part in self._parts.items()}
        self._folder.update(processes=processes)

    def _until(self, what: str, true: Callable[[], bool]) -> None:
        """Poll until it is true; raises StartFailed when time is up or a part has ended."""
        while True:
            with contextlib.suppress(OSError, RestError):
                if true():
                    return
            self._rest(_POLL)
            if time.monotonic() > self._limit:
                raise StartFailed(f"still waiting for {what} after {START_TIMEOUT:.0f}s\n{self._tails()}")

    def _rest(self, seconds: float | None) -> None:
        """Wait for a signal, the end of standard input, or the time."""
        watched: list[int] = [self._wake] if self._detached else [self._wake, sys.stdin.fileno()]
        ready, _, _ = select.select(watched, [], [], seconds)
        if self._wake in ready:
            os.read(self._wake, 4096)
        if self._stop or (set(ready) - {self._wake} and not os.read(sys.stdin.fileno(), 4096)):
            raise Stopped
        for component, part in self._parts.items():
            code = part.poll()
            if code is not None:
                log = self._tail(component)
                failure = PortTaken if "address already in use" in log else StartFailed
                raise failure(f"{component} ended with status {code}\n{log}")

    def _asked(self, number: int, frame: FrameType | None) -> None:
        self._stop = True

    def _end(self) -> None:
        # No grace: nothing of theirs is kept, and an API server with open watches would take a minute.
        end((Identity.of(part.pid) for part in self._parts.values()), grace=0)
        for part in self._parts.values():
            part.wait()
        self._parts.clear()

    def _tails(self) -> str:
        return "\n".join(self._tail(component) for component in self._parts)

    def _tail(self, component: str) -> str:
        path = self._folder.logs / f"{component}.log"
        lines = path.read_text(errors="replace").splitlines()[-_LOG_TAIL:]
        return "\n".join([f"--- {path}", *("    " + line[:400] for line in lines)])


def main(arguments: list[str]) -> int:
    """FOLDER [--detached] NAME=BINARY...: what :mod:`controlplane.local` passes."""
    path, *rest = arguments
    binaries = dict(argument.split("=", 1) for argument in rest if "=" in argument)
    folder = Folder(Path(path).name, Path(path).parent)
    folder.write(State("local", supervisor=Identity.of(os.getpid())))
    return Supervisor(folder, binaries, "--detached" in rest).run()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
