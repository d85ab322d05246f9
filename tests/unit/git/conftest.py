"""Real repositories on a real server, and a cache to fetch into."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from headgate.git.cache.bare import BareCache, Caches
from headgate.git.remote.client import Remote
from headgate.git.url import RemoteUrl
from tests.support.gitserver import GitHttpServer
from tests.support.gitserver_repository import Repository
from tests.support.sshserver import SshServer


@pytest.fixture
def served(tmp_path: Path) -> Path:
    folder = tmp_path / "served"
    folder.mkdir()
    return folder


@pytest.fixture
def server(served: Path) -> Iterator[GitHttpServer]:
    with GitHttpServer(served) as running:
        yield running


@pytest.fixture
def ssh_server(served: Path) -> Iterator[SshServer]:
    with SshServer(served) as running:
        yield running


@pytest.fixture
def repository(served: Path) -> Repository:
    return Repository(served)


@pytest.fixture
def caches(tmp_path: Path) -> Caches:
    return Caches(tmp_path / "caches")


@pytest.fixture
def cache(caches: Caches, server: GitHttpServer) -> BareCache:
    return caches.open("default", "app", server.url())


@pytest.fixture
def remote(server: GitHttpServer) -> Remote:
    return Remote(RemoteUrl.parse(server.url()), timeout=20)
