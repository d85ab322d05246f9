"""Gitea and Forgejo, from their OpenAPI description (``/swagger.v1.json`` of each server)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

from headgate.promotion.forges.answers import sequence
from headgate.promotion.forges.ci import is_gitea_job
from headgate.promotion.forges.client import Account, Note, Right
from headgate.promotion.forges.githubapi import GitHubApi, account, note
from headgate.promotion.forges.http import Query, RequestRefused
from headgate.promotion.forges.tokens import Token

__all__ = ["Gitea"]

_ACTIONS_USER = -2
"""The number of the account that comments with a job's own token."""
_STATES = {
    "success": "success",
    "failure": "failure",
    "error": "error",
    "pending": "pending",
    "warning": "failure",
}


class Gitea(GitHubApi):
    """One repository at a server of Gitea or Forgejo."""

    # The servers set no limit; a longer report is slow to show and helps nobody.
    max_body = 262144
    # The largest page, unless the server's administrator changes it.
    page: ClassVar[Query] = {"limit": 50}
    read_pulls = Right("read pull requests", "the scope 'read:repository'")
    write_pulls = Right("open pull requests", "the scope 'write:repository'")
    write_comments = Right("comment on pull requests", "the scope 'write:issue'")
    read_statuses = Right("read commit statuses", "the scope 'read:repository'")
    know_account = Right("read the name of its own account", "the scope 'read:user'")

    def _headers(self, token: Token) -> dict[str, str]:
        return {"Authorization": f"token {token.value}"}

    def _who(self) -> Account:
        try:
            return account(self._api.get("/user").content)
        except RequestRefused as error:
            own = self._token.origin in ("GITHUB_TOKEN", "GITEA_TOKEN", "FORGEJO_TOKEN")
            if is_gitea_job(self._environment) and own and error.status in (401, 403, 404):
                return Account(_ACTIONS_USER, "")
            raise

    def _branches(self, head: str, base: str) -> Query:
        return {"base_branch": base}

    def _state(self, status: dict[str, Any]) -> str:
        return _STATES.get(str(status.get("status")), "error")

    def _comments(self, number: int) -> Iterator[Note]:
        # All comments come in one answer: this list has no pages.
        for each in sequence(self._api.get(f"{self._base}/issues/{number}/comments").content):
            yield note(each)
