"""From a Git remote, flags and the environment of CI to a client for the right forge."""

from __future__ import annotations

from collections.abc import Mapping

from headgate.promotion.errors import ForgeError
from headgate.promotion.forges.ci import CiJob, of_environment
from headgate.promotion.forges.client import ForgeClient
from headgate.promotion.forges.gitea import Gitea
from headgate.promotion.forges.github import GitHub
from headgate.promotion.forges.gitlab import GitLab
from headgate.promotion.forges.repository import (
    ForgeChoice,
    ForgeKind,
    Repository,
    of_remote,
    remote_host,
    repository_path,
    web_root,
)
from headgate.promotion.forges.tokens import find

_CLIENTS: dict[ForgeKind, type[ForgeClient]] = {
    ForgeKind.GITHUB: GitHub,
    ForgeKind.GITLAB: GitLab,
    ForgeKind.GITEA: Gitea,
}

__all__ = ["locate", "open_forge", "pull_request_number"]


def locate(remote: str, choice: ForgeChoice, environment: Mapping[str, str]) -> Repository:
    """Return the repository at a forge that a command speaks to.

    ``remote`` is the URL of the clone's remote, "" if it has none. In a job of a forge's CI for this remote, the job's
    variables say the rest. Raises :class:`ForgeError`.
    """
    job = _job_of(remote, environment)
    if job is not None:
        kind, web = choice.kind or job.repository.kind, choice.url or job.repository.web
        if choice.repository:
            return Repository(kind, web_root(web), repository_path(choice.repository))
        if not remote or _path(remote, kind, web).lower() == job.checkout.lower():
            return Repository(kind, web_root(web), job.repository.path)
        return of_remote(remote, kind=kind, web=web)
    if choice.repository and (choice.url or remote):
        web = web_root(choice.url or f"https://{remote_host(remote)}")
        found = of_remote(f"{web}/{choice.repository}", kind=choice.kind)
        return Repository(found.kind, web, repository_path(choice.repository))
    if not remote:
        raise ForgeError("the clone has no remote: give --forge-url and --forge-repository")
    return of_remote(remote, kind=choice.kind, web=choice.url)


def pull_request_number(repository: Repository, environment: Mapping[str, str]) -> int:
    """Return the number of the pull request that this CI job runs for; raises :class:`ForgeError` without one."""
    job = of_environment(environment)
    if job is not None and job.number is not None and _is_same(job.repository, repository):
        return job.number
    raise ForgeError(
        "which pull request to comment on is not known: this is not a CI job of one, so give --pull-request NUMBER"
    )


def open_forge(repository: Repository, choice: ForgeChoice, environment: Mapping[str, str]) -> ForgeClient:
    """Return a client with the token that :mod:`.tokens` finds, a context manager. Raises :class:`ForgeError`."""
    token = find(repository, environment, choice.token_file)
    job = of_environment(environment)
    ca_file = job.ca_file if job is not None and job.repository.host == repository.host else ""
    return _CLIENTS[repository.kind](repository, token, environment, ca_file)


def _job_of(remote: str, environment: Mapping[str, str]) -> CiJob | None:
    """The CI job, if it is one of the forge that has the remote."""
    job = of_environment(environment)
    if job is None or not remote:
        return job
    host = remote_host(remote)
    return job if host and host in (job.repository.host, job.ssh_host) else None


def _path(remote: str, kind: ForgeKind, web: str) -> str:
    return of_remote(remote, kind=kind, web=web).path


def _is_same(first: Repository, second: Repository) -> bool:
    return (first.host, first.path.lower()) == (second.host, second.path.lower())
