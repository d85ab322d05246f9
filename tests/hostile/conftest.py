"""One world for all attempts: see :mod:`tests.hostile.world`."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.hostile.world import World, world


@pytest.fixture(scope="session")
def hostile_world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with world(tmp_path_factory.mktemp("hostile")) as found:
        yield found
