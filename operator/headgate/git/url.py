"""The URL of a Git repository, validated before Git gets it.

``spec.url`` is untrusted: Git would run a command for ``ext::``, read files for ``file://``, pass a host that starts
with a dash to ssh as an option, and show a user name and password in process lists. ``RemoteUrl.parse`` accepts
``http``, ``https`` and ``ssh`` URLs only (the scp-like short form is not supported, as in Flux), removes the user
information, and rebuilds the rest. Libraries that parse Git URLs accept forms that Flux refuses, and print the rest
differently from Go.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from urllib.parse import SplitResult, unquote, urlsplit

from headgate.git.errors import UrlInvalid

__all__ = ["RemoteUrl", "long_form"]

SCHEMES = ("http", "https", "ssh")
MAX_LENGTH = 4096

_HOST = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_.])?|[0-9A-Fa-f:.]+(%[A-Za-z0-9_.-]+)?")
_SSH_USER = re.compile(r"[A-Za-z0-9_.+][A-Za-z0-9_.+@-]*")
_UNPRINTABLE = re.compile(r"[\x00-\x20\x7f]")


@dataclass(frozen=True, slots=True)
class RemoteUrl:
    """A validated repository URL.

    ``username`` and ``password`` are those in the URL ("" without); ``str()`` of an http(s) URL shows neither, and no
    ``repr`` shows the password.
    """

    scheme: str
    host: str
    port: int | None
    path: str
    username: str = ""
    password: str = field(default="", repr=False)

    @classmethod
    def parse(cls, text: str) -> RemoteUrl:
        """Parse ``spec.url``; raises :class:`UrlInvalid` with a message that shows no credential."""
        if len(text) > MAX_LENGTH:
            raise UrlInvalid(f"the URL is longer than {MAX_LENGTH} characters")
        if _UNPRINTABLE.search(text):
            raise UrlInvalid("the URL contains a space or an unprintable character")
        if "://" not in text:
            raise UrlInvalid(
                "the URL has no scheme: write https://host/path or ssh://user@host/path "
                "(the short form user@host:path is not supported)"
            )
        try:
            parts = urlsplit(text)
            port = parts.port
        except ValueError:
            raise UrlInvalid("the URL cannot be parsed: its host or port is malformed") from None
        scheme = parts.scheme.lower()
        if scheme not in SCHEMES:
            shown = re.sub(r"[^a-z0-9+.-]", "", scheme)[:20]
            raise UrlInvalid(f"the URL's scheme '{shown}' is not supported: use https, http or ssh")
        host = parts.hostname or ""
        if not _HOST.fullmatch(host):
            raise UrlInvalid("the URL has no host" if not host else "the URL's host is malformed")
        return cls(
            scheme=scheme,
            host=host,
            port=port,
            path=_path(parts),
            username=_username(parts, scheme),
            password="" if scheme == "ssh" else unquote(parts.password or ""),
        )

    @property
    def is_ssh(self) -> bool:
        """Whether the repository is reached over SSH."""
        return self.scheme == "ssh"

    @property
    def authority(self) -> str:
        """Host and port as in Git's credential prompts: ``host`` or ``host:port``."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port is None else f"{host}:{self.port}"

    def for_git(self, ssh_user: str = "") -> str:
        """Return the URL for Git: without a password, with a user name only for ssh."""
        user = f"{ssh_user or self.username}@" if self.is_ssh and (ssh_user or self.username) else ""
        return f"{self.scheme}://{user}{self.authority}{self.path}"

    def __str__(self) -> str:
        return self.for_git()


def _path(parts: SplitResult) -> str:
    path = parts.path or "/"
    if parts.query:
        path += f"?{parts.query}"
    if parts.fragment:
        path += f"#{parts.fragment}"
    return path


def _username(parts: SplitResult, scheme: str) -> str:
    username = unquote(parts.username or "")
    if scheme == "ssh" and username and not _SSH_USER.fullmatch(username):
        raise UrlInvalid("the URL's user name is malformed")
    return username


def long_form(text: str) -> str:
    """Return ``user@host:path``, which Git and kustomize also accept, as an ssh URL; other URLs unchanged.

    >>> long_form("git@example.com:org/repo.git")
    'ssh://git@example.com/org/repo.git'
    """
    host, colon, path = text.partition(":")
    if colon and "://" not in text and "/" not in host and "@" in host and not path.startswith(":"):
        return f"ssh://{host}/{path.lstrip('/')}"
    return text
