"""Finds the cause of a failure in Git's messages. Pure.

Git has no exit codes for this, so tables match its English messages, those of curl and ssh, and those of well-known
servers, the most specific first.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from headgate.git.command.httptrace import HttpAnswer
from headgate.git.errors import (
    AuthenticationFailed,
    CacheDamaged,
    GitError,
    GitFailed,
    HostKeyRejected,
    RefNotFound,
    RemoteUnreachable,
    RepositoryNotFound,
    SourceTooLarge,
    StorageFailed,
    unable_to_clone,
)
from headgate.git.limits import GIT_MEMORY

__all__ = ["WEB_PAGE", "Asked", "explain", "is_redirect", "is_refusal", "is_unknown"]

MAX_MESSAGE = 300

_KEY_UNREADABLE = "authentication failed: the SSH key in 'identity' cannot be read"
_REFUSED = "authentication failed"
_REQUIRED = "authentication required, but no credentials are given"

_Rule = tuple[type[GitError], str, re.Pattern[str]]


def _rules(*rules: tuple[type[GitError], str, str]) -> tuple[_Rule, ...]:
    return tuple((kind, text, re.compile(pattern, re.IGNORECASE)) for kind, text, pattern in rules)


_CLOSED = _rules(
    (
        HostKeyRejected,
        "the SSH host key of '{host}' is not the one in 'known_hosts'{secret}: either the server has a new key, "
        "which its operator can confirm and ssh-keyscan prints, or another server answers instead",
        r"REMOTE HOST IDENTIFICATION HAS CHANGED|REVOKED HOST KEY DETECTED",
    ),
    (
        HostKeyRejected,
        "'known_hosts'{secret} has no key of the SSH server '{host}': add what ssh-keyscan prints for it",
        r"Host key verification failed|host key is known for",
    ),
)
"""Errors whose message does not quote Git, because its output is long or adds nothing."""

_OPEN = _rules(
    (
        RemoteUnreachable,
        "the proxy refuses the connection",
        r"error: 407\b|Proxy CONNECT aborted|from proxy after CONNECT|SOCKS|through the proxy",
    ),
    (
        AuthenticationFailed,
        _KEY_UNREADABLE,
        r"Load key .*: (incorrect passphrase|error in libcrypto|invalid format)|incorrect passphrase supplied",
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
        "the server's TLS certificate has expired",
        r"certificate has expired|certificate is expired|expired certificate",
    ),
    (
        RemoteUnreachable,
        "the server's TLS certificate is not valid yet: is a clock wrong?",
        r"certificate is not yet valid|not yet activated",
    ),
    (
        RemoteUnreachable,
        "the server's TLS certificate is not for the host name '{host}'",
        r"no alternative certificate subject name|certificate subject name|does not match target host|"
        r"hostname .* mismatch|owner does not match",
    ),
    (
        RemoteUnreachable,
        "the server's TLS certificate is signed by an authority that is not trusted: add the certificate of a private "
        "authority as 'ca.crt' to the Secret of spec.secretRef",
        r"self[- ]signed certificate|unable to get (local )?issuer certificate|SSL certificate problem|"
        r"certificate verif|CAfile|SSL peer certificate|certificate is NOT trusted",
    ),
    (
        RemoteUnreachable,
        "the server does not use TLS on that port: check the scheme and the port of the URL",
        r"wrong version number|packet length too long|unexpected TLS packet|record layer failure|unknown protocol",
    ),
    (
        RemoteUnreachable,
        "the host name cannot be resolved (DNS)",
        r"Could not resolve (host|proxy)|Name or service not known|Temporary failure in name resolution|"
        r"No address associated|nodename nor servname",
    ),
    (
        RemoteUnreachable,
        "the connection is refused: nothing listens at that address and port",
        r"Connection refused|Couldn't connect to server",
    ),
    (
        RemoteUnreachable,
        "there is no route to the server",
        r"No route to host|Network is unreachable|Host is unreachable",
    ),
    (
        RemoteUnreachable,
        "the server does not answer: the connection timed out",
        r"Connection timed out|Operation timed out|timed out after|Timeout was reached",
    ),
    (
        RemoteUnreachable,
        "the server closed the connection",
        r"Connection (reset|closed)|Empty reply from server|Recv failure|Send failure|unexpected eof|"
        r"kex_exchange_identification|Transport endpoint is not connected|Broken pipe",
    ),
    (RemoteUnreachable, "the TLS connection failed", r"SSL|TLS|gnutls"),
    (RemoteUnreachable, "the server cannot be reached", r"Failed to connect|Couldn't connect"),
)

_STATUS = re.compile(r"returned error: ([1-9]\d\d)\b")
_STATUSES = {
    400: "the server does not understand the request (HTTP 400)",
    408: "the server timed out waiting for the request (HTTP 408)",
    429: "the server limits the rate of requests (HTTP 429)",
    500: "the server has an internal error (HTTP 500)",
    502: "a proxy in front of the server gets no answer from it (HTTP 502)",
    503: "the server is not available at the moment (HTTP 503)",
    504: "a proxy in front of the server gets no answer from it in time (HTTP 504)",
}
_ELSEWHERE = frozenset((401, 403, 404, 407, 410))
"""HTTP statuses that the rules above cover."""
WEB_PAGE = (
    "the server answered with a web page, not with a Git repository: check the URL (is this a login page, or the page "
    "of a repository instead of its clone URL?)"
)

_REDIRECT = re.compile(r"error: 30[12378]\b|unable to update url base from redirection")
_MOVED = re.compile(r"unable to update url base from redirection")
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
    # That Git would ask for a password does not help a user: nobody can answer.
    r"^(warning:|hint:|remote: *$|Please make sure|and the repository exists|\s*$|"
    r"(fatal: )?(could not read (Username|Password) for|Authentication failed for)|"
    r"error: unable to read askpass response)",
    re.IGNORECASE,
)

_KNOWN_WORDS = (
    "HTTP Basic: Access denied",
    "Invalid username or password",
    "Invalid username or token",
    "Repository not found",
    "Support for password authentication was removed",
    "The project you were looking for could not be found",
    "Write access to repository not granted",
    "this token is expired",
    "token was revoked",
    "has enabled or enforced SAML SSO",
    "rate limit",
)
"""Texts of refusals by well-known servers, which messages may quote."""
_QUOTING = re.compile(r"(bad line length character:|\bgot\b).*")
"""Where Git's own messages quote the server."""


