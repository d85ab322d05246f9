"""Pictures of the status page for the documentation: make screenshots."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Browser

from tests.page.browsers import chromium
from tests.page.fleets import NOW, snapshot
from tests.page.serving import Site

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "images"
PICTURES = {
    "status-page-fleet": ("/", "light", 1180, 860),
    "status-page-kustomization": ("/kustomizations/shop/payments", "light", 1180, 1180),
    "status-page-graph": ("/graph", "dark", 1180, 860),
    "status-page-narrow": ("/kustomizations/shop/banners", "dark", 375, 900),
}
"""By name: path, color scheme, width and height."""


def take(browser: Browser, site: Site, folder: Path = FOLDER) -> list[Path]:
    """Take all pictures, and return their files."""
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for name, (path, scheme, width, height) in PICTURES.items():
        context = browser.new_context(color_scheme=scheme, viewport={"width": width, "height": height})
        page = context.new_page()
        # The browser's clock is that of the fleet, so that its times are recent.
        page.clock.install(time=NOW)
        page.goto(site.url + path)
        page.clock.run_for(21_000)
        files.append(folder / f"{name}.png")
        page.screenshot(path=files[-1])
        context.close()
    return files


def main() -> None:
    """Write the files."""
    with Site(snapshot()) as site, chromium() as browser:
        for file in take(browser, site):
            print(f"{file.relative_to(FOLDER.parents[1])}: {file.stat().st_size // 1024} KiB")


if __name__ == "__main__":
    main()
