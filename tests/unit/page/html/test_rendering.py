"""HTML: every page has a sound structure, nothing inline, and whatever others write stays text."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from datetime import timedelta
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

import pytest

from headgate.insight import Ref
from headgate.page import html
from headgate.page.html import assets, build, render, render_main
from headgate.page.html.files import IDIOMORPH, address_of
from headgate.page.views import (
    ChangedField,
    ChangedObject,
    Difference,
    Page,
    Viewer,
    difference,
    log_in,
    problem,
    view_of,
)
from tests.page import hostile
from tests.page.fleets import NOW, REVISION, ref, snapshot

FOLDER = Path(html.__file__).parent
VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}
PATHS = [
    "/",
    "/?state=failed&q=x",
    "/kustomizations/shop/payments",
    "/kustomizations/shop/banners",
    "/kustomizations/farm/hen",
    "/kustomizations/shop/maintenance",
    "/kustomizations/shop/search",
    "/sources/GitRepository/shop/fleet",
    "/sources/GitRepository/shop/charts",
    "/graph",
    "/work",
    "/environments",
    "/help",
]
VIEWER = Viewer("jane@example.com", can_log_out=True, can_act=True)


class Tree(HTMLParser):
    """Checks the nesting of elements, and collects them with their attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = [name for name, _ in attrs]
        assert len(names) == len(set(names)), (tag, attrs)
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self._open
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def page_at(address: str, viewer: Viewer = VIEWER, *, bad: bool = False) -> Page:
    parts = urlsplit(address)
    found = view_of(
        hostile.hostile() if bad else snapshot(), unquote(parts.path), dict(parse_qsl(parts.query)), viewer
    )
    assert found is not None
    return found


def special_pages() -> list[Page]:
    text = "<script>window.owned=1</script>"
    changes = (ChangedField(text, text, None), ChangedField("data.token", "(hidden)", "(hidden)"))
    found = Difference(REVISION, NOW, (ChangedObject(Ref(text, text, text), text, changes, text),), 3, text)
    return [
        difference(snapshot(), ref("payments"), found, VIEWER),
        problem(404, text, viewer=VIEWER),
        problem(421, text),
        log_in(text, text, text),
        log_in(),
    ]


ALLOWED = {
    "a", "article", "bdi", "body", "button", "circle", "code", "dd", "defs", "details", "div", "dl", "dt", "footer",
    "form", "g", "h1", "h2", "h3", "head", "header", "html", "input", "label", "li", "link", "main", "marker", "meta",
    "nav", "ol",
    "option", "p", "path", "q", "rect", "script", "section", "select", "span", "strong", "summary", "svg", "symbol",
    "table", "tbody", "td", "text", "th", "thead", "time", "title", "tr", "ul", "use",
}  # fmt: skip


def check(page: Page) -> Tree:
    text = render(page, NOW)
    tree = Tree(text)
    assert {tag for tag, _ in tree.elements} <= ALLOWED
    for tag, attributes in tree.elements:
        assert not [name for name in attributes if name.startswith("on") or name == "style"], (
            tag,
            attributes,
        )
        for name in ("href", "action", "src"):
            value = attributes.get(name)
            if value is not None:
                assert re.match(r"/(?!/)|#[\w.-]+$", value), (tag, value)
        if tag == "script":
            assert attributes == {"type": "module", "src": address_of("page.js")}
    ids = Counter(attributes["id"] for _, attributes in tree.elements if "id" in attributes)
    assert [name for name, count in ids.items() if count > 1] == []
    for _, attributes in tree.elements:
        for name in ("aria-labelledby", "for", "aria-describedby"):
            assert attributes.get(name) is None or attributes[name] in ids
    tags = Counter(tag for tag, _ in tree.elements)
    assert (tags["main"], tags["h1"], tags["header"], tags["title"] >= 1) == (1, 1, 1, True)
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]", text)
    text.encode()
    return tree


