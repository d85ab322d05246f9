"""Tells from what Git printed why it failed. Pure.

Git has no exit codes for this; its English messages, those of curl and ssh behind it, and those of the
well-known servers are matched here, in one table, the most telling first.
"""

from __future__ import annotations

import re

from headgate.git.errors import (
    AuthenticationFailed,
    CacheDamaged,
    GitError,
    GitFailed,
    HostKeyMismatch,
    RefNotFound,
    RemoteUnreachable,
    RepositoryNotFound,
    SourceTooLarge,
    StorageError,
)
from headgate.git.limits import GIT_MEMORY

__all__ = ["explain", "is_redirect", "is_refusal", "is_unknown"]

MAX_MESSAGE = 300

_REQUIRED = "authentication required, but no credentials are given"

_REFUSED = "authentication failed"

_KINDS: tuple[tuple[type[GitError], str, re.Pattern[str]], ...] = tuple(
    (kind, text, re.compile(pattern, re.IGNORECASE))
    for kind, text, pattern in (
        (
            RemoteUnreachable,
            "the proxy refuses the connection",
            r"error: 407\b|Proxy CONNECT aborted|from proxy after CONNECT|SOCKS|through the proxy",
        ),
        (
            HostKeyMismatch,
            "the server's SSH host key is not the one in 'known_hosts'",
            r"REMOTE HOST IDENTIFICATION HAS CHANGED|Host key verification failed|host key is known for",
        ),
        (
            AuthenticationFailed,
            "authentication failed: the SSH key cannot be read",
            r"Load key .*: (incorrect passphrase|error in libcrypto|invalid format)|"
            r"incorrect passphrase supplied",
        ),
        (
            AuthenticationFailed,
            _REFUSED,
            r"Authentication failed for|could not read (Username|Password)|Permission denied \(|"
            r"error: (401|403)\b|HTTP Basic: Access denied|Access denied|invalid credentials",
        ),
        (
            RepositoryNotFound,
            "repository not found",
            r"repository '.*' not found|Repository not found|does not appear to be a git repository|"
            r"The project you were looking for could not be found|error: (404|410)\b|"
            r"Not a git repository|does not exist or you do not have permission",
        ),
        (
            RefNotFound,
            "the server no longer has it",
            r"couldn't find remote ref|no such remote ref|not our ref|unadvertised object",
        ),
        (
            RemoteUnreachable,
            "the server's TLS certificate is not accepted",
            r"SSL certificate problem|certificate verif|SSL: no alternative certificate|"
            r"certificate subject name|CAfile|SSL peer certificate",
        ),
        (
            RemoteUnreachable,
            "the server cannot be reached",
            r"Could not resolve (host|proxy)|Failed to connect|Couldn't connect|"
            r"Connection (refused|reset|timed out|closed)|No route to host|Network is unreachable|"
            r"Operation timed out|Empty reply from server|Name or service not known|"
            r"Temporary failure in name resolution|SSL|TLS|gnutls|kex_exchange_identification|"
            r"error: (429|5\d\d)\b|Recv failure|Send failure|Transport endpoint is not connected",
        ),
    )
)

_REDIRECT = re.compile(r"error: 30[12378]\b|unable to update url base from redirection")
_UNKNOWN = re.compile(r"not our ref")
_REFUSAL = re.compile(
    r"unadvertised object|want [0-9a-f]+ not valid|does not support shallow|shallow (update|file)|"
    r"dumb http transport|does not support --(depth|shallow)|remote did not send all necessary objects|"
    r"no such remote ref|couldn't find remote ref",
    re.IGNORECASE,
)
_DISK_FULL = re.compile(r"No space left on device|Disk quota exceeded", re.IGNORECASE)
_OUT_OF_MEMORY = re.compile(
    r"^(fatal|error): .*(Out of memory|Cannot allocate memory)", re.IGNORECASE | re.MULTILINE
)
_DAMAGE = re.compile(
    r"\bis corrupt|bad object|packfile .* cannot be accessed|unable to read (tree|[0-9a-f]{40})|"
    r"Unable to create '.*\.lock'|file .*\.pack is (far )?too short|inflate: data stream error|"
    r"bad config|not a git repository: '",
    re.IGNORECASE,
)
_NOISE = re.compile(
    # That Git would now ask for a password tells a user nothing: there is nobody to ask.
    r"^(warning:|hint:|remote: *$|Please make sure|and the repository exists|\s*$|"
    r"(fatal: )?(could not read (Username|Password) for|Authentication failed for)|"
    r"error: unable to read askpass response)",
    re.IGNORECASE,
)


def explain(messages: str, url: str, *, given: str) -> GitError:
    """Return the error that Git's messages amount to; ``messages`` must already be free of credentials.

    ``given`` names the kind of credentials that the server was shown (``the bearer token``), "" for none.
    """
    if _DISK_FULL.search(messages):
        return StorageError("the repository cache cannot be written: no space left")
    if _OUT_OF_MEMORY.search(messages):
        return SourceTooLarge(
            f"unable to clone '{url}': git needs more than {GIT_MEMORY >> 20} MiB of memory for what the server sends"
        )
    if _DAMAGE.search(messages):
        return CacheDamaged("the repository cache is damaged")
    detail = _detail(messages)
    for kind, text, pattern in _KINDS:
        if not pattern.search(messages):
            continue
        if text == _REFUSED:
            text = f"{_REFUSED}: the server does not accept {given}" if given else _REQUIRED
        return kind(f"unable to clone '{url}': {text}" + (f": {detail}" if detail else ""))
    return GitFailed(f"unable to clone '{url}': {detail or 'git failed without a message'}")


def is_redirect(messages: str) -> bool:
    """Tell whether the server answered with a redirect that Git was not allowed to follow."""
    return _REDIRECT.search(messages) is not None


def is_unknown(messages: str) -> bool:
    """Tell whether the server looked for the commit that was asked for and does not have it."""
    return _UNKNOWN.search(messages) is not None


def is_refusal(messages: str) -> bool:
    """Tell whether the server refused to send one commit alone, or without its history."""
    return _REFUSAL.search(messages) is not None


def _detail(messages: str) -> str:
    lines = [line.strip() for line in messages.splitlines() if not _NOISE.match(line)]
    lines = [re.sub(r"^(fatal|error|remote): *", "", line) for line in lines]
    text = "; ".join(dict.fromkeys(line for line in lines if line))
    text = re.sub(r"[\x00-\x1f\x7f-\x9f]", " ", text)
    return text if len(text) <= MAX_MESSAGE else text[: MAX_MESSAGE - 1] + "…"
