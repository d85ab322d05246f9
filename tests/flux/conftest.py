"""Flux's own controllers and Headgate on one cluster, with one Git server: ``make test-flux``.

Two sides reconcile custom resources here, each those with its own label: Headgate, and Flux's source-controller and
kustomize-controller. A test that takes ``side`` runs on both, so what it expects is what Flux does. Both send their
events to one notification-controller of Flux.

A program that cannot be built here skips the tests that need it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest
import yaml

import fluxfamily
import giteaserver
from controlplane import Cluster, start
from controlplane.errors import BuildFailed
from controlplane.ports import LOOPBACK, free_ports
from controlplane.progress import Progress
from controlplane.rest import Rest
from sandbox import operator
from tests.support.cluster import Api, condition, until
from tests.support.gitea import Account
from tests.support.gitserver import GitHttpServer
from tests.support.operator import as_service_account, installed
from tests.support.workspace import OWN, Workspace, namespace_prefix, served_folder

HEADGATE, FLUX = "headgate", "flux"
Programs = Callable[[str], fluxfamily.Built]


@dataclass(frozen=True)
class Notifications:
    """A running notification-controller; the addresses are ``host:port``."""

    events: str
    receivers: str


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("flux")


@pytest.fixture(scope="session")
def programs() -> Programs:
    """Programs of Flux by name; skips the test if one cannot be built."""

    @cache
    def build(name: str) -> fluxfamily.Built | str:
        try:
            return fluxfamily.ensure(name, Progress(sys.stderr))
        except BuildFailed as error:
            return f"{name} of Flux cannot be built here: {str(error).splitlines()[0]}"

    def get(name: str) -> fluxfamily.Built:
        built = build(name)
        if isinstance(built, str):
            pytest.skip(built)
        return built

    return get


@pytest.fixture(scope="session")
def shared_cluster(programs: Programs) -> Iterator[Cluster]:
    programs("notification-controller")
    with start("flux") as cluster:
        yield cluster


@pytest.fixture(scope="session")
def api(shared_cluster: Cluster, programs: Programs) -> Iterator[Api]:
    """The API server, with deploy/ applied, and over it the definitions of Flux."""
    api = Api(Rest.connect(shared_cluster.kubeconfig))
    with installed(api):
        define(api, programs("notification-controller"))
        yield api


@pytest.fixture(scope="session")
def git_server(folder: Path) -> Iterator[GitHttpServer]:
    with GitHttpServer(served_folder(folder)) as server:
        yield server


@pytest.fixture(scope="session")
def notifications(
    api: Api, shared_cluster: Cluster, programs: Programs, folder: Path
) -> Iterator[Notifications]:
    events, receivers = (f"{LOOPBACK}:{port}" for port in free_ports(2))
    options = (f"--events-addr={events}", f"--receiverAddr={receivers}")
    built = programs("notification-controller")
    with fluxfamily.running(built, shared_cluster.kubeconfig, folder, options) as controller:
        yield Notifications(events, receivers)
        controller.check()


@pytest.fixture(scope="session")
def headgate(
    api: Api, shared_cluster: Cluster, notifications: Notifications, folder: Path
) -> Iterator[operator.Operator]:
    """Headgate with the rights of deploy/, for the custom resources with its label."""
    account = as_service_account(shared_cluster, api, folder)
    options = (
        f"--watch-label-selector={OWN}={HEADGATE}",
        f"--events-addr=http://{notifications.events}/",
        "--requeue-dependency=5s",
    )
    with operator.running(account, folder, options) as running:
        yield running
        running.check()


@pytest.fixture(scope="session")
def flux(
    api: Api, shared_cluster: Cluster, notifications: Notifications, programs: Programs, folder: Path
) -> Iterator[None]:
    """Flux's two controllers, for the custom resources with its label."""
    common = (
        f"--watch-label-selector={OWN} notin ({HEADGATE})",
        f"--events-addr=http://{notifications.events}/",
        "--requeue-dependency=5s",
    )
    (port,) = free_ports(1)
    storage = f"{LOOPBACK}:{port}"
    (folder / "artifacts").mkdir()
    store = (
        f"--storage-path={folder / 'artifacts'}",
        f"--storage-addr={storage}",
        f"--storage-adv-addr={storage}",
    )
    source, kustomize = programs("source-controller"), programs("kustomize-controller")
    define(api, source)
    with ExitStack() as stack:
        for built, options in ((source, store), (kustomize, ("--feature-gates=ExternalArtifact=true",))):
            controller = stack.enter_context(
                fluxfamily.running(built, shared_cluster.kubeconfig, folder, (*common, *options))
            )
            stack.callback(controller.check)
        yield


@pytest.fixture(params=[HEADGATE, FLUX])
def side(request: pytest.FixtureRequest) -> str:
    """Who reconciles: the test runs once with each."""
    request.getfixturevalue(request.param)
    return str(request.param)


@pytest.fixture
def sides(headgate: object, flux: object) -> tuple[str, str]:
    """Both, at work."""
    return HEADGATE, FLUX


@pytest.fixture
def workspace(
    request: pytest.FixtureRequest, api: Api, git_server: GitHttpServer, side: str
) -> Iterator[Workspace]:
    """A namespace and a repository for one test, reconciled by ``side``."""
    workspace = Workspace(api, git_server, namespace_prefix(request), {OWN: side})
    yield workspace
    workspace.close()


@pytest.fixture(scope="session")
def account(folder: Path) -> Iterator[Account]:
    """An account at Gitea; skips the test if Gitea cannot be built."""
    (folder / "gitea").mkdir()
    try:
        giteaserver.binary(Progress(sys.stderr))
    except BuildFailed as error:
        pytest.skip(f"Gitea cannot be built here: {str(error).splitlines()[0]}")
    with giteaserver.start(folder / "gitea", Progress(sys.stderr)) as gitea:
        yield Account(gitea, "robot")


def define(api: Api, built: fluxfamily.Built) -> None:
    """Apply the definitions that a controller of Flux brings, and wait until they are served."""
    for manifest in built.definitions:
        definition = yaml.safe_load(manifest.read_text())
        api.apply(definition, manager="flux")
        name = definition["metadata"]["name"]
        until(
            f"{name} is established",
            lambda name=name: (  # type: ignore[misc]
                condition(
                    api.present("apiextensions.k8s.io/v1", "CustomResourceDefinition", name), "Established"
                ).get("status")
                == "True"
            ),
        )
