"""The operator reports to Git what its cluster runs: signed, after every change, across restarts and failures."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from sandbox import operator
from tests.support.cluster import KUSTOMIZATION, KUSTOMIZATION_VERSION, SOURCE, SOURCE_VERSION, until
from tests.support.gitserver import GitHttpServer
from tests.support.manifests import config_map, dump
from tests.support.metrics import read, value
from tests.support.sshserver import KeyPair, generate_key
from tests.support.workspace import Workspace

pytestmark = pytest.mark.e2e

REF = "refs/headgate/env/staging"


class Reports:
    """What is on the ref of a workspace's repository."""

    def __init__(self, workspace: Workspace, ref: str = REF) -> None:
        self._workspace, self.ref = workspace, ref

    def commits(self) -> list[str]:
        """Newest first."""
        return self._git("rev-list", self.ref).split()

    def read(self, commit: str = "") -> dict[str, Any]:
        """A report; {} if there is none."""
        found: dict[str, Any] = json.loads(self._git("show", f"{commit or self.ref}:report.json") or "{}")
        return found

    def running(self) -> dict[str, str]:
        """The commit of each Kustomization that is Ready in the newest report."""
        return {
            each["name"]: each["commit"] for each in self.read().get("kustomizations", ()) if each["ready"]
        }

    def wait(self, *names: str, revision: str) -> dict[str, Any]:
        """Wait for a report of these Kustomizations, Ready at a revision."""
        commit = revision.rpartition(":")[2]
        until(f"a report of {names} at {commit}", lambda: self.running() == dict.fromkeys(names, commit))
        return self.read()

    def is_signed_by(self, key: KeyPair, folder: Path) -> bool:
        allowed = folder / "allowed"
        allowed.write_text(f'staging namespaces="git" {key.public}\n')
        config = f"gpg.ssh.allowedSignersFile={allowed}"
        command = ["git", "-c", config, "verify-commit", "--raw", self.ref]
        finished = subprocess.run(
            command, cwd=self._workspace.repository.work, capture_output=True, text=True, check=False
        )
        return finished.returncode == 0 and " for staging " in finished.stderr

    def _git(self, *arguments: str) -> str:
        try:
            return self._workspace.repository.git(*arguments)
        except RuntimeError:
            return ""


@pytest.fixture
def fleet(own_workspace: Workspace) -> Workspace:
    """A repository that accepts pushes, with two apps."""
    own_workspace.repository.git("config", "http.receivepack", "true")
    return own_workspace


def options(workspace: Workspace, *more: str) -> tuple[str, ...]:
    return (workspace.selector, f"--report-secret={workspace.namespace}/report", *more)


def counted(running: operator.Operator, result: str) -> float:
    """How many reports had this result."""
    return value(read(running.metrics), "headgate_reports_total", result=result)


def apps(workspace: Workspace) -> str:
    """Two Kustomizations, Ready."""
    files = {f"{name}/a.yaml": config_map(f"{name}-a") for name in ("one", "two")}
    revision = workspace.commit({**files, "README.md": "first"})
    workspace.source()
    for name in ("one", "two"):
        workspace.kustomization(name)
        workspace.ready(name, revision)
    return revision


def test_every_change_is_reported_across_a_crash(fleet: Workspace, account: Path, tmp_path: Path) -> None:
    reports, key = Reports(fleet), generate_key()
    fleet.secret("report", {"identity": key.private.decode(), "environment": "staging"})
    with operator.running(account, tmp_path, options(fleet)) as running:
        first = apps(fleet)
        report = reports.wait("one", "two", revision=first)
        assert report["environment"] == "staging"
        assert [each["revision"] for each in report["sources"]] == [first]
        assert report["sources"][0]["ref"] == {"branch": "main"}
        assert reports.is_signed_by(key, tmp_path)
        assert not reports.is_signed_by(generate_key(), tmp_path)
        assert "message" not in json.dumps(report)
        # A commit that changes nothing which runs: another commit, the same content since the same time.
        before = {each["name"]: each["digestSince"] for each in report["kustomizations"]}
        second = fleet.commit({"README.md": "second"})
        report = reports.wait("one", "two", revision=second)
        assert {each["name"]: each["digestSince"] for each in report["kustomizations"]} == before
        commits = reports.commits()
        running.kill()
    # What happens while nobody reports is in the first report afterwards, on top of the last one.
    third = fleet.commit({"one/a.yaml": config_map("one-a", v="3")})
    with operator.running(account, tmp_path, options(fleet)):
        reports.wait("one", "two", revision=third)
        assert set(commits[1:]) < set(reports.commits())
        assert times(reports) == sorted(times(reports))
        fleet.close()


