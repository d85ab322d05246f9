"""One cluster, one Git server and one operator for all tests here; a namespace and a repository for each test.

``HEADGATE_TEST_KUBECONFIG`` or ``HEADGATE_TEST_CLUSTER`` names the cluster; otherwise the tests start one
(:mod:`controlplane.choice`). Tests that start and kill their own operators label their custom resources, and the shared
operator ignores these.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from controlplane import Cluster, start
from controlplane.rest import Rest
from sandbox import operator
from tests.support.apiproxy import RecordingProxy
from tests.support.cluster import Api
from tests.support.gitserver import GitHttpServer
from tests.support.operator import as_service_account, installed
from tests.support.remotecluster import Remote, second_cluster
from tests.support.teams import Teams, two_teams
from tests.support.workspace import OWN, Workspace, namespace_prefix, served_folder, wait_gone


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the test that checks the sum of all tests last."""
    items.sort(key=lambda item: item.path.name == "test_rbac.py")


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("e2e")


@pytest.fixture(scope="session")
def shared_cluster() -> Iterator[Cluster]:
    with start("e2e") as cluster:
        yield cluster


@pytest.fixture(scope="session")
def api(shared_cluster: Cluster) -> Iterator[Api]:
    """The API server, with deploy/ applied; the tests' namespaces are gone at the end."""
    api = Api(Rest.connect(shared_cluster.kubeconfig))
    with installed(api):
        yield api


@pytest.fixture(scope="session")
def git_server(folder: Path) -> Iterator[GitHttpServer]:
    with GitHttpServer(served_folder(folder)) as server:
        yield server


@pytest.fixture(scope="session")
def account(shared_cluster: Cluster, api: Api, folder: Path) -> Path:
    """A kubeconfig of the operator's service account."""
    return as_service_account(shared_cluster, api, folder)


@pytest.fixture(scope="session")
def shared_operator(
    api: Api, account: Path, git_server: GitHttpServer, folder: Path
) -> Iterator[operator.Operator]:
    """``headgate run`` with the rights of deploy/. It stops after the namespaces of the tests are gone."""
    options = (f"--watch-label-selector=!{OWN}", "--requeue-dependency=5s")
    with operator.running(account, folder, options) as running:
        yield running
        running.check()
        wait_gone(api)


@pytest.fixture
def workspace(
    request: pytest.FixtureRequest, api: Api, git_server: GitHttpServer, shared_operator: operator.Operator
) -> Iterator[Workspace]:
    """A namespace and a repository for one test, reconciled by the shared operator."""
    shared_operator.check()
    workspace = Workspace(api, git_server, namespace_prefix(request))
    yield workspace
    workspace.close()


@pytest.fixture
def own_workspace(request: pytest.FixtureRequest, api: Api, git_server: GitHttpServer) -> Workspace:
    """A workspace for an operator of the test's own (``own_workspace.selector``); whoever uses it closes it."""
    prefix = namespace_prefix(request)
    return Workspace(api, git_server, prefix, {OWN: prefix})


@pytest.fixture
def proxy(account: Path) -> Iterator[RecordingProxy]:
    """A proxy to the API server for an operator of the test's own, which records requests and may spoil them."""
    with RecordingProxy(account) as proxy:
        yield proxy


@pytest.fixture(scope="module")
def teams(
    api: Api, shared_cluster: Cluster, git_server: GitHttpServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Teams]:
    """Two teams, and an operator with the rights and arguments of deploy/tenancy."""
    with two_teams(api, shared_cluster, git_server, tmp_path_factory.mktemp("tenancy")) as teams:
        yield teams


@pytest.fixture(scope="module")
def remote(shared_cluster: Cluster, api: Api) -> Iterator[Remote]:
    """A second cluster."""
    if shared_cluster.provider != "local":
        pytest.skip("the cluster's keys have to be readable by the other one: a local control plane only")
    with second_cluster(shared_cluster, api) as remote:
        yield remote


@pytest.fixture
def ground(workspace: Workspace, remote: Remote) -> Iterator[Workspace]:
    """A namespace of the same name on both clusters."""
    remote.api.create_namespace(workspace.namespace)
    yield workspace
    remote.api.delete("v1", "Namespace", workspace.namespace)
