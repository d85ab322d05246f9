"""The live diff: what the next apply of a Kustomization would change."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from headgate.insight import Ref
from headgate.page.views.links import address
from headgate.page.views.values import Badge, Named
from headgate.page.views.words import counted, short_revision

__all__ = ["ChangedField", "ChangedObject", "Difference", "DifferenceView", "difference_view"]

MAX_OBJECTS = 500
_LOOKS = {
    "create": Badge("create", "Create"),
    "change": Badge("change", "Change"),
    "delete": Badge("delete", "Delete"),
    "recreate": Badge("delete", "Recreate"),
    "refused": Badge("failed", "Refused"),
}


@dataclass(frozen=True, slots=True)
class ChangedField:
    """A field that would change. Values of Secrets are never here: the texts are ``(hidden)`` then."""

    path: str
    before: str | None
    """Its value as text; None if the field does not exist."""
    after: str | None


@dataclass(frozen=True, slots=True)
class ChangedObject:
    """An object that would change."""

    ref: Ref
    action: str
    """``create``, ``change``, ``delete``, ``recreate`` or ``refused``."""
    fields: tuple[ChangedField, ...] = ()
    message: str = ""
    """What the API server said, if it refused."""


@dataclass(frozen=True, slots=True)
class Difference:
    """What the next apply would change."""

    revision: str
    at: datetime
    objects: tuple[ChangedObject, ...] = ()
    unchanged: int = 0
    problem: str = ""
    """Why it could not be computed, or is not complete."""


@dataclass(frozen=True, slots=True)
class ObjectView:
    """An object that would change."""

    what: Named
    fields: tuple[ChangedField, ...]
    message: str


@dataclass(frozen=True, slots=True)
class DifferenceView:
    """The page."""

    template: ClassVar[str] = "difference.html"

    me: Named
    headline: str
    revision: str
    full_revision: str
    at: datetime
    objects: tuple[ObjectView, ...]
    omitted: int
    problem: str


def difference_view(ref: Ref, found: Difference) -> DifferenceView:
    """Return the page of a live diff."""
    number = len(found.objects)
    headline = "The next apply changes nothing."
    if number:
        headline = f"The next apply changes {counted(number, 'object')}."
    elif found.problem:
        headline = "The difference is not known."
    return DifferenceView(
        Named(ref, address(ref)),
        f"{headline} {counted(found.unchanged, 'object')} unchanged." if found.unchanged else headline,
        short_revision(found.revision),
        found.revision,
        found.at,
        tuple(
            ObjectView(
                Named(each.ref, address(each.ref), _LOOKS.get(each.action, Badge("unknown", each.action))),
                each.fields,
                each.message,
            )
            for each in found.objects[:MAX_OBJECTS]
        ),
        max(0, number - MAX_OBJECTS),
        found.problem,
    )
