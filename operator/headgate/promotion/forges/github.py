"""GitHub and GitHub Enterprise Server: https://docs.github.com/rest, version 2022-11-28."""

from __future__ import annotations

from typing import Any, ClassVar

from headgate.promotion.errors import ForgeError
from headgate.promotion.forges.answers import mapping, whole_number
from headgate.promotion.forges.client import Account, Right
from headgate.promotion.forges.githubapi import GitHubApi, account
from headgate.promotion.forges.http import Query, RequestRefused
from headgate.promotion.forges.tokens import Token

__all__ = ["GitHub"]

_ACTIONS = "github-actions[bot]"
_STATES = frozenset(("success", "failure", "error", "pending"))


class GitHub(GitHubApi):
    """One repository at GitHub."""

    # "body is too long (maximum is 65536 characters)"
    max_body = 65536
    page: ClassVar[Query] = {"per_page": 100}
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

    def _who(self) -> Account:
        try:
            return account(self._api.get("/user").content)
        except RequestRefused as error:
            # The tokens of Actions and of other Apps do not belong to a user; GraphQL names their account.
            if error.status not in (403, 404):
                raise
        try:
            url = self._api.root.removesuffix("/v3") + "/graphql"
            answer = self._api.send("POST", url, {"query": "query { viewer { login databaseId } }"})
            viewer = mapping(mapping(mapping(answer.content).get("data")).get("viewer"))
        except RequestRefused:
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

    def _branches(self, head: str, base: str) -> Query:
        owner = self.repository.path.partition("/")[0]
        return {"head": f"{owner}:{head}", "base": base}

    def _state(self, status: dict[str, Any]) -> str:
        state = str(status.get("state"))
        return state if state in _STATES else "error"
