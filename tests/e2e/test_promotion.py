"""Promote, break, roll back: the command line on a real remote, the operator on a real cluster, no step by hand."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from controlplane import Cluster
from sandbox import operator
from tests.support.cluster import KUSTOMIZATION, SOURCE, Api, condition, until
from tests.support.fleets import git_repository, kustomization, overlay
from tests.support.gitserver import GitHttpServer
from tests.support.manifests import config_map
from tests.support.signing import Person
from tests.support.workspace import Workspace

pytestmark = pytest.mark.e2e

CONFIG = """\
environments:
- {name: staging, cluster: clusters/staging}
- {name: production, cluster: clusters/production, after: [staging]}
"""


class Stage:
    """Staging follows main, production signed versions; each has its namespace on one cluster."""

    def __init__(
        self, api: Api, server: GitHttpServer, cluster: Cluster, folder: Path, verify: str = "Tag"
    ) -> None:
        self.verify = verify
        self.staging = Workspace(api, server, "promotion-staging")
        self.production = Workspace(api, server, "promotion-production")
        self.repository, self.url = self.staging.repository, self.staging.url
        self.repository.git("config", "http.receivepack", "true")
        self.repository.git("config", "receive.denyCurrentBranch", "ignore")
        self.ada = Person.make(folder, "ada")
        self.kubeconfig = cluster.kubeconfig
        self.clone = folder / "clone"
        self.first = self.repository.commit(self._files())
        self._git("clone", "-q", self.url, str(self.clone), cwd=folder)
        if verify == "TagAndHEAD":
            self.sign()
        self.tag("1.0.0", sign=True)
        self.production.secret("promoters", {"ada.sshpub": self.ada.public})
        for workspace, name in ((self.staging, "staging"), (self.production, "production")):
            for obj in yaml.safe_load_all((self.repository.work / f"clusters/{name}/sync.yaml").read_text()):
                api.apply(obj, manager="kubectl")
            workspace._sources.add("source")

    def _files(self) -> dict[str, str]:
        files = {"headgate.yaml": CONFIG, "apps/base/app.yaml": config_map("app", v="1")}
        files["apps/base/kustomization.yaml"] = overlay(["app.yaml"])
        specs = {
            "staging": (self.staging.namespace, {"branch": "main"}, {}),
            "production": (
                self.production.namespace,
                {"semver": ">=1.0.0"},
                {"verify": {"mode": self.verify, "secretRef": {"name": "promoters"}}},
            ),
        }
        for name, (namespace, ref, spec) in specs.items():
            where = {"name": "source", "namespace": namespace}
            source = git_repository(ref, url=self.url, **where, **{"interval": "1h", **spec})
            apps = kustomization(
                "apps",
                f"./apps/{name}",
                namespace=namespace,
                source="source",
                interval="1h",
                targetNamespace=namespace,
            )
            files[f"clusters/{name}/sync.yaml"] = f"{source}---\n{apps}"
            files[f"apps/{name}/kustomization.yaml"] = overlay(["../base"])
        return files

    def merge(self, value: str) -> str:
        """Merge a change to main and wait until staging runs it."""
        commit = self.repository.commit({"apps/base/app.yaml": config_map("app", v=value)})
        self.staging.request_sources()
        self.staging.ready("apps", f"main@sha1:{commit}")
        return commit

    def sign(self, value: str = "") -> str:
        """Ada pushes a signed commit to main, and with a value a change."""
        self._git("fetch", "-q", "origin", cwd=self.clone)
        self._git("reset", "-q", "--hard", "origin/main", cwd=self.clone)
        if value:
            (self.clone / "apps/base/app.yaml").write_text(config_map("app", v=value))
        self._git("commit", "-q", "-S", "-a", "--allow-empty", "-m", "signed", cwd=self.clone)
        self._git("push", "-q", "origin", "HEAD:refs/heads/main", cwd=self.clone)
        commit = self.repository.git("rev-parse", "main").strip()
        self.repository.git("reset", "-q", "--hard", "main")
        if value:
            self.staging.request_sources()
            self.staging.ready("apps", f"main@sha1:{commit}")
        return commit

    def tag(self, name: str, *, sign: bool) -> None:
        """Somebody pushes a tag of the newest commit by hand."""
        self._git("fetch", "-q", "origin", cwd=self.clone)
        options = ["-s"] if sign else ["--no-sign", "-a"]
        self._git("tag", *options, "-m", name, name, "origin/main", cwd=self.clone)
        self._git("push", "-q", "origin", f"refs/tags/{name}", cwd=self.clone)

    def runs(self, version: str, value: str) -> None:
        """Wait until production runs a version."""
        self.production.request_sources()

        def look() -> bool:
            found = self.production.find("apps") or {}
            applied = (found.get("status") or {}).get("lastAppliedRevision", "")
            app = self.production.config_map("app") or {}
            return applied.startswith(f"{version}@") and app.get("data") == {"v": value}

        until(f"production runs {version}", look)
        self.production.ready("apps")

    def headgate(self, *arguments: str, status: int = 0) -> str:
        """Run the command line in the clone, as Ada."""
        context = yaml.safe_load(self.kubeconfig.read_text())["current-context"]
        command = [sys.executable, "-m", "headgate.cli", *arguments, "--kubeconfig", str(self.kubeconfig)]
        command += ["--context", f"staging={context}", "--context", f"production={context}"]
        environment = {**os.environ, **self.ada.environment()}
        done = subprocess.run(
            command, cwd=self.clone, env=environment, capture_output=True, text=True, check=False, timeout=600
        )
        assert done.returncode == status, done.stdout + done.stderr
        return done.stdout + done.stderr

    def _git(self, *arguments: str, cwd: Path) -> None:
        environment = {**os.environ, **self.ada.environment()}
        subprocess.run(["git", *arguments], cwd=cwd, env=environment, check=True, capture_output=True)

    def close(self) -> None:
        self.staging.close()
        self.production.close()


@pytest.fixture
def stage(
    api: Api,
    git_server: GitHttpServer,
    shared_operator: operator.Operator,
    shared_cluster: Cluster,
    tmp_path: Path,
    request: pytest.FixtureRequest,
) -> Iterator[Stage]:
    shared_operator.check()
    stage = Stage(api, git_server, shared_cluster, tmp_path, getattr(request, "param", "Tag"))
    yield stage
    stage.close()


def test_promote_break_and_roll_back(stage: Stage) -> None:
    stage.runs("1.0.0", "1")
    stage.merge("2")
    said = stage.headgate("promote", "production")
    assert "healthy: 1 Kustomizations Ready" in said
    stage.runs("1.0.1", "2")

    bad = stage.merge("bad")
    stage.headgate("promote", "production")
    stage.runs("1.0.2", "bad")

    said = stage.headgate("rollback", "production")
    assert "1.0.3 with the content of 1.0.1" in said
    stage.runs("1.0.3", "2")
    assert stage.repository.git("diff", "1.0.1", "1.0.3") == ""
    refused = stage.headgate("promote", "production", status=1)
    assert "not-rolled-back" in refused
    assert bad[:12] in refused
    assert "1.0.4" not in stage.repository.git("tag")


def test_what_is_not_proven_stays_out(stage: Stage) -> None:
    stage.runs("1.0.0", "1")
    stage.merge("2")
    stage.staging.change("apps", {"path": "./nowhere"})
    until("staging is not Ready", lambda: condition(stage.staging.get("apps")).get("status") == "False")
    before = stage.repository.git("for-each-ref")
    assert "Refused by the guard healthy" in stage.headgate("promote", "production", status=1)
    assert stage.repository.git("for-each-ref") == before
    stage.staging.change("apps", {"path": "./apps/staging"})
    stage.staging.ready("apps")
    stage.production.change("apps", {"suspend": True})
    assert "not-suspended" in stage.headgate("promote", "production", status=1)
    assert stage.repository.git("for-each-ref") == before


def test_a_version_without_a_signature_does_not_get_in(stage: Stage) -> None:
    """Flux's own ``spec.verify`` enforces it: of a range, the newest version is verified, and no other one."""
    stage.runs("1.0.0", "1")
    stage.merge("evil")
    stage.tag("9.9.9", sign=False)
    stage.production.request_sources()
    stage.production.failed("source", "InvalidGitObject", "it is not signed", kind=SOURCE)
    assert stage.production.get("source", SOURCE)["status"]["artifact"]["revision"].startswith("1.0.0@")
    assert (stage.production.config_map("app") or {})["data"] == {"v": "1"}
    stage.repository.git("tag", "-d", "9.9.9")
    stage.merge("2")
    stage.headgate("promote", "production")
    stage.runs("1.0.1", "2")
    assert condition(stage.production.get("source", SOURCE), "SourceVerified")["status"] == "True"
    assert KUSTOMIZATION


@pytest.mark.parametrize("stage", ["TagAndHEAD"], indirect=True)
def test_versions_and_commits_with_signatures(stage: Stage) -> None:
    stage.runs("1.0.0", "1")
    stage.merge("unsigned")
    before = stage.repository.git("for-each-ref")
    refused = stage.headgate("promote", "production", status=1)
    assert "has no signature, as 'verify' of GitRepository" in refused
    assert stage.repository.git("for-each-ref") == before
    stage.sign("2")
    stage.headgate("promote", "production")
    stage.runs("1.0.1", "2")
    assert "--no-sign: 'verify'" in stage.headgate("rollback", "production", "--no-sign", status=3)
    assert "1.0.2 with the content of 1.0.0" in stage.headgate("rollback", "production")
    stage.runs("1.0.2", "1")
    verified = condition(stage.production.get("source", SOURCE), "SourceVerified")["message"]
    assert "tag '1.0.2" in verified
    assert "commit '" in verified
