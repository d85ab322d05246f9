"""What the environment of a CI job says: which forge, which repository, which pull request.

GitHub Actions sets ``GITHUB_*`` (https://docs.github.com/actions/reference/workflows-and-actions/variables); the
runners of Gitea and Forgejo set the same and ``GITEA_ACTIONS`` or ``FORGEJO_ACTIONS``; GitLab sets ``CI_*``
(https://docs.gitlab.com/ci/variables/predefined_variables/).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from headgate.promotion.forges.answers import mapping, sequence
from headgate.promotion.forges.repository import ForgeKind, Repository, repository_path, web_root

__all__ = ["CiJob", "is_gitea_job", "of_environment"]

_MAX_EVENT = 32 * 1024 * 1024
"""Bytes of the file that describes an event; GitHub's payloads have at most 25 MB."""
_PULL_REF = re.compile(r"refs/pull/(\d{1,18})/(?:merge|head)")
_NUMBER = re.compile(r"[1-9]\d{0,17}")


@dataclass(frozen=True, slots=True)
class CiJob:
    """A job of a forge's own CI."""

    repository: Repository
    """The one that the pull request belongs to, also for pull requests from forks."""
    number: int | None
    """Of the pull request that the job runs for."""
    checkout: str
    """The path of the repository that the job has checked out."""
    ssh_host: str = ""
    """The host of its SSH URLs, if it differs from that of its web pages."""
    ca_file: str = ""
    """A file with the certificate authority of its server, in addition to those of the system."""


def of_environment(environment: Mapping[str, str]) -> CiJob | None:
    """Return the job that this process runs in; None outside of a forge's CI, or if its variables make no sense.

    Raises :class:`headgate.promotion.errors.ForgeError` if the forge cannot be reached by https.
    """
    if environment.get("GITLAB_CI") == "true":
        return _gitlab(environment)
    if environment.get("GITHUB_ACTIONS") == "true" or is_gitea_job(environment):
        return _actions(environment)
    return None


def is_gitea_job(environment: Mapping[str, str]) -> bool:
    """Whether this process runs in a job of Gitea or Forgejo, so that the ``GITHUB_*`` variables are theirs."""
    return "true" in (environment.get("GITEA_ACTIONS"), environment.get("FORGEJO_ACTIONS"))


def _gitlab(environment: Mapping[str, str]) -> CiJob | None:
    server = environment.get("CI_SERVER_URL", "")
    own = environment.get("CI_PROJECT_PATH", "")
    # A merge request from a fork runs in the fork's project and belongs to the other one.
    target = environment.get("CI_MERGE_REQUEST_PROJECT_PATH", "")
    number = _number(environment.get("CI_MERGE_REQUEST_IID"))
    if number is None:
        # Of a pipeline of a branch: "group/project!12,group/project!13".
        first = environment.get("CI_OPEN_MERGE_REQUESTS", "").partition(",")[0]
        project, _, iid = first.rpartition("!")
        number = _number(iid)
        target = target or (project if number else "")
    path = target or own
    if not server or not path:
        return None
    return CiJob(
        Repository(ForgeKind.GITLAB, web_root(server), repository_path(path)),
        number,
        checkout=own or path,
        ssh_host=environment.get("CI_SERVER_SHELL_SSH_HOST", "").lower(),
        ca_file=environment.get("CI_SERVER_TLS_CA_FILE", ""),
    )


def _actions(environment: Mapping[str, str]) -> CiJob | None:
    server = environment.get("GITHUB_SERVER_URL", "")
    path = environment.get("GITHUB_REPOSITORY", "")
    if not server or not path:
        return None
    kind = ForgeKind.GITEA if is_gitea_job(environment) else ForgeKind.GITHUB
    repository = Repository(kind, web_root(server), repository_path(path))
    return CiJob(repository, _pull_number(environment), checkout=path)


def _pull_number(environment: Mapping[str, str]) -> int | None:
    match = _PULL_REF.fullmatch(environment.get("GITHUB_REF", ""))
    if match:
        return int(match[1])
    event = _event(environment.get("GITHUB_EVENT_PATH", ""))
    for pull in (
        event.get("pull_request"),
        event.get("issue") if "pull_request" in mapping(event.get("issue")) else None,
        *sequence(mapping(event.get("workflow_run")).get("pull_requests"))[:1],
    ):
        number = _number(mapping(pull).get("number"))
        if number is not None:
            return number
    return None


def _event(path: str) -> dict[str, Any]:
    if not path:
        return {}
    try:
        with Path(path).open("rb") as file:
            content = file.read(_MAX_EVENT + 1)
        return mapping(json.loads(content)) if len(content) <= _MAX_EVENT else {}
    except (OSError, ValueError, RecursionError):
        return {}


def _number(value: object) -> int | None:
    if isinstance(value, bool) or not isinstance(value, (int, str)):
        return None
    text = str(value)
    return int(text) if _NUMBER.fullmatch(text) else None
