"""What is kept of a cluster on disk, and processes by a name that lasts."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from controlplane import ClusterError, all_clusters
from controlplane.processes import Identity, end
from controlplane.state import READY, Folder, State

SELF = Identity.of(os.getpid())
GONE = Identity(os.getpid(), "0")
"""This process's PID, but the process of another time."""


def up(folder: Folder, **fields: object) -> None:
    folder.create()
    folder.write(State("local", **{"phase": READY, "version": "v1.37.2", **fields}))  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["", "Upper", "a/b", "..", "a" * 41, "a b"])
def test_names_that_would_leave_the_folder_are_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(ClusterError, match="lower case letters, digits and dashes"):
        Folder(name, tmp_path)


def test_state_is_read_as_it_was_written(tmp_path: Path) -> None:
    folder = Folder("a", tmp_path)
    assert folder.state() is None
    state = State("local", READY, "said", "v1.37.2", SELF, {"etcd": Identity(1, "2")})
    folder.create()
    folder.write(state)
    assert folder.state() == state
    assert oct(folder.path.stat().st_mode & 0o777) == "0o700", "the kubeconfig holds a token"


def test_unreadable_state_says_what_to_delete(tmp_path: Path) -> None:
    folder = Folder("a", tmp_path)
    folder.create()
    (folder.path / "state.json").write_text("{}")
    with pytest.raises(ClusterError, match=f"delete {folder.path}"):
        folder.state()


def test_a_cluster_is_up_when_its_supervisor_lives(tmp_path: Path) -> None:
    folder = Folder("a", tmp_path)
    up(folder, supervisor=SELF)
    assert folder.cluster() is not None
    up(folder, supervisor=GONE)
    assert folder.cluster() is None
    up(folder, supervisor=SELF, phase="starting")
    assert folder.cluster() is None


def test_clusters_are_listed_by_their_folders(tmp_path: Path) -> None:
    assert all_clusters(tmp_path / "none") == []
    for name in ("b", "a"):
        with Folder(name, tmp_path).locked():
            up(Folder(name, tmp_path))
    assert [folder.name for folder in all_clusters(tmp_path)] == ["a", "b"]


def test_a_pid_of_another_time_is_not_running_and_is_not_killed() -> None:
    assert SELF.is_running()
    assert not GONE.is_running()
    end([GONE], grace=0)


def test_a_process_is_asked_first_and_killed_when_it_stays() -> None:
    polite = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    deaf = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(flush=True); time.sleep(60)",
        ],
        stdout=subprocess.PIPE,
    )
    assert deaf.stdout is not None
    deaf.stdout.readline()
    began = time.monotonic()
    with deaf.stdout:
        end([Identity.of(polite.pid), Identity.of(deaf.pid)], grace=0.3)
    assert time.monotonic() - began >= 0.3, "the deaf one had its grace"
    assert polite.wait() == -signal.SIGTERM
    assert deaf.wait() == -signal.SIGKILL
