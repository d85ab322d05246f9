"""Whoever reaches the operator's ports cannot keep a commit from becoming live, however many connections they open."""

from __future__ import annotations

import contextlib
import resource
import socket
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from controlplane.ports import LOOPBACK, free_ports
from sandbox import operator
from tests.support.cluster import SOURCE, Api, until
from tests.support.gitserver import GitHttpServer
from tests.support.manifests import config_map
from tests.support.workspace import OWN, Workspace, namespace_prefix

pytestmark = pytest.mark.e2e

CONNECTIONS = 1_100
USUAL_LIMIT = 1_024
HEAD = b"GET /metrics HTTP/1.1\r\nHost: a\r\n"


@contextlib.contextmanager
def descriptors(soft: int) -> Iterator[None]:
    """The limit of file descriptors that this process has, and those that it starts."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(soft, before[1]), before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


def opened(port: int, sources: int) -> list[socket.socket]:
    """Connections from so many addresses; a third says nothing, a third half a request, a third reads no answer."""
    found = []
    for number in range(CONNECTIONS):
        each = socket.socket()
        each.settimeout(60)
        each.bind((f"127.0.1.{1 + number % sources}", 0))
        each.connect((LOOPBACK, port))
        with contextlib.suppress(OSError):  # It may have had to give way already.
            each.sendall((b"", HEAD, HEAD + b"\r\n")[number % 3])
        found.append(each)
    return found


def is_ended(each: socket.socket) -> bool:
    """Whether the other side has closed it; what it sent is thrown away."""
    each.setblocking(False)
    try:
        while each.recv(2**20):
            pass
    except BlockingIOError:
        return False
    except OSError:
        pass
    return True


def ended(connections: list[socket.socket]) -> bool:
    connections[:] = [each for each in connections if not is_ended(each)]
    return not connections


@pytest.mark.parametrize("sources", [1, 100])
def test_silent_connections_hold_up_nothing(
    request: pytest.FixtureRequest,
    api: Api,
    git_server: GitHttpServer,
    account: Path,
    tmp_path: Path,
    sources: int,
) -> None:
    addresses = {name: free_ports(1)[0] for name in ("metrics", "health", "storage")}
    workspace = Workspace(api, git_server, namespace_prefix(request), {OWN: f"connections-{sources}"})
    first = workspace.commit({"apps/a.yaml": config_map("a")})
    options = [f"--watch-label-selector={OWN}=connections-{sources}"]
    options += [f"--{name}-addr={LOOPBACK}:{port}" for name, port in addresses.items()]
    options.append(f"--storage-adv-addr={LOOPBACK}:{addresses['storage']}")
    with descriptors(USUAL_LIMIT):
        running = contextlib.ExitStack()
        # The sandbox would wait for its own health address, which this test replaces.
        running.enter_context(operator.running(account, tmp_path, options, ready=False))
    with running, contextlib.ExitStack() as stack, descriptors(2**20):
        workspace.source()
        workspace.kustomization("apps")
        workspace.ready("apps", first)
        silent = {name: opened(port, sources) for name, port in addresses.items()}
        for each in (connection for found in silent.values() for connection in found):
            stack.enter_context(each)
        workspace.ready("apps", workspace.commit({"apps/a.yaml": config_map("a", v="2")}))
        artifact = workspace.get("source", SOURCE)["status"]["artifact"]
        for url in (
            f"http://{LOOPBACK}:{addresses['metrics']}/metrics",
            f"http://{LOOPBACK}:{addresses['health']}/readyz",
            artifact["url"],
        ):
            with urllib.request.urlopen(url, timeout=60) as answer:
                assert answer.status == 200
                assert answer.read()
        for name, connections in silent.items():
            until(f"those to {name} are closed", lambda found=connections: ended(found))  # type: ignore[misc]
        workspace.close()
