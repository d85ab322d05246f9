"""Receivers on a cluster without Flux's notification-controller: a push, a webhook call, and the new revision is there.

The tests start a cluster with deploy/tenancy and deploy/webhook, so that the rights given there have to suffice.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from controlplane import start
from controlplane.ports import LOOPBACK, free_ports
from controlplane.rest import Rest
from sandbox import operator
from tests.support.apiproxy import RecordingProxy
from tests.support.cluster import SOURCE, Api, condition, until
from tests.support.gitserver import GitHttpServer
from tests.support.manifests import config_map
from tests.support.operator import DEPLOY, as_service_account, installed
from tests.support.workspace import Workspace, namespace_prefix, served_folder

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(bool(os.environ.get("HEADGATE_TEST_KUBECONFIG")), reason="starts its own cluster"),
]

Obj = dict[str, Any]
API, KIND = "notification.toolkit.fluxcd.io/v1", "Receiver"
TOKEN = "a-t0ken-that-nobody-may-read"
REQUESTED_AT = "reconcile.fluxcd.io/requestedAt"


class Ground:
    """The cluster, and where the operator takes webhooks."""

    def __init__(
        self,
        api: Api,
        server: GitHttpServer,
        running: operator.Operator,
        address: str,
        proxy: RecordingProxy,
    ) -> None:
        self.api, self.server, self.running, self.address = api, server, running, address
        self.proxy = proxy
        """Between the operator and the API server."""


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    folder = tmp_path_factory.mktemp("webhooks")
    overlay = folder / "install"
    overlay.mkdir()
    content = {"resources": [relative("tenancy", overlay)], "components": [relative("webhook", overlay)]}
    (overlay / "kustomization.yaml").write_text(yaml.safe_dump(content))
    address = f"{LOOPBACK}:{free_ports(1)[0]}"
    with start("webhooks") as cluster, GitHttpServer(served_folder(folder)) as server:
        api = Api(Rest.connect(cluster.kubeconfig))
        with installed(api, overlay):
            account = as_service_account(cluster, api, folder)
            with (
                RecordingProxy(account) as proxy,
                operator.running(proxy.kubeconfig(folder), folder, [f"--webhook-addr={address}"]) as running,
            ):
                yield Ground(api, server, running, f"http://{address}", proxy)


def relative(name: str, start: Path) -> str:
    return os.path.relpath(DEPLOY / name, start)


@pytest.fixture
def workspace(request: pytest.FixtureRequest, ground: Ground) -> Iterator[Workspace]:
    ground.running.check()
    workspace = Workspace(ground.api, ground.server, namespace_prefix(request))
    yield workspace
    workspace.close()


def receiver(
    workspace: Workspace, name: str, type: str, *resources: Obj, ready: bool = True, **spec: Any
) -> Obj:
    """Make a Receiver; its path is then in the status."""
    workspace.api.apply(
        {
            "apiVersion": API,
            "kind": KIND,
            "metadata": {"name": name, "namespace": workspace.namespace},
            "spec": {
                "type": type,
                "secretRef": {"name": "token"},
                "resources": list(resources) or [{"kind": SOURCE, "name": "source"}],
                **spec,
            },
        },
        manager="kubectl",
    )
    return (
        until(f"{name} is Ready", lambda: when(workspace, name, "True")) if ready else find(workspace, name)
    )


def find(workspace: Workspace, name: str) -> Obj:
    return workspace.api.present(API, KIND, name, workspace.namespace)


def when(workspace: Workspace, name: str, status: str, reason: str = "") -> Obj | None:
    obj = find(workspace, name)
    said = condition(obj)
    return obj if said.get("status") == status and reason in ("", said["reason"]) else None


def call(ground: Ground, receiver: Obj, body: bytes = b"{}", **headers: str) -> int:
    """Call a Receiver as its sender would; the HTTP status."""
    url = ground.address + receiver["status"]["webhookPath"]
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    try:
        with urllib.request.urlopen(urllib.request.Request(url, body, named), timeout=60) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def signed(body: bytes, token: str = TOKEN) -> str:
    return "sha256=" + hmac.new(token.encode(), body, "sha256").hexdigest()


def requested(workspace: Workspace, name: str = "source", kind: str = SOURCE) -> str | None:
    """The value of the annotation that asks for a reconcile."""
    found: str | None = (workspace.get(name, kind)["metadata"].get("annotations") or {}).get(REQUESTED_AT)
    return found


def test_a_push_and_its_webhook_bring_the_new_revision(ground: Ground, workspace: Workspace) -> None:
    workspace.commit({"apps/a.yaml": config_map("a")})
    workspace.source()
    workspace.secret("token", {"token": TOKEN})
    hook = receiver(workspace, "github", "github", events=["ping", "push"])
    path = "/hook/" + hashlib.sha256(f"{TOKEN}github{workspace.namespace}".encode()).hexdigest()
    assert hook["status"]["webhookPath"] == path
    assert hook["status"]["observedGeneration"] == 1
    said = condition(hook)
    assert (said["reason"], said["message"]) == ("Succeeded", f"Receiver initialized for path: {path}")
    commit = workspace.repository.commit({"apps/a.yaml": config_map("a", v="2")})

    body = json.dumps({"ref": "refs/heads/main", "after": commit}).encode()
    json_type = {"Content_Type": "application/json"}
    wrong = signed(body, "guess")
    assert call(ground, hook, body, X_GitHub_Event="push", X_Hub_Signature_256=wrong, **json_type) == 400
    assert (
        call(ground, hook, body, X_GitHub_Event="fork", X_Hub_Signature_256=signed(body), **json_type) == 400
    )
    assert requested(workspace) is None
    assert (
        call(ground, hook, body, X_GitHub_Event="push", X_Hub_Signature_256=signed(body), **json_type) == 200
    )
    # The interval is an hour.
    source = workspace.ready("source", f"main@sha1:{commit}", kind=SOURCE)
    until(
        "the request is answered",
        lambda: (
            workspace.get("source", SOURCE)["status"].get("lastHandledReconcileAt") == requested(workspace)
        ),
    )
    assert source["status"]["artifact"]["revision"] == f"main@sha1:{commit}"


@pytest.mark.parametrize(
    ("type", "genuine", "forged"),
    [
        ("generic", {}, None),
        ("generic-hmac", {"X_Signature": signed(b"{}")}, {"X_Signature": signed(b"{}", "guess")}),
        ("gitlab", {"X_Gitlab_Token": TOKEN, "X_Gitlab_Event": "Push Hook"}, {"X_Gitlab_Token": "guess"}),
        (
            "bitbucket",
            {"X_Hub_Signature": signed(b"{}"), "Content_Type": "application/json"},
            {"X_Hub_Signature": signed(b"{}", "guess"), "Content_Type": "application/json"},
        ),
    ],
)
def test_each_kind_of_sender(
    ground: Ground, workspace: Workspace, type: str, genuine: dict[str, str], forged: dict[str, str] | None
) -> None:
    workspace.secret("token", {"token": TOKEN})
    workspace.source(ready=False)
    hook = receiver(workspace, "hook", type)
    if forged is not None:
        assert call(ground, hook, **forged) == 400
        assert requested(workspace) is None
    assert call(ground, hook, **genuine) == 200
    assert requested(workspace) is not None


def test_objects_by_labels_and_filters(ground: Ground, workspace: Workspace) -> None:
    workspace.secret("token", {"token": TOKEN})
    for name in ("fleet", "other"):
        workspace.labels["team"] = "a"
        workspace.source(name, ready=False)
    workspace.labels["team"] = "b"
    workspace.source("unlabeled", ready=False)
    workspace.kustomization("apps", serviceAccountName="deployer")
    hook = receiver(
        workspace,
        "hook",
        "generic",
        {
            "kind": SOURCE,
            "name": "*",
            "matchLabels": {"team": "a"},
            "filter": "req.repository.name == res.metadata.name",
        },
        {"kind": "Kustomization", "apiVersion": "kustomize.toolkit.fluxcd.io/v1", "name": "apps"},
        resourceFilter="res.metadata.name != 'nobody' && req.ref == 'refs/heads/main'",
    )
    body = json.dumps({"ref": "refs/heads/main", "repository": {"name": "fleet"}}).encode()
    assert call(ground, hook, body, Content_Type="application/json") == 200
    assert requested(workspace, "fleet") == requested(workspace, "apps", "Kustomization") is not None
    assert requested(workspace, "other") is requested(workspace, "unlabeled") is None
    # A filter reads a field that does not exist: no reconcile is requested, and the sender gets an error.
    assert call(ground, hook, b"{}", Content_Type="application/json") == 500
    assert call(ground, hook, b"[", Content_Type="application/json") == 400


def test_what_is_named_but_not_there_is_reported_and_the_rest_is_done(
    ground: Ground, workspace: Workspace
) -> None:
    workspace.secret("token", {"token": TOKEN})
    workspace.source(ready=False)
    elsewhere = {"kind": SOURCE, "name": "source", "namespace": "default"}
    named = [{"kind": SOURCE, "name": name} for name in ("missing", "source")]
    # deploy/tenancy runs with --no-cross-namespace-refs.
    for resources in ([named[0], named[1]], [elsewhere, named[1]]):
        before = requested(workspace)
        assert call(ground, receiver(workspace, "hook", "generic", *resources)) == 500
        assert requested(workspace) != before


def test_the_token_comes_later_and_changes(ground: Ground, workspace: Workspace) -> None:
    workspace.source(ready=False)
    receiver(workspace, "hook", "generic", ready=False)
    hook = until("it has no token", lambda: when(workspace, "hook", "False", "TokenNotFound"))
    assert "unable to read token from secret" in condition(hook)["message"]
    assert condition(hook, "Reconciling")["reason"] == "ProgressingWithRetry"
    assert "webhookPath" not in hook["status"]
    labels = {"reconcile.fluxcd.io/watch": "Enabled"}
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "token", "namespace": workspace.namespace, "labels": labels},
    }
    workspace.api.apply({**secret, "stringData": {"token": TOKEN}})
    first = until("it has one", lambda: when(workspace, "hook", "True"))
    assert condition(first, "Reconciling") == {}
    workspace.api.apply({**secret, "stringData": {"token": "another"}})

    def moved() -> Obj | None:
        obj = find(workspace, "hook")
        return obj if obj["status"].get("webhookPath") not in (None, first["status"]["webhookPath"]) else None

    second = until("its path is another", moved)
    assert call(ground, first) == 404
    assert call(ground, second) == 200


def test_suspended_invalid_and_deleted(ground: Ground, workspace: Workspace) -> None:
    workspace.secret("token", {"token": TOKEN})
    workspace.source(ready=False)
    hook = receiver(workspace, "hook", "generic")

    def change(spec: Obj, status: int) -> None:
        workspace.api.merge(find(workspace, "hook"), {"spec": spec}, manager="kubectl")
        until(f"a call is answered with {status}", lambda: call(ground, hook) == status)

    change({"suspend": True}, 503)
    change({"suspend": False}, 200)
    change({"resourceFilter": "req."}, 503)
    stalled = until("it stalls", lambda: when(workspace, "hook", "False", "InvalidCELExpression"))
    assert condition(stalled, "Stalled")["message"].startswith(
        "Reconciliation failed terminally due to configuration error: invalid resourceFilter expression: "
    )
    change({"resourceFilter": None}, 200)
    workspace.api.merge(
        find(workspace, "hook"), {"metadata": {"finalizers": ["finalizers.fluxcd.io"]}}, manager="flux"
    )
    workspace.api.delete(API, KIND, "hook", workspace.namespace)
    until("it is gone", lambda: workspace.api.get(API, KIND, "hook", workspace.namespace) is None)
    until("so is its path", lambda: call(ground, hook) == 404)

    receiver(workspace, "gcr", "gcr", ready=False)
    said = condition(until("it is refused", lambda: when(workspace, "gcr", "False", "ValidationFailed")))
    assert "'gcr' needs Flux's notification-controller" in said["message"]


def test_nothing_was_forbidden_and_no_token_leaked(ground: Ground) -> None:
    log = ground.running.log.read_text()
    assert TOKEN not in log
    assert hashlib.sha256(TOKEN.encode()).hexdigest() not in log
    assert [line for line in log.splitlines() if "forbidden" in line.lower() or "Traceback" in line] == []


def test_an_unexpected_error_is_reported_and_the_attempt_repeated(
    ground: Ground, workspace: Workspace
) -> None:
    """The last of all, as it leaves a trace in the log."""
    workspace.secret("token", {"token": TOKEN})
    status = workspace.api.path(API, KIND, workspace.namespace, "hook") + "/status"
    nonsense = 200, b'{"kind": "Nothing", "metadata": 5}'
    ground.proxy.instead = lambda method, path: nonsense if method == "PATCH" and path == status else None
    receiver(workspace, "hook", "generic", ready=False)
    says = "^reconciling the Receiver failed: unexpected error: TypeError"
    event = workspace.event("hook", says, kind=KIND, type="Warning", reason="Failed")
    assert TOKEN not in event["message"]
    ground.proxy.instead = lambda method, path: None
    until("it is Ready all the same", lambda: when(workspace, "hook", "True"))