@pytest.mark.parametrize("address", PATHS)
def test_every_page_is_sound(address: str) -> None:
    check(page_at(address))


@pytest.mark.parametrize("number", range(5))
def test_pages_without_updates_are_sound(number: int) -> None:
    tree = check(special_pages()[number])
    assert not any("data-stream" in attributes for _, attributes in tree.elements)


@pytest.mark.parametrize("address", hostile.paths())
def test_what_others_write_stays_text(address: str) -> None:
    check(page_at(address, bad=True))


def test_markup_in_a_message_can_be_read() -> None:
    tree = check(page_at("/kustomizations/shop/k0", bad=True))
    assert any(hostile.TEXTS[0] in each for each in tree.texts)


def test_a_template_in_a_message_is_not_evaluated() -> None:
    number = next(n for n, text in enumerate(hostile.TEXTS) if "7 * 7" in text)
    tree = check(page_at(f"/kustomizations/shop/k{number}", bad=True))
    assert any("{{ 7 * 7 }}" in each for each in tree.texts)


def test_hidden_characters_are_shown() -> None:
    number = next(n for n, text in enumerate(hostile.TEXTS) if "\u202e" in text)
    text = render(page_at(f"/kustomizations/shop/k{number}", bad=True), NOW)
    assert "\\u202egnp.exe" in text


@pytest.mark.parametrize("address", PATHS)
def test_the_content_of_an_open_page_does_not_age(address: str) -> None:
    found = page_at(address)
    main = render_main(found)
    assert main == render_main(page_at(address))
    assert main.lstrip().startswith("<main ")
    assert main.rstrip().endswith("</main>")
    assert "ago</time>" not in main
    later = render(found, NOW + timedelta(days=3))
    assert render(found, NOW) != later or "<time" not in later


def test_buttons_are_only_for_those_who_may_act() -> None:
    assert 'method="post"' not in render(page_at("/kustomizations/shop/payments", Viewer()), NOW)
    text = render(page_at("/kustomizations/shop/payments"), NOW)
    assert 'action="/kustomizations/shop/payments/reconcile"' in text
    assert 'action="/logout"' in text


def test_templates_have_nothing_inline() -> None:
    for path in sorted(FOLDER.glob("templates/*.html")):
        text = path.read_text()
        assert not re.search(r"<style|\sstyle=|\son[a-z]+=|javascript:|\| *safe\b|autoescape", text), (
            path.name
        )
        assert re.findall(r"<script(?![^>]*\bsrc=)", text) == [], path.name


def test_files_have_their_digest_in_the_name_and_import_each_other_by_it() -> None:
    found = assets()
    for name, asset in found.items():
        assert hashlib.sha256(asset.content).hexdigest()[:12] in name
    module = found[address_of("page.js").removeprefix("/assets/")].content.decode()
    (imported,) = re.findall(r'from "\./([^"]+)"', module)
    assert imported in found
    assert build() == build()


def test_files_name_no_other_host_and_evaluate_nothing() -> None:
    for name in ("page.css", "page.js"):
        text = assets()[address_of(name).removeprefix("/assets/")].content.decode()
        assert not re.search(r"https?://|\beval\(|new Function|innerHTML|@import|url\((?!#)", text), name


def test_idiomorph_is_what_was_published() -> None:
    content = (FOLDER / "static" / "idiomorph.js").read_bytes()
    assert f"sha256:{hashlib.sha256(content).hexdigest()}" == IDIOMORPH
    assert "Zero-Clause BSD" in (FOLDER / "static" / "idiomorph.LICENSE").read_text()


def test_the_style_sheet_defines_every_state_for_light_and_dark() -> None:
    style = (FOLDER / "static" / "page.css").read_text()
    light, _, dark = style.partition("prefers-color-scheme: dark")
    for look in (
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
    ):
        assert f"--{look}:" in light
        assert f"--{look}:" in dark
        assert f".is-{look} " in style
        assert f'id="s-{look}"' in (FOLDER / "templates" / "shapes.html").read_text()
