"""Logins, kept in memory: who shows the random id of a session acts with the token that was given at its login.

Ids and tokens are on no disk and in no log. A session ends after its lifetime, after an hour without a request, at
logout, and with the process.
"""

from __future__ import annotations

import hashlib
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

__all__ = ["Sessions"]

IDLE = 3600.0
"""Seconds without a request after which a session ends."""
MAX_SESSIONS, MAX_OF_USER = 1_000, 20
"""Limits; beyond them the session that was not used for the longest time ends."""
_ID_BYTES = 32


@dataclass(slots=True)
class _Session:
    user: str
    token: str = field(repr=False)
    ends: float
    used: float


class Sessions:
    """All sessions of one process."""

    def __init__(self, lifetime: float, clock: Callable[[], float] = time.monotonic) -> None:
        """``lifetime``: in seconds."""
        self._lifetime, self._clock = lifetime, clock
        self._all: OrderedDict[bytes, _Session] = OrderedDict()
        """By the digest of their ids; the one that was used last comes last."""

    def __len__(self) -> int:
        return len(self._all)

    def begin(self, user: str, token: str) -> str:
        """Return the id of a new session."""
        self._drop_ended()
        own = [key for key, each in self._all.items() if each.user == user]
        for key in own[: max(0, len(own) - MAX_OF_USER + 1)]:
            del self._all[key]
        while len(self._all) >= MAX_SESSIONS:
            self._all.popitem(last=False)
        now = self._clock()
        id = secrets.token_urlsafe(_ID_BYTES)
        self._all[_key(id)] = _Session(user, token, now + self._lifetime, now)
        return id

    def token(self, id: str) -> str | None:
        """The token of a session, which counts as used now; None if there is no such session."""
        session = self._all.get(_key(id))
        if session is None:
            return None
        if not self._lasts(session):
            del self._all[_key(id)]
            return None
        session.used = self._clock()
        self._all.move_to_end(_key(id))
        return session.token

    def end(self, id: str) -> None:
        """Forget a session."""
        self._all.pop(_key(id), None)

    def _drop_ended(self) -> None:
        for key in [key for key, each in self._all.items() if not self._lasts(each)]:
            del self._all[key]

    def _lasts(self, session: _Session) -> bool:
        now = self._clock()
        return now < session.ends and now < session.used + IDLE


def _key(id: str) -> bytes:
    # Of a digest, the time of a comparison reveals nothing about the id.
    return hashlib.sha256(id.encode("utf-8", "surrogateescape")).digest()
