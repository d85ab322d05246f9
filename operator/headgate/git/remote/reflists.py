"""Shares lists of refs: many GitRepositories on one remote need one ``ls-remote``.

``RefLists`` caches the last answer of every remote and the recent questions to it. A caller says how old an answer may
be. If the cached answer is recent enough, the caller gets it; if a request is in progress, all callers wait for it
together; otherwise one caller requests everything that any caller has wanted recently. So objects that follow different
branches of one repository share a request from its second time on.

Sharing requires that the URL and all credentials, proxy and certificate authorities are byte-identical
(``Remote.identity``). All callers that wait for a request get its error, which is not cached. Thread-safe.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import reduce
from typing import Protocol

from cachetools import TTLCache

from headgate.git.errors import GitCancelled, GitError, GitTimedOut
from headgate.git.refs.reference import Question, Refs

__all__ = ["Asking", "RefAnswer", "RefLists"]

MAX_REMOTES = 1024
"""Maximum number of remotes whose last answer is cached."""
MAX_QUESTIONS = 1000
"""Maximum number of different questions that are remembered for one remote."""
LOOK = 1.0
"""Seconds between two checks whether a caller that waits for another's request has been cancelled."""
FORGET = 7200.0
"""Seconds after which a question that no caller repeated is dropped from the requests."""


class Listed(Protocol):
    """The required methods of a :class:`~headgate.git.remote.client.Remote`."""

    @property
    def identity(self) -> str: ...

    @property
    def remaining(self) -> float: ...

    def ask(self, question: Question) -> Refs: ...

    def late(self) -> GitTimedOut: ...

    def check(self) -> None: ...


@dataclass(frozen=True, slots=True)
class RefAnswer:
    """The answer of a remote to a request that began at ``asked`` (seconds of the clock)."""

    asked: float
    question: Question
    refs: Refs = field(repr=False)

    def serves(self, question: Question, since: float) -> bool:
        """Whether it covers this question and is recent enough."""
        return self.asked >= since and self.question.covers(question)


@dataclass(slots=True)
class _Flight:
    """A request in progress."""

    asked: float
    question: Question
    error: GitError | None = None


@dataclass(slots=True)
class _Remote:
    wanted: TTLCache[Question, None]
    """What callers have wanted recently."""
    answer: RefAnswer | None = None
    flight: _Flight | None = None


class RefLists:
    """See the module's text."""

    def __init__(
        self,
        on_answer: Callable[[bool], None] = lambda _: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """``on_answer`` receives, for every answer, whether it came from the remote."""
        self._on_answer, self._clock = on_answer, clock
        self._changed = threading.Condition()
        # No LRUCache: a remote with a request in progress stays, however long ago it was used.
        self._remotes: OrderedDict[str, _Remote] = OrderedDict()

    def __len__(self) -> int:
        """The number of remotes with a cached answer."""
        return len(self._remotes)

    def get(self, remote: Listed, question: Question, since: float) -> RefAnswer:
        """The answer to ``question``, as of ``since`` or later; raises what ``remote`` raises."""
        with self._changed:
            known = self._known(remote.identity)
            known.wanted[question] = None
            while True:
                if known.answer is not None and known.answer.serves(question, since):
                    self._on_answer(False)
                    return known.answer
                flight = known.flight
                if flight is None:
                    break
                left = remote.remaining
                if not self._changed.wait_for(lambda: known.flight is not flight, min(max(0.0, left), LOOK)):  # noqa: B023
                    if left <= LOOK:
                        raise remote.late()
                    remote.check()
                    continue
                if flight.error and flight.asked >= since and flight.question.covers(question):
                    raise flight.error
            flight = known.flight = _Flight(self._clock(), _union(known.wanted))
        return self._ask(remote, known, flight)

    def _ask(self, remote: Listed, known: _Remote, flight: _Flight) -> RefAnswer:
        self._on_answer(True)
        answer: RefAnswer | None = None
        try:
            answer = RefAnswer(flight.asked, flight.question, remote.ask(flight.question))
            return answer
        except (GitTimedOut, GitCancelled):
            # Only this caller timed out or was cancelled: others may have more time.
            raise
        except GitError as error:
            flight.error = error
            raise
        finally:
            with self._changed:
                known.flight = None
                known.answer = answer
                self._changed.notify_all()

    def _known(self, identity: str) -> _Remote:
        known = self._remotes.get(identity)
        if known is None:
            wanted: TTLCache[Question, None] = TTLCache(MAX_QUESTIONS, FORGET, timer=self._clock)
            known = self._remotes[identity] = _Remote(wanted)
        self._remotes.move_to_end(identity)
        surplus = len(self._remotes) - MAX_REMOTES
        if surplus > 0:
            idle = [name for name, each in self._remotes.items() if each.flight is None and each is not known]
            for name in idle[:surplus]:
                del self._remotes[name]
        return known


class Asking:
    """The questions of one reconcile to its remote; answers of ``lists`` are not older than ``since``."""

    def __init__(self, lists: RefLists, remote: Listed, since: float) -> None:
        self._lists, self._remote, self._since = lists, remote, since
        self.asked: float | None = None
        """When the request began whose answer was returned here; None before the first answer."""

    def __call__(self, question: Question) -> Refs:
        answer = self._lists.get(self._remote, question, self._since)
        self.asked = answer.asked
        return answer.refs


def _union(questions: Iterable[Question]) -> Question:
    return reduce(Question.union, questions)
