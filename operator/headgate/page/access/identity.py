"""Who a caller of the page is, and why somebody is refused."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["EVERYBODY", "AccessRefused", "Busy", "Identity", "LoginRequired", "NotAllowed", "Undecided"]


@dataclass(frozen=True, slots=True)
class Identity:
    """A user as the API server knows one. Equal if all that the API server decides by is equal."""

    name: str
    groups: tuple[str, ...] = ()
    uid: str = ""
    extra: tuple[tuple[str, tuple[str, ...]], ...] = ()
    """Sorted by key."""
    token: str = field(default="", repr=False, compare=False)
    """The user's own token; empty if the page does not have it."""

    def as_subject(self) -> Mapping[str, object]:
        """The fields of a SubjectAccessReview that name the user."""
        found: dict[str, object] = {"user": self.name, "groups": [*self.groups]}
        if self.uid:
            found["uid"] = self.uid
        if self.extra:
            found["extra"] = {key: [*values] for key, values in self.extra}
        return found


EVERYBODY = Identity("")
"""Whoever reaches a loopback address without an authentication."""


class AccessRefused(Exception):
    """A caller does not get what the request asks for; the message is for that caller."""

    status = 403
    retry_after: float | None = None
    """Seconds after which another attempt makes sense."""


class LoginRequired(AccessRefused):
    """Nobody, or somebody with credentials that the API server does not accept."""

    status = 401


class NotAllowed(AccessRefused):
    """The caller is known, or comes from somewhere else than expected, and may not do this."""


class Busy(AccessRefused):
    """Too many attempts."""

    status = 429

    def __init__(self, message: str, retry_after: float) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Undecided(AccessRefused):
    """The API server does not say what the caller may do, so the page shows nothing."""

    status = 503
    retry_after = 5.0
