"""The local control plane: two side by side, and nothing of it left behind, however it ends."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from controlplane import binaries
from controlplane.components import COMPONENTS
from controlplane.processes import Identity
from controlplane.progress import Progress
from controlplane.rest import Rest
from controlplane.state import Folder, State

pytestmark = pytest.mark.e2e

HACK = Path(__file__).resolve().parents[2] / "hack"
TOOL = [sys.executable, str(HACK / "cluster.py")]
LIMIT = 120.0


@pytest.fixture(scope="module", autouse=True)
def _built() -> None:
    binaries.ensure(Progress())


@pytest.fixture
def _ctrl_c_counts() -> Iterator[None]:
    """A shell lets what it runs in the background ignore it, and what we start would ignore it, too."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def names() -> Iterator[list[str]]:
    """Two names for clusters, which are taken down whatever happens."""
    names = [f"tool-{uuid.uuid4().hex[:8]}" for _ in range(2)]
    yield names
    for name in names:
        subprocess.run([*TOOL, "down", "--name", name], check=False, capture_output=True)
        Folder(name).path.with_suffix(".lock").unlink(missing_ok=True)


def tool(*arguments: str) -> str:
    done = subprocess.run([*TOOL, *arguments], capture_output=True, text=True, check=False, timeout=LIMIT)
    assert done.returncode == 0, done.stderr
    return done.stdout


def until(what: str, true: Callable[[], object]) -> None:
    limit = time.monotonic() + LIMIT
    while not true():
        assert time.monotonic() < limit, f"still waiting until {what}"
        time.sleep(0.02)


def started_state(name: str) -> State:
    state = Folder(name).state()
    assert state is not None
    return state


def everything(state: State) -> list[Identity]:
    assert state.supervisor is not None
    return [state.supervisor, *state.processes.values()]


def assert_nothing_left(name: str, processes: list[Identity]) -> None:
    until("its processes are gone", lambda: not any(each.is_running() for each in processes))
    until("its folder is gone", lambda: not Folder(name).path.exists())


def test_two_side_by_side_share_nothing(names: list[str]) -> None:
    one, two = names
    starts = [
        subprocess.Popen(
            [*TOOL, "up", "--provider", "local", "--name", name], stdout=subprocess.PIPE, text=True
        )
        for name in names
    ]
    for name, start in zip(names, starts, strict=True):
        said, _ = start.communicate(timeout=LIMIT)
        assert start.returncode == 0
        assert f"export KUBECONFIG={Folder(name).kubeconfig}" in said

    rests = [Rest.connect(Path(tool("kubeconfig", "--name", name).strip())) for name in names]
    assert rests[0].server != rests[1].server
    rests[0].create("/api/v1/namespaces", {"metadata": {"name": "only-in-one"}})
    assert rests[0].get("/api/v1/namespaces/only-in-one") is not None
    assert rests[1].get("/api/v1/namespaces/only-in-one") is None

    states = [started_state(name) for name in names]
    assert set(states[0].processes) == set(COMPONENTS)
    assert all(each.is_running() for state in states for each in everything(state))
    assert f"{one}: up, Kubernetes {binaries.kubernetes_version()} (local)" in tool("status")

    assert tool("up", "--name", one) == tool("up", "--name", one), "up finds the one that runs"
    assert started_state(one) == states[0]

    assert f"{one}: stopped" in tool("down", "--name", one)
    assert_nothing_left(one, everything(states[0]))
    assert rests[1].request("GET", "/readyz") == "ok", "the other one is not touched"
    tool("down", "--name", two)
    assert_nothing_left(two, everything(states[1]))
    assert f"{one}: not running" in tool("down", "--name", one)


def test_a_pod_becomes_ready_and_a_job_completes(names: list[str]) -> None:
    tool("up", "--provider", "local", "--name", names[0])
    rest = Rest.connect(Folder(names[0]).kubeconfig)
    template = {
        "metadata": {"labels": {"app": "a"}},
        "spec": {"restartPolicy": "Never", "containers": [{"name": "a", "image": "a"}]},
    }
    rest.create(
        "/apis/batch/v1/namespaces/default/jobs",
        {"metadata": {"name": "job"}, "spec": {"template": template}},
    )
    serving = {**template, "spec": {"containers": [{"name": "a", "image": "a"}]}}
    rest.create(
        "/apis/apps/v1/namespaces/default/deployments",
        {
            "metadata": {"name": "web"},
            "spec": {"replicas": 2, "selector": {"matchLabels": {"app": "a"}}, "template": serving},
        },
    )

    def status(path: str, field: str) -> object:
        return rest.get(path)["status"].get(field)

    deployment = "/apis/apps/v1/namespaces/default/deployments/web"
    until("the Deployment is available", lambda: status(deployment, "availableReplicas") == 2)
    job = "/apis/batch/v1/namespaces/default/jobs/job"
    until("the Job has succeeded", lambda: status(job, "succeeded") == 1)


@pytest.mark.usefixtures("_ctrl_c_counts")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["ctrl-c", "terminated"])
def test_an_interrupted_start_leaves_nothing(names: list[str], number: signal.Signals) -> None:
    name = names[0]
    start = subprocess.Popen(
        [*TOOL, "up", "--provider", "local", "--name", name], stderr=subprocess.PIPE, text=True
    )

    def begun() -> bool:
        state = Folder(name).state()
        return state is not None and len(state.processes) >= 2

    until("etcd and the API server run", begun)
    processes = everything(started_state(name))
    start.send_signal(number)
    _, said = start.communicate(timeout=LIMIT)
    assert start.returncode == 130
    assert "interrupted" in said
    assert_nothing_left(name, processes)


def test_a_cluster_of_a_killed_process_goes_with_it(tmp_path: Path) -> None:
    script = (
        "import json, sys, time, controlplane\n"
        "with controlplane.start('killed', provider='local') as cluster:\n"
        "    print(json.dumps(cluster.name), flush=True)\n"
        "    time.sleep(600)\n"
    )
    owner = subprocess.Popen(
        [sys.executable, "-c", script],
        env=os.environ | {"PYTHONPATH": str(HACK)},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert owner.stdout is not None
    name = json.loads(owner.stdout.readline())
    processes = everything(started_state(name))
    assert all(each.is_running() for each in processes)
    owner.kill()
    owner.wait()
    owner.stdout.close()
    assert_nothing_left(name, processes)


def test_down_clears_up_what_a_killed_supervisor_left(names: list[str]) -> None:
    name, other = names
    tool("up", "--provider", "local", "--name", name)
    state = started_state(name)
    assert state.supervisor is not None
    os.kill(state.supervisor.pid, signal.SIGKILL)
    until("its parts have died with it", lambda: not any(each.is_running() for each in everything(state)))
    assert f"{name}: ended" in tool("status")
    assert f"{name}: stopped" in tool("down", "--name", other)
    assert_nothing_left(name, everything(state))
