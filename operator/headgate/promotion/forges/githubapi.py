"""GitHub's requests and answers, most of which Gitea and Forgejo share."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from typing import Any, ClassVar

from headgate.promotion.errors import ForgeError
from headgate.promotion.forges.answers import mapping, moment, whole_number
from headgate.promotion.forges.client import Account, ForgeClient, Note
from headgate.promotion.forges.http import Query
from headgate.promotion.forges.model import CommitStatus, PullRequest

__all__ = ["GitHubApi", "account", "note"]


class GitHubApi(ForgeClient):
    """One repository at a forge whose API follows GitHub's."""

    page: ClassVar[Query]
    """The parameter for the size of a page."""

    @property
    def _base(self) -> str:
        return f"/repos/{self.repository.path}"

    # ---- what differs between these forges

    @abstractmethod
    def _branches(self, head: str, base: str) -> Query:
        """Parameters that select pull requests by their branches, as far as the forge can."""

    @abstractmethod
    def _state(self, status: dict[str, Any]) -> str:
        """The state of a commit status, in GitHub's words."""

    # ---- requests

    def _open_pulls(self, head: str, base: str) -> Iterator[PullRequest]:
        query: Query = {"state": "open", **self._branches(head, base), **self.page}
        for each in self._api.pages(f"{self._base}/pulls", query):
            where = mapping(mapping(mapping(each).get("head")).get("repo")).get("full_name")
            if str(where).lower() == self.repository.path.lower():
                yield self._pull(each)

    def _create_pull(self, head: str, base: str, title: str, body: str) -> PullRequest:
        content = {"title": title, "head": head, "base": base, "body": body}
        return self._pull(self._api.send("POST", f"{self._base}/pulls", content).content)

    def _edit_pull(self, number: int, title: str, body: str) -> PullRequest:
        content = {"title": title, "body": body}
        return self._pull(self._api.send("PATCH", f"{self._base}/pulls/{number}", content).content)

    def _comments(self, number: int) -> Iterator[Note]:
        for each in self._api.pages(f"{self._base}/issues/{number}/comments", self.page):
            yield note(each)

    def _post_comment(self, number: int, body: str) -> Note:
        return note(self._api.send("POST", f"{self._base}/issues/{number}/comments", {"body": body}).content)

    def _edit_comment(self, number: int, comment: int, body: str) -> Note:
        return note(
            self._api.send("PATCH", f"{self._base}/issues/comments/{comment}", {"body": body}).content
        )

    def _statuses(self, commit: str) -> Iterator[tuple[str, int, CommitStatus]]:
        for each in map(mapping, self._api.pages(f"{self._base}/commits/{commit}/statuses", self.page)):
            at = moment(each.get("updated_at") or each.get("created_at"))
            if at is not None:
                yield (
                    str(each.get("context") or ""),
                    whole_number(each.get("id")),
                    CommitStatus(
                        self._state(each),
                        str(each.get("description") or ""),
                        at,
                        account(each.get("creator")).name,
                    ),
                )

    def _pull(self, content: Any) -> PullRequest:
        found = mapping(content)
        number = whole_number(found.get("number"))
        if number < 1:
            raise ForgeError(f"{self.repository.kind.title} sent an answer that is not a pull request")
        return PullRequest(
            number=number,
            url=str(found.get("html_url") or ""),
            head=str(mapping(found.get("head")).get("ref") or ""),
            base=str(mapping(found.get("base")).get("ref") or ""),
            title=str(found.get("title") or ""),
            body=str(found.get("body") or ""),
        )


def account(content: Any) -> Account:
    """The account that an answer describes."""
    found = mapping(content)
    return Account(whole_number(found.get("id")), str(found.get("login") or ""))


def note(content: Any) -> Note:
    """The comment that an answer describes."""
    found = mapping(content)
    return Note(
        whole_number(found.get("id")),
        account(found.get("user")),
        str(found.get("body") or ""),
        str(found.get("html_url") or ""),
    )
