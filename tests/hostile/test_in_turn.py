"""Attempts that need the right moment: rights that end during a wait, an API server that cannot respond."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from sandbox import operator
from tests.hostile.attack import forever
from tests.hostile.attempt import kustomization
from tests.hostile.objects import READ, check_of_their_secret, health_expressions, own_map
from tests.hostile.servers import http
from tests.hostile.world import DEPLOYER, RBAC, WORD, World, arguments_of, kubeconfig_of
from tests.support.apiproxy import RecordingProxy
from tests.support.cluster import KUSTOMIZATION, SOURCE, condition, until
from tests.support.manifests import config_map, deployment
from tests.support.operator import ACCOUNT, NAMESPACE
from tests.support.workspace import OWN

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(bool(os.environ.get("HEADGATE_TEST_KUBECONFIG")), reason="starts its own cluster"),
]


def waits_for(w: World, name: str, expression: str, **meta: object) -> None:
    """A Kustomization of the tenant that waits until the expression is true for the other team's ConfigMap."""
    revision = w.tenant.commit({f"{name}/a.yaml": own_map(w, name)})
    w.tenant.ready("source", revision, kind=SOURCE)
    check = {"apiVersion": "v1", "kind": "ConfigMap", "name": "board", "namespace": w.other.namespace}
    obj = kustomization(
        name,
        healthChecks=[check],
        healthCheckExprs=health_expressions("ConfigMap", expression),
        timeout="15s",
        retryInterval="1s",
    )
    obj["metadata"].update(namespace=w.tenant.namespace, **meta)
    w.tenant.api.apply(obj, manager="kubectl")


def board(w: World, text: str) -> None:
    """Write the other team's ConfigMap."""
    meta = {"name": "board", "namespace": w.other.namespace}
    w.admin.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": {"word": text}})


@pytest.fixture
def lent(hostile_world: World) -> Iterator[World]:
    """The other team gives the tenant read access to its ConfigMap ``board``."""
    w = hostile_world
    board(w, "nothing yet")
    meta = {"name": "lent", "namespace": w.other.namespace}
    rules = [{"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get", "list", "watch"]}]
    w.admin.apply({"apiVersion": f"{RBAC}/v1", "kind": "Role", "metadata": meta, "rules": rules})
    w.admin.apply(
        {
            "apiVersion": f"{RBAC}/v1",
            "kind": "RoleBinding",
            "metadata": meta,
            "roleRef": {"apiGroup": RBAC, "kind": "Role", "name": "lent"},
            "subjects": [{"kind": "ServiceAccount", "name": DEPLOYER, "namespace": w.tenant.namespace}],
        }
    )
    yield w
    w.admin.delete(f"{RBAC}/v1", "RoleBinding", "lent", w.other.namespace)
    w.admin.delete(f"{RBAC}/v1", "Role", "lent", w.other.namespace)
    w.admin.delete("v1", "ConfigMap", "board", w.other.namespace)


def test_what_is_lent_may_be_waited_for(lent: World) -> None:
    """The control for the next test: with the right, the wait ends when the object changes."""
    waits_for(lent, "lent", "data.word == 'ready'")
    until("it waits", lambda: condition(lent.tenant.get("lent"), "Healthy"))
    board(lent, "ready")
    lent.tenant.ready("lent")
    lent.tenant.delete("lent")


def test_a_right_that_ends_in_the_middle_of_a_wait(lent: World) -> None:
    """Later changes of the object no longer end the wait."""
    waits_for(lent, "withdrawn", f"data.word == '{WORD}'")
    until("it waits", lambda: condition(lent.tenant.get("withdrawn"), "Healthy"))
    lent.admin.delete(f"{RBAC}/v1", "RoleBinding", "lent", lent.other.namespace)
    until_refused(lent)
    board(lent, WORD)
    lent.tenant.failed("withdrawn", "HealthCheckFailed")
    ready = [e for e in lent.tenant.events("withdrawn") if "passed" in e["message"]]
    assert ready == []
    lent.tenant.delete("withdrawn")


def test_forged_owner_labels_disturb_no_wait(hostile_world: World) -> None:
    """Objects with forged owner labels that change all the time neither extend the wait nor appear in its message."""
    w = hostile_world
    w.other.commit({"sick/a.yaml": deployment("sick", healthy=False)})
    w.other.kustomization("sick", serviceAccountName=DEPLOYER, wait=True, timeout="5s")
    domain = "kustomize.toolkit.fluxcd.io"
    labels = {f"{domain}/name": "sick", f"{domain}/namespace": w.other.namespace}
    with ExitStack() as stack:

        def relabel(turn: int) -> None:
            meta = {"name": f"forged-{turn % 30}", "namespace": w.tenant.namespace, "labels": labels}
            obj = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": {"turn": str(turn)}}
            w.tenant.api.apply(obj, manager="forged-words")

        forever(stack, relabel, 0.02)
        w.other.failed("sick", "HealthCheckFailed")
    assert "forged" not in w.other.event_text("sick")
    w.other.delete("sick")


def until_refused(w: World) -> None:
    """Wait until the API server refuses: its authorizer learns of the deleted binding through a watch."""
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SubjectAccessReview",
        "spec": {
            "user": f"system:serviceaccount:{w.tenant.namespace}:{DEPLOYER}",
            "resourceAttributes": {
                "verb": "get",
                "resource": "configmaps",
                "name": "board",
                "namespace": w.other.namespace,
            },
        },
    }
    path = "/apis/authorization.k8s.io/v1/subjectaccessreviews"
    until("it is refused", lambda: not w.admin.rest.request("POST", path, review)["status"]["allowed"])


