"""Which repository at which forge: from the URL of a Git remote. Pure.

A remote's URL says host and path, but not which software runs there, except for well-known hosts. For the rest the
environment of CI (:mod:`.ci`) or the user says it.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from urllib.parse import urlsplit

from headgate.git.errors import UrlInvalid
from headgate.git.url import RemoteUrl, long_form
from headgate.promotion.errors import ForgeError

__all__ = [
    "ForgeChoice",
    "ForgeKind",
    "Repository",
    "is_loopback",
    "of_remote",
    "remote_host",
    "repository_path",
    "web_root",
]


class ForgeKind(Enum):
    """The software of a forge."""

    GITHUB = "github"
    GITLAB = "gitlab"
    GITEA = "gitea"
    """Gitea and Forgejo, whose API is the same."""

    @property
    def title(self) -> str:
        """Its name as its makers write it."""
        return {"github": "GitHub", "gitlab": "GitLab", "gitea": "Gitea or Forgejo"}[self.value]


_HOSTS = {
    "github.com": ForgeKind.GITHUB,
    "gitlab.com": ForgeKind.GITLAB,
    "gitea.com": ForgeKind.GITEA,
    "codeberg.org": ForgeKind.GITEA,
}
_FIRST_LABELS = {
    "github": ForgeKind.GITHUB,
    "gitlab": ForgeKind.GITLAB,
    "gitea": ForgeKind.GITEA,
    "forgejo": ForgeKind.GITEA,
}
_SSH_HOSTS = {"ssh.github.com": "github.com", "altssh.gitlab.com": "gitlab.com"}
"""Hosts for SSH on port 443, and those of their web pages."""

_SEGMENT = re.compile(r"[A-Za-z0-9_.][A-Za-z0-9_.-]*")
_MAX_DEPTH = 21
"""GitLab nests twenty groups."""


@dataclass(frozen=True, slots=True)
class Repository:
    """One repository at a forge."""

    kind: ForgeKind
    web: str
    """The address of the forge's web pages without a slash at the end, such as ``https://gitlab.example.com``."""
    path: str
    """``owner/name``; at GitLab also ``group/subgroup/name``."""

    @property
    def host(self) -> str:
        """The host of the web pages, with its port if there is one, in lower case."""
        return urlsplit(self.web).netloc.lower()

    @property
    def url(self) -> str:
        """The address of its web page."""
        return f"{self.web}/{self.path}"

    @property
    def api(self) -> str:
        """The root of the forge's API, without a slash at the end."""
        if self.kind is ForgeKind.GITLAB:
            return f"{self.web}/api/v4"
        if self.kind is ForgeKind.GITEA:
            return f"{self.web}/api/v1"
        if self.host == "github.com" or self.host.endswith(".ghe.com"):
            return f"https://api.{self.host}"
        return f"{self.web}/api/v3"


@dataclass(frozen=True, slots=True)
class ForgeChoice:
    """What the user says about the forge; empty is what headgate finds out."""

    kind: ForgeKind | None = None
    url: str = ""
    """The address of the forge's web pages, such as ``https://git.example.com``."""
    repository: str = ""
    """``owner/name``."""
    token_file: Path | None = None


def web_root(text: str) -> str:
    """Return the address of a forge's web pages, checked, without a slash at the end.

    Raises :class:`ForgeError` unless it is https, or http to this host.

    >>> web_root("https://Git.Example.com/forge/")
    'https://git.example.com/forge'
    """
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        raise ForgeError("the address of the forge is malformed") from None
    if not host or parts.username is not None or parts.password is not None or parts.query or parts.fragment:
        raise ForgeError(
            "the address of the forge must be like https://git.example.com, without user, query or fragment"
        )
    if parts.scheme != "https" and not (parts.scheme == "http" and is_loopback(host)):
        raise ForgeError(
            f"the forge at '{host}' must be reached by https, because a token goes there: give its address with "
            "--forge-url https://…"
        )
    return f"{parts.scheme}://{parts.netloc.lower()}{parts.path.rstrip('/')}"


def is_loopback(host: str) -> bool:
    """Whether a host is this machine.

    >>> is_loopback("127.0.0.9"), is_loopback("localhost"), is_loopback("localhost.example.com")
    (True, True, False)
    """
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def of_remote(remote: str, *, kind: ForgeKind | None = None, web: str = "") -> Repository:
    """Return the repository of a Git remote's URL: https, ssh, or ``user@host:path``.

    ``kind`` and ``web`` are what the caller knows better. Raises :class:`ForgeError`.

    >>> of_remote("git@gitlab.example.com:group/sub/fleet.git").url
    'https://gitlab.example.com/group/sub/fleet'
    """
    try:
        url = RemoteUrl.parse(_long_form(remote.strip()))
    except UrlInvalid as error:
        raise ForgeError(
            f"the URL of the remote names no repository at a forge ({error}); give --forge-url and --forge-repository"
        ) from None
    if web:
        root = web_root(web)
        prefix = "" if url.is_ssh else urlsplit(root).path
        path = url.path.removeprefix(prefix) if url.path.startswith(f"{prefix}/") else url.path
    else:
        root = web_root(_web_of(url))
        path = url.path
    return Repository(kind or _kind_of(urlsplit(root).hostname or ""), root, repository_path(path))


def remote_host(remote: str) -> str:
    """Return the host of a Git remote's URL, with the port of http(s) URLs, in lower case; "" if it has none."""
    try:
        url = RemoteUrl.parse(_long_form(remote.strip()))
    except UrlInvalid:
        return ""
    return urlsplit(_web_of(url)).netloc.lower()


def repository_path(text: str) -> str:
    """Return ``owner/name`` of a URL's path; raises :class:`ForgeError` if it cannot be one.

    >>> repository_path("/group/sub/fleet.git/")
    'group/sub/fleet'
    """
    segments = text.strip("/").removesuffix(".git").split("/")
    ok = 2 <= len(segments) <= _MAX_DEPTH and all(
        _SEGMENT.fullmatch(each) and each.strip(".") for each in segments
    )
    if not ok or len(text) > 1024:
        raise ForgeError(
            "the remote's path is not owner/name of a repository at a forge; give --forge-repository owner/name"
        )
    return "/".join(segments)


def _long_form(text: str) -> str:
    """``host:path`` without a user, which Git also takes, as an ssh URL."""
    host, colon, path = text.partition(":")
    if colon and "://" not in text and "/" not in host and "@" not in host and path[:1] not in ("", ":"):
        return f"ssh://{host}/{path.lstrip('/')}"
    return long_form(text)


def _web_of(url: RemoteUrl) -> str:
    if not url.is_ssh:
        return f"{url.scheme}://{url.authority}"
    host = _SSH_HOSTS.get(url.host.lower(), url.host)
    return f"https://[{host}]" if ":" in host else f"https://{host}"


def _kind_of(host: str) -> ForgeKind:
    host = host.lower()
    found = _HOSTS.get(host) or (ForgeKind.GITHUB if host.endswith(".ghe.com") else None)
    found = found or _FIRST_LABELS.get(host.partition(".")[0])
    if found is None:
        raise ForgeError(
            f"the name '{host}' does not say which forge it is: give --forge github, gitlab or gitea"
        )
    return found
