"""GitLab, at gitlab.com and elsewhere: https://docs.gitlab.com/api/rest/, version 4."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

from headgate.promotion.errors import ForgeError
from headgate.promotion.forges.answers import mapping, moment, whole_number
from headgate.promotion.forges.client import Account, ForgeClient, Note, Right
from headgate.promotion.forges.http import Query
from headgate.promotion.forges.markup import without_quick_actions
from headgate.promotion.forges.model import CommitStatus, PullRequest
from headgate.promotion.forges.tokens import Token

__all__ = ["GitLab"]

_API_SCOPE = (
    "an access token of the project with the scope 'api' and the role Developer in HEADGATE_FORGE_TOKEN; "
    "CI_JOB_TOKEN has no access to merge requests"
)
_STATES = {
    "success": "success",
    "failed": "failure",
    "canceled": "error",
    "canceling": "error",
    "skipped": "error",
}
"""All others are of jobs that have not ended."""


class GitLab(ForgeClient):
    """One project at GitLab."""

    # "The content of a note. Limited to 1,000,000 characters"; a description may have 1,048,576.
    max_body = 1_000_000
    read_pulls = Right("read merge requests", _API_SCOPE)
    write_pulls = Right("open merge requests", _API_SCOPE)
    write_comments = Right("comment on merge requests", _API_SCOPE)
    read_statuses = Right("read commit statuses", "the scope 'read_api'")
    know_account = Right("read the name of its own account", "the scope 'api' or 'read_api'")

    def _headers(self, token: Token) -> dict[str, str]:
        if token.is_job_token:
            return {"JOB-TOKEN": token.value}
        # Also right for OAuth tokens, which PRIVATE-TOKEN is not.
        return {"Authorization": f"Bearer {token.value}"}

    @property
    def _base(self) -> str:
        return f"/projects/{quote(self.repository.path, safe='')}"

    def _who(self) -> Account:
        return _account(self._api.get("/user").content)

    def _open_pulls(self, head: str, base: str) -> Iterator[PullRequest]:
        query: Query = {
            "state": "opened",
            "scope": "all",
            "source_branch": head,
            "target_branch": base,
            "per_page": 100,
        }
        for each in map(mapping, self._api.pages(f"{self._base}/merge_requests", query)):
            if each.get("source_project_id") == each.get("target_project_id"):
                yield _pull(each)

    def _create_pull(self, head: str, base: str, title: str, body: str) -> PullRequest:
        content = {
            "source_branch": head,
            "target_branch": base,
            "title": title,
            "description": body,
            "remove_source_branch": True,
        }
        return _pull(self._api.send("POST", f"{self._base}/merge_requests", content).content)

    def _edit_pull(self, number: int, title: str, body: str) -> PullRequest:
        content = {"title": title, "description": body}
        return _pull(self._api.send("PUT", f"{self._base}/merge_requests/{number}", content).content)

    def _comments(self, number: int) -> Iterator[Note]:
        # A note may have a million characters, so a page of a hundred could be too large.
        query: Query = {"sort": "asc", "order_by": "created_at", "per_page": 20}
        for each in map(mapping, self._api.pages(f"{self._base}/merge_requests/{number}/notes", query)):
            if not each.get("system"):
                yield self._note(number, each)

    def _post_comment(self, number: int, body: str) -> Note:
        path = f"{self._base}/merge_requests/{number}/notes"
        return self._note(number, self._api.send("POST", path, {"body": body}).content)

    def _edit_comment(self, number: int, comment: int, body: str) -> Note:
        path = f"{self._base}/merge_requests/{number}/notes/{comment}"
        return self._note(number, self._api.send("PUT", path, {"body": body}).content)

    def _note(self, number: int, content: Any) -> Note:
        found = mapping(content)
        note = whole_number(found.get("id"))
        url = f"{self.repository.url}/-/merge_requests/{number}#note_{note}"
        return Note(note, _account(found.get("author")), str(found.get("body") or ""), url)

    def _statuses(self, commit: str) -> Iterator[tuple[str, int, CommitStatus]]:
        path = f"{self._base}/repository/commits/{commit}/statuses"
        for each in map(mapping, self._api.pages(path, {"per_page": 100})):
            at = moment(each.get("finished_at") or each.get("started_at") or each.get("created_at"))
            if at is not None:
                yield (
                    str(each.get("name") or ""),
                    whole_number(each.get("id")),
                    CommitStatus(
                        _STATES.get(str(each.get("status")), "pending"),
                        str(each.get("description") or ""),
                        at,
                        _account(each.get("author")).name,
                    ),
                )

    def inert(self, body: str) -> str:
        return without_quick_actions(body)


def _account(content: Any) -> Account:
    found = mapping(content)
    return Account(whole_number(found.get("id")), str(found.get("username") or ""))


def _pull(content: Any) -> PullRequest:
    found = mapping(content)
    number = whole_number(found.get("iid"))
    if number < 1:
        raise ForgeError("GitLab sent an answer that is not a merge request")
    return PullRequest(
        number=number,
        url=str(found.get("web_url") or ""),
        head=str(found.get("source_branch") or ""),
        base=str(found.get("target_branch") or ""),
        title=str(found.get("title") or ""),
        body=str(found.get("description") or ""),
    )
