"""Every page in Chromium, light and dark, wide and narrow: nothing fails, no other host, axe finds nothing."""

from __future__ import annotations

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

from headgate.page.content import Frame
from headgate.page.documents import Documents
from tests.page.browsers import HEADERS, opened
from tests.page.fleets import snapshot
from tests.page.serving import Site

PAGES = {
    "fleet": "/",
    "filtered": "/?state=failed&q=check",
    "none-found": "/?q=nothing+like+this",
    "kustomization": "/kustomizations/shop/payments",
    "blocked": "/kustomizations/shop/banners",
    "circle": "/kustomizations/farm/hen",
    "health-check": "/kustomizations/shop/search",
    "live-diff": "/kustomizations/shop/payments/diff",
    "source": "/sources/GitRepository/shop/fleet",
    "graph": "/graph",
    "work": "/work",
    "environments": "/environments",
    "reasons": "/help",
    "not-found": "/kustomizations/shop/nobody",
}
ALL_RIGHTS = Frame("jane@example.com", can_log_out=True, can_act=True, can_diff=True)
LOOKS = [(scheme, width) for scheme in ("light", "dark") for width in (1280, 375)]


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_sound(browser: Browser, site: Site, name: str) -> None:
    with opened(browser, site.url + PAGES[name]) as visit:
        page = visit.page
        if name == "not-found":
            # The browser itself reports the status.
            (fault,) = visit.faults
            assert "404 (Not Found)" in fault
            visit.faults.clear()
        assert page.title().endswith("Headgate")
        assert page.locator("h1").count() == 1
        assert len(visit.responses) >= 4
        assert visit.wrong_headers() == []
        check_looks(page)


@pytest.mark.parametrize(
    "html",
    [
        Documents().login(secret="s", onward="/work", message=""),
        Documents().login(secret="s", onward="/work", message="The API server does not know this token."),
        Documents().document(snapshot(), "/kustomizations/shop/payments", {"done": ["suspend"]}, ALL_RIGHTS),
        Documents().document(snapshot(connected=False, synced=False), "/", {}, ALL_RIGHTS),
    ],
    ids=["login", "refused", "buttons", "banners"],
)
def test_a_page_for_users_with_a_login_is_sound(browser: Browser, site: Site, html: str) -> None:
    with opened(browser, site.url) as visit:
        visit.page.route(
            "**/", lambda route: route.fulfill(body=html, headers={**HEADERS, "content-type": "text/html"})
        )
        # What it shows is not what the site has: no update may replace it.
        visit.page.route("**/stream*", lambda route: route.abort())
        visit.page.goto(site.url)
        check_looks(visit.page)
        visit.faults = [each for each in visit.faults if "net::ERR_" not in each]


def check_looks(page: Page) -> None:
    """Nothing is too wide, and axe finds nothing, in all looks."""
    for scheme, width in LOOKS:
        page.emulate_media(color_scheme=scheme)
        page.set_viewport_size({"width": width, "height": 900})
        for is_open in ("false", "true"):
            page.evaluate(f"document.querySelectorAll('details').forEach((e) => e.open = {is_open})")
            assert not page.evaluate("document.documentElement.scrollWidth > innerWidth"), width
        assert findings(page) == [], (scheme, width)


def findings(page: Page) -> list[str]:
    """What axe finds that is serious or critical."""
    return [
        f"{each['id']}: {node['target']} {node.get('failureSummary', '')}"
        for each in Axe().run(page).response["violations"]
        if each["impact"] in ("serious", "critical")
        for node in each["nodes"]
    ]


def test_the_page_that_is_refused_has_the_headers_too(browser: Browser, site: Site) -> None:
    with opened(browser, site.url + "/why.json?name=x") as visit:
        assert visit.wrong_headers() == []
        assert visit.responses[0][1] == 400
        visit.faults.clear()


@pytest.mark.parametrize("name", ["fleet", "kustomization", "graph"])
def test_forced_colors_leave_shapes_and_words(browser: Browser, site: Site, name: str) -> None:
    with opened(browser, site.url + PAGES[name], forced_colors="active") as visit:
        page = visit.page
        background = page.evaluate("getComputedStyle(document.body).backgroundColor")
        for each in page.locator("svg .ink").all()[:5]:
            assert each.evaluate("(element) => getComputedStyle(element).fill") != background


def test_nothing_moves_for_those_who_want_it_so(browser: Browser, site: Site) -> None:
    with opened(browser, site.url, reduced_motion="reduce") as visit:
        assert visit.page.evaluate("document.getAnimations().length") == 0
