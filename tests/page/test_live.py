"""An open page follows changes without a reload; what its reader does there stays."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from playwright.sync_api import Browser, Page, expect

from headgate.page.html.times import ago
from headgate.page.knowledge import Snapshot
from tests.page.browsers import PATIENCE, opened
from tests.page.fleets import BUILD_FAILED, every_state, ks, snapshot
from tests.page.serving import Site

expect.set_options(timeout=PATIENCE)


@pytest.fixture
def own_site() -> Iterator[Site]:
    """A site that a test may change and stop."""
    with Site(snapshot()) as site:
        yield site


def broken(name: str = "database") -> Snapshot:
    """The same fleet after a push that breaks one of its Kustomizations."""
    objects = [each for each in every_state() if each["metadata"]["name"] != name]
    return snapshot([*objects, ks(name, BUILD_FAILED, needs=("infrastructure",))])


def healed() -> Snapshot:
    """The same fleet after a push that corrects all."""
    return snapshot(
        [each for each in every_state() if each["metadata"]["name"] in ("fleet", "crds", "infrastructure")]
    )


def test_a_failure_appears_with_its_cause_and_is_announced(browser: Browser, own_site: Site) -> None:
    with opened(browser, own_site.url + "/kustomizations/shop/database") as visit:
        page = visit.page
        expect(page.locator(".title .badge")).to_have_text("Ready")
        own_site.show(broken())
        expect(page.locator(".title .badge")).to_have_text("Failed")
        why = page.locator("section.why")
        expect(why).to_contain_text("apps/base/checkout/deployment.yaml:23")
        expect(why).to_contain_text("What to do")
        expect(page).to_have_title("Failed: shop/database · Headgate")
        expect(page.locator("#spoken")).to_contain_text("root causes stop")
        assert page.evaluate("performance.getEntriesByType('navigation').length") == 1


def test_focus_scrolling_open_details_and_typed_text_stay(browser: Browser, own_site: Site) -> None:
    size = {"width": 800, "height": 400}
    with opened(browser, own_site.url, viewport=size) as visit:
        page = visit.page
        page.locator("details").first.evaluate("(element) => { element.open = true; }")
        page.locator("#f-namespace").select_option("farm")
        page.locator("#f-q").fill("half a wor")
        link = page.locator("tr", has_text="shop/payments").locator("a").first
        link.focus()
        page.evaluate("scrollTo(0, 700)")
        marked = page.locator("tr", has_text="shop/payments").first
        marked.evaluate("(row) => { row.mark = 'the same element'; }")
        scrolled = page.evaluate("scrollY")
        own_site.show(broken())
        row = page.locator("[id='Kustomization.shop.database']")
        expect(row).to_contain_text("Failed")
        assert page.locator("#f-q").input_value() == "half a wor"
        assert page.locator("#f-namespace").input_value() == "farm"
        assert page.locator("details").first.evaluate("(element) => element.open")
        assert page.evaluate("document.activeElement.getAttribute('href')") == "/kustomizations/shop/payments"
        assert marked.evaluate("(row) => row.mark") == "the same element"
        # Rows above may have come or gone; the reader stays near.
        assert abs(page.evaluate("scrollY") - scrolled) < 400


def test_a_field_in_use_keeps_its_text_and_cursor(browser: Browser, own_site: Site) -> None:
    with opened(browser, own_site.url) as visit:
        page = visit.page
        page.locator("#f-q").click()
        page.keyboard.type("pay")
        own_site.show(broken())
        expect(page.locator("[id='Kustomization.shop.database']")).to_contain_text("Failed")
        page.keyboard.type("ments")
        assert page.locator("#f-q").input_value() == "payments"
        page.keyboard.press("Enter")
        expect(page).to_have_url(f"{own_site.url}/?q=payments&state=&namespace=&kind=&env=")
        expect(page.locator("table.fleet tbody tr")).to_have_count(1)


def test_what_is_gone_disappears(browser: Browser, own_site: Site) -> None:
    with opened(browser, own_site.url + "/kustomizations/shop/payments") as visit:
        own_site.show(healed())
        expect(visit.page.locator("h1")).to_have_text("There is no such page")
        own_site.show(snapshot())
        expect(visit.page.locator("h1")).to_have_text("shop/payments")


@pytest.mark.parametrize(
    ("state", "said"),
    [
        ({"leads": False}, "standby"),
        ({"connected": False}, "API server"),
        ({"synced": False}, "just started"),
    ],
)
def test_the_state_of_the_operator_is_a_banner(
    browser: Browser, own_site: Site, state: dict[str, bool], said: str
) -> None:
    with opened(browser, own_site.url + "/work") as visit:
        expect(visit.page.locator(".notice:visible")).to_have_count(0)
        own_site.show(snapshot(**state))
        expect(visit.page.locator("main .notice")).to_contain_text(said)
        own_site.show(snapshot())
        expect(visit.page.locator(".notice:visible")).to_have_count(0)


def test_a_lost_connection_is_a_banner_and_the_page_is_right_again_by_itself(
    browser: Browser, own_site: Site
) -> None:
    with opened(browser, own_site.url) as visit:
        page = visit.page
        row = page.locator("[id='Kustomization.shop.database']")
        expect(row).to_contain_text("Ready")
        own_site.stop()
        expect(page.locator("#lost")).to_contain_text("connection to the operator is lost")
        own_site.snapshot = broken()
        own_site.start()
        expect(row).to_contain_text("Failed")
        expect(page.locator("#lost")).to_be_empty()
        visit.faults = [each for each in visit.faults if "net::ERR_" not in each]


def test_a_page_that_is_refused_for_a_while_comes_back(browser: Browser, own_site: Site) -> None:
    """An answer that is not a stream ends the browser's own retries."""
    with opened(browser, own_site.url) as visit:
        page = visit.page
        refused = 0

        def refuse(route: object) -> None:
            nonlocal refused
            refused += 1
            if refused < 3:
                route.fulfill(status=503, body="not now")  # type: ignore[attr-defined]
            else:
                route.continue_()  # type: ignore[attr-defined]

        page.route("**/stream*", refuse)
        own_site.stop()
        own_site.snapshot = broken()
        own_site.start()
        expect(page.locator("[id='Kustomization.shop.database']")).to_contain_text("Failed")
        assert refused >= 3
        visit.faults.clear()


def test_words_for_times_are_the_same_in_the_browser(browser: Browser, site: Site) -> None:
    # After the times of the fleet and before some of them.
    for now in (datetime(2026, 6, 1, 12, 0, 20, tzinfo=UTC), datetime(2026, 6, 3, 11, 0, tzinfo=UTC)):
        context = browser.new_context()
        try:
            page: Page = context.new_page()
            page.clock.install(time=now)
            page.goto(site.url + "/kustomizations/shop/payments")
            page.clock.run_for(21_000)
            shown = page.evaluate(
                "[...document.querySelectorAll('time')].map((e) => [e.dateTime, e.textContent, Date.now()])"
            )
            assert len(shown) > 10
            for machine, words, milliseconds in shown:
                then = datetime.fromisoformat(machine)
                assert words == ago(then, datetime.fromtimestamp(milliseconds // 1000, UTC)), machine
        finally:
            context.close()
