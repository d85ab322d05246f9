"""The other team at work: a commit, a requested reconcile, and the new value is live. No attack may disturb this."""

from __future__ import annotations

import re
import time
from pathlib import Path

from tests.hostile.world import DEPLOYER, World
from tests.support.cluster import until
from tests.support.manifests import config_map
from tests.support.processes import descendants


class Steady:
    """The other team's Kustomization ``steady``, which sets one ConfigMap."""

    def __init__(self, w: World) -> None:
        self._world, self._turn = w, 0
        w.other.commit({"steady/a.yaml": config_map("steady", turn="0")})
        w.other.kustomization("steady", serviceAccountName=DEPLOYER)
        w.other.ready("steady")

    def commit(self, patience: float = 60.0) -> float:
        """Commit once; returns the seconds until it is live."""
        self._turn += 1
        turn, other = str(self._turn), self._world.other
        other.repository.commit({"steady/a.yaml": config_map("steady", turn=turn)})
        began = time.monotonic()
        other.request_sources()

        def live() -> bool:
            found = other.config_map("steady")
            return found is not None and found["data"]["turn"] == turn

        until(f"commit {turn} is live", live, patience)
        return time.monotonic() - began


def forget_peak(pid: int) -> None:
    """Reset the peak memory of a process (``proc_pid_clear_refs(5)``)."""
    Path(f"/proc/{pid}/clear_refs").write_text("5")


def peak_mib(pid: int) -> float:
    """The peak memory of a process, in MiB."""
    return _mib(pid, "VmHWM")


def resident_mib(pid: int) -> float:
    """The resident memory of a process, in MiB; 0 after its end."""
    return _mib(pid, "VmRSS")


def children_mib(pid: int) -> float:
    """The memory of its descendants, such as Git, in MiB; a page that several processes share counts in part."""
    return sum(_mib(child, "Pss", "smaps_rollup") for child in descendants(pid))


def _mib(pid: int, name: str, file: str = "status") -> float:
    try:
        found = re.search(rf"^{name}:\s+(\d+) kB", Path(f"/proc/{pid}/{file}").read_text(), re.MULTILINE)
    except OSError:
        return 0.0
    return int(found[1]) / 1024 if found else 0.0