def times(reports: Reports) -> list[str]:
    """The times of all reports, the oldest first."""
    return [reports.read(commit)["observed"] for commit in reversed(reports.commits())]


def test_a_report_is_confirmed_in_place_after_a_restart(
    fleet: Workspace, account: Path, tmp_path: Path
) -> None:
    reports = Reports(fleet)
    fleet.secret("report", {"identity": generate_key().private.decode(), "environment": "staging"})
    with operator.running(account, tmp_path, options(fleet)):
        revision = apps(fleet)
        before = reports.wait("one", "two", revision=revision)
        count = len(reports.commits())
    with operator.running(account, tmp_path, options(fleet)):
        until("a new report", lambda: reports.read()["observed"] > before["observed"] or None)
        after = reports.wait("one", "two", revision=revision)
        assert after["begun"] == before["begun"]
        assert len(reports.commits()) == count
        fleet.close()


def test_a_refused_push_delays_nothing_else(fleet: Workspace, account: Path, tmp_path: Path) -> None:
    reports = Reports(fleet)
    fleet.repository.git("config", "http.receivepack", "false")
    fleet.secret("report", {"identity": generate_key().private.decode(), "environment": "staging"})
    with operator.running(account, tmp_path, options(fleet)) as running:
        apps(fleet)
        fleet.event("source", "cannot be pushed: .*authentication", kind=SOURCE, reason="ReportFailed")
        until("it is counted", lambda: counted(running, "failed") or None)
        revision = fleet.commit({"one/a.yaml": config_map("one-a", v="2")})
        fleet.ready("one", revision)
        assert reports.commits() == []
        fleet.repository.git("config", "http.receivepack", "true")
        reports.wait("one", "two", revision=revision)
        until("it is counted", lambda: counted(running, "pushed") or None)
        assert value(read(running.metrics), "headgate_report_timestamp_seconds") > 0
        fleet.close()


def test_a_secret_is_replaced_and_a_server_goes_down(fleet: Workspace, account: Path, tmp_path: Path) -> None:
    """Reports go to a separate server, which the Secret names; the operator learns of new keys by itself."""
    reports, old, new = Reports(fleet), generate_key(), generate_key()

    def secret(key: KeyPair, password: str, url: str) -> None:
        data = {"identity": key.private.decode(), "environment": "staging", "username": "ada"}
        fleet.secret("report", {**data, "password": password, "url": url})

    with GitHttpServer(fleet.server.root) as server, operator.running(account, tmp_path, options(fleet)):
        url = server.url(fleet.repository.name)
        server.require_basic("ada", "first password")
        secret(old, "first password", url)
        first = apps(fleet)
        reports.wait("one", "two", revision=first)
        assert reports.is_signed_by(old, tmp_path)
        server.require_basic("ada", "second password")
        secret(new, "second password", url)
        second = fleet.commit({"two/a.yaml": config_map("two-a", v="2")})
        reports.wait("one", "two", revision=second)
        assert reports.is_signed_by(new, tmp_path)
        server.fail_with = 503
        third = fleet.commit({"two/a.yaml": config_map("two-a", v="3")})
        fleet.ready("two", third)
        fleet.event("source", "cannot be pushed: .*503", kind=SOURCE, reason="ReportFailed")
        server.fail_with = None
        reports.wait("one", "two", revision=third)
        assert first.rpartition(":")[2] in {
            each["commit"] for commit in reports.commits() for each in reports.read(commit)["kustomizations"]
        }
        assert "password" not in fleet.event_text("source", SOURCE)
        fleet.close()


