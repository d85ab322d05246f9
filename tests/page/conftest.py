"""A browser for the tests of a module, and a site with a fleet in which every state occurs.

The browser ends with the module: while its library runs, no other test can use asyncio in this thread.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.page.browsers import chromium
from tests.page.fleets import snapshot
from tests.page.serving import Site


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with Site(snapshot()) as site:
        yield site
