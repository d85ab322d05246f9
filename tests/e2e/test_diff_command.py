"""``headgate diff --server`` and ``--live`` on a cluster whose environment reconciles its own cluster folder."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from controlplane import Cluster
from tests.support.apiproxy import RecordingProxy
from tests.support.cluster import Api
from tests.support.fleets import git_repository
from tests.support.objectchanges import (
    FLUX,
    Obj,
    config_map,
    files,
    object_changes,
    other,
    reported,
    service,
)
from tests.support.sops import age_key, sealed_secret
from tests.support.teams import token_kubeconfig
from tests.support.workspace import Files, Workspace

pytestmark = pytest.mark.e2e

RBAC = "rbac.authorization.k8s.io"
FOLDER = "clusters/test"


class Environment:
    """A repository with one environment: ``sync`` applies the cluster folder, and so ``apps``, too."""

    def __init__(self, workspace: Workspace, folder: Path) -> None:
        self.workspace, self._clone = workspace, folder / "clone"
        self.written: dict[str, str | bytes | None] = {}

    def commit(self, contents: Files, *, live: bool = True) -> str:
        """Make these the files of the repository, and return the revision; unless ``live``, nobody fetches it yet."""
        gone = {path: None for path in self.written if path not in contents}
        commit = self.workspace.repository.commit({**contents, **gone})
        self.written = dict(contents)
        if live:
            self.workspace.request_sources()
        if not self._clone.exists():
            subprocess.run(["git", "clone", "-q", self.workspace.url, str(self._clone)], check=True)
        return f"main@sha1:{commit}"

    def folder(self, **apps: Any) -> dict[str, str | bytes | None]:
        """The cluster folder; ``apps``: more of its spec."""
        where = {"name": "source", "namespace": self.workspace.namespace}
        source = git_repository({"branch": "main"}, url=self.workspace.url, interval="1h", **where)
        sync = yaml.safe_dump(self.kustomization("sync", FOLDER))
        return {
            f"{FOLDER}/source.yaml": source,
            f"{FOLDER}/sync.yaml": sync,
            f"{FOLDER}/apps.yaml": yaml.safe_dump(self.kustomization("apps", "apps", **apps)),
        }

    def kustomization(self, name: str, path: str, **spec: Any) -> Obj:
        """The manifest of a Kustomization."""
        reference = {"kind": "GitRepository", "name": "source"}
        spec = {"interval": "1h", "retryInterval": "1h", "prune": True, "sourceRef": reference, **spec}
        spec |= {"path": f"./{path}", "targetNamespace": self.workspace.namespace}
        found = other(f"{FLUX}/v1", "Kustomization", name, spec=spec)
        found["metadata"]["namespace"] = self.workspace.namespace
        return found

    def start(self) -> None:
        """Apply the cluster folder by hand, once."""
        for path, content in self.written.items():
            if path.startswith(FOLDER) and content:
                self.workspace.api.apply(yaml.safe_load(content), manager="kubectl")
        self.workspace._sources.add("source")
        self.workspace.ready("source", kind="GitRepository")

    def ready(self, revision: str) -> None:
        """Wait until all of it runs a revision."""
        for name in ("sync", "apps"):
            self.workspace.ready(name, revision)

    def diff(self, kubeconfig: Path, *arguments: str, status: int) -> Obj:
        """Fetch, run the command for the default branch, and return its JSON."""
        return json.loads(self.run(kubeconfig, "-o", "json", *arguments, status=status))

    def run(self, kubeconfig: Path, *arguments: str, status: int) -> str:
        """Fetch, run the command for the default branch, and return all that it prints."""
        subprocess.run(["git", "fetch", "-q", "origin"], cwd=self._clone, check=True)
        command = [sys.executable, "-m", "headgate.cli", "diff", "--head", "origin/main"]
        command += ["--kubeconfig", str(kubeconfig), *arguments]
        done = subprocess.run(
            command, cwd=self._clone, env=dict(os.environ), capture_output=True, text=True, check=False
        )
        assert done.returncode == status, done.stdout + done.stderr
        return done.stdout + done.stderr if "json" not in arguments else done.stdout


@pytest.fixture
def environment(workspace: Workspace, tmp_path: Path) -> Environment:
    return Environment(workspace, tmp_path)


@pytest.fixture
def reader(workspace: Workspace, api: Api, shared_cluster: Cluster, tmp_path: Path) -> Path:
    """A kubeconfig of an account that may read everything in the namespace, and definitions."""
    return account(workspace, api, shared_cluster, tmp_path, "reader", ["get", "list"])


def account(
    workspace: Workspace, api: Api, cluster: Cluster, folder: Path, name: str, verbs: list[str], *kinds: str
) -> Path:
    """A kubeconfig of an account with these verbs in the namespace, for these kinds or all."""
    meta = {"name": name, "namespace": workspace.namespace}
    api.apply({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": meta})
    rules = [{"apiGroups": ["*"], "resources": list(kinds) or ["*"], "verbs": verbs}]
    api.apply({**other(f"{RBAC}/v1", "Role", name, rules=rules), "metadata": meta})
    binding = {
        "apiVersion": f"{RBAC}/v1",
        "kind": "RoleBinding",
        "metadata": meta,
        "roleRef": {"apiGroup": RBAC, "kind": "Role", "name": name},
        "subjects": [{"kind": "ServiceAccount", **meta}],
    }
    api.bind(binding, verb=verbs[0])
    return token_kubeconfig(api, cluster, workspace.namespace, name, folder / f"{name}.kubeconfig")


def recorded(proxy: RecordingProxy) -> list[tuple[str, str]]:
    """The method and target of each request that goes through the proxy from now on."""
    requests: list[tuple[str, str]] = []

    def note(method: str, target: str) -> None:
        requests.append((method, target))

    proxy.refuses = note
    return requests


def stage(report: Obj) -> Obj:
    """The only stage of the only environment."""
    (found,) = report["environments"]
    assert found["atPromotion"] is None
    return found["onMerge"]


def changes(report: Obj) -> list[Obj]:
    """The objects that change."""
    return [each for one in stage(report)["kustomizations"] for each in one["objects"]]


def named(report: Obj) -> dict[str, str]:
    """Each object that the operator writes, as its events name it, and what it does."""
    words = {"added": "created", "changed": "configured", "moved": "configured", "removed": "deleted"}
    found = {}
    for each in changes(report):
        if each["notApplied"] or each["kept"]:
            continue
        place = f"{each['namespace']}/" if each["namespace"] else ""
        word = "created" if "RECREATED" in each["dangers"] else words[each["action"]]
        found[f"{each['kind']}/{place}{each['name']}"] = word
    return found


def messages(report: Obj) -> str:
    """What is not known."""
    return "\n".join(each["message"] for each in stage(report)["problems"])


def test_the_command_names_exactly_what_the_operator_then_changes(
    environment: Environment, reader: Path, proxy: RecordingProxy, tmp_path: Path
) -> None:
    workspace = environment.workspace
    kinds = object_changes(workspace.namespace)
    # Definitions belong to no namespace, where this reader may not look.
    kinds = {name: pair for name, pair in kinds.items() if "definition" not in name and "custom" not in name}
    assert len(kinds) >= 30
    found = {**config_map("found", {"a": "1"})}
    found["metadata"]["namespace"] = workspace.namespace
    workspace.api.apply(found)
    before = files({name: pair[0] for name, pair in kinds.items()})
    folder = environment.folder()
    first = environment.commit({**folder, **before})
    environment.start()
    environment.ready(first)

    asked = recorded(proxy)
    (tmp_path / "server").mkdir()
    server = proxy.kubeconfig(tmp_path / "server")
    assert named(environment.diff(server, "--server", status=0)) == {}

    after = files({name: pair[1] for name, pair in kinds.items()})
    seen = len(workspace.events("apps"))
    second = environment.commit({**folder, **after}, live=False)
    report = environment.diff(server, "--server", status=1)
    assert messages(report) == ""
    writes = {(method, target) for method, target in asked if method not in ("GET", "POST")}
    assert writes
    assert {method for method, _ in writes} == {"PATCH"}
    assert all("dryRun=All" in target for _, target in writes)
    with RecordingProxy(reader) as reading:
        asked = recorded(reading)
        live = environment.diff(reading.kubeconfig(reader.parent), "--live", status=1)
        assert {method for method, _ in asked} == {"GET"}
    assert (stage(live)["approximate"], stage(report)["approximate"]) == (True, False)

    workspace.request_sources()
    environment.ready(second)
    workspace.event("apps", "ConfigMap/[^ ]+/going deleted")
    done = reported(workspace.events("apps")[seen:])
    assert named(report) == done
    # Only a dry run shows that the owner of a field changes.
    silent = f"Deployment/{workspace.namespace}/default"
    assert named(live) == {name: what for name, what in done.items() if name != silent}
    for how, kubeconfig in (("--server", server), ("--live", reader)):
        assert named(environment.diff(kubeconfig, how, status=0)) == {}, how
    for value in ("first-secret", "other-secret"):
        assert value not in json.dumps([report, live])


@pytest.mark.parametrize("how", ["--server", "--live"])
def test_a_kustomization_that_somebody_has_suspended_changes_nothing(
    environment: Environment, proxy: RecordingProxy, tmp_path: Path, how: str
) -> None:
    contents = {**environment.folder(), "apps/a.yaml": yaml.safe_dump(config_map("a", {"v": "1"}))}
    revision = environment.commit(contents)
    environment.start()
    environment.ready(revision)
    contents["apps/a.yaml"] = yaml.safe_dump(config_map("a", {"v": "2"}))
    environment.commit(contents, live=False)
    kubeconfig = proxy.kubeconfig(tmp_path)
    assert set(named(environment.diff(kubeconfig, how, status=1)).values()) == {"configured"}
    workspace = environment.workspace
    # As "flux suspend" does; the operator would take a field of kubectl back.
    workspace.api.merge(workspace.get("apps"), {"spec": {"suspend": True}}, manager="flux")
    assert changes(environment.diff(kubeconfig, how, status=0)) == []


def test_an_environment_that_follows_tags_has_both_stages(
    environment: Environment, proxy: RecordingProxy, tmp_path: Path
) -> None:
    workspace = environment.workspace
    contents = {**environment.folder(), "apps/a.yaml": yaml.safe_dump(config_map("a", {"v": "1"}))}
    source = f"{FOLDER}/source.yaml"
    contents[source] = str(contents[source]).replace("branch: main", "tag: 1.0.0")
    environment.commit(contents)
    workspace.repository.git("tag", "1.0.0")
    environment.start()
    environment.ready("")
    contents["apps/a.yaml"] = yaml.safe_dump(config_map("a", {"v": "2"}))
    environment.commit(contents)
    kubeconfig = proxy.kubeconfig(tmp_path)
    (found,) = environment.diff(kubeconfig, "--server", status=1)["environments"]
    assert found["onMerge"]["changed"] is False
    assert found["atPromotion"]["changed"] is True
    environment.run(kubeconfig, "--server", "--fail-on", "delete", status=0)
    assert "by dry runs" in environment.run(kubeconfig, "--server", status=1)
    assert "approximate" in environment.run(kubeconfig, "--live", "-o", "markdown", status=1)


def test_what_cannot_be_known_is_not_sent_and_says_why(
    environment: Environment, proxy: RecordingProxy, tmp_path: Path
) -> None:
    workspace = environment.workspace
    _, recipient = age_key()
    first = {
        **environment.folder(),
        "apps/open.yaml": yaml.safe_dump(config_map("open", {"a": "1"})),
        "apps/sealed.yaml": yaml.safe_dump(other("v1", "Secret", "sealed", stringData={"a": "sealed-word"})),
        "apps/refused.yaml": yaml.safe_dump(service("refused")),
        "apps/quoted.yaml": yaml.safe_dump(service("quoted")),
    }
    revision = environment.commit(first)
    environment.start()
    environment.ready(revision)
    secret = other("v1", "Secret", "values", stringData={"KIND": "hunter2-hunter2", "PIN": "x7z9"})
    secret["metadata"]["namespace"] = workspace.namespace
    elsewhere = {"kind": "ConfigMap", "name": "elsewhere"}
    post_build = {"substituteFrom": [{"kind": "Secret", "name": "values"}, elsewhere]}
    second: dict[str, str | bytes | None] = {
        **environment.folder(postBuild=post_build),
        f"{FOLDER}/values.yaml": yaml.safe_dump(secret),
        "apps/open.yaml": yaml.safe_dump(config_map("open", {"a": "${missing}"})),
        "apps/sealed.yaml": yaml.safe_dump(sealed_secret("sealed", recipient, a="sealed-word")),
        "apps/refused.yaml": yaml.safe_dump(service("refused", {"name": "web", "port": 99999})),
        "apps/quoted.yaml": yaml.safe_dump(service("quoted", type="${KIND}", sessionAffinity="${PIN}")),
        "apps/fine.yaml": yaml.safe_dump(config_map("fine", {"a": "1"})),
    }
    environment.commit(second, live=False)
    asked = recorded(proxy)
    report = environment.diff(proxy.kubeconfig(tmp_path), "--server", status=3)
    text = messages(report)
    place = workspace.namespace
    assert f"ConfigMap/{place}/open: nobody gave the variable missing" in text
    assert f"Secret/{place}/sealed: it is encrypted" in text
    assert f"Service/{place}/refused dry-run failed (Invalid)" in text
    assert "spec.ports[0].port" in text
    assert "(from apps/refused.yaml" in text
    assert f"Service/{place}/quoted dry-run failed" in text
    assert "***" in text
    for value in ("hunter2", "x7z9", "sealed-word"):
        assert value not in json.dumps(report)
    patched = {target.partition("?")[0].rpartition("/")[2] for method, target in asked if method == "PATCH"}
    assert {"refused", "quoted", "fine"} <= patched
    assert not {"open", "sealed"} & patched
    # None of them counts as gone.
    assert named(report).get(f"ConfigMap/{place}/fine") == "created"
    assert "deleted" not in named(report).values()


def test_dry_runs_act_as_the_service_account(
    environment: Environment,
    api: Api,
    shared_cluster: Cluster,
    proxy: RecordingProxy,
    tmp_path: Path,
) -> None:
    workspace = environment.workspace
    verbs = ["get", "list", "create", "patch", "delete"]
    account(workspace, api, shared_cluster, tmp_path, "deployer", verbs, "configmaps")
    contents: dict[str, str | bytes | None] = {
        **environment.folder(serviceAccountName="deployer"),
        "apps/a.yaml": yaml.safe_dump(config_map("a", {"v": "1"})),
    }
    revision = environment.commit(contents)
    environment.start()
    environment.ready(revision)
    operator = proxy.kubeconfig(tmp_path)
    assert named(environment.diff(operator, "--server", status=0)) == {}
    contents["apps/a.yaml"] = yaml.safe_dump(config_map("a", {"v": "2"}))
    contents["apps/b.yaml"] = yaml.safe_dump(service("b"))
    environment.commit(contents, live=False)
    report = environment.diff(operator, "--server", status=3)
    assert f"Service/{workspace.namespace}/b" in messages(report)
    assert f"system:serviceaccount:{workspace.namespace}:deployer" in messages(report)
    assert named(report) == {f"ConfigMap/{workspace.namespace}/a": "configured"}
    # Somebody with all rights but to impersonate.
    editor = account(workspace, api, shared_cluster, tmp_path, "editor", verbs)
    report = environment.diff(editor, "--server", status=3)
    assert "which you may not impersonate" in messages(report)
    assert set(named(report)) == {f"ConfigMap/{workspace.namespace}/a", f"Service/{workspace.namespace}/b"}
    # Reads need nothing of that.
    assert messages(environment.diff(editor, "--live", status=1)) == ""


def test_a_namespace_that_the_operator_spares_is_not_listed(
    environment: Environment, proxy: RecordingProxy, tmp_path: Path
) -> None:
    workspace = environment.workspace
    contents: dict[str, str | bytes | None] = {
        **environment.folder(),
        "apps/space.yaml": yaml.safe_dump(other("v1", "Namespace", workspace.namespace)),
        "apps/a.yaml": yaml.safe_dump(config_map("a", {"v": "1"})),
    }
    revision = environment.commit(contents)
    environment.start()
    environment.ready(revision)
    del contents["apps/space.yaml"]
    revision = environment.commit(contents, live=False)
    kubeconfig = proxy.kubeconfig(tmp_path)
    for how in ("--server", "--live"):
        assert changes(environment.diff(kubeconfig, how, status=0)) == [], how
    workspace.request_sources()
    environment.ready(revision)
    assert workspace.api.get("v1", "Namespace", workspace.namespace) is not None


def test_what_may_not_be_read_is_not_known(
    environment: Environment, api: Api, shared_cluster: Cluster, tmp_path: Path
) -> None:
    workspace = environment.workspace
    contents: dict[str, str | bytes | None] = {
        **environment.folder(),
        "apps/a.yaml": yaml.safe_dump(config_map("a", {"v": "1"})),
        "apps/b.yaml": yaml.safe_dump(service("b")),
    }
    revision = environment.commit(contents)
    environment.start()
    environment.ready(revision)
    kinds = ("kustomizations", "gitrepositories", "configmaps")
    some = account(workspace, api, shared_cluster, tmp_path, "some", ["get", "list"], *kinds)
    contents["apps/a.yaml"] = yaml.safe_dump(config_map("a", {"v": "2"}))
    environment.commit(contents, live=False)
    report = environment.diff(some, "--live", status=3)
    assert f"Service/{workspace.namespace}/b: you may not read it" in messages(report)
    assert named(report) == {f"ConfigMap/{workspace.namespace}/a": "configured"}
    none = account(workspace, api, shared_cluster, tmp_path, "none", ["get"], "configmaps")
    assert "cannot be read: Kustomization/" in messages(environment.diff(none, "--live", status=3))
