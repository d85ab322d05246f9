"""``trace``, ``where``, ``wait``, ``events``, ``logs``, ``reconcile``, ``suspend`` and ``resume`` on a real cluster."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from controlplane import Cluster
from tests.support.cluster import SOURCE, Api, until
from tests.support.manifests import config_map, kustomization
from tests.support.schemas import check
from tests.support.workspace import Workspace

pytestmark = pytest.mark.e2e

Obj = dict[str, Any]
SCHEMA = json.loads((Path(__file__).parents[2] / "docs" / "reference" / "insight.schema.json").read_text())
Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def run(shared_cluster: Cluster, workspace: Workspace, tmp_path: Path) -> Run:
    """Runs a command in the namespace of the workspace; outside a clone unless ``folder`` says otherwise."""

    def command(*arguments: str, folder: Path = tmp_path) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "headgate.cli", *arguments, "-n", workspace.namespace],
            capture_output=True,
            text=True,
            check=False,
            cwd=folder,
            env={**os.environ, "KUBECONFIG": str(shared_cluster.kubeconfig), "GIT_CEILING_DIRECTORIES": "/"},
        )

    return command


def document(done: subprocess.CompletedProcess[str], status: int = 0) -> Obj:
    assert done.returncode == status, done.stderr
    found: Obj = json.loads(done.stdout)
    check(found, SCHEMA["$defs"][found["kind"].lower()], SCHEMA)
    return found


BROKEN = {"apps/kustomization.yaml": "resources: [missing.yaml]\n"}
GOOD = {"apps/kustomization.yaml": kustomization("cm.yaml"), "apps/cm.yaml": config_map("web", key="1")}


@pytest.fixture
def live(workspace: Workspace) -> str:
    """A source and a Kustomization that runs its first commit; returns the commit."""
    commit = workspace.repository.commit(GOOD)
    workspace.source()
    workspace.kustomization("apps")
    workspace.ready("apps", f"main@sha1:{commit}")
    return commit


def start(run_folder: Path, cluster: Cluster, namespace: str, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "headgate.cli", *arguments, "-n", namespace],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=run_folder,
        env={**os.environ, "KUBECONFIG": str(cluster.kubeconfig)},
    )


def test_trace_names_kustomization_commit_file_and_line(run: Run, workspace: Workspace, live: str) -> None:
    work = workspace.repository.work
    found = document(run("trace", "cm/web", "-o", "json", folder=work))
    assert found["kustomization"]["name"] == "apps"
    assert found["source"]["name"] == "source"
    assert found["commit"] == live
    assert found["file"]["path"] == "apps/cm.yaml"
    assert found["file"]["line"] == 1
    text = run("trace", "ConfigMap/web", folder=work).stdout
    assert "apps/cm.yaml:1" in text


def test_trace_outside_a_clone_says_so_and_an_object_that_does_not_exist_is_status_3(
    run: Run, workspace: Workspace, api: Api, live: str
) -> None:
    found = document(run("trace", "configmap/web", "-o", "json"))
    assert (found["file"], found["commit"]) == (None, live)
    assert "Git repository" in found["notes"][0]
    assert run("trace", "cm/nothing").returncode == 3
    assert run("trace", "nonsense/web").returncode == 3
    assert run("trace", "web").returncode == 2
    api.apply(
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "own", "namespace": workspace.namespace},
        },
        manager="kubectl",
    )
    foreign = run("trace", "cm/own")
    assert (foreign.returncode, "No Kustomization applies it" in foreign.stdout) == (1, True)


def test_where_says_live_on_the_way_and_stopped(run: Run, workspace: Workspace, live: str) -> None:
    work = workspace.repository.work
    assert [p["place"] for p in document(run("where", live, "-o", "json"))["places"]] == ["live"]
    second = workspace.commit({"README.md": "2"}).rpartition(":")[2]
    workspace.ready("apps", f"main@sha1:{second}")
    # Only history knows that the second commit contains the first.
    assert run("where", live).returncode == 3
    assert document(run("where", live, "-o", "json", folder=work))["places"][0]["place"] == "live"
    third = workspace.commit(BROKEN).rpartition(":")[2]
    workspace.failed("apps", "BuildFailed")
    found = document(run("where", third[:8], "-o", "json"), status=1)
    assert [(p["name"], p["place"]) for p in found["places"]] == [("apps", "stopped")]
    assert "missing.yaml" in found["places"][0]["message"]
    assert run("where", "0" * 40).returncode == 3
    assert run("where", "not a commit").returncode == 2


def test_wait_ends_when_a_later_commit_arrives(
    run: Run, workspace: Workspace, live: str, shared_cluster: Cluster
) -> None:
    assert run("wait", "--revision", live).returncode == 0
    assert run("wait", "ks/apps").returncode == 0
    commit = workspace.repository.commit({"README.md": "2"})
    folder = workspace.repository.work
    waiting = start(folder, shared_cluster, workspace.namespace, "wait", "--revision", commit, "-o", "json")
    try:
        # Nothing has it yet: the first line of progress says how the cluster stands.
        later = workspace.commit({"README.md": "3"})
        out, err = waiting.communicate(timeout=120)
    finally:
        waiting.kill()
    assert waiting.returncode == 0, err
    assert json.loads(out)["objects"][0]["revision"] == later


def test_wait_that_fails_prints_why_and_its_status_is_1(run: Run, workspace: Workspace, live: str) -> None:
    broken = workspace.commit(BROKEN).rpartition(":")[2]
    workspace.failed("apps", "BuildFailed")
    for arguments in (("--fail-fast",), ("--timeout", "3s")):
        done = run("wait", "ks/apps", "--revision", broken, *arguments)
        assert done.returncode == 1
        assert "missing.yaml" in done.stderr
        assert "Cause:" in done.stderr
    assert run("wait", "--revision", "f" * 40, "--timeout", "1s").returncode == 1


def test_missing_objects_never_have_status_0(run: Run, live: str) -> None:
    for command in ("wait", "events", "logs", "reconcile", "suspend", "resume"):
        more = ("--reason", "x") if command == "suspend" else ()
        done = run(command, "ks/nothing", *more)
        assert done.returncode == 3, (command, done.stdout, done.stderr)
        assert done.stdout == ""


def test_reconcile_waits_for_what_it_requested(run: Run, workspace: Workspace, live: str) -> None:
    commit = workspace.repository.commit({"apps/cm.yaml": config_map("web", key="2")})
    found = document(run("reconcile", "ks/apps", "--with-source", "-o", "json"))
    assert [(o["kind"], o["state"], o["revision"]) for o in found["objects"]] == [
        (SOURCE, "ready", f"main@sha1:{commit}"),
        ("Kustomization", "ready", f"main@sha1:{commit}"),
    ]
    workspace.repository.commit(BROKEN)
    done = run("reconcile", "ks/apps", "--with-source")
    assert done.returncode == 1
    assert "missing.yaml" in done.stderr


def test_suspend_keeps_the_reason_everybody_shows_it_and_resume_removes_it(
    run: Run, workspace: Workspace, live: str
) -> None:
    reason = "migration of the database"
    assert run("suspend", "ks/apps").returncode == 2
    assert (
        document(run("suspend", "ks/apps", "--reason", reason, "-o", "json"))["objects"][0]["note"] == reason
    )
    for command in (
        ("status", "--state", "suspended"),
        ("why", "ks/apps"),
        ("tree",),
        ("reconcile", "ks/apps"),
    ):
        done = run(*command)
        assert reason in done.stdout + done.stderr, command
    assert run("reconcile", "ks/apps").returncode == 1
    assert run("wait", "ks/apps", "--revision", "f" * 40, "--timeout", "60s").returncode == 1
    assert run("resume", "ks/apps").returncode == 0
    obj = workspace.get("apps")
    assert obj["spec"].get("suspend") is not True
    assert "headgate.dev/suspend-reason" not in (obj["metadata"].get("annotations") or {})
    assert run("wait", "ks/apps").returncode == 0


def test_events_are_those_of_the_object_oldest_first(
    run: Run, workspace: Workspace, live: str, shared_cluster: Cluster, tmp_path: Path
) -> None:
    def reasons() -> list[str] | None:
        found = document(run("events", "ks/apps", "-o", "json"))["events"]
        assert {each["object"]["name"] for each in found} <= {"apps"}
        times = [each["time"] for each in found]
        assert times == sorted(times)
        return [each["reason"] for each in found] or None

    until("there are events", reasons)
    watching = start(
        tmp_path, shared_cluster, workspace.namespace, "events", "-o", "json", "--type", "Warning", "-w"
    )
    try:
        workspace.commit(BROKEN)
        assert watching.stdout is not None
        lines = ""
        ends = time.monotonic() + 120
        while "BuildFailed" not in lines and time.monotonic() < ends:
            lines += watching.stdout.readline()
    finally:
        watching.kill()
        watching.wait()
    assert "BuildFailed" in lines


def test_logs_without_an_operator_in_the_namespace_say_so(run: Run, workspace: Workspace, live: str) -> None:
    done = run("logs", "ks/apps", "--operator-namespace", workspace.namespace)
    assert (done.returncode, "no operator in the namespace" in done.stderr) == (3, True)


def test_logs_that_the_node_does_not_have_are_an_error(run: Run, workspace: Workspace, api: Api) -> None:
    labels = {"app": "operator"}
    spec: Obj = {
        "replicas": 1,
        "selector": {"matchLabels": labels},
        "template": {
            "metadata": {"labels": labels},
            "spec": {"containers": [{"name": "manager", "image": "none"}]},
        },
    }
    meta = {
        "name": "operator",
        "namespace": workspace.namespace,
        "labels": {"app.kubernetes.io/part-of": "flux"},
    }
    api.apply(
        {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": meta, "spec": spec}, manager="kubectl"
    )

    def answer() -> str | None:
        done = run("logs", "-o", "json", "--operator-namespace", workspace.namespace)
        assert (done.returncode, done.stdout) == (3, "")
        assert "Traceback" not in done.stderr
        return None if "no pod of the operator runs" in done.stderr else done.stderr

    assert until("the pod runs, and its node has no log of it", answer).startswith("Error: ")


def test_the_plugins_are_the_same_command() -> None:
    for name in ("kubectl-headgate", "flux-headgate"):
        done = subprocess.run(
            [str(Path(sys.executable).with_name(name)), "--help"], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0
        assert "reconcile" in done.stdout
