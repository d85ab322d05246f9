"""What reasons mean and what to do about them: the tables of the troubleshooting guide, without the internet."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from headgate.insight import remedies
from headgate.page.views.links import anchor

__all__ = ["GuideView", "guide_view"]

_TITLES = {"Kustomization": "Kustomizations", "GitRepository": "GitRepositories", "Pod": "Pods"}


@dataclass(frozen=True, slots=True)
class Entry:
    """One row."""

    anchors: tuple[str, ...]
    """Names of this place; each reason has one at its first row."""
    reasons: tuple[str, ...]
    parts: str
    """Words that the message has; empty for any message."""
    means: str
    do: str


@dataclass(frozen=True, slots=True)
class GuideView:
    """The page."""

    template: ClassVar[str] = "guide.html"

    sections: tuple[tuple[str, tuple[Entry, ...]], ...]


def guide_view() -> GuideView:
    """Return all rows by kind."""
    seen: set[str] = set()
    sections: dict[str, list[Entry]] = {}
    for row in sorted(remedies.rows(), key=lambda row: bool(row.parts)):
        fresh = tuple(anchor(reason) for reason in row.reasons if reason not in seen)
        seen.update(row.reasons)
        entry = Entry(fresh, row.reasons, " … ".join(row.parts), row.means, row.do)
        sections.setdefault(row.kind, []).append(entry)
    return GuideView(tuple((title, tuple(sections.get(kind, ()))) for kind, title in _TITLES.items()))
