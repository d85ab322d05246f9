"""Gitea and Forgejo, from their OpenAPI description (``/swagger.v1.json`` of each server)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from headgate.promotion.errors import ForgeError
from headgate.promotion.forges.client import Account, Client, Note, Right, moment, whole_number
from headgate.promotion.forges.http import Query, Refused, mapping, sequence
from headgate.promotion.forges.model import CommitStatus, PullRequest
from headgate.promotion.forges.tokens import Token

__all__ = ["Gitea"]

_PAGE = 50
"""The largest page, unless the server's administrator changes it."""
_ACTIONS_USER = -2
"""The number of the account that comments with a job's own token."""
_STATES = {
    "success": "success",
    "failure": "failure",
    "error": "error",
    "pending": "pending",
    "warning": "failure",
}


class Gitea(Client):
    """One repository at a server of Gitea or Forgejo."""

    # The servers set no limit; a longer report is slow to show and helps nobody.
    max_body = 262144
    read_pulls = Right("read pull requests", "the scope 'read:repository'")
    write_pulls = Right("open pull requests", "the scope 'write:repository'")
    write_comments = Right("comment on pull requests", "the scope 'write:issue'")
    read_statuses = Right("read commit statuses", "the scope 'read:repository'")
    know_account = Right("read the name of its own account", "the scope 'read:user'")

    def _headers(self, token: Token) -> dict[str, str]:
        return {"Authorization": f"token {token.value}"}

    @property
    def _base(self) -> str:
        return f"/repos/{self.repository.path}"

    def _who(self) -> Account:
        try:
            return _account(self._api.get("/user").content)
        except Refused as error:
            is_job = "true" in (
                self._environment.get("GITEA_ACTIONS"),
                self._environment.get("FORGEJO_ACTIONS"),
            )
            own = self._token.origin in ("GITHUB_TOKEN", "GITEA_TOKEN", "FORGEJO_TOKEN")
            if is_job and own and error.status in (401, 403, 404):
                return Account(_ACTIONS_USER, "")
            raise

    def _open_pulls(self, head: str, base: str) -> Iterator[PullRequest]:
        query: Query = {"state": "open", "base_branch": base, "limit": _PAGE}
        for each in self._api.pages(f"{self._base}/pulls", query):
            where = mapping(mapping(mapping(each).get("head")).get("repo")).get("full_name")
            if str(where).lower() == self.repository.path.lower():
                yield _pull(each)

    def _create_pull(self, head: str, base: str, title: str, body: str) -> PullRequest:
        content = {"title": title, "head": head, "base": base, "body": body}
        return _pull(self._api.send("POST", f"{self._base}/pulls", content).content)

    def _edit_pull(self, number: int, title: str, body: str) -> PullRequest:
        content = {"title": title, "body": body}
        return _pull(self._api.send("PATCH", f"{self._base}/pulls/{number}", content).content)

    def _comments(self, number: int) -> Iterator[Note]:
        # All comments come in one answer: this list has no pages.
        for each in sequence(self._api.get(f"{self._base}/issues/{number}/comments").content):
            yield _note(each)

    def _post_comment(self, number: int, body: str) -> Note:
        return _note(self._api.send("POST", f"{self._base}/issues/{number}/comments", {"body": body}).content)

    def _edit_comment(self, number: int, comment: int, body: str) -> Note:
        return _note(
            self._api.send("PATCH", f"{self._base}/issues/comments/{comment}", {"body": body}).content
        )

    def _statuses(self, commit: str) -> Iterator[tuple[str, int, CommitStatus]]:
        for each in map(
            mapping, self._api.pages(f"{self._base}/commits/{commit}/statuses", {"limit": _PAGE})
        ):
            at = moment(each.get("updated_at") or each.get("created_at"))
            if at is not None:
                yield (
                    str(each.get("context") or ""),
                    whole_number(each.get("id")),
                    CommitStatus(
                        _STATES.get(str(each.get("status")), "error"),
                        str(each.get("description") or ""),
                        at,
                        _account(each.get("creator")).name,
                    ),
                )


def _account(content: Any) -> Account:
    found = mapping(content)
    return Account(whole_number(found.get("id")), str(found.get("login") or ""))


def _pull(content: Any) -> PullRequest:
    found = mapping(content)
    number = whole_number(found.get("number"))
    if number < 1:
        raise ForgeError("Gitea sent an answer that is not a pull request")
    return PullRequest(
        number=number,
        url=str(found.get("html_url") or ""),
        head=str(mapping(found.get("head")).get("ref") or ""),
        base=str(mapping(found.get("base")).get("ref") or ""),
        title=str(found.get("title") or ""),
        body=str(found.get("body") or ""),
        is_open=found.get("state") == "open",
        merge_commit=str(found.get("merge_commit_sha") or "") if found.get("merged") else "",
    )


def _note(content: Any) -> Note:
    found = mapping(content)
    return Note(
        whole_number(found.get("id")),
        _account(found.get("user")),
        str(found.get("body") or ""),
        str(found.get("html_url") or ""),
    )
