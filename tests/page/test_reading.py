"""Keyboard, focus, and states without color."""

from __future__ import annotations

import base64
from itertools import combinations

import pytest
from playwright.sync_api import Browser, expect

from tests.page.browsers import opened
from tests.page.serving import Site
from tests.page.test_every_page import PAGES

_GREY = """
async (encoded) => {
  const image = new Image();
  image.src = 'data:image/png;base64,' + encoded;
  await image.decode();
  const canvas = document.createElement('canvas');
  canvas.width = canvas.height = 24;
  const context = canvas.getContext('2d');
  context.drawImage(image, 0, 0, 24, 24);
  const pixels = context.getImageData(0, 0, 24, 24).data;
  const grey = [];
  for (let at = 0; at < pixels.length; at += 4) grey.push((pixels[at] + pixels[at + 1] + pixels[at + 2]) / 3);
  return grey;
}
"""
_SHOW = """
(looks) => {
  document.body.replaceChildren(document.querySelector('svg.shapes'));
  looks.forEach((look, at) => {
    document.body.insertAdjacentHTML('beforeend', `<svg class="shape"><use href="#s-${look}"/></svg>`);
    const place = { position: 'fixed', top: '0', left: `${40 * at}px`, width: '16px', height: '16px' };
    Object.assign(document.body.lastElementChild.style, place);
  });
}
"""
_STATES = (
    "failed",
    "stalled",
    "blocked",
    "waiting",
    "progressing",
    "held",
    "suspended",
    "ready",
    "missing",
    "unknown",
)
LEAST = 20.0
"""By how much, of 255, two shapes differ on average."""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_shapes_of_states_differ_without_color(browser: Browser, site: Site, scheme: str) -> None:
    with opened(browser, f"{site.url}/graph", color_scheme=scheme, device_scale_factor=4) as visit:
        page = visit.page
        # All in one color, each at the same place of a pixel.
        page.evaluate(_SHOW, list(_STATES))
        clips = {each: {"x": 40 * at, "y": 0, "width": 16, "height": 16} for at, each in enumerate(_STATES)}
        shots = {each: page.screenshot(clip=clip) for each, clip in clips.items()}
        grey = {name: page.evaluate(_GREY, base64.b64encode(shot).decode()) for name, shot in shots.items()}
    found = {
        (one, two): sum(abs(a - b) for a, b in zip(grey[one], grey[two], strict=True)) / len(grey[one])
        for one, two in combinations(_STATES, 2)
    }
    assert {pair: size for pair, size in found.items() if size < LEAST} == {}


@pytest.mark.parametrize("name", ["fleet", "kustomization", "graph", "reasons"])
def test_the_keyboard_reaches_everything_in_the_order_of_reading(
    browser: Browser, site: Site, name: str
) -> None:
    with opened(browser, site.url + PAGES[name]) as visit:
        page = visit.page
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.className") == "skip"
        page.evaluate(
            """() => { window.order = [...document.querySelectorAll(
              'a[href], button, input:not([type=hidden]), select, summary, [tabindex="0"]'
            )].filter((e) => e.checkVisibility()); }"""
        )
        expected = min(page.evaluate("order.length"), 40)
        assert expected > 7
        for number in range(expected):
            at = page.evaluate("order.indexOf(document.activeElement)")
            assert at == number, page.evaluate("document.activeElement.outerHTML")
            visible = page.evaluate(
                """() => { const e = document.activeElement, s = getComputedStyle(e), r = e.querySelector('rect');
                return s.outlineStyle !== 'none' || (r && getComputedStyle(r).strokeWidth === '3px'); }"""
            )
            assert visible, page.evaluate("document.activeElement.outerHTML")
            page.keyboard.press("Tab")


def test_the_first_link_leads_past_the_navigation(browser: Browser, site: Site) -> None:
    with opened(browser, site.url) as visit:
        page = visit.page
        page.keyboard.press("Tab")
        expect(page.locator(".skip")).to_be_in_viewport()
        page.keyboard.press("Enter")
        assert page.evaluate("document.activeElement.id") == "main"


def test_landmarks_have_names(browser: Browser, site: Site) -> None:
    with opened(browser, site.url + PAGES["kustomization"]) as visit:
        page = visit.page
        expect(page.get_by_role("banner")).to_have_count(1)
        expect(page.get_by_role("main")).to_have_count(1)
        expect(page.get_by_role("contentinfo")).to_have_count(1)
        expect(page.get_by_role("navigation", name="Pages")).to_have_count(1)
        expect(page.get_by_role("region", name="Root cause")).to_have_count(1)
        expect(page.get_by_role("row", name="Failed Deployment shop/payments")).to_have_count(1)
