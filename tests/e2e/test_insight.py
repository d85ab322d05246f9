"""``headgate status``, ``why`` and ``tree`` on a real cluster, as users with few rights; requests are counted."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from controlplane import Cluster
from tests.support.apiproxy import RecordingProxy
from tests.support.cluster import SOURCE, Api, condition, until
from tests.support.manifests import config_map, deployment, kustomization
from tests.support.workspace import OWN, Workspace

pytestmark = pytest.mark.e2e

Obj = dict[str, Any]
CUSTOM = [
    {"apiGroups": [f"{group}.toolkit.fluxcd.io"], "resources": ["*"], "verbs": ["get", "list", "watch"]}
    for group in ("kustomize", "source")
]
OBJECTS = [
    {"apiGroups": ["apps"], "resources": ["deployments"], "verbs": ["get", "list"]},
    {"apiGroups": [""], "resources": ["pods", "events", "configmaps"], "verbs": ["get", "list"]},
]


@dataclass
class User:
    """The commands as one user, behind a proxy that lists the requests."""

    kubeconfig: Path
    requests: list[str] = field(default_factory=list)

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        self.requests.clear()
        return subprocess.run(
            [sys.executable, "-m", "headgate.cli", *arguments],
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "KUBECONFIG": str(self.kubeconfig)},
        )

    def json(self, *arguments: str, status: int) -> Obj:
        done = self.run(*arguments, "-o", "json")
        assert done.returncode == status, done.stderr
        found: Obj = json.loads(done.stdout)
        return found

    @property
    def lists(self) -> list[str]:
        """The requests besides discovery."""
        return [each for each in self.requests if each.partition("?")[0] not in ("GET /api", "GET /apis")]


@pytest.fixture
def user(
    api: Api, shared_cluster: Cluster, workspace: Workspace, tmp_path: Path
) -> Iterator[Callable[..., User]]:
    """Makes users: with rights in all namespaces, or in that of the workspace only."""
    proxies: list[RecordingProxy] = []
    cleanup: list[Obj] = []

    def make(name: str, rules: list[Obj], *, everywhere: bool = True) -> User:
        ns = workspace.namespace
        full = f"{ns}-{name}"
        kind = "Cluster" if everywhere else ""
        meta = {"name": full} if everywhere else {"name": full, "namespace": ns}
        version = "rbac.authorization.k8s.io/v1"
        role: Obj = {"apiVersion": version, "kind": f"{kind}Role", "metadata": meta}
        account = {"kind": "ServiceAccount", "name": name, "namespace": ns}
        binding = {
            "apiVersion": version,
            "kind": f"{kind}RoleBinding",
            "metadata": meta,
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": f"{kind}Role", "name": full},
            "subjects": [account],
        }
        api.apply({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name, "namespace": ns}})
        role["rules"] = [*rules, {"apiGroups": [""], "resources": ["serviceaccounts"], "verbs": ["list"]}]
        cleanup.extend((role, binding))
        api.apply(role)
        api.bind(binding, verb="list", resource="serviceaccounts")
        path = api.path("v1", "ServiceAccount", ns, name) + "/token"
        body = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}}
        token = api.rest.request("POST", path, body)["status"]["token"]
        config = yaml.safe_load(shared_cluster.kubeconfig.read_text())
        for each in config["clusters"]:
            if authority := each["cluster"].get("certificate-authority"):
                each["cluster"]["certificate-authority"] = str(shared_cluster.kubeconfig.parent / authority)
        config["users"] = [{"name": each["name"], "user": {"token": token}} for each in config["users"]]
        folder = tmp_path / name
        folder.mkdir()
        (folder / "config").write_text(json.dumps(config))
        proxy = RecordingProxy(folder / "config")
        proxies.append(proxy)
        proxy.__enter__()
        made = User(proxy.kubeconfig(folder))
        # The only callback that gets the query, too; it refuses nothing.
        proxy.refuses = lambda method, target: made.requests.append(f"{method} {target}")
        return made

    yield make
    for proxy in proxies:
        proxy.__exit__(None, None, None)
    for each in cleanup:
        meta = each["metadata"]
        api.delete(each["apiVersion"], each["kind"], meta["name"], meta.get("namespace", ""))


def names(refs: list[Obj]) -> list[str]:
    return [each["name"] for each in refs]


def test_a_broken_push_is_named_with_object_file_and_remedy(
    workspace: Workspace, user: Callable[..., User]
) -> None:
    """A chain of three behind it is blocked, and one request of each kind is enough."""
    reader = user("reader", CUSTOM + OBJECTS)
    ns = workspace.namespace
    workspace.commit({f"{each}/a.yaml": config_map(each) for each in ("one", "two", "three", "good")})
    workspace.source()
    workspace.kustomization("one")
    workspace.kustomization("two", dependsOn=[{"name": "one"}])
    workspace.kustomization("three", dependsOn=[{"name": "two"}])
    workspace.kustomization("good")
    for each in ("one", "two", "three", "good"):
        workspace.ready(each)
    assert reader.json("why", "-n", ns, status=0)["causes"] == []
    assert reader.json("status", "-n", ns, status=0)["counts"]["ready"] == 5

    workspace.commit({"one/kustomization.yaml": kustomization("a.yaml", "gone.yaml")})
    workspace.failed("one", "BuildFailed")
    for each in ("two", "three"):
        workspace.request_reconcile("Kustomization", each)
        workspace.failed(each, "DependencyNotReady")

    found = reader.json("why", "ks/three", "-n", ns, status=1)
    assert found["object"]["state"] == "blocked"
    assert [(link["relation"], link["object"]["name"]) for link in found["chain"]] == [
        ("self", "three"),
        ("dependsOn", "two"),
        ("dependsOn", "one"),
    ]
    (cause,) = found["causes"]
    assert (cause["root"]["kind"], cause["root"]["namespace"], cause["root"]["name"]) == (
        "Kustomization",
        ns,
        "one",
    )
    assert cause["reason"] == "BuildFailed"
    assert cause["file"]["path"] == "one/kustomization.yaml"
    assert "headgate build" in cause["remedy"]
    assert names(cause["blocked"]) == ["three", "two"]

    everything = reader.json("why", "-n", ns, status=1)
    assert everything["causes"] == found["causes"]
    status = reader.json("status", "-n", ns, status=1)
    assert (status["counts"]["failed"], status["counts"]["blocked"], status["counts"]["ready"]) == (1, 2, 2)
    assert len(reader.lists) <= 3, reader.lists
    assert {each["state"] for each in status["objects"] if each["name"] == "one"} == {"failed"}

    text = reader.run("why", "ks/three", "-n", ns).stdout
    assert f"Kustomization/{ns}/one" in text
    assert "one/kustomization.yaml" in text
    assert "\x1b" not in text
    tree = reader.json("tree", "-n", ns, status=1)
    (at,) = (each for each in tree["nodes"] if each["name"] == "one")
    assert (at["depth"], at["state"], at["reason"]) == (1, "failed", "BuildFailed")


def test_a_missing_source_a_missing_dependency_and_a_circle_are_named(
    workspace: Workspace, user: Callable[..., User]
) -> None:
    reader = user("reader", CUSTOM)
    ns = workspace.namespace
    workspace.commit({"a/a.yaml": config_map("a")})
    workspace.source()
    workspace.kustomization("lost", "a", sourceRef={"kind": "GitRepository", "name": "ghost"})
    workspace.kustomization("alone", "a", dependsOn=[{"name": "nobody"}])
    workspace.kustomization("x", "a", dependsOn=[{"name": "y"}])
    workspace.kustomization("y", "a", dependsOn=[{"name": "x"}])
    workspace.kustomization("behind", "a", dependsOn=[{"name": "x"}])
    workspace.failed("lost", "ArtifactFailed")
    for each in ("alone", "x", "y", "behind"):
        workspace.failed(each, "DependencyNotReady")

    (cause,) = reader.json("why", "lost", "-n", ns, status=1)["causes"]
    assert (cause["type"], cause["root"]["kind"], cause["root"]["name"]) == (
        "missing",
        "GitRepository",
        "ghost",
    )
    assert f"create GitRepository/{ns}/ghost" in cause["remedy"]
    (cause,) = reader.json("why", "alone", "-n", ns, status=1)["causes"]
    assert (cause["type"], cause["root"]["name"]) == ("missing", "nobody")
    (cause,) = reader.json("why", "behind", "-n", ns, status=1)["causes"]
    assert (cause["type"], names(cause["cycle"]), names(cause["blocked"])) == (
        "cycle",
        ["x", "y", "x"],
        ["behind"],
    )

    for command in ("why", "tree"):
        done = reader.run(command, "ks/nothing", "-n", ns)
        assert (done.returncode, done.stdout) == (3, "")
        assert f"Kustomization/{ns}/nothing does not exist" in done.stderr


def test_a_pod_without_its_image_is_the_reason(
    api: Api, workspace: Workspace, user: Callable[..., User]
) -> None:
    reader, blind = user("reader", CUSTOM + OBJECTS), user("blind", CUSTOM)
    ns = workspace.namespace
    workspace.commit({"web/web.yaml": deployment("web", healthy=False, image="registry.example/web:typo")})
    workspace.source()
    workspace.kustomization("web", wait=True, timeout="2s")
    workspace.kustomization("edge", "web", dependsOn=[{"name": "web"}])
    workspace.failed("web", "HealthCheckFailed")
    workspace.failed("edge", "DependencyNotReady")
    (pod,) = until("the pod exists", lambda: api.list("v1", "Pod", ns, "app=web"))
    waiting = {"reason": "ImagePullBackOff", "message": 'Back-off pulling image "registry.example/web:typo"'}
    container = {"name": "main", "image": "x", "imageID": "", "ready": False, "restartCount": 0}
    statuses = [{**container, "state": {"waiting": waiting}}]
    api.merge(
        {**pod, "apiVersion": "v1", "kind": "Pod"},
        {"status": {"containerStatuses": statuses}},
        subresource="status",
    )

    found = reader.json("why", "ks/edge", "-n", ns, status=1)
    (cause,) = found["causes"]
    assert cause["root"]["name"] == "web"
    web, its_pod = cause["objects"]
    assert (web["relation"], web["object"]["kind"], web["object"]["name"]) == ("object", "Deployment", "web")
    assert (its_pod["relation"], its_pod["reason"]) == ("pod", "ImagePullBackOff")
    assert "registry.example/web:typo" in its_pod["message"]
    assert "image" in cause["remedy"]
    assert found["notes"] == []

    (cause,) = (answer := blind.json("why", "ks/edge", "-n", ns, status=1))["causes"]
    assert cause["root"]["name"] == "web"
    assert [each["object"]["name"] for each in cause["objects"]] == ["web"]
    assert answer["notes"] == ["Deployment objects: you may not read them"]

    nodes = reader.json("tree", "ks/web", "-n", ns, status=1)["nodes"]
    assert [(each["kind"], each["state"]) for each in nodes] == [
        ("Kustomization", "failed"),
        ("Deployment", "InProgress"),
    ]
    blindly = blind.json("tree", "ks/web", "-n", ns, status=1)
    assert [each["state"] for each in blindly["nodes"]] == ["failed", ""]
    assert blindly["notes"]


def test_suspended_and_held_objects_are_no_failures(workspace: Workspace, user: Callable[..., User]) -> None:
    reader = user("reader", CUSTOM)
    ns = workspace.namespace
    workspace.commit({"a/a.yaml": config_map("a")})
    workspace.source()
    workspace.kustomization("a", annotations={"headgate.dev/suspend-reason": "waits for the audit"})
    workspace.ready("a")
    workspace.change("a", {"suspend": True})
    frozen = {"promotion.headgate.dev/hold": "freeze"}
    spec = {"interval": "1h", "url": workspace.url, "ref": {"branch": "main"}}
    workspace.apply_custom(SOURCE, "frozen", spec)
    workspace.ready("frozen", kind=SOURCE)
    workspace.apply_custom(SOURCE, "frozen", spec, frozen)
    workspace.commit({"a/a.yaml": config_map("a", a="2")})
    workspace.request_reconcile(SOURCE, "frozen")
    until("it is held", lambda: condition(workspace.get("frozen", SOURCE), "RevisionHeld"))

    found = reader.json("status", "-n", ns, status=0)
    states = {each["name"]: (each["state"], each["note"]) for each in found["objects"]}
    assert states["a"] == ("suspended", "waits for the audit")
    state, note = states["frozen"]
    assert state == "held"
    assert "freeze" in note
    assert found["causes"] == []
    assert reader.json("why", "ks/a", "-n", ns, status=0)["object"]["note"] == "waits for the audit"
    listed = reader.run("status", "-n", ns, "--state", "suspended", "-o", "name")
    assert (listed.returncode, listed.stdout) == (0, f"Kustomization/{ns}/a\n")


def test_a_user_of_one_namespace_sees_that_one_only(workspace: Workspace, user: Callable[..., User]) -> None:
    tenant = user("tenant", CUSTOM, everywhere=False)
    nobody = user("nobody", OBJECTS, everywhere=False)
    ns = workspace.namespace
    workspace.commit({"a/a.yaml": config_map("a")})
    workspace.source()
    workspace.kustomization("a", dependsOn=[{"name": "base", "namespace": "elsewhere"}])
    workspace.failed("a", "DependencyNotReady")
    (cause,) = tenant.json("why", "ks/a", "-n", ns, status=1)["causes"]
    assert (cause["type"], cause["root"]["namespace"]) == ("unknown", "elsewhere")
    assert names(tenant.json("status", "-n", ns, status=1)["objects"]) == ["source", "a"]
    for command in ("status", "why", "tree"):
        done = nobody.run(command, "-n", ns)
        assert (done.returncode, done.stdout) == (3, "")
        assert "forbidden" in done.stderr


def test_data_credentials_and_terminal_commands_are_never_printed(
    api: Api, workspace: Workspace, user: Callable[..., User]
) -> None:
    """Hostile objects, which no operator reconciles: whoever may write them chooses their texts."""
    reader = user("reader", [{"apiGroups": ["*"], "resources": ["*"], "verbs": ["get", "list", "watch"]}])
    ns = workspace.namespace
    workspace.secret("keys", {"word": "SENTINEL-secret"})
    workspace.commit({"a/a.yaml": config_map("a", word="SENTINEL-map")})
    workspace.source()
    workspace.kustomization("a")
    workspace.ready("a")
    bad = "\x1b]0;owned\x07\u202e[red]"
    spec = {
        "interval": "1h",
        "prune": True,
        "sourceRef": {"kind": SOURCE, "name": f"ghost{bad}"},
        "dependsOn": [{"name": bad * 200}],
    }
    meta = {
        "name": "hostile",
        "namespace": ns,
        "labels": {OWN: "nobody"},
        "annotations": {"kubectl.kubernetes.io/last-applied-configuration": "SENTINEL-applied"},
    }
    made = api.apply(
        {
            "apiVersion": "kustomize.toolkit.fluxcd.io/v1",
            "kind": "Kustomization",
            "metadata": meta,
            "spec": spec,
        }
    )
    ready = {
        "type": "Ready",
        "status": "False",
        "reason": "BuildFailed",
        "observedGeneration": 1,
        "lastTransitionTime": "2026-06-01T12:00:00Z",
        "message": f"cannot clone https://me:SENTINEL-userinfo@git.example/x {bad}" + "x" * 30_000,
    }
    api.merge(made, {"status": {"conditions": [ready]}}, subresource="status")
    for command in (
        ["status"],
        ["why"],
        ["why", "hostile"],
        ["tree"],
        ["tree", "a"],
        ["status", "--state", "failed"],
    ):
        for output in ("text", "json", "yaml", "name"):
            done = reader.run(*command, "-n", ns, "-o", output)
            assert done.returncode in (0, 1), done.stderr
            assert "SENTINEL" not in done.stdout + done.stderr
            assert all(c == "\n" or c.isprintable() for c in done.stdout), (command, output)
            assert len(done.stdout) < 60_000
    assert not [each for each in reader.requests if "secret" in each.lower()]


def test_a_screen_follows_the_cluster_by_watches(workspace: Workspace, user: Callable[..., User]) -> None:
    reader = user("reader", CUSTOM)
    ns = workspace.namespace
    workspace.commit({"a/a.yaml": config_map("a")})
    workspace.source()
    workspace.kustomization("a")
    workspace.ready("a")
    process = subprocess.Popen(
        [sys.executable, "-m", "headgate.cli", "status", "-n", ns, "--watch", "-o", "json"],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "KUBECONFIG": str(reader.kubeconfig)},
    )
    try:
        assert process.stdout is not None
        assert json.loads(process.stdout.readline())["counts"]["ready"] == 2
        lists = len([each for each in reader.lists if "watch=true" not in each])
        workspace.commit({"a/kustomization.yaml": kustomization("gone.yaml")})
        limit = time.monotonic() + 60
        while json.loads(process.stdout.readline())["counts"]["failed"] != 1:
            assert time.monotonic() < limit
        assert len([each for each in reader.lists if "watch=true" not in each]) == lists
    finally:
        process.terminate()
        process.wait(60)
        if process.stdout is not None:
            process.stdout.close()


def test_names_are_completed_from_the_cluster(workspace: Workspace, user: Callable[..., User]) -> None:
    reader = user("reader", CUSTOM)
    workspace.commit({"apps/a.yaml": config_map("a")})
    workspace.source()
    for each in ("apps", "apps-two", "other"):
        workspace.kustomization(each, "apps", suspend=True)

    def completed(word: str) -> list[str]:
        done = subprocess.run(
            [sys.executable, "-c", "from headgate.cli import main; main(prog_name='headgate')"],
            capture_output=True,
            text=True,
            check=False,
            env={
                **os.environ,
                "KUBECONFIG": str(reader.kubeconfig),
                "_HEADGATE_COMPLETE": "bash_complete",
                "COMP_WORDS": f"headgate why -n {workspace.namespace} {word}",
                "COMP_CWORD": "4",
            },
        )
        return [line.partition(",")[2] for line in done.stdout.splitlines() if line]

    assert until("names are completed", lambda: completed("ks/a")) == ["ks/apps", "ks/apps-two"]
    assert completed("gitrepository/") == ["gitrepository/source"]
    assert completed("nothing/") == []


def test_a_thousand_kustomizations_cost_three_lists(
    api: Api, workspace: Workspace, user: Callable[..., User]
) -> None:
    """No operator reconciles them: their statuses are written here."""
    reader = user("reader", CUSTOM)
    ns = workspace.namespace
    path = api.path("kustomize.toolkit.fluxcd.io/v1", "Kustomization", ns)
    spec = {"interval": "1h", "prune": True, "sourceRef": {"kind": SOURCE, "name": "source"}}
    ready = {
        "type": "Ready",
        "reason": "x",
        "message": "",
        "observedGeneration": 1,
        "lastTransitionTime": "2026-06-01T12:00:00Z",
    }

    def make(number: int) -> None:
        meta = {"name": f"k{number:03}", "namespace": ns, "labels": {OWN: "nobody"}}
        made = api.rest.request(
            "POST",
            path,
            {
                "apiVersion": "kustomize.toolkit.fluxcd.io/v1",
                "kind": "Kustomization",
                "metadata": meta,
                "spec": spec,
            },
        )
        entries = [{"id": f"{ns}_c{n}__ConfigMap", "v": "v1"} for n in range(20)]
        conditions = [{**ready, "status": "False" if number == 7 else "True"}]
        api.merge(
            made,
            {"status": {"conditions": conditions, "inventory": {"entries": entries}}},
            subresource="status",
        )

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(make, range(1000)))
    found = reader.json("status", "-n", ns, status=1)
    assert (found["counts"]["ready"], found["counts"]["failed"]) == (999, 1)
    assert len(reader.lists) <= 3, reader.lists
    assert len(reader.run("status", "-n", ns).stdout.splitlines()) < 40
