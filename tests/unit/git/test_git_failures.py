"""From what Git, curl, ssh and servers print to an error for the user."""

from __future__ import annotations

import pytest

from headgate.git.errors import (
    AuthenticationFailed,
    CacheDamaged,
    GitError,
    GitFailed,
    HostKeyMismatch,
    RefNotFound,
    RemoteUnreachable,
    RepositoryNotFound,
    StorageError,
)
from headgate.git.failures import explain, is_redirect, is_refusal, is_unknown

URL = "https://example.com/repo"


@pytest.mark.parametrize(
    ("messages", "kind"),
    [
        ("fatal: Authentication failed for 'https://example.com/repo/'", AuthenticationFailed),
        (
            "fatal: could not read Username for 'https://example.com': terminal prompts disabled",
            AuthenticationFailed,
        ),
        ("fatal: unable to access 'x': The requested URL returned error: 403", AuthenticationFailed),
        ("git@example.com: Permission denied (publickey).", AuthenticationFailed),
        (
            'Load key "/proc/1/fd/5": incorrect passphrase supplied to decrypt private key',
            AuthenticationFailed,
        ),
        ("remote: HTTP Basic: Access denied", AuthenticationFailed),
        ("fatal: repository 'https://example.com/repo/' not found", RepositoryNotFound),
        ("ERROR: Repository not found.", RepositoryNotFound),
        ("remote: The project you were looking for could not be found", RepositoryNotFound),
        ("fatal: '/x' does not appear to be a git repository", RepositoryNotFound),
        ("@@ WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! @@", HostKeyMismatch),
        ("Host key verification failed.", HostKeyMismatch),
        ("fatal: couldn't find remote ref refs/heads/x", RefNotFound),
        ("fatal: unable to access 'x': Could not resolve host: example.invalid", RemoteUnreachable),
        (
            "fatal: unable to access 'x': Failed to connect to 127.0.0.1 port 1: Connection refused",
            RemoteUnreachable,
        ),
        ("fatal: unable to access 'x': SSL certificate problem: self-signed certificate", RemoteUnreachable),
        ("fatal: unable to access 'x': The requested URL returned error: 503", RemoteUnreachable),
        ("kex_exchange_identification: read: Connection reset by peer", RemoteUnreachable),
        ("fatal: unable to access 'x': The requested URL returned error: 407", RemoteUnreachable),
        ("fatal: unable to access 'x': User was rejected by the SOCKS5 server (1 1).", RemoteUnreachable),
        ("error: file write error: No space left on device", StorageError),
        ("error: object file objects/ab is corrupt", CacheDamaged),
        ("fatal: something nobody has seen before", GitFailed),
        ("", GitFailed),
    ],
)
def test_kinds(messages: str, kind: type[GitError]) -> None:
    assert type(explain(messages, URL, given="the bearer token")) is kind


def test_the_message_names_the_url_what_failed_and_git_s_own_words() -> None:
    error = explain(
        "remote: this token is expired\nfatal: Authentication failed for 'x'\n", URL, given="the token"
    )
    told = "authentication failed: the server does not accept the token: this token is expired"
    assert str(error) == f"unable to clone '{URL}': {told}"


def test_without_credentials_it_is_said_that_none_are_given() -> None:
    error = explain("fatal: could not read Username for 'x'", URL, given="")
    assert "authentication required, but no credentials are given" in str(error)


def test_noise_is_left_out_and_the_rest_is_bounded_and_printable() -> None:
    messages = "warning: x\nhint: y\n\x1b[31mfatal: a\nfatal: a\nremote: b\n" + "c" * 1000
    text = str(explain(messages, URL, given="the bearer token"))
    assert "hint" not in text
    assert "\x1b" not in text
    assert len(text) < 400
    assert text.endswith("…")


def test_answers_that_call_for_another_way() -> None:
    assert is_redirect("fatal: unable to access 'x': The requested URL returned error: 301")
    assert not is_redirect("error: 401")
    assert is_unknown("fatal: remote error: upload-pack: not our ref 1234")
    assert is_refusal("error: Server does not allow request for unadvertised object 1234")
    assert is_refusal("fatal: dumb http transport does not support shallow capabilities")
    assert not is_refusal("fatal: Authentication failed")
