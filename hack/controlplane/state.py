"""The state of each test cluster on disk: a folder per cluster under ``.state/clusters`` of the checkout.

    .state/clusters/NAME/state.json    provider, phase, processes (see :class:`State`)
    .state/clusters/NAME/kubeconfig
    .state/clusters/NAME/logs/         one file per process of the local control plane
    .state/clusters/NAME.lock          held while a cluster is started or stopped

The folders are readable by their owner only: the kubeconfig holds an administrator's token.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from controlplane.errors import ClusterError
from controlplane.processes import Identity

CLUSTERS = Path(__file__).resolve().parents[2] / ".state" / "clusters"
DEFAULT_NAME = "headgate"

STARTING, READY, FAILED = "starting", "ready", "failed"


@dataclass(frozen=True, slots=True)
class State:
    """The contents of state.json."""

    provider: str
    """given, kind or local."""
    phase: str = STARTING
    message: str = ""
    version: str = ""
    supervisor: Identity | None = None
    processes: dict[str, Identity] = field(default_factory=dict)
    """The processes of a local control plane, by component."""

    @classmethod
    def parse(cls, text: str) -> State:
        raw: dict[str, Any] = json.loads(text)
        supervisor = raw["supervisor"]
        return cls(
            provider=raw["provider"],
            phase=raw["phase"],
            message=raw["message"],
            version=raw["version"],
            supervisor=Identity(**supervisor) if supervisor else None,
            processes={name: Identity(**process) for name, process in raw["processes"].items()},
        )


@dataclass(frozen=True, slots=True)
class Cluster:
    """A cluster by name; ``kubeconfig`` is that of an administrator."""

    name: str
    provider: str
    kubeconfig: Path
    version: str = ""


class Folder:
    """The folder of one cluster."""

    def __init__(self, name: str, root: Path = CLUSTERS) -> None:
        if not name or set(name) - set("abcdefghijklmnopqrstuvwxyz0123456789-") or len(name) > 40:
            raise ClusterError(
                f"cluster name {name!r}: want lower case letters, digits and dashes, 40 at most"
            )
        self.name = name
        self.path = root / name
        self.kubeconfig = self.path / "kubeconfig"
        self.logs = self.path / "logs"
        self._state = self.path / "state.json"
        self._lock = root / f"{name}.lock"

    def create(self) -> None:
        """Make the folder, empty."""
        self.remove()
        self.path.mkdir(parents=True, mode=0o700)
        self.logs.mkdir()

    def remove(self) -> None:
        """Delete the folder with all that is in it."""
        for _ in range(5):  # a process that is just ending may still write
            shutil.rmtree(self.path, ignore_errors=True)
            if not self.path.exists():
                return

    def state(self) -> State | None:
        """The state; None if the cluster does not exist."""
        try:
            return State.parse(self._state.read_text())
        except FileNotFoundError:
            return None
        except (ValueError, KeyError, TypeError) as error:
            raise ClusterError(f"{self._state}: not readable: {error}; delete {self.path}") from error

    def write(self, state: State) -> None:
        """Replace the state at once: a reader sees the old or the new one."""
        draft = self._state.with_suffix(".new")
        draft.write_text(json.dumps(asdict(state), indent=1) + "\n")
        os.replace(draft, self._state)

    def update(self, **changes: Any) -> None:
        """Change some fields of the state."""
        state = self.state()
        if state is not None:
            self.write(replace(state, **changes))

    def cluster(self) -> Cluster | None:
        """The cluster when it is up."""
        state = self.state()
        if state is None or state.phase != READY:
            return None
        if state.supervisor is not None and not state.supervisor.is_running():
            return None
        return Cluster(self.name, state.provider, self.kubeconfig, state.version)

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the cluster's lock: one start or stop at a time."""
        self._lock.parent.mkdir(parents=True, exist_ok=True)
        with self._lock.open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def all_clusters(root: Path = CLUSTERS) -> list[Folder]:
    """Every cluster that has a folder, running or not."""
    if not root.is_dir():
        return []
    return [Folder(path.name, root) for path in sorted(root.iterdir()) if path.is_dir()]
