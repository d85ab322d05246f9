"""GitHub and GitHub Enterprise Server: https://docs.github.com/rest, version 2022-11-28."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from headgate.promotion.errors import ForgeError
from headgate.promotion.forges.client import Account, Client, Note, Right, moment, whole_number
from headgate.promotion.forges.http import Query, Refused, mapping
from headgate.promotion.forges.model import CommitStatus, PullRequest
from headgate.promotion.forges.tokens import Token

__all__ = ["GitHub"]

_ACTIONS = "github-actions[bot]"
_STATES = frozenset(("success", "failure", "error", "pending"))


class GitHub(Client):
    """One repository at GitHub."""

    # "body is too long (maximum is 65536 characters)"
    max_body = 65536
    read_pulls = Right("read pull requests", "'pull-requests: read' (classic tokens: scope 'repo')")
    write_pulls = Right(
        "open pull requests",
        "'pull-requests: write' (classic tokens: scope 'repo'), and in GitHub Actions the setting 'Allow GitHub "
        "Actions to create and approve pull requests'",
    )
    write_comments = Right(
        "comment on pull requests",
        "'pull-requests: write' (classic tokens: scope 'repo'); jobs for pull requests from forks never have it",
    )
    read_statuses = Right("read commit statuses", "'statuses: read' (classic tokens: scope 'repo:status')")
    know_account = Right("read the name of its own account", "no right for this, only to be valid")

    def _headers(self, token: Token) -> dict[str, str]:
        return {
            "Accept": "application/vnd.github+json",
            "X-GitHub-Api-Version": "2022-11-28",
            "Authorization": f"Bearer {token.value}",
        }

    @property
    def _base(self) -> str:
        return f"/repos/{self.repository.path}"

    def _who(self) -> Account:
        try:
            return _account(self._api.get("/user").content)
        except Refused as error:
            # The tokens of Actions and of other Apps do not belong to a user; GraphQL names their account.
            if error.status not in (403, 404):
                raise
        try:
            url = self._api.root.removesuffix("/v3") + "/graphql"
            answer = self._api.send("POST", url, {"query": "query { viewer { login databaseId } }"})
            viewer = mapping(mapping(mapping(answer.content).get("data")).get("viewer"))
        except Refused:
            viewer = {}
        found = Account(whole_number(viewer.get("databaseId")), str(viewer.get("login") or ""))
        if found.name:
            return found
        if self._environment.get("GITHUB_ACTIONS") == "true" and self._token.origin == "GITHUB_TOKEN":
            return Account(0, _ACTIONS)
        raise ForgeError(
            f"GitHub does not say to whom the token from {self._token.origin} belongs, so which comments are its own "
            "is not known"
        )

    def _open_pulls(self, head: str, base: str) -> Iterator[PullRequest]:
        owner = self.repository.path.partition("/")[0]
        query: Query = {"state": "open", "head": f"{owner}:{head}", "base": base, "per_page": 100}
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
        for each in self._api.pages(f"{self._base}/issues/{number}/comments", {"per_page": 100}):
            yield _note(each)

    def _post_comment(self, number: int, body: str) -> Note:
        return _note(self._api.send("POST", f"{self._base}/issues/{number}/comments", {"body": body}).content)

    def _edit_comment(self, number: int, comment: int, body: str) -> Note:
        return _note(
            self._api.send("PATCH", f"{self._base}/issues/comments/{comment}", {"body": body}).content
        )

    def _statuses(self, commit: str) -> Iterator[tuple[str, int, CommitStatus]]:
        for each in map(
            mapping, self._api.pages(f"{self._base}/commits/{commit}/statuses", {"per_page": 100})
        ):
            at = moment(each.get("updated_at") or each.get("created_at"))
            if at is not None:
                state = str(each.get("state"))
                yield (
                    str(each.get("context") or ""),
                    whole_number(each.get("id")),
                    CommitStatus(
                        state if state in _STATES else "error",
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
        raise ForgeError("GitHub sent an answer that is not a pull request")
    # An open pull request has a merge commit too: that of a test.
    is_merged = bool(found.get("merged_at"))
    return PullRequest(
        number=number,
        url=str(found.get("html_url") or ""),
        head=str(mapping(found.get("head")).get("ref") or ""),
        base=str(mapping(found.get("base")).get("ref") or ""),
        title=str(found.get("title") or ""),
        body=str(found.get("body") or ""),
        is_open=found.get("state") == "open",
        merge_commit=str(found.get("merge_commit_sha") or "") if is_merged else "",
    )


def _note(content: Any) -> Note:
    found = mapping(content)
    return Note(
        whole_number(found.get("id")),
        _account(found.get("user")),
        str(found.get("body") or ""),
        str(found.get("html_url") or ""),
    )
