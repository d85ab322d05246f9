"""The grammar of remote bases: the meaning of a ``resources`` entry such as ``github.com/org/repo//path?ref=v1``.

Documented at https://github.com/kubernetes-sigs/kustomize/blob/master/examples/remoteBuild.md. The grammar is
kustomize's own, and no library reads it. This module only parses strings; it opens nothing.
"""

from __future__ import annotations

import posixpath
import re
from typing import NamedTuple
from urllib.parse import parse_qs

from headgate.durations import DurationInvalid, parse_duration

DEFAULT_TIMEOUT_SECONDS = 27.0

_SCHEMES = ("ssh://", "https://", "http://", "file://")
_USER = re.compile(r"[a-zA-Z][a-zA-Z0-9-]*@")
_FALSE = frozenset({"0", "f", "F", "FALSE", "false", "False"})


class GitUrl(NamedTuple):
    """A directory in a Git repository.

    ``repository`` is the URL to clone, ``path`` the directory in it ("" for its root), ``ref`` a branch, tag or commit
    ("" for the default branch), ``timeout`` is in seconds; ``raw`` is the original text.
    """

    raw: str
    repository: str
    path: str = ""
    ref: str = ""
    submodules: bool = True
    timeout: float = DEFAULT_TIMEOUT_SECONDS


def is_http(text: str) -> bool:
    """Return whether kustomize would treat this as the URL of a file and try HTTP first."""
    scheme, colon, _ = text.partition(":")
    return bool(colon) and scheme.lower() in ("http", "https") and not any(char in text for char in "\n\x7f")


def parse_git_url(text: str) -> GitUrl | None:
    """Parse a remote base; None when the text is not a Git URL, and so can only be a local path."""
    if text.startswith("/"):
        return None
    rest, _, query = text.partition("?")
    split = _split_host(rest)
    if split is None:
        return None
    host, rest = split
    parts = _split_path(rest, takes_all=host.startswith("file://"))
    if parts is None or not parts[0]:
        return None
    repository, path = parts
    normal = posixpath.normpath(path.removeprefix("/"))
    if normal.split("/")[0] == "..":
        return None
    ref, submodules, timeout = _options(query)
    path = path.removeprefix("/")
    return GitUrl(text, host + repository, path, ref, submodules, timeout)


def _split_host(text: str) -> tuple[str, str] | None:
    if text[:5].lower() == "git::":
        text = text[5:]
    scheme = next((item for item in _SCHEMES if text[: len(item)].lower() == item), "")
    text = text[len(scheme) :]
    match = _USER.match(text)
    user = match.group(0) if match else ""
    text = text[len(user) :]
    github = text[:11].lower() in ("github.com/", "github.com:")
    scp = not scheme and (bool(user) or github)
    if not scheme and not scp:
        return None
    if scheme == "file://":
        return scheme, user + text
    end = text.find("/")
    if scp:
        colon = text.find(":")
        if end == -1 or 0 < colon < end:
            end = colon
    host, rest = (text[: end + 1], text[end + 1 :]) if end >= 0 else (text, "")
    if github:
        if scheme == "ssh://" or user:
            scheme, host = "", "github.com:"
        else:
            scheme, user, host = "https://", "", "github.com/"
    if not host:
        return None
    return scheme + user + host, rest


def _split_path(text: str, *, takes_all: bool) -> tuple[str, str] | None:
    marker = text.find("_git/")
    if marker >= 0:
        end = marker + len("_git/")
        name, _, path = text[end:].partition("/")
        return text[:end] + name, path
    marker = text.find("//")
    if marker >= 0:
        return text[:marker], text[marker + 2 :]
    marker = text.find(".git")
    if marker >= 0:
        end = marker + len(".git")
        return text[:end], text[end:]
    if takes_all:
        return text, ""
    parts = text.split("/")
    if len(parts) >= 2:
        return "/".join(parts[:2]), "/".join(parts[2:])
    return None


def _options(query: str) -> tuple[str, bool, float]:
    if ";" in query:
        return "", True, DEFAULT_TIMEOUT_SECONDS
    values = {key: items[0] for key, items in parse_qs(query, keep_blank_values=True).items()}
    submodules = values.get("submodules", "") not in _FALSE
    return values.get("ref") or values.get("version", ""), submodules, _timeout(values.get("timeout", ""))


def _timeout(text: str) -> float:
    if text.isascii() and text.isdigit() and len(text) < 10 and int(text) > 0:
        return float(int(text))
    try:
        seconds = parse_duration(text)
    except DurationInvalid:
        return DEFAULT_TIMEOUT_SECONDS
    return seconds if seconds > 0 else DEFAULT_TIMEOUT_SECONDS
