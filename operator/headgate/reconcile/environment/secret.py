"""Where reports go and with which keys: the Secret of ``--report-secret`` and the other options.

The Secret has credentials for the repository as those of a GitRepository have them, and always an SSH key ``identity``,
which signs the reports and, over ssh, also opens the connection.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from headgate.api.report import REPORT_REFS, valid_environment
from headgate.git.credentials.secret import Credentials
from headgate.git.credentials.signing import SigningKey
from headgate.git.errors import CredentialsInvalid, GitError
from headgate.git.url import RemoteUrl
from headgate.objects import Obj
from headgate.reconcile.core.store import key_of
from headgate.settings import ReportSettings

__all__ = ["Destination", "ReportImpossible", "destination", "reported_source", "same_repository"]


class ReportImpossible(Exception):
    """Something that a user gave does not allow a report; the message says what to change."""


@dataclass(frozen=True, slots=True)
class Destination:
    """The repository and ref of the reports, and the keys."""

    environment: str
    ref: str
    url: RemoteUrl
    credentials: Credentials
    key: SigningKey = field(repr=False)


def reported_source(settings: ReportSettings, sources: Iterable[Obj]) -> Obj:
    """Return the raw GitRepository whose repository gets the reports.

    It is the one of ``--report-source``, or else any in the namespace of the Secret, if they all have the same URL.
    Raises :class:`ReportImpossible`.
    """
    every = sorted(sources, key=key_of)
    if settings.source:
        named = next((each for each in every if str(key_of(each)) == settings.source), None)
        if named is None:
            raise ReportImpossible(
                f"there is no GitRepository '{settings.source}', which --report-source names"
            )
        return named
    namespace = settings.secret.partition("/")[0]
    found = [each for each in every if key_of(each).namespace == namespace]
    if not found:
        raise ReportImpossible(
            f"there is no GitRepository in namespace '{namespace}' whose repository could get the reports: "
            "name one with --report-source"
        )
    if any(not same_repository(_url(each), _url(found[0])) for each in found):
        raise ReportImpossible(
            f"the GitRepositories in namespace '{namespace}' are of several repositories: "
            "name the one that gets the reports with --report-source"
        )
    return found[0]


def destination(settings: ReportSettings, source: Obj, data: Mapping[str, bytes]) -> Destination:
    """Return where reports go; ``data`` is the Secret's.

    Raises :class:`ReportImpossible` or :class:`headgate.git.errors.GitError`.
    """
    environment = settings.environment or _text(data, "environment")
    if not environment:
        raise ReportImpossible(
            f"no name for the environment: set --report-environment, or 'environment' in the Secret '{settings.secret}'"
        )
    if not valid_environment(environment):
        raise ReportImpossible(
            f"'{environment[:64]!a}' cannot be the name of an environment: use up to 63 lower-case letters, digits, "
            "'-' and '.'"
        )
    branch = settings.branch or _text(data, "branch")
    url = RemoteUrl.parse(_text(data, "url") or _url(source))
    return Destination(
        environment,
        f"refs/heads/{branch}" if branch else REPORT_REFS + environment,
        url,
        Credentials.from_secret(url, data, secret=settings.secret),
        SigningKey.parse(data.get("identity", b""), _text(data, "password") if url.is_ssh else ""),
    )


def same_repository(one: str, other: str) -> bool:
    """Whether two URLs name one repository: scheme, user, port and a final ``.git`` do not count."""
    return one == other or (_place(one) is not None and _place(one) == _place(other))


def _place(url: str) -> tuple[str, str] | None:
    try:
        parsed = RemoteUrl.parse(url)
    except GitError:
        return None
    return parsed.host.lower(), parsed.path.strip("/").removesuffix(".git")


def _url(source: Obj) -> str:
    return str((source.get("spec") or {}).get("url") or "")


def _text(data: Mapping[str, bytes], name: str) -> str:
    try:
        return data.get(name, b"").decode().strip()
    except UnicodeDecodeError:
        raise CredentialsInvalid(f"the Secret's '{name}' is not valid UTF-8") from None
