"""Pages without content: why there is none, and the form to log in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

__all__ = ["LogInView", "ProblemView"]


@dataclass(frozen=True, slots=True)
class ProblemView:
    """Why there is no page."""

    template: ClassVar[str] = "problem.html"

    status: int
    title: str
    text: str


@dataclass(frozen=True, slots=True)
class LogInView:
    """The form for a token."""

    template: ClassVar[str] = "log-in.html"

    secret: str
    """A hidden field, which proves that the form is ours."""
    onward: str
    """A hidden field: the path of the page that follows."""
    wrong: str
    """Why the last token was refused; empty at first."""
