"""The command ``flux`` on objects that Headgate reconciles, and on the same ones that Flux reconciles."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from controlplane import Cluster
from tests.flux.conftest import Programs
from tests.support.cluster import KUSTOMIZATION, SOURCE, condition, is_ready, until
from tests.support.manifests import config_map
from tests.support.workspace import OWN, Workspace

Obj = dict[str, Any]
Run = Callable[..., str]


@pytest.fixture
def flux(programs: Programs, shared_cluster: Cluster, workspace: Workspace) -> Run:
    """Runs the command in the namespace of the workspace; returns what it prints, on either stream."""
    command = programs("flux").program
    environment = os.environ | {"KUBECONFIG": str(shared_cluster.kubeconfig), "NO_COLOR": "1"}

    def run(*arguments: str, status: int = 0) -> str:
        done = subprocess.run(
            [str(command), f"--namespace={workspace.namespace}", *arguments],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == status, done.stdout
        return done.stdout

    return run


@pytest.fixture
def revision(workspace: Workspace) -> str:
    """The revision of a Kustomization ``apps`` that is Ready."""
    revision = workspace.commit({"apps/a.yaml": config_map("a")})
    workspace.source()
    workspace.kustomization("apps")
    workspace.ready("apps")
    return revision


def test_get_shows_revision_and_state(flux: Run, workspace: Workspace, revision: str) -> None:
    shown = revision.replace("main@sha1:", "main@sha1:")[: len("main@sha1:") + 8]
    for kind in (("sources", "git"), ("kustomizations",), ("all",)):
        text = flux("get", *kind)
        assert shown in text
        assert "True" in text
        assert "Unknown" not in text
    rows = flux("get", "kustomizations", "--no-header").split("\t")
    assert rows[0].split()[:1] == ["apps"]
    assert flux("get", "kustomizations", "--status-selector=ready=false", "--no-header").strip() == ""


def test_reconcile_waits_for_the_newest_commit(flux: Run, workspace: Workspace, revision: str) -> None:
    newer = workspace.repository.commit({"apps/a.yaml": config_map("a", a="2")}, "newer")
    text = flux("reconcile", "kustomization", "apps", "--with-source")
    assert f"fetched revision main@sha1:{newer}" in text
    assert f"applied revision main@sha1:{newer}" in text
    newest = workspace.repository.commit({"apps/a.yaml": config_map("a", a="3")}, "newest")
    assert f"fetched revision main@sha1:{newest}" in flux("reconcile", "source", "git", "source")


def test_reconcile_reports_a_failure(flux: Run, workspace: Workspace, revision: str) -> None:
    workspace.commit({"apps/a.yaml": "a: [\n"})
    workspace.failed("apps", "BuildFailed")
    text = flux("reconcile", "kustomization", "apps", "--timeout=20s", status=1)
    assert "context deadline exceeded" in text


def test_suspend_and_resume(flux: Run, workspace: Workspace, revision: str) -> None:
    assert "kustomization suspended" in flux("suspend", "kustomization", "apps")
    flux("suspend", "source", "git", "source")
    assert workspace.get("apps")["spec"]["suspend"] is True
    second = workspace.repository.commit({"apps/a.yaml": config_map("a", a="2")}, "second")
    assert "GitRepository source git-source reconciliation" not in flux("resume", "source", "git", "source")
    text = flux("resume", "kustomization", "apps", "--timeout=2m")
    assert f"applied revision main@sha1:{second}" in text


def test_tree_and_trace_lead_through_what_is_applied(flux: Run, workspace: Workspace, revision: str) -> None:
    here = workspace.namespace
    assert f"ConfigMap/{here}/a" in flux("tree", "kustomization", "apps")
    text = flux("trace", "configmap", "a")
    for line in ("Object:", "ConfigMap/a", "Kustomization:", "GitRepository:", revision, workspace.url):
        assert line in text


def test_events_and_stats_know_the_objects(flux: Run, workspace: Workspace, revision: str) -> None:
    until(
        "an event is shown", lambda: "Reconciliation finished" in flux("events", "--for=Kustomization/apps")
    )
    assert "stored artifact" in flux("events", "--for=GitRepository/source")
    stats = {line.split("\t")[0].strip(): line.split() for line in flux("stats").splitlines()}
    for kind in (KUSTOMIZATION, SOURCE):
        assert stats[kind][1:3] == ["1", "0"], stats[kind]


def test_export_is_what_was_applied(flux: Run, workspace: Workspace, revision: str) -> None:
    for kind, name, arguments in (
        (KUSTOMIZATION, "apps", ["kustomization"]),
        (SOURCE, "source", ["source", "git"]),
    ):
        exported = yaml.safe_load(flux("export", *arguments, name))
        live = workspace.get(name, kind)
        assert (exported["kind"], exported["metadata"]["name"]) == (kind, name)
        for field in ("path", "prune", "sourceRef", "targetNamespace", "url", "ref"):
            assert exported["spec"].get(field) == live["spec"].get(field), field
        assert "status" not in exported


def test_create_and_delete(flux: Run, workspace: Workspace, side: str) -> None:
    revision = workspace.commit({"apps/a.yaml": config_map("a")})
    label = f"--label={OWN}={side}"
    made = flux(
        "create", "source", "git", "made", f"--url={workspace.url}", "--branch=main", "--interval=1h", label
    )
    assert f"fetched revision: {revision}" in made
    made = flux(
        "create",
        "kustomization",
        "made",
        "--source=GitRepository/made",
        "--path=./apps",
        "--prune=true",
        "--interval=1h",
        f"--target-namespace={workspace.namespace}",
        label,
    )
    assert f"applied revision {revision}" in made.lower()
    assert workspace.config_map("a")
    flux("delete", "kustomization", "made", "--silent")
    until("it is pruned", lambda: workspace.config_map("a") is None)
    flux("delete", "source", "git", "made", "--silent")
    until("it is gone", lambda: workspace.find("made", SOURCE) is None)


def test_build_and_diff_use_what_the_cluster_has(
    flux: Run, workspace: Workspace, revision: str, tmp_path: Path
) -> None:
    folder = tmp_path / "apps"
    folder.mkdir()
    (folder / "a.yaml").write_text(config_map("a"))
    built = flux("build", "kustomization", "apps", f"--path={folder}")
    assert f"kustomize.toolkit.fluxcd.io/namespace: {workspace.namespace}" in built
    assert "drifted" not in flux("diff", "kustomization", "apps", f"--path={folder}", "--progress-bar=false")
    (folder / "a.yaml").write_text(config_map("a", a="2"))
    changed = flux("diff", "kustomization", "apps", f"--path={folder}", "--progress-bar=false", status=1)
    assert f"ConfigMap/{workspace.namespace}/a drifted" in changed


def test_debug_shows_variables_and_history(flux: Run, workspace: Workspace, revision: str) -> None:
    workspace.change("apps", {"postBuild": {"substitute": {"city": "Ulm"}}})
    until("it is Ready", lambda: is_ready(workspace.get("apps")))
    assert "city=Ulm" in flux("debug", "kustomization", "apps", "--show-vars").replace('"', "")
    assert "True" in json.dumps(condition(workspace.get("apps")))
    assert revision in flux("debug", "kustomization", "apps", "--show-history")
