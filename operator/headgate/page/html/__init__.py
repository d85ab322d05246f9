"""Pages as HTML, and the files that they load. Pure.

    render(page)       the whole document
    render_main(page)  its element <main>, for an open page

rendering  Jinja2, and what makes every text harmless
times      times for people
files      style sheet, modules and icon, by names with their digest
"""

from __future__ import annotations

from headgate.page.html.files import Asset, assets, build
from headgate.page.html.rendering import render, render_main

__all__ = ["Asset", "assets", "build", "render", "render_main"]
