"""Chromium for the tests of the status page, and everything that goes wrong in a page."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Dialog, Page, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome")
PATIENCE = 60_000
"""Milliseconds."""
_WATCH = """
addEventListener('securitypolicyviolation', (e) => console.error(`CSP: ${e.violatedDirective} ${e.blockedURI}`));
"""
HEADERS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
}


def executable() -> str:
    """The path of Chromium. Without one, the test fails in CI and is skipped elsewhere."""
    found = os.environ.get("HEADGATE_TEST_CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        reason = "Chromium is not installed: apt-get install chromium, or set HEADGATE_TEST_CHROMIUM"
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(reason)
    return found


@contextmanager
def chromium() -> Iterator[Browser]:
    """A browser that resolves no name: whatever a page loads from elsewhere fails."""
    path = executable()
    arguments = [
        "--no-sandbox",
        "--disable-dev-shm-usage",
        "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
    ]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=arguments)
        try:
            yield browser
        finally:
            browser.close()


@dataclass
class Visit:
    """One page in a fresh context, and what goes wrong in it."""

    page: Page
    host: str
    faults: list[str] = field(default_factory=list)
    responses: list[tuple[str, int, dict[str, str]]] = field(default_factory=list)

    def watch(self) -> None:
        page = self.page
        page.set_default_timeout(PATIENCE)
        page.on("console", self._on_console)
        page.on("pageerror", lambda each: self._fault("error", str(each)))
        page.on("dialog", self._on_dialog)
        page.on("request", lambda each: self._check_host(each.url))
        page.on("response", lambda each: self.responses.append((each.url, each.status, each.headers)))
        page.add_init_script(_WATCH)

    def _on_console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self._fault("console", message.text)

    def _on_dialog(self, dialog: Dialog) -> None:
        self._fault("dialog", dialog.message)
        dialog.dismiss()

    def _fault(self, kind: str, text: str) -> None:
        self.faults.append(f"{kind}: {text}")

    def _check_host(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.netloc != self.host and parts.scheme != "data":
            self._fault("request", url)

    def wrong_headers(self) -> list[str]:
        """Responses without one of the headers."""
        return [
            f"{url}: {name}={headers.get(name)}"
            for url, _, headers in self.responses
            for name, value in HEADERS.items()
            if headers.get(name) != value
        ]


@contextmanager
def opened(browser: Browser, url: str, **options: Any) -> Iterator[Visit]:
    """A page at an address; at the end, nothing may have gone wrong."""
    context: BrowserContext = browser.new_context(**options)
    try:
        visit = Visit(context.new_page(), urlsplit(url).netloc)
        visit.watch()
        visit.page.goto(url, wait_until="load", timeout=PATIENCE)
        yield visit
        assert visit.faults == []
    finally:
        context.close()