@dataclass(frozen=True, slots=True)
class Asked:
    """The remote and the kind of credentials of a request, for messages."""

    url: str
    host: str = ""
    given: str = ""
    """The kind of credentials that the server received (``the bearer token``), "" for none."""
    secret: str = ""
    """The Secret with the credentials, as ``namespace/name``."""
    discreet: bool = False
    """Whether messages must not quote the server, because a secret is too short to be masked reliably."""


def explain(messages: str, asked: Asked, answer: HttpAnswer | None = None) -> GitError:
    """Return the error for Git's messages; credentials must already be masked in ``messages``.

    ``answer`` is the last answer of an HTTP server, if any.
    """
    if _DISK_FULL.search(messages):
        return StorageFailed("the repository cache cannot be written: no space left")
    if _OUT_OF_MEMORY.search(messages):
        return unable_to_clone(
            SourceTooLarge,
            asked.url,
            f"git needs more than {GIT_MEMORY >> 20} MiB of memory for what the server sends",
        )
    if _DAMAGE.search(messages):
        return CacheDamaged("the repository cache is damaged")
    kind, text, is_closed = _judge(messages, asked, answer)
    detail = "" if is_closed or asked.discreet else _detail(messages, over_http=asked.url.startswith("http"))
    if not text:
        text = (
            detail or "git failed; Headgate withholds its message, which could quote the credentials"
            if asked.discreet
            else detail
        )
        detail = ""
    said = text or "git failed without a message"
    error = unable_to_clone(kind, asked.url, f"{said}: {detail}" if detail else said)
    if answer is not None:
        error.retry_after = answer.retry_after
    return error


def _judge(messages: str, asked: Asked, answer: HttpAnswer | None) -> tuple[type[GitError], str, bool]:
    """The kind of error, its message ("": Git's own words), and whether the message is complete."""
    for kind, text, pattern in _CLOSED:
        if pattern.search(messages):
            secret = f" of the Secret '{asked.secret}'" if asked.secret else ""
            return kind, text.format(host=asked.host, secret=secret), True
    status = _STATUS.search(messages)
    if status is not None and int(status[1]) not in _ELSEWHERE:
        return RemoteUnreachable, _of_status(int(status[1]), answer), True
    if answer is not None and answer.is_web_page:
        return RepositoryNotFound, WEB_PAGE, True
    if _MOVED.search(messages):
        return (
            GitFailed,
            "the server redirects to an address that is not a Git repository's: check the URL",
            True,
        )
    for kind, text, pattern in _OPEN:
        if pattern.search(messages):
            if text == _REFUSED:
                given, secret = asked.given, f" of the Secret '{asked.secret}'" if asked.secret else ""
                text = f"{_REFUSED}: the server does not accept {given}{secret}" if given else _REQUIRED
            return kind, text.format(host=asked.host), False
    return GitFailed, "", False


def _of_status(status: int, answer: HttpAnswer | None) -> str:
    known = _STATUSES.get(status)
    text = known or f"the server {'failed' if status >= 500 else 'refuses the request'} (HTTP {status})"
    if answer is not None and answer.retry_after is not None:
        text += f"; it accepts requests again after {answer.retry_after:g} s"
    return text


def is_redirect(messages: str) -> bool:
    """Return whether the server answered with a redirect that Git was not allowed to follow."""
    return _REDIRECT.search(messages) is not None


def is_unknown(messages: str) -> bool:
    """Return whether the server searched for the requested commit and does not have it."""
    return _UNKNOWN.search(messages) is not None


def is_refusal(messages: str) -> bool:
    """Return whether the server refused to send one commit alone, or without its history."""
    return _REFUSAL.search(messages) is not None


def _detail(messages: str, *, over_http: bool) -> str:
    """Git's own words, with the text of an HTTP server only where it matches a known text: the author of the URL may
    not be allowed to read other text.
    """
    lines = [line.strip() for line in messages.splitlines() if not _NOISE.match(line)]
    if over_http:
        lines = [said for line in lines for said in _said_over_http(line)]
    lines = [re.sub(r"^(fatal|error|remote): *", "", line) for line in lines]
    text = "; ".join(dict.fromkeys(line for line in lines if line))
    text = re.sub(r"[\x00-\x1f\x7f-\x9f]", " ", text)
    return text if len(text) <= MAX_MESSAGE else text[: MAX_MESSAGE - 1] + "…"


def _said_over_http(line: str) -> tuple[str, ...]:
    if line.lower().startswith("remote:"):
        return tuple(words for words in _KNOWN_WORDS if words.lower() in line.lower())
    return (_QUOTING.sub(r"\1 …", line),)
