"""What several pages show. All are frozen, and hold no text that depends on the present time."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import ClassVar, Protocol

from headgate.insight import Ref

__all__ = ["LOCAL", "Badge", "Body", "Choice", "Named", "NavItem", "Notice", "Page", "Viewer", "moment"]


@dataclass(frozen=True, slots=True)
class Viewer:
    """Who has opened a page, and what they may do there."""

    name: str = ""
    """Empty if nobody logs in."""
    can_log_out: bool = False
    can_act: bool = False
    """Whether the page has the buttons that reconcile, suspend and resume."""
    can_diff: bool = False
    """Whether the page leads to the live diff."""


LOCAL = Viewer()
"""Whoever reaches the loopback address."""


@dataclass(frozen=True, slots=True)
class Badge:
    """A state as color, shape and word."""

    look: str
    """The name of color and shape: the value of a :class:`headgate.insight.State`, ``missing`` or ``unknown``."""
    word: str


@dataclass(frozen=True, slots=True)
class Named:
    """An object, and where its page is."""

    ref: Ref
    href: str
    """Empty if it has no page."""
    badge: Badge | None = None

    @property
    def short(self) -> str:
        """Namespace and name."""
        return f"{self.ref.namespace}/{self.ref.name}" if self.ref.namespace else self.ref.name


@dataclass(frozen=True, slots=True)
class Choice:
    """One entry of a selection."""

    value: str
    title: str
    chosen: bool


@dataclass(frozen=True, slots=True)
class NavItem:
    """An entry of the navigation."""

    title: str
    href: str
    current: bool


@dataclass(frozen=True, slots=True)
class Notice:
    """A banner about the operator itself: what one must know before one believes the page."""

    text: str
    since: datetime | None = None


class Body(Protocol):
    """What one kind of page shows."""

    template: ClassVar[str]
    """The template that renders it."""


@dataclass(frozen=True, slots=True)
class Page:
    """One page. Two pages are equal if they show the same, whenever that was."""

    title: str
    body: Body
    viewer: Viewer = LOCAL
    nav: tuple[NavItem, ...] = ()
    notices: tuple[Notice, ...] = ()
    summary: str = ""
    """One sentence about how things stand. A screen reader announces it when it changes."""
    stream: str = ""
    """The address of its updates; empty if it has none."""
    version: str = ""
    """Of the operator."""
    at: datetime | None = field(default=None, compare=False)
    """When the operator's memory last changed."""


def moment(text: str) -> datetime | None:
    """Return a time as the API server writes it; None for any other text.

    >>> moment("2026-06-01T12:00:00Z")
    datetime.datetime(2026, 6, 1, 12, 0, tzinfo=datetime.timezone.utc)
    """
    try:
        found = datetime.fromisoformat(text)
        return found.astimezone(UTC) if found.tzinfo is not None else found.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None
