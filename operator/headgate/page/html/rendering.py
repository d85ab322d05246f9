"""From a page to HTML.

Every text is escaped (autoescape), and characters that nobody sees become visible, whoever wrote it; an undefined name
is an error. A template gets frozen values only.
"""

from __future__ import annotations

import hashlib
import re
from datetime import UTC, datetime
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, pass_context
from jinja2.runtime import Context
from markupsafe import Markup

from headgate.page.html.files import address_of
from headgate.page.html.times import ago, exact, machine
from headgate.page.views import Page
from headgate.page.views.values import Named
from headgate.visible import visible

__all__ = ["render", "render_main"]

_ID = re.compile(r"[A-Za-z0-9.-]{1,320}")


def render(page: Page, now: datetime | None = None) -> str:
    """Return the whole document. ``now``: for words such as "5 minutes ago"."""
    return _rendered("document.html", page, now or datetime.now(UTC))


def render_main(page: Page) -> str:
    """Return the element ``<main>`` alone, for an open page.

    It has exact times instead of words that age (page.js writes these), so the text stays the same while the page
    shows the same.
    """
    return _rendered("main.html", page, None)


def _rendered(template: str, page: Page, now: datetime | None) -> str:
    html = _environment().get_template(template).render(page=page, now=now)
    # A lone surrogate, which JSON can hold, has no place in UTF-8.
    return html.encode("utf-8", "replace").decode()


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("headgate.page.html", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_finalized,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.filters |= {"when": _when, "key": _key, "sentence": _sentence}
    environment.globals = {"asset": address_of}
    return environment


def _finalized(value: Any) -> Any:
    """The value that a template prints: nothing for None, and texts without hidden characters."""
    if value is None:
        return ""
    if isinstance(value, str) and not isinstance(value, Markup):
        return _visible_lines(value)
    return value


def _visible_lines(text: str) -> str:
    """A text with its line ends, and escapes for all else that a reader would not see."""
    if text.isascii() and text.isprintable():
        return text
    return "\n".join(visible(line.replace("\t", "    ")) for line in text.split("\n"))


@pass_context
def _when(context: Context, then: datetime) -> Markup:
    now = context["now"]
    words = exact(then) if now is None else ago(then, now)
    return Markup('<time datetime="{}" title="{}">{}</time>').format(machine(then), exact(then), words)


def _key(named: Named) -> str:
    """An id for the element of an object, the same in each rendering."""
    ref = named.ref
    text = ".".join((ref.kind, ref.namespace, ref.name))
    return (
        text
        if _ID.fullmatch(text)
        else f"x{hashlib.sha256(text.encode('utf-8', 'replace')).hexdigest()[:20]}"
    )


def _sentence(text: str) -> str:
    """A text with a capital letter at its beginning."""
    return text[:1].upper() + text[1:]
