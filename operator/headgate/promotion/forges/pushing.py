"""A pull request with the right to push only, without any token for an API. Pure.

GitLab opens merge requests by push options (https://docs.gitlab.com/topics/git/commit/#push-options); Gitea and Forgejo
by a push to ``refs/for/<branch>`` (https://docs.gitea.com/usage/pull-request/agit); GitHub by nothing, so the user gets
a URL that opens its form with everything filled in.
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote, urlencode

from headgate.promotion.errors import ForgeError
from headgate.promotion.forges.markup import without_quick_actions
from headgate.promotion.forges.model import MAX_TITLE
from headgate.promotion.forges.repository import ForgeKind, Repository

__all__ = ["Push", "by_push"]

_MAX_URL = 7000
"""Characters; GitHub answers 414 above 8 KiB."""
_MAX_OPTION = 60_000
"""Bytes: Git sends a push option as one line of its protocol, which has 65,520 bytes."""


@dataclass(frozen=True, slots=True)
class Push:
    """What to push, and what the user does afterwards."""

    refspec: str
    """``<commit>:<ref>``; with a plus sign before it where the branch of an earlier push is replaced."""
    options: tuple[str, ...] = ()
    """The values of ``--push-option``; each is one line."""
    url: str = ""
    """The page where the user opens the pull request; empty if the push opens it."""


def by_push(repository: Repository, commit: str, head: str, base: str, title: str, body: str) -> Push:
    """Return the push of ``commit`` that opens a pull request from branch ``head`` to branch ``base``.

    ``body`` is Markdown. Raises :class:`ForgeError` if a name cannot be one of a branch.
    """
    for each in (head, base):
        if not each or each.startswith("-") or any(character in each for character in " \t\r\n\0:+^~?*[\\"):
            raise ForgeError("a branch of a pull request has a name that Git does not accept")
    title = " ".join(title.split())[:MAX_TITLE]
    if repository.kind is ForgeKind.GITLAB:
        # GitLab does not remove the quotation marks that its documentation shows: those are for the shell.
        options = [
            "merge_request.create",
            f"merge_request.target={base}",
            f"merge_request.title={title}",
            "merge_request.remove_source_branch",
        ]
        description = _one_line(without_quick_actions(body))
        if description:
            options.append(f"merge_request.description={description}")
        return Push(f"+{commit}:refs/heads/{head}", tuple(options))
    if repository.kind is ForgeKind.GITEA:
        # The description is the message of the commit. An update of the pull request may replace its commits.
        return Push(f"{commit}:refs/for/{base}", (f"topic={head}", f"title={title}", "force-push=true"))
    return Push(f"+{commit}:refs/heads/{head}", url=_form(repository, head, base, title, body))


def _form(repository: Repository, head: str, base: str, title: str, body: str) -> str:
    start = f"{repository.url}/compare/{quote(base, safe='/')}...{quote(head, safe='/')}?"
    whole = start + urlencode({"quick_pull": "1", "title": title, "body": body})
    return whole if len(whole) <= _MAX_URL else start + urlencode({"quick_pull": "1", "title": title})


def _one_line(text: str) -> str:
    r"""The text with ``\n`` for the ends of its lines, which GitLab turns back; "" if it is too long."""
    # A ``\n`` in the text itself, such as in an escaped name, would begin a line there: perhaps a quick action.
    plain = text.replace("\r", "").replace("\0", "").replace("\\n", "\\ n")
    found = plain.strip().replace("\n", "\\n")
    return found if len(found.encode()) <= _MAX_OPTION else ""
