"""Where the token for a forge comes from: the environment or a file, never the command line.

``HEADGATE_FORGE_TOKEN`` and a file of the user's choice count for whatever forge the command speaks to. The variables
that CI systems and other tools set belong to a certain server and are sent to no other one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from headgate.promotion.errors import ForgeError
from headgate.promotion.forges.ci import is_gitea_job
from headgate.promotion.forges.repository import ForgeKind, Repository

__all__ = ["FILE_VARIABLE", "VARIABLE", "Token", "find"]

VARIABLE = "HEADGATE_FORGE_TOKEN"
FILE_VARIABLE = "HEADGATE_FORGE_TOKEN_FILE"

_MAX_LENGTH = 8192
_ELSEWHERE = {
    ForgeKind.GITHUB: ("GH_TOKEN", "GITHUB_TOKEN"),
    ForgeKind.GITLAB: ("GITLAB_TOKEN", "CI_JOB_TOKEN"),
    ForgeKind.GITEA: ("GITEA_TOKEN", "FORGEJO_TOKEN", "GITHUB_TOKEN"),
}
_SERVERS = {
    ForgeKind.GITHUB: ("GITHUB_SERVER_URL",),
    ForgeKind.GITLAB: ("CI_SERVER_URL", "GITLAB_HOST"),
    ForgeKind.GITEA: ("FORGEJO_SERVER_URL", "GITEA_SERVER_URL", "GITHUB_SERVER_URL"),
}
_PUBLIC = {ForgeKind.GITHUB: "github.com", ForgeKind.GITLAB: "gitlab.com", ForgeKind.GITEA: ""}


@dataclass(frozen=True, slots=True)
class Token:
    """A secret, and where it comes from. No ``repr`` shows the secret."""

    value: str = field(repr=False)
    origin: str
    """The name of the variable, or ``the token file``."""

    @property
    def is_job_token(self) -> bool:
        """Whether it is the token of a GitLab job, which has its own header and few rights."""
        return self.origin == "CI_JOB_TOKEN"


def find(repository: Repository, environment: Mapping[str, str], file: Path | None = None) -> Token:
    """Return the token for a repository's forge.

    ``file`` wins over ``HEADGATE_FORGE_TOKEN``, that over ``HEADGATE_FORGE_TOKEN_FILE``, and that over the variables of
    the forge. Raises :class:`ForgeError` if there is none; no message quotes one.
    """
    if file is not None:
        return _from_file(file)
    if environment.get(VARIABLE, "").strip():
        return _checked(environment[VARIABLE], VARIABLE)
    if environment.get(FILE_VARIABLE):
        return _from_file(Path(environment[FILE_VARIABLE]))
    belonging = [name for name in _ELSEWHERE[repository.kind] if environment.get(name, "").strip()]
    server = _server(repository.kind, environment)
    if belonging and server == repository.host:
        return _checked(environment[belonging[0]], belonging[0])
    names = " or ".join((VARIABLE, *_ELSEWHERE[repository.kind][:1]))
    why = f"; {belonging[0]} is for '{server}' and is not sent elsewhere" if belonging and server else ""
    why = why or (f"; {belonging[0]} does not say for which server it is" if belonging else "")
    raise ForgeError(f"there is no token for '{repository.host}': set {names} in the environment{why}")


def _server(kind: ForgeKind, environment: Mapping[str, str]) -> str:
    """The host to which the forge's own variables belong."""
    if kind is ForgeKind.GITHUB and is_gitea_job(environment):
        return ""  # The GITHUB_* variables are Gitea's.
    for name in _SERVERS[kind]:
        text = environment.get(name, "").strip()
        if text:
            try:
                return urlsplit(text if "://" in text else f"https://{text}").netloc.lower()
            except ValueError:
                return ""
    return _PUBLIC[kind]


def _from_file(path: Path) -> Token:
    try:
        with path.open("rb") as file:
            content = file.read(_MAX_LENGTH + 1)
    except OSError as error:
        raise ForgeError(
            f"the token file '{path}' cannot be read: {(error.strerror or 'failed').lower()}"
        ) from None
    return _checked(content.decode("utf-8", "replace"), "the token file")


def _checked(text: str, origin: str) -> Token:
    value = text.strip()
    if not value:
        raise ForgeError(f"{origin} is empty: it must hold a token")
    if len(value) > _MAX_LENGTH or not (value.isascii() and value.isprintable()) or " " in value:
        raise ForgeError(f"{origin} does not hold a token: it must be one word of printable ASCII characters")
    return Token(value, origin)
