"""Definitions of watched kinds go and come back: the operator continues, and follows what is served.

The cluster is these tests' own: who deletes a definition deletes all objects of the kind.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

from controlplane import Cluster, start
from controlplane.ports import LOOPBACK, free_ports
from controlplane.rest import Rest
from sandbox import operator
from tests.support.apiproxy import RecordingProxy
from tests.support.cluster import (
    KUSTOMIZATION,
    KUSTOMIZATION_VERSION,
    SOURCE,
    SOURCE_VERSION,
    Api,
    condition,
    until,
)
from tests.support.gitserver import GitHttpServer
from tests.support.manifests import config_map
from tests.support.operator import ACCOUNT, DEPLOY, NAMESPACE, as_service_account, installed
from tests.support.othersources import (
    FileServer,
    consumer,
    define,
    definition,
    is_served,
    name_of,
    publish,
    undefine,
)
from tests.support.workspace import Workspace, namespace_prefix

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(bool(os.environ.get("HEADGATE_TEST_KUBECONFIG")), reason="starts its own cluster"),
]

Obj = dict[str, Any]

CRDS = DEPLOY.parent / "crds"
CRD = ("apiextensions.k8s.io/v1", "CustomResourceDefinition")
OWN = [
    (KUSTOMIZATION, KUSTOMIZATION_VERSION, "kustomizations.kustomize.toolkit.fluxcd.io"),
    (SOURCE, SOURCE_VERSION, "gitrepositories.source.toolkit.fluxcd.io"),
]
RECEIVER = ("notification.toolkit.fluxcd.io/v1", "Receiver", "receivers.notification.toolkit.fluxcd.io")
MANY = 12


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with start("definitions") as cluster:
        yield cluster


@pytest.fixture(scope="module")
def place(cluster: Cluster) -> Iterator[Api]:
    api = Api(Rest.connect(cluster.kubeconfig))
    with installed(api):
        yield api


@pytest.fixture(scope="module")
def own_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("definitions")


@pytest.fixture(scope="module")
def between(cluster: Cluster, place: Api, own_folder: Path) -> Iterator[RecordingProxy]:
    """A proxy between the operator and the API server."""
    with RecordingProxy(as_service_account(cluster, place, own_folder)) as proxy:
        yield proxy


@pytest.fixture(scope="module")
def running(between: RecordingProxy, own_folder: Path) -> Iterator[operator.Operator]:
    options = [f"--webhook-addr={LOOPBACK}:{free_ports(1)[0]}"]
    with operator.running(between.kubeconfig(own_folder), own_folder, options) as running:
        yield running


@pytest.fixture
def workspace(
    request: pytest.FixtureRequest, place: Api, git_server: GitHttpServer, running: operator.Operator
) -> Iterator[Workspace]:
    """A workspace on the cluster of these tests. At the end, the operator has not ended, and nothing surprised it."""
    running.check()
    workspace = Workspace(place, git_server, namespace_prefix(request))
    yield workspace
    running.check()
    assert "Traceback" not in running.log.read_text()
    workspace.close()


@pytest.fixture
def files() -> Iterator[FileServer]:
    server = FileServer()
    yield server
    server.close()


@pytest.fixture
def bucket(place: Api) -> Iterator[str]:
    """The definition of a kind that other controllers reconcile."""
    define(place, ("Bucket",))
    yield name_of("Bucket")
    undefine(place, [name_of("Bucket")])


def lines(running: operator.Operator, start: int, pattern: str) -> list[str]:
    """The lines that match, of those that the operator has written since its log had ``start`` characters."""
    return [line for line in running.log.read_text()[start:].splitlines() if re.search(pattern, line)]


def test_sources_of_a_kind_are_followed_however_often_its_definition_is_made_again(
    workspace: Workspace, files: FileServer, running: operator.Operator, bucket: str
) -> None:
    api = workspace.api
    consumer(workspace, "Bucket")
    for number in range(MANY):
        revision = f"v{number}"
        publish(workspace, files, "Bucket", revision, {"apps/a.yaml": config_map("a", version=revision)})
        workspace.ready("apps", revision)
        undefine(api, [bucket])
        if number % 3 == 1:
            workspace.failed("apps", "ArtifactFailed", "not found")
        elif number % 3 == 2:
            time.sleep(0.5)  # long enough for a request to find nothing
        define(api, ("Bucket",))
        running.check()
    publish(workspace, files, "Bucket", "last", {"apps/a.yaml": config_map("a", version="last")})
    workspace.ready("apps", "last")


def test_a_definition_that_goes_is_one_warning_and_its_objects_count_as_gone(
    workspace: Workspace, files: FileServer, running: operator.Operator, bucket: str
) -> None:
    consumer(workspace, "Bucket")
    publish(workspace, files, "Bucket", "v1", {"apps/a.yaml": config_map("a")})
    workspace.ready("apps", "v1")
    before = len(running.log.read_text())
    undefine(workspace.api, [bucket])
    workspace.failed("apps", "ArtifactFailed", "not found")
    until("a warning", lambda: lines(running, before, "no longer serves buckets"))
    workspace.commit({"other/b.yaml": config_map("b")})
    workspace.source()
    workspace.kustomization("other")
    workspace.ready("other")
    [warning] = lines(running, before, "no longer serves buckets")
    assert re.search(r"warning", warning, re.IGNORECASE)
    assert lines(running, before, r"\bERROR\b|\"error\"") == []


@pytest.mark.parametrize(("kind", "api_version", "name"), OWN, ids=[each[0] for each in OWN])
def test_objects_of_our_own_kind_are_reconciled_after_its_definition_was_made_again(
    workspace: Workspace, running: operator.Operator, kind: str, api_version: str, name: str
) -> None:
    api = workspace.api
    workspace.commit({"apps/a.yaml": config_map("a", version="1")})
    workspace.source()
    workspace.kustomization("apps")
    workspace.ready("apps")
    own = api.present(*CRD, name)
    undefine(api, [name])
    if kind == SOURCE:
        workspace.failed("apps", "ArtifactFailed", "not found")
    api.apply(_plain(own), manager="deploy")
    until(f"{kind} is served", lambda: is_served(api, api_version, kind))
    revision = workspace.repository.commit({"apps/a.yaml": config_map("a", version="2")}, "change")
    workspace.source()
    workspace.request_sources()
    workspace.kustomization("apps")
    workspace.ready("apps", f"main@sha1:{revision}")
    live = workspace.config_map("a")
    assert live is not None
    assert live["data"] == {"version": "2"}


def test_a_version_that_is_not_served_for_a_while_is_followed_again(
    workspace: Workspace, files: FileServer, running: operator.Operator, bucket: str
) -> None:
    api = workspace.api
    consumer(workspace, "Bucket")
    publish(workspace, files, "Bucket", "v1", {"apps/a.yaml": config_map("a", version="1")})
    workspace.ready("apps", "v1")
    _serve(api, "v2")
    until("the version is not served", lambda: not is_served(api, SOURCE_VERSION, "Bucket"))
    workspace.failed("apps", "ArtifactFailed", "not found")
    _serve(api, "v1")
    until("the version is served", lambda: is_served(api, SOURCE_VERSION, "Bucket"))
    workspace.ready("apps", "v1")
    publish(workspace, files, "Bucket", "v2", {"apps/a.yaml": config_map("a", version="2")})
    workspace.ready("apps", "v2")


@pytest.mark.parametrize("status", [404, 403, 410, 429, 500, 503])
def test_nothing_is_missed_while_the_api_server_answers_otherwise(
    workspace: Workspace, files: FileServer, between: RecordingProxy, bucket: str, status: int
) -> None:
    api, refused = workspace.api, dict.fromkeys(("buckets", "kustomizations"), 0)

    def refuses(method: str, target: str) -> int | None:
        plural = urlsplit(target).path.rpartition("/")[2]
        if method != "GET" or plural not in refused:
            return None
        refused[plural] += 1
        return status

    consumer(workspace, "Bucket")
    publish(workspace, files, "Bucket", "v1", {"apps/a.yaml": config_map("a")})
    workspace.ready("apps", "v1")
    workspace.commit({"late/b.yaml": config_map("b")})
    workspace.source()
    between.refuses = refuses
    try:
        for name in (bucket, OWN[0][2]):
            _end_watches(api, name, str(status))
        until("both watches are refused", lambda: min(refused.values()) >= 2)
        api.delete(SOURCE_VERSION, "Bucket", "source", workspace.namespace)
        workspace.kustomization("late")
    finally:
        between.refuses = lambda method, target: None
    workspace.ready("late")
    workspace.failed("apps", "ArtifactFailed", "not found")


def test_receivers_are_served_again_after_their_definition_was_made_again(
    workspace: Workspace, running: operator.Operator
) -> None:
    api = workspace.api
    [crd] = yaml.safe_load_all((CRDS / "receivers" / f"{_file(RECEIVER[2])}.yaml").read_text())
    api.apply(crd, manager="deploy")
    for _ in range(2):
        before = len(running.log.read_text())
        until("receivers are served", lambda: is_served(api, *RECEIVER[:2]))
        _receiver(workspace)
        until("the Receiver is Ready", lambda: condition(_found(workspace)).get("status") == "True")
        undefine(api, [RECEIVER[2]])
        until("a warning", lambda: lines(running, before, "no longer serves Receiver"))  # noqa: B023
        assert len(lines(running, before, "no longer serves Receiver")) == 1
        api.apply(crd, manager="deploy")


def test_rights_that_are_taken_away_and_given_back_stop_only_what_needs_them(
    workspace: Workspace, files: FileServer, running: operator.Operator, bucket: str
) -> None:
    api = workspace.api
    consumer(workspace, "Bucket")
    publish(workspace, files, "Bucket", "v1", {"apps/a.yaml": config_map("a")})
    workspace.ready("apps", "v1")
    before = len(running.log.read_text())
    with _without(api, "buckets"):
        _end_watches(api, bucket, "other")
        until("a warning", lambda: lines(running, before, "the watch of buckets.* failed: .*forbidden"))
        workspace.commit({"other/b.yaml": config_map("b")})
        workspace.source()
        workspace.kustomization("other")
        workspace.ready("other")
        publish(workspace, files, "Bucket", "v2", {"apps/c.yaml": config_map("c")})
    workspace.ready("apps", "v2", timeout=120)
    assert workspace.config_map("c") is not None


def _end_watches(api: Api, name: str, category: str) -> None:
    """The API server ends the watches of a definition whose names change."""
    api.merge(api.present(*CRD, name), {"spec": {"names": {"categories": [f"test-{category}"]}}})


def _file(name: str) -> str:
    plural, _, group = name.partition(".")
    return f"{group}_{plural}"


def _receiver(workspace: Workspace) -> None:
    workspace.secret("token", {"token": "a-t0ken"})
    workspace.api.apply(
        {
            "apiVersion": RECEIVER[0],
            "kind": RECEIVER[1],
            "metadata": {"name": "hook", "namespace": workspace.namespace},
            "spec": {
                "type": "generic",
                "secretRef": {"name": "token"},
                "resources": [{"kind": SOURCE, "name": "source"}],
            },
        }
    )


def _found(workspace: Workspace) -> Obj:
    return workspace.api.present(*RECEIVER[:2], "hook", workspace.namespace)


def _plain(obj: Obj) -> Obj:
    return {
        "apiVersion": CRD[0],
        "kind": CRD[1],
        "metadata": {"name": obj["metadata"]["name"], "labels": obj["metadata"].get("labels") or {}},
        "spec": obj["spec"],
    }


def _serve(api: Api, served: str) -> None:
    """Let the definition serve one of two versions only."""
    obj = definition("Bucket")
    [first] = obj["spec"]["versions"]
    second = {**first, "name": "v2", "storage": False}
    obj["spec"]["versions"] = [{**each, "served": each["name"] == served} for each in (first, second)]
    api.apply(obj)


@contextmanager
def _without(api: Api, resource: str) -> Iterator[None]:
    """The operator's account may do much, but nothing with a resource."""
    rbac, everything = "rbac.authorization.k8s.io/v1", "headgate-applier"
    role, all_rights = (
        api.present(rbac, "ClusterRole", ACCOUNT),
        api.present(rbac, "ClusterRoleBinding", everything),
    )
    rules = [{**rule, "resources": [r for r in rule["resources"] if r != resource]} for rule in role["rules"]]
    core = [{"apiGroups": [""], "resources": ["*"], "verbs": ["*"]}]
    less = {"apiVersion": rbac, "kind": "ClusterRole", "metadata": {"name": "core"}, "rules": core}
    api.apply(less)
    api.bind({**_bound(all_rights, "core"), "roleRef": {**all_rights["roleRef"], "name": "core"}})
    api.merge(role, {"rules": [rule for rule in rules if rule["resources"]]})
    api.delete(rbac, "ClusterRoleBinding", everything)
    user = f"system:serviceaccount:{NAMESPACE}:{ACCOUNT}"
    until("the right is gone", lambda: not _may_list(api, user, resource))
    try:
        yield
    finally:
        api.merge(role, {"rules": role["rules"]})
        api.apply(_bound(all_rights, everything), manager="deploy")
        until("the right is back", lambda: _may_list(api, user, resource))
        api.delete(rbac, "ClusterRoleBinding", "core")


def _bound(binding: Obj, name: str) -> Obj:
    return {
        "apiVersion": binding["apiVersion"],
        "kind": binding["kind"],
        "metadata": {"name": name},
        "roleRef": binding["roleRef"],
        "subjects": binding["subjects"],
    }


def _may_list(api: Api, user: str, resource: str) -> bool:
    attributes = {"group": "source.toolkit.fluxcd.io", "resource": resource, "verb": "list"}
    review = {"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview"}
    answer = api.rest.create(
        "/apis/authorization.k8s.io/v1/subjectaccessreviews",
        {**review, "spec": {"user": user, "resourceAttributes": attributes}},
    )
    return bool(answer["status"]["allowed"])
