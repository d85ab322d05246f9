"""What can go wrong in a promotion, as one small tree of exceptions.

    PromotionError
    ├── ConfigInvalid        headgate.yaml is not valid; the message names file, line and field
    ├── OptionInvalid        an option has a value that cannot be
    │   └── EnvironmentUnknown   no environment has this name
    ├── CloneError           the clone cannot be read or written, or lacks what is needed
    │   ├── RevisionUnknown  a revision names no commit
    │   ├── HistoryMissing   the clone is shallow and ends before what is needed
    │   └── PushRefused      the server did not accept a ref; ``race`` if someone else was first
    ├── EvidenceMissing      nobody can say what an environment runs
    ├── PromotionRefused     guards refuse; ``guards`` are their names
    ├── PlanOutdated         what a plan was made from has changed
    └── ForgeError           the API of a forge refused or did not respond

Each message is one sentence for the user, quotes no secret, and says what to do. Builds fail with
:class:`headgate.documents.errors.BuildError`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

__all__ = [
    "CloneError",
    "ConfigInvalid",
    "EnvironmentUnknown",
    "EvidenceMissing",
    "ForgeError",
    "HistoryMissing",
    "OptionInvalid",
    "PlanOutdated",
    "PromotionError",
    "PromotionRefused",
    "PushRefused",
    "RevisionUnknown",
    "without_credentials",
]


_USER = re.compile(r"(?<=://)[^/\s'\"]*@")
_QUERY = re.compile(r"(?<=://)([^?\s'\"]*)\?[^\s'\"]*")


def without_credentials(text: str) -> str:
    """Return a text in which no URL has a user, password or query.

    >>> without_credentials("cannot read 'https://ada:p@ss@git.example.com/fleet?token=x'")
    "cannot read 'https://git.example.com/fleet'"
    """
    return _QUERY.sub(r"\1", _USER.sub("", text))


class PromotionError(Exception):
    """A command cannot do what the user wants; ``str(error)`` is one sentence for the user."""

    def __str__(self) -> str:
        return without_credentials(super().__str__())


class ConfigInvalid(PromotionError):
    """``headgate.yaml`` is not valid."""


class OptionInvalid(PromotionError):
    """An option of the command has a value that cannot be."""


class EnvironmentUnknown(OptionInvalid):
    """No environment has this name; the message lists those that exist."""


class CloneError(PromotionError):
    """The clone cannot be read or written, or lacks what is needed."""


class RevisionUnknown(CloneError):
    """A revision names no commit of the clone."""


class HistoryMissing(CloneError):
    """The clone is shallow and ends before what is needed."""


class PushRefused(CloneError):
    """The server did not accept a ref."""

    def __init__(self, message: str, *, race: bool = False) -> None:
        super().__init__(message)
        self.race = race
        """Whether the ref changed since it was read: another promotion was first."""


class EvidenceMissing(PromotionError):
    """No source of evidence can say what an environment runs."""


class PromotionRefused(PromotionError):
    """Guards refuse the promotion; ``refusals``: the message of each by its name."""

    def __init__(self, refusals: Mapping[str, str]) -> None:
        super().__init__("; by the guard ".join(f"{guard}: {message}" for guard, message in refusals.items()))
        self.guards = tuple(refusals)


class PlanOutdated(PromotionError):
    """What a plan was made from has changed since."""


class ForgeError(PromotionError):
    """The API of a forge refused a request or did not respond."""
