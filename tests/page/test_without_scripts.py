"""Without JavaScript, every page can be read and used."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, expect

from tests.page.browsers import opened
from tests.page.serving import Site
from tests.page.test_every_page import PAGES

OFF = {"java_script_enabled": False}


def test_the_list_can_be_read_filtered_and_followed(browser: Browser, site: Site) -> None:
    with opened(browser, site.url, **OFF) as visit:
        page = visit.page
        expect(page.locator("table.fleet tbody tr")).to_have_count(28)
        expect(page.locator("main")).to_contain_text("mapping values are not allowed here")
        page.locator("#f-state").select_option("blocked")
        page.locator("#f-q").fill("storefront")
        page.get_by_role("button", name="Filter").click()
        expect(page.locator("table.fleet tbody tr")).to_have_count(2)
        expect(page.locator("#f-q")).to_have_value("storefront")
        expect(page.locator("#f-state")).to_have_value("blocked")
        page.get_by_role("link", name="Show all").click()
        page.get_by_role("link", name="shop/banners").first.click()
        expect(page.locator("h1")).to_have_text("shop/banners")
        expect(page.locator("section.why")).to_contain_text("apps/base/checkout/deployment.yaml:23")


def test_the_graph_can_be_read_as_a_drawing_and_as_a_list(browser: Browser, site: Site) -> None:
    with opened(browser, f"{site.url}/graph", **OFF) as visit:
        page = visit.page
        node = page.get_by_role("link", name="Kustomization shop/checkout: Failed")
        expect(node).to_be_visible()
        page.get_by_text("The graph as a list").click()
        expect(page.locator("ul.tree")).to_contain_text("depends on Kustomization shop/database")
        node.click()
        expect(page.locator("h1")).to_have_text("shop/checkout")


@pytest.mark.parametrize("name", ["kustomization", "source", "work", "environments", "reasons"])
def test_a_page_has_its_times_in_words(browser: Browser, site: Site, name: str) -> None:
    with opened(browser, site.url + PAGES[name], **OFF) as visit:
        words = visit.page.locator("main time").all_text_contents()
        assert all(each.endswith(" ago") or each.startswith("in ") for each in words)
