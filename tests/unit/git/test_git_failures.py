"""From what Git, curl, ssh and servers print to an error for the user."""

from __future__ import annotations

import pytest

from headgate.git.command.httptrace import HttpAnswer, last_answer
from headgate.git.errors import (
    AuthenticationFailed,
    CacheDamaged,
    GitError,
    GitFailed,
    HostKeyRejected,
    RefNotFound,
    RemoteUnreachable,
    RepositoryNotFound,
    StorageFailed,
)
from headgate.git.remote.failures import Asked, explain, is_redirect, is_refusal, is_unknown

URL = "https://example.com/repo"
TOKEN = Asked(URL, "example.com", "the bearer token")


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
        ("@@ WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! @@", HostKeyRejected),
        ("Host key verification failed.", HostKeyRejected),
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
        ("error: file write error: No space left on device", StorageFailed),
        ("error: object file objects/ab is corrupt", CacheDamaged),
        ("fatal: something nobody has seen before", GitFailed),
        ("", GitFailed),
    ],
)
def test_kinds(messages: str, kind: type[GitError]) -> None:
    assert type(explain(messages, TOKEN)) is kind


def test_the_message_names_the_url_what_failed_and_git_s_own_words() -> None:
    error = explain(
        "remote: this token is expired\nfatal: Authentication failed for 'x'\n",
        Asked(URL, "example.com", "the token", "apps/git"),
    )
    says = "authentication failed: the server does not accept the token of the Secret 'apps/git': this token is expired"
    assert str(error) == f"unable to clone '{URL}': {says}"


PAGE = "the words of an internal page"


@pytest.mark.parametrize(
    "messages",
    [
        f"remote: {PAGE}\nfatal: unable to access 'x': The requested URL returned error: 403",
        f"remote: {PAGE}\nfatal: Authentication failed for 'x'",
        f"REMOTE: {PAGE}\nfatal: repository 'x' not found",
        f"fatal: unable to update url base from redirection:\n  asked for: x\n  redirect: http://y/{PAGE}",
        f"fatal: protocol error: bad line length character: {PAGE}",
        f"fatal: x/info/refs not valid: invalid server response; got '{PAGE}'",
    ],
)
def test_what_is_at_a_url_is_not_shown_to_whoever_names_it(messages: str) -> None:
    assert PAGE not in str(explain(messages, TOKEN))


def test_what_a_server_says_by_ssh_is_reported() -> None:
    """Whoever is answered there has been let in."""
    text = str(
        explain("remote: the gate is shut\nfatal: x", Asked("ssh://git@example.com/repo", "example.com"))
    )
    assert text.endswith("the gate is shut; x")


def test_without_credentials_it_is_said_that_none_are_given() -> None:
    error = explain("fatal: could not read Username for 'x'", Asked(URL))
    assert "authentication required, but no credentials are given" in str(error)


def test_noise_is_left_out_and_the_rest_is_bounded_and_printable() -> None:
    messages = "warning: x\nhint: y\n\x1b[31mfatal: a\nfatal: a\nremote: b\n" + "c" * 1000
    text = str(explain(messages, TOKEN))
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


