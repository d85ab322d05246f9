"""deploy/ as it is installed: the operator runs with the very rights that its manifests give it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from controlplane import Cluster, start
from controlplane.rest import Rest
from sandbox import fleet, operator

pytestmark = pytest.mark.e2e

ROOT = Path(__file__).resolve().parents[2]
KUBECTL = Path(sys.executable).with_name("kubectl")
NAMESPACE = "headgate-system"
LIMIT = 90.0

Obj = dict[str, Any]


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    with start("deploy") as cluster:
        yield cluster


def kubectl(cluster: Cluster, *arguments: str, text: str | None = None) -> str:
    done = subprocess.run(
        [str(KUBECTL), f"--kubeconfig={cluster.kubeconfig}", *arguments],
        input=text,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def as_service_account(cluster: Cluster, folder: Path) -> Path:
    """A kubeconfig with a token of the operator's service account."""
    token = kubectl(cluster, "create", "token", "headgate", f"--namespace={NAMESPACE}").strip()
    config = yaml.safe_load(kubectl(cluster, "config", "view", "--raw", "--minify", "--output=json"))
    config["users"][0]["user"] = {"token": token}
    path = folder / "operator.kubeconfig"
    path.touch(mode=0o600)
    path.write_text(json.dumps(config))
    return path


def manifests(repository: fleet.Fleet, account: str) -> str:
    """clusters/production; with a ConfigMap that is watched, a Secret for Git and, if given, an account to act as."""
    objects = list(yaml.safe_load_all(repository.manifests()))
    for obj in objects:
        if obj["kind"] == "Kustomization":
            reference = {"kind": "ConfigMap", "name": "settings"}
            obj["spec"]["postBuild"] = {"substituteFrom": [reference]}
            if account:
                obj["spec"]["serviceAccountName"] = account
        if obj["kind"] == "GitRepository":
            obj["spec"]["secretRef"] = {"name": "git"}
    meta = {"namespace": "flux-system", "labels": {"reconcile.fluxcd.io/watch": "Enabled"}}
    core: list[Obj] = [
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "settings", **meta},
            "data": {"a": "b"},
        },
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": "git", **meta},
            "stringData": {"username": "ada", "password": "secret"},
        },
    ]
    return yaml.safe_dump_all([*objects, *core])


def until_ready(rest: Rest, running: operator.Operator) -> None:
    path = "/apis/kustomize.toolkit.fluxcd.io/v1/namespaces/flux-system/kustomizations"
    limit = time.monotonic() + LIMIT
    while True:
        running.check()
        found = {o["metadata"]["name"]: (o.get("status") or {}) for o in rest.get(path)["items"]}
        ready = [
            any(c["type"] == "Ready" and c["status"] == "True" for c in status.get("conditions", []))
            for status in found.values()
        ]
        if len(ready) == 2 and all(ready):
            return
        assert time.monotonic() < limit, f"{found}\n{running.tail()}"
        time.sleep(0.1)


def forbidden(running: operator.Operator) -> list[str]:
    return [line for line in running.log.read_text().splitlines() if "forbidden" in line.lower()]