@pytest.fixture(scope="module")
def between(hostile_world: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RecordingProxy]:
    """A second operator, for custom resources with its label; it reaches the API server through a proxy."""
    w, folder = hostile_world, tmp_path_factory.mktemp("between")
    account = kubeconfig_of(w.cluster, w.admin, NAMESPACE, ACCOUNT, folder)
    arguments = [*arguments_of(w.folder / "install"), f"--watch-label-selector={OWN}=between"]
    with (
        RecordingProxy(account) as proxy,
        operator.running(proxy.kubeconfig(folder), folder, arguments) as running,
    ):
        yield proxy
        running.check()


@pytest.mark.parametrize("status", [429, 500, 503])
def test_an_api_server_that_cannot_say_whether_one_may_look(
    hostile_world: World, between: RecordingProxy, status: int
) -> None:
    """Without a response about the account's rights, Headgate refuses."""
    w, name = hostile_world, f"busy-{status}"
    w.tenant.labels = {OWN: "between"}
    place = f"/api/v1/namespaces/{w.other.namespace}/secrets/treasure"
    between.refuses = lambda method, target: status if (method, target) == ("GET", place) else None
    try:
        revision = w.tenant.commit({f"{name}/a.yaml": own_map(w, name)})
        w.tenant.source("between")
        w.tenant.request_reconcile(SOURCE, "between")
        w.tenant.ready("between", revision, kind=SOURCE)
        w.tenant.kustomization(
            name,
            sourceRef={"kind": SOURCE, "name": "between"},
            serviceAccountName=DEPLOYER,
            targetNamespace=None,
            timeout="3s",
            healthChecks=[check_of_their_secret(w)],
            healthCheckExprs=health_expressions("Secret", f"{READ} == '{WORD}'"),
        )
        w.tenant.failed(name, "HealthCheckFailed")
    finally:
        between.refuses = lambda method, target: None
        w.tenant.labels = {}
        w.tenant._sources.discard("between")
    assert "passed" not in w.tenant.event_text(name)


TRAVERSALS = (
    "/",
    "/gitrepository/",
    "/gitrepository/{other}/",
    "/gitrepository/{other}/source/",
    "/gitrepository/{other}/source/latest.tar.gz",
    "/gitrepository/{mine}/source/../../{other}/source/{commit}.tar.gz",
    "/gitrepository/{mine}/source/%2e%2e/%2e%2e/{other}/source/{commit}.tar.gz",
    "/gitrepository/{mine}/source/..%2f..%2f{other}%2fsource%2f{commit}.tar.gz",
    "/gitrepository/{mine}/source/../../../../etc/passwd",
    "//etc/passwd",
    "/..%2f..%2f..%2f..%2fetc%2fpasswd",
    "/gitrepository/{other}/source/" + "0" * 40 + ".tar.gz",
    "/cache/{other}/source/HEAD",
    "/git/{other}/source/config",
)


@pytest.mark.parametrize("path", TRAVERSALS)
def test_the_artifact_server_lists_nothing_and_leads_nowhere(hostile_world: World, path: str) -> None:
    """The server serves artifacts at their full URL, and nothing else."""
    w = hostile_world
    filled = path.format(other=w.other.namespace, mine=w.tenant.namespace, commit="f" * 40)
    assert raw(w.running.storage, filled).split()[1] in ("400", "403", "404")


@pytest.mark.parametrize("port", ["health", "metrics", "hooks", "storage"])
def test_no_port_tells_the_word(hostile_world: World, port: str) -> None:
    w = hostile_world
    address = {"health": w.running.health, "metrics": w.running.metrics, "hooks": w.hooks}.get(
        port, w.running.storage
    )
    for path in ("/", "/metrics", "/healthz", "/readyz", "/debug/pprof/", "/hook/x", "/config", "/env"):
        assert WORD not in http(address, path)


def raw(address: str, path: str) -> str:
    """The status line of the response to a path, which is sent without normalization."""
    host, _, port = address.rpartition(":")
    with socket.create_connection(
        (urlsplit(f"//{host}").hostname or host, int(port)), timeout=30
    ) as connection:
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        return connection.makefile("rb").readline().decode()


def test_a_namespace_that_is_going_takes_nothing_along(hostile_world: World, tmp_path: Path) -> None:
    """A Kustomization that is deleted together with its account does not use anybody else's rights to delete."""
    w = hostile_world
    w.remember()
    name = "last-will"
    revision = w.tenant.commit({f"{name}/a.yaml": config_map(name)})
    w.tenant.ready("source", revision, kind=SOURCE)
    obj = kustomization(name, targetNamespace=w.tenant.namespace, serviceAccountName="short-lived")
    obj["metadata"]["namespace"] = w.tenant.namespace
    meta = {"name": "short-lived", "namespace": w.tenant.namespace}
    w.tenant.api.apply({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": meta})
    role = {"apiGroup": RBAC, "kind": "ClusterRole", "name": "cluster-admin"}
    binding = {"apiVersion": f"{RBAC}/v1", "kind": "RoleBinding", "metadata": meta, "roleRef": role}
    w.tenant.api.apply({**binding, "subjects": [{"kind": "ServiceAccount", **meta}]})
    w.tenant.api.apply(obj, manager="kubectl")
    applied = w.tenant.ready(name)
    forged = [{"id": f"{w.other.namespace}_owned__ConfigMap", "v": "v1"}]
    w.tenant.api.merge(applied, {"status": {"inventory": {"entries": forged}}}, subresource="status")
    w.tenant.api.delete("v1", "ServiceAccount", "short-lived", w.tenant.namespace)
    w.tenant.api.delete(applied["apiVersion"], KUSTOMIZATION, name, w.tenant.namespace)
    until(
        "it is gone, or says why not",
        lambda: w.tenant.find(name) is None or "not found" in w.tenant.event_text(name),
    )
    assert w.changes_of_the_other_team() == []
