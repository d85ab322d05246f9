"""Views and templates as the routes need them: a :class:`headgate.page.content.Content`. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property

from headgate.insight import Ref
from headgate.page.content import Asset, Frame, Query
from headgate.page.html import assets, build, render, render_main
from headgate.page.knowledge import Snapshot
from headgate.page.views import Difference, Page, Viewer, difference, log_in, problem, view_of

__all__ = ["Documents"]


class Documents:
    """All HTML."""

    def __init__(self) -> None:
        self.build = build()

    def document(self, snapshot: Snapshot, path: str, query: Query, frame: Frame) -> str | None:
        """A whole page."""
        page = _page(snapshot, path, query, frame)
        return None if page is None else render(page)

    def main(self, snapshot: Snapshot, path: str, query: Query, frame: Frame) -> str | None:
        """Its element ``<main>``."""
        page = _page(snapshot, path, query, frame)
        return None if page is None else render_main(page)

    def difference(self, snapshot: Snapshot, ref: Ref, found: Difference, frame: Frame) -> str | None:
        """A whole page with a live diff."""
        if ref not in snapshot.fleet.objects:
            return None
        return render(difference(snapshot, ref, found, _viewer(frame)))

    def problem(self, status: int, message: str, frame: Frame) -> str:
        """A whole page that says why there is no other."""
        return render(problem(status, message, viewer=_viewer(frame)))

    def problem_main(self, status: int, message: str) -> str:
        """Its element ``<main>``."""
        return render_main(problem(status, message))

    def login(self, *, secret: str, onward: str, message: str) -> str:
        """The form for a token: ``secret`` and ``onward`` are hidden fields."""
        return render(log_in(secret, onward, message))

    def asset(self, name: str) -> Asset | None:
        """A file by its name with the digest."""
        return self._assets.get(name)

    @cached_property
    def _assets(self) -> Mapping[str, Asset]:
        return {
            name: Asset(found.content, found.content_type, found.compressed)
            for name, found in assets().items()
        }


def _page(snapshot: Snapshot, path: str, query: Query, frame: Frame) -> Page | None:
    # Of a value that is given twice, the first one counts.
    return view_of(
        snapshot, path, {name: values[0] for name, values in query.items() if values}, _viewer(frame)
    )


def _viewer(frame: Frame) -> Viewer:
    return Viewer(frame.user, frame.can_log_out, frame.can_act, frame.can_diff)
