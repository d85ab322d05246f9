"""Names and messages that try to become scripts, markup or addresses run nothing in a browser."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.page import hostile
from tests.page.browsers import opened
from tests.page.serving import Site


@pytest.fixture(scope="module")
def bad_site() -> Iterator[Site]:
    with Site(hostile.hostile()) as site:
        yield site


def test_nothing_of_the_corpus_runs(browser: Browser, bad_site: Site) -> None:
    with opened(browser, bad_site.url, viewport={"width": 375, "height": 800}) as visit:
        page = visit.page
        # The unit tests check the HTML of the others.
        for path in [each for each in hostile.paths() if "/shop/" not in each or "/shop/k" in each]:
            page.goto(bad_site.url + path)
            assert page.evaluate("window.owned") is None, path
            assert page.locator("main#main").count() == 1, path
            assert (
                page.locator("main :is(script, style, iframe, base, meta, img, object, embed)").count() == 0
            )
            assert not page.evaluate("document.documentElement.scrollWidth > innerWidth"), path
            for address in page.locator("a[href]").evaluate_all(
                "(all) => all.map((e) => e.href.baseVal ?? e.href)"
            ):
                assert address.startswith((bad_site.url, "/", "#")), address


def test_nothing_of_the_corpus_runs_when_it_arrives_in_an_open_page(browser: Browser, bad_site: Site) -> None:
    with Site(hostile.snapshot([])) as site, opened(browser, site.url) as visit:
        page = visit.page
        site.show(hostile.hostile())
        page.locator("table.fleet tbody tr").first.wait_for()
        assert page.evaluate("window.owned") is None
        assert page.locator("main :is(script, style, iframe, base, meta, img)").count() == 0