def test_reports_on_a_branch(fleet: Workspace, account: Path, tmp_path: Path) -> None:
    """For servers that refuse other refs; a branch that accepts no rewrite has a commit for every report."""
    fleet.repository.git("config", "receive.denyNonFastForwards", "true")
    reports = Reports(fleet, "refs/heads/headgate/env/staging")
    fleet.secret("report", {"identity": generate_key().private.decode()})
    more = ("--report-environment=staging", "--report-branch=headgate/env/staging")
    with operator.running(account, tmp_path, options(fleet, *more)):
        revision = apps(fleet)
        reports.wait("one", "two", revision=revision)
        fleet.close()


def test_other_repositories_are_not_in_the_report(fleet: Workspace, account: Path, tmp_path: Path) -> None:
    """Of two repositories in the namespace, an option says which; the other one's objects stay out of it."""
    reports, other = Reports(fleet), f"{fleet.namespace}-other"
    fleet.repository.git(
        "clone", "-q", "--bare", str(fleet.repository.path), str(fleet.server.root / f"{other}.git")
    )
    fleet.secret("report", {"identity": generate_key().private.decode(), "environment": "staging"})
    named = f"--report-source={fleet.namespace}/source"
    with operator.running(account, tmp_path, options(fleet, named)):
        revision = apps(fleet)
        fleet.repository.git("push", "-q", str(fleet.server.root / f"{other}.git"), "main")
        fleet.source("secret", url=fleet.server.url(f"{other}.git"))
        fleet.kustomization("hidden", "one", sourceRef={"kind": SOURCE, "name": "secret"}, namePrefix="x-")
        fleet.ready("hidden")
        revision = fleet.commit({"README.md": "second"})
        reports.wait("one", "two", revision=revision)
        assert all("hidden" not in json.dumps(reports.read(commit)) for commit in reports.commits())
        fleet.close()


def environments(repository: Path, *arguments: str) -> dict[str, Any]:
    """The one environment that ``headgate environments`` shows, without where this is known from."""
    command = [sys.executable, "-m", "headgate.cli", "environments", "--repository", str(repository)]
    finished = subprocess.run(
        [*command, "-o", "json", *arguments], capture_output=True, text=True, check=False
    )
    assert finished.returncode == 0, finished.stdout + finished.stderr
    (found,) = json.loads(finished.stdout)["environments"]
    return dict(found)


def test_a_bare_clone_says_what_the_cluster_says(fleet: Workspace, account: Path, tmp_path: Path) -> None:
    reports, key = Reports(fleet), generate_key()
    fleet.secret("report", {"identity": key.private.decode(), "environment": "staging"})
    spec = {"interval": "1h", "url": fleet.url, "ref": {"branch": "main"}}
    meta = {"name": "source", "namespace": fleet.namespace}
    objects = [{"apiVersion": SOURCE_VERSION, "kind": SOURCE, "metadata": meta, "spec": spec}]
    for name in ("one", "two"):
        spec = {"interval": "1h", "prune": True, "path": f"./{name}"}
        spec |= {"sourceRef": {"kind": SOURCE, "name": "source"}, "targetNamespace": fleet.namespace}
        meta = {"name": name, "namespace": fleet.namespace}
        objects.append(
            {"apiVersion": KUSTOMIZATION_VERSION, "kind": KUSTOMIZATION, "metadata": meta, "spec": spec}
        )
    files = {
        "clusters/staging/fleet.yaml": "---\n".join(map(dump, objects)),
        ".headgate/reporters": f'staging namespaces="git" {key.public}\n',
    }
    fleet.commit(files)
    with operator.running(account, tmp_path, options(fleet)):
        apps(fleet)
        revision = fleet.commit({"README.md": "second"})
        reports.wait("one", "two", revision=revision)
        clone = tmp_path / "clone.git"
        fleet.repository.git("clone", "-q", "--bare", fleet.url, str(clone))
        context = yaml.safe_load(account.read_text())["current-context"]
        from_context = environments(clone, f"--context=staging={context}", f"--kubeconfig={account}")
        from_report = environments(clone)
        assert from_context.pop("evidence")["origin"] == "context"
        assert from_report.pop("evidence")["origin"] == "report"
        assert from_context == from_report
        assert from_report["healthy"] == revision.rpartition(":")[2]
        assert from_report["ready"] == {"ready": 2, "all": 2}
        assert from_report["behind"] == {"commits": 0, "matter": 0}
        fleet.close()