def as_in_its_pod(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The options in the installed Deployment, except for addresses; also sets its environment variables."""
    (pod,) = json.loads(kubectl(cluster, f"--namespace={NAMESPACE}", "get", "pods", "--output=json"))["items"]
    monkeypatch.setenv("RUNTIME_NAMESPACE", NAMESPACE)
    monkeypatch.setenv("POD_NAME", pod["metadata"]["name"])
    command, *given = pod["spec"]["containers"][0]["args"]
    assert command == "run"
    return [option for option in given if not option.startswith("--storage-")]


@pytest.mark.skipif(bool(os.environ.get("HEADGATE_TEST_KUBECONFIG")), reason="starts its own cluster")
@pytest.mark.parametrize("install", ["deploy", "deploy/tenancy", "deploy/tenancy-named"])
def test_its_own_rights_are_enough(
    cluster: Cluster, tmp_path: Path, install: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    kubectl(cluster, "apply", "--server-side", f"--kustomize={ROOT / install}")
    account = "deployer" if "tenancy" in install else ""
    rest = Rest.connect(cluster.kubeconfig)
    rest.create("/api/v1/namespaces", {"metadata": {"name": "flux-system"}})
    if account:
        kubectl(cluster, "--namespace=flux-system", "create", "serviceaccount", account)
        subject = f"--serviceaccount=flux-system:{account}"
        kubectl(cluster, "create", "clusterrolebinding", account, "--clusterrole=cluster-admin", subject)
    if install.endswith("named"):
        named = f"--filename={ROOT / install / 'account.yaml'}"
        kubectl(cluster, "--namespace=flux-system", "apply", "--server-side", named)
    kubectl(
        cluster,
        f"--namespace={NAMESPACE}",
        "rollout",
        "status",
        "deployment/headgate",
        f"--timeout={LIMIT:.0f}s",
    )
    kubeconfig, options = as_service_account(cluster, tmp_path), as_in_its_pod(cluster, monkeypatch)
    with fleet.served(tmp_path) as repository, operator.running(kubeconfig, tmp_path, options) as running:
        kubectl(cluster, "apply", "--server-side", "--filename=-", text=manifests(repository, account))
        until_ready(rest, running)
        applied = rest.get("/apis/apps/v1/namespaces/production/deployments/my-app")
        assert applied["metadata"]["labels"]["kustomize.toolkit.fluxcd.io/name"] == "apps"
        kubectl(
            cluster, "--namespace=flux-system", "delete", "kustomization", "apps", f"--timeout={LIMIT:.0f}s"
        )
        assert rest.get("/apis/apps/v1/namespaces/production/deployments/my-app") is None
        assert forbidden(running) == []
        events = rest.get("/api/v1/namespaces/flux-system/events")["items"]
        assert {e["reason"] for e in events} >= {"NewArtifact", "ReconciliationSucceeded"}


@pytest.mark.skipif(bool(os.environ.get("HEADGATE_TEST_KUBECONFIG")), reason="starts its own cluster")
def test_an_account_that_is_not_named_is_not_acted_as(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However mighty it is: the operator may not even ask as it."""
    kubectl(cluster, "apply", "--server-side", f"--kustomize={ROOT / 'deploy/tenancy-named'}")
    rest = Rest.connect(cluster.kubeconfig)
    rest.create("/api/v1/namespaces", {"metadata": {"name": "flux-system"}})
    named = f"--filename={ROOT / 'deploy/tenancy-named/account.yaml'}"
    kubectl(cluster, "--namespace=flux-system", "apply", "--server-side", named)
    kubectl(cluster, "--namespace=flux-system", "create", "serviceaccount", "mighty")
    subject = "--serviceaccount=flux-system:mighty"
    kubectl(cluster, "create", "clusterrolebinding", "mighty", "--clusterrole=cluster-admin", subject)
    kubeconfig = as_service_account(cluster, tmp_path)
    with fleet.served(tmp_path) as repository, operator.running(kubeconfig, tmp_path) as running:
        kubectl(cluster, "apply", "--server-side", "--filename=-", text=manifests(repository, "mighty"))
        until_refused(rest, running, "cannot impersonate")
        assert rest.get("/api/v1/namespaces/cert-manager") is None


@pytest.mark.skipif(bool(os.environ.get("HEADGATE_TEST_KUBECONFIG")), reason="starts its own cluster")
def test_every_component_is_taken_by_the_api_server(cluster: Cluster, tmp_path: Path) -> None:
    components = ["webhook", "consumers", "two-replicas", "status-page"]
    for name in ("deploy", "deploy/tenancy"):
        kubectl(cluster, "apply", "--server-side", f"--kustomize={ROOT / name}")
        overlay = {
            "apiVersion": "kustomize.config.k8s.io/v1beta1",
            "kind": "Kustomization",
            "resources": [os.path.relpath(ROOT / name, tmp_path.resolve())],
            "components": [
                os.path.relpath(ROOT / "deploy" / each, tmp_path.resolve()) for each in components
            ],
        }
        (tmp_path / "kustomization.yaml").write_text(yaml.safe_dump(overlay))
        kubectl(cluster, "apply", "--server-side", f"--kustomize={tmp_path}")
    found = json.loads(
        kubectl(cluster, f"--namespace={NAMESPACE}", "get", "deploy,netpol,pdb", "--output=json")
    )
    kinds = [each["kind"] for each in found["items"]]
    assert kinds.count("NetworkPolicy") == 5
    assert kinds.count("PodDisruptionBudget") == 1
    (deployment,) = [each for each in found["items"] if each["kind"] == "Deployment"]
    assert deployment["spec"]["replicas"] == 2
    args = deployment["spec"]["template"]["spec"]["containers"][0]["args"]
    assert {"--webhook-addr=:9292", "--default-decryption-service-account=default"} <= set(args)


def until_refused(rest: Rest, running: operator.Operator, text: str) -> str:
    """Wait for a message of the Kustomization ``infrastructure``."""
    path = "/apis/kustomize.toolkit.fluxcd.io/v1/namespaces/flux-system/kustomizations/infrastructure"
    limit, message = time.monotonic() + LIMIT, ""
    while text not in message:
        running.check()
        assert time.monotonic() < limit, f"{message}\n{running.tail()}"
        conditions = (rest.get(path).get("status") or {}).get("conditions", [])
        message = next((c["message"] for c in conditions if c["type"] == "Ready"), "")
        time.sleep(0.1)
    return message


@pytest.mark.skipif(bool(os.environ.get("HEADGATE_TEST_KUBECONFIG")), reason="starts its own cluster")
def test_with_least_privilege_nothing_is_applied_in_its_own_name(cluster: Cluster, tmp_path: Path) -> None:
    kubectl(cluster, "apply", "--server-side", f"--kustomize={ROOT / 'deploy/tenancy'}")
    kubeconfig = as_service_account(cluster, tmp_path)
    rest = Rest.connect(cluster.kubeconfig)
    rest.create("/api/v1/namespaces", {"metadata": {"name": "flux-system"}})
    with fleet.served(tmp_path) as repository, operator.running(kubeconfig, tmp_path) as running:
        kubectl(cluster, "apply", "--server-side", "--filename=-", text=manifests(repository, ""))
        message = until_refused(rest, running, "cannot patch resource")
        assert "system:serviceaccount:headgate-system:headgate" in message
        assert rest.get("/api/v1/namespaces/cert-manager") is None
