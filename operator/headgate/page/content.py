"""What the routes need from the rest of the page: documents, fragments and files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from headgate.insight import Ref
from headgate.page.knowledge import Snapshot
from headgate.page.views import Difference

__all__ = ["Asset", "Content", "Frame", "Query"]

Query = Mapping[str, Sequence[str]]
"""Values of the query of a URL, by name."""


@dataclass(frozen=True, slots=True)
class Frame:
    """What surrounds the content of a page, for one caller."""

    user: str = ""
    """Empty without authentication."""
    can_log_out: bool = False
    can_act: bool = False
    """Whether there are buttons for actions."""
    can_diff: bool = False
    """Whether there is a live diff."""


@dataclass(frozen=True, slots=True)
class Asset:
    """A file that every page may load."""

    content: bytes
    content_type: str
    compressed: bytes = b""
    """The same in the gzip format; empty if that is not smaller."""


class Content(Protocol):
    """All HTML. The functions are pure; None means that there is no such page."""

    build: str
    """Changes when an asset does."""

    def document(self, snapshot: Snapshot, path: str, query: Query, frame: Frame) -> str | None:
        """A whole page."""

    def main(self, snapshot: Snapshot, path: str, query: Query, frame: Frame) -> str | None:
        """The content of its ``<main>``."""

    def difference(self, snapshot: Snapshot, ref: Ref, found: Difference, frame: Frame) -> str | None:
        """A whole page with a live diff; None if there is no such object."""

    def problem(self, status: int, message: str, frame: Frame) -> str:
        """A whole page that says why there is no other."""

    def problem_main(self, status: int, message: str) -> str:
        """The content of its ``<main>``."""

    def login(self, *, secret: str, onward: str, message: str) -> str:
        """The form for a token: ``secret`` and ``onward`` (the path to go to after it) are hidden fields."""

    def asset(self, name: str) -> Asset | None:
        """A file by its name with the digest."""
