"""What the clients of all forges have in common: look, then create or update; say what right is missing.

Creating is not atomic: between the look and the request another job can create the same pull request, and a request can
be carried out although its answer is lost. So after a refusal or a lost answer the client looks once more.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from types import TracebackType
from typing import Self

from headgate.api.revision import COMMIT_ID
from headgate.promotion.errors import ForgeError
from headgate.promotion.forges.http import Api, RequestRefused, Unanswered
from headgate.promotion.forges.model import MAX_TITLE, CommitStatus, PullRequest
from headgate.promotion.forges.repository import Repository
from headgate.promotion.forges.tokens import Token

__all__ = ["Account", "ForgeClient", "Note", "Right"]

_TAKEN = frozenset((409, 422))


@dataclass(frozen=True, slots=True)
class Right:
    """Something that a token must be allowed to do."""

    what: str
    """Such as ``comment on pull requests``."""
    needs: str
    """How the forge calls the right."""


@dataclass(frozen=True, slots=True)
class Account:
    """An account of a forge: its number, or 0 if only the name is known."""

    number: int
    name: str

    def is_same(self, other: Account) -> bool:
        """Whether both are one account."""
        if self.number and other.number:
            return self.number == other.number
        return bool(self.name) and self.name.lower() == other.name.lower()


@dataclass(frozen=True, slots=True)
class Note:
    """A comment on a pull request."""

    number: int
    author: Account
    body: str
    url: str


class ForgeClient(ABC):
    """A repository at a forge. A context manager that closes its connections.

    Every method raises :class:`headgate.promotion.errors.ForgeError`.
    """

    max_body: int
    """Characters that a comment or the body of a pull request may have."""
    read_pulls: Right
    write_pulls: Right
    write_comments: Right
    read_statuses: Right
    know_account: Right

    def __init__(
        self, repository: Repository, token: Token, environment: Mapping[str, str], ca_file: str = ""
    ) -> None:
        self.repository = repository
        self._token = token
        self._environment = environment
        self._account: Account | None = None
        self._api = Api(
            repository.api,
            self._headers(token),
            name=repository.kind.title,
            secret=token.value,
            ca_file=ca_file,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._api.close()

    # ---- what commands call

    def pull_request(self, head: str, base: str) -> PullRequest | None:
        """Return the open pull request from branch ``head`` of this repository to branch ``base``."""
        with self._needs(self.read_pulls, self.repository.path):
            found = [each for each in self._open_pulls(head, base) if (each.head, each.base) == (head, base)]
        return min(found, key=lambda each: each.number, default=None)

    def open_pull_request(self, head: str, base: str, title: str, body: str) -> PullRequest:
        """Open one, or update the open one in place: a second call with the same arguments changes nothing."""
        title = " ".join(title.split())[:MAX_TITLE]
        if not title:
            raise ForgeError("a pull request needs a title")
        body = self._bounded(self.inert(body))
        found = self.pull_request(head, base)
        if found is None:
            found = self._created(head, base, title, body)
        if found.title == title and _same(found.body, body):
            return found
        with self._needs(self.write_pulls, f"pull request {found.number} of {self.repository.path}"):
            return self._edit_pull(found.number, title, body)

    def comment(self, number: int, marker: str, body: str) -> str:
        """Post a comment on a pull request, or update our own that begins with ``marker``; return its address.

        The comment is ``marker``, an empty line and ``body``. Comments of others are never changed.
        """
        whole = self._bounded(f"{marker}\n\n{self.inert(body)}")
        where = f"pull request {number} of {self.repository.path}"
        found = self._own_comment(number, marker, where)
        if found is not None:
            if _same(found.body, whole):
                return found.url
            edited = self._edited(number, found, whole, where)
            if edited is not None:
                return edited.url
        for is_last in (False, True):
            try:
                with self._needs(self.write_comments, where):
                    return self._post_comment(number, whole).url
            except ForgeError as error:
                if not _may_have_arrived(error):
                    raise
                found = self._own_comment(number, marker, where)
                if found is not None:
                    return found.url
                if is_last:
                    raise
        raise AssertionError

    def commit_statuses(self, commit: str) -> dict[str, CommitStatus]:
        """Return the newest status of each context of a commit."""
        if not COMMIT_ID.fullmatch(commit):
            raise ForgeError("commit statuses are those of a whole commit id, not of a name")
        newest: dict[str, tuple[datetime, int, CommitStatus]] = {}
        with self._needs(self.read_statuses, f"commit {commit[:12]} of {self.repository.path}"):
            for context, number, status in self._statuses(commit):
                if context not in newest or newest[context][:2] <= (status.at, number):
                    newest[context] = (status.at, number, status)
        return {context: status for context, (_, _, status) in newest.items()}

    # ---- what differs between forges

    @abstractmethod
    def _headers(self, token: Token) -> dict[str, str]:
        """Headers with the token."""

    @abstractmethod
    def _who(self) -> Account:
        """The account that the token belongs to."""

    @abstractmethod
    def _open_pulls(self, head: str, base: str) -> Iterator[PullRequest]:
        """Open pull requests within the repository, with those of these branches among them."""

    @abstractmethod
    def _create_pull(self, head: str, base: str, title: str, body: str) -> PullRequest: ...

    @abstractmethod
    def _edit_pull(self, number: int, title: str, body: str) -> PullRequest: ...

    @abstractmethod
    def _comments(self, number: int) -> Iterator[Note]:
        """Comments on a pull request, the oldest first."""

    @abstractmethod
    def _post_comment(self, number: int, body: str) -> Note: ...

    @abstractmethod
    def _edit_comment(self, number: int, comment: int, body: str) -> Note: ...

    @abstractmethod
    def _statuses(self, commit: str) -> Iterator[tuple[str, int, CommitStatus]]:
        """Context, number and status of each status of a commit, in any order."""

    def inert(self, body: str) -> str:
        """The text without what the forge would carry out."""
        return body

    # ---- shared steps

    def _created(self, head: str, base: str, title: str, body: str) -> PullRequest:
        for is_last in (False, True):
            try:
                with self._needs(self.write_pulls, self.repository.path):
                    return self._create_pull(head, base, title, body)
            except ForgeError as error:
                is_taken = isinstance(error, RequestRefused) and error.status in _TAKEN
                may_have_arrived = _may_have_arrived(error)
                found = self.pull_request(head, base) if is_taken or may_have_arrived else None
                if found is not None:
                    return found
                if is_last or not may_have_arrived:
                    raise
        raise AssertionError

    def _own_comment(self, number: int, marker: str, where: str) -> Note | None:
        with self._needs(self.write_comments, where):
            marked = [each for each in self._comments(number) if each.body.lstrip().startswith(marker)]
        if not marked:
            return None
        if self._account is None:
            with self._needs(self.know_account, self.repository.path):
                self._account = self._who()
        account = self._account
        return next((each for each in marked if each.author.is_same(account)), None)

    def _edited(self, number: int, found: Note, body: str, where: str) -> Note | None:
        """The comment after the change; None if it has been deleted in the meantime."""
        try:
            with self._needs(self.write_comments, where):
                return self._edit_comment(number, found.number, body)
        except RequestRefused as error:
            if error.status != 404:
                raise
            return None

    def _bounded(self, body: str) -> str:
        if len(body) > self.max_body:
            raise ForgeError(
                f"{self.repository.kind.title} takes {self.max_body} characters in a comment or pull request, "
                f"and this one has {len(body)}"
            )
        return body

    @contextmanager
    def _needs(self, right: Right, where: str) -> Iterator[None]:
        """Say in the user's terms why the forge refuses what needs a right."""
        try:
            yield
        except RequestRefused as error:
            text = self._explained(error, right, where)
            raise RequestRefused(text, error.status, error.reason) from None

    def _explained(self, error: RequestRefused, right: Right, where: str) -> str:
        name, origin = self.repository.kind.title, self._token.origin
        host = self.repository.host
        said = f" ({error.reason})" if error.reason else ""
        if error.status == 401 and self._token.is_job_token:
            return f"{name} at '{host}' does not let {origin} {right.what}: it needs {right.needs}"
        if error.status == 401:
            return f"{name} at '{host}' does not accept the token from {origin}: it is wrong, expired or revoked{said}"
        if error.status == 403 and error.reason != "rate limit":
            url = self.repository.url
            return f"the token from {origin} may not {right.what} at {url}: it needs {right.needs}{said}"
        if error.status == 404:
            hidden = f"or the token from {origin} may not see it; it needs {right.needs}"
            return f"{name} at '{host}' has no {where}, {hidden}"
        if error.status in _TAKEN:
            return f"{name} at '{host}' refused to {right.what}: {error.reason or error.status}"
        return str(error)


def _may_have_arrived(error: ForgeError) -> bool:
    """Whether a request that failed may have been carried out."""
    return isinstance(error, Unanswered) or (isinstance(error, RequestRefused) and error.status >= 500)


def _same(first: str, second: str) -> bool:
    """Whether two texts are equal, except for what forges change when they store one."""
    return first.replace("\r\n", "\n").strip() == second.replace("\r\n", "\n").strip()
