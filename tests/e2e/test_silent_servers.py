"""Git servers that do not answer hold up nobody else, and end at their time."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator

import pytest

from tests.support.cluster import SOURCE, condition, until
from tests.support.manifests import config_map, kustomization
from tests.support.workspace import Workspace

pytestmark = pytest.mark.e2e


class Silent:
    """Accepts connections and says nothing, until it is closed."""

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.port = self._socket.getsockname()[1]
        self.held: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                self.held.append(self._socket.accept()[0])

    def close(self) -> None:
        self._socket.close()
        for each in self.held:
            each.close()


@pytest.fixture
def silent() -> Iterator[Silent]:
    server = Silent()
    yield server
    server.close()


@pytest.fixture
def others(workspace: Workspace) -> Iterator[list[Workspace]]:
    made = [Workspace(workspace.api, workspace.server, f"silent-{n}") for n in range(2)]
    yield made
    for each in made:
        each.close()


def test_another_team_s_work_goes_on(workspace: Workspace, others: list[Workspace], silent: Silent) -> None:
    """More silent sources than workers, in two namespaces, with the longest of times."""
    workspace.commit(
        {"apps/kustomization.yaml": kustomization("a.yaml"), "apps/a.yaml": config_map("a", x="1")}
    )
    workspace.source()
    workspace.kustomization("apps")
    workspace.ready("apps")
    for other in others:
        for n in range(12):
            # Not the same ones, as of those one question serves all.
            url = f"http://127.0.0.1:{silent.port}/{other.namespace}/{n}.git"
            other.source(f"s{n}", ready=False, url=url, timeout="10m")
    until("each namespace has as many connections as it may", lambda: len(silent.held) >= 12)
    revision = workspace.commit({"apps/a.yaml": config_map("a", x="2")})
    workspace.ready("apps", revision)
    workspace.change("apps", {"commonMetadata": {"labels": {"team": "blue"}}})

    def labelled() -> bool:
        found = workspace.config_map("a") or {}
        return found.get("metadata", {}).get("labels", {}).get("team") == "blue"

    until("the change of the spec is live", labelled)
    for other in others:
        for n in range(12):
            # None of them has ended, so nobody waited for their end.
            assert condition(other.get(f"s{n}", SOURCE)).get("status") != "False"


def test_a_silent_server_ends_at_the_time(workspace: Workspace, silent: Silent) -> None:
    workspace.source("slow", ready=False, url=f"http://127.0.0.1:{silent.port}/r.git", timeout="2s")
    workspace.failed("slow", "GitOperationFailed", "not finished within 2 s", kind=SOURCE)


def test_a_source_on_a_silent_server_can_be_fixed_and_deleted(workspace: Workspace, silent: Silent) -> None:
    workspace.commit({"a.yaml": config_map("a")})
    address = f"http://127.0.0.1:{silent.port}/r.git"
    for name in ("wrong", "gone"):
        workspace.source(name, ready=False, url=address, timeout="10m", interval="20m")
    until("somebody asks the server", lambda: bool(silent.held))
    workspace.change("wrong", {"url": workspace.url}, SOURCE)
    workspace.ready("wrong", kind=SOURCE)
    workspace.delete("gone", SOURCE)