@pytest.mark.parametrize(
    ("messages", "says"),
    [
        ("The requested URL returned error: 429", "limits the rate of requests (HTTP 429)"),
        ("The requested URL returned error: 500", "the server has an internal error (HTTP 500)"),
        ("The requested URL returned error: 502", "a proxy in front of the server gets no answer"),
        ("The requested URL returned error: 503", "the server is not available at the moment (HTTP 503)"),
        ("The requested URL returned error: 599", "the server failed (HTTP 599)"),
        ("The requested URL returned error: 418", "the server refuses the request (HTTP 418)"),
        ("SSL certificate problem: certificate has expired", "TLS certificate has expired"),
        (
            "server certificate verification failed. CAfile: none CRLfile: none",
            "authority that is not trusted",
        ),
        (
            "SSL certificate problem: self-signed certificate in certificate chain",
            "authority that is not trusted",
        ),
        (
            "SSL: no alternative certificate subject name matches target host name 'example.com'",
            "is not for the host name 'example.com'",
        ),
        ("SSL routines::wrong version number", "does not use TLS on that port"),
        ("Could not resolve host: example.com", "the host name cannot be resolved (DNS)"),
        ("Failed to connect to h port 1 after 0 ms: Connection refused", "the connection is refused"),
        ("Failed to connect to h port 1 after 9 ms: Couldn't connect to server", "the connection is refused"),
        ("connect to host h port 22: No route to host", "there is no route to the server"),
        ("ssh: connect to host h port 22: Connection timed out", "the connection timed out"),
        ("Recv failure: Connection reset by peer", "the server closed the connection"),
    ],
)
def test_causes_in_plain_words(messages: str, says: str) -> None:
    error = explain(f"fatal: unable to access 'x': {messages}", TOKEN)
    assert isinstance(error, RemoteUnreachable)
    assert says in str(error)


BANNER = """@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@
@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @
@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@
IT IS POSSIBLE THAT SOMEONE IS DOING SOMETHING NASTY!
Add correct host key in /proc/1/fd/9 to get rid of this message.
Host key verification failed.
fatal: Could not read from remote repository.
"""


def test_a_host_key_that_does_not_match_is_reported_without_the_banner() -> None:
    asked = Asked("ssh://git@example.com/repo", "example.com", "the SSH key", "apps/git")
    text = str(explain(BANNER, asked))
    assert (
        "the SSH host key of 'example.com' is not the one in 'known_hosts' of the Secret 'apps/git'" in text
    )
    assert "@@" not in text
    assert "NASTY" not in text
    assert "/proc" not in text
    unknown = "No ED25519 host key is known for example.com and you have requested strict checking.\n"
    text = str(explain(unknown + "Host key verification failed.", asked))
    assert "'known_hosts' of the Secret 'apps/git' has no key of the SSH server 'example.com'" in text


def test_with_a_short_secret_nothing_of_others_is_quoted() -> None:
    discreet = Asked(URL, "example.com", "the user name and password", discreet=True)
    text = str(explain("remote: pass for the gate\nfatal: Authentication failed for 'x'", discreet))
    assert text.endswith("the server does not accept the user name and password")
    assert str(explain("fatal: a new thing", discreet)).endswith("could quote the credentials")


TRACE = b"""03:58:01.1 http.c:700 == Info: Connected
03:58:01.2 http.c:756 => Send header: GET /x HTTP/1.1
03:58:01.3 http.c:756 <= Recv header: HTTP/1.1 302 Found
03:58:01.3 http.c:756 <= Recv header: Retry-After: 7
03:58:01.4 http.c:756 <= Recv header, 0000000034 bytes (0x00000022)
03:58:01.4 http.c:756 <= Recv header: HTTP/2 200
03:58:01.4 http.c:756 <= Recv header: content-type: Text/HTML; charset=utf-8
"""


def test_the_last_answer_of_a_trace_counts() -> None:
    assert last_answer(TRACE) == HttpAnswer(200, "text/html")
    assert last_answer(b"03:58:01.1 http.c:700 == Info: Connected\n") is None
    limited = last_answer(b"a <= Recv header: HTTP/1.1 429 Too Many\nb <= Recv header: Retry-After: 30\n")
    assert limited == HttpAnswer(429, "", 30.0)
    error = explain("The requested URL returned error: 429", TOKEN, limited)
    assert error.retry_after == 30
    assert "accepts requests again after 30 s" in str(error)


def test_a_web_page_is_not_a_repository() -> None:
    messages = "fatal: https://example.com/repo/info/refs not valid: is this a git repository?"
    assert "a web page, not with a Git repository" in str(
        explain(messages, TOKEN, HttpAnswer(200, "text/html"))
    )
