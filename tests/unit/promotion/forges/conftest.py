"""A forge of each kind with one open pull request, and its client."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from headgate.promotion.forges.client import ForgeClient
from headgate.promotion.forges.opening import open_forge
from headgate.promotion.forges.repository import ForgeChoice, ForgeKind
from headgate.promotion.forges.tokens import VARIABLE
from tests.support.forgeserver import TOKEN, ForgeServer


@pytest.fixture(params=list(ForgeKind), ids=lambda kind: kind.value)
def forge(request: pytest.FixtureRequest) -> Iterator[ForgeServer]:
    with ForgeServer(request.param) as server:
        server.add_pull()
        yield server
        assert server.violations == []


@pytest.fixture
def client(forge: ForgeServer) -> Iterator[ForgeClient]:
    with open_forge(forge.repository, ForgeChoice(), {VARIABLE: TOKEN}) as opened:
        yield opened


@pytest.fixture
def waited(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Waits take no time; how long they would have been."""
    found: list[float] = []
    monkeypatch.setattr(time, "sleep", found.append)
    return found
