"""Servers with unexpected responses: the message says the cause in plain words."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from headgate.git.cache.bare import BareCache
from headgate.git.credentials.secret import Credentials
from headgate.git.errors import (
    AuthenticationFailed,
    GitError,
    GitTimedOut,
    RefNotACommit,
    RemoteUnreachable,
    RepositoryNotFound,
)
from headgate.git.refs.reference import GitReference
from headgate.git.remote.client import Remote
from headgate.git.url import RemoteUrl
from tests.support.gitserver import GitHttpServer
from tests.support.gitserver_repository import Repository
from tests.support.serving import serving

MAIN = GitReference(branch="main")


@contextmanager
def answering(status: int, headers: dict[str, str], body: bytes = b"") -> Iterator[str]:
    """A web server that answers everything so; its URL."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            for name, value in {"Content-Length": str(len(body)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_GET  # noqa: N815

        def log_message(self, *_: object) -> None:
            """Be quiet."""

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    with serving(http):
        yield f"http://127.0.0.1:{http.server_address[1]}/repo.git"


def failure(
    url: str, cache: BareCache, kind: type[GitError], credentials: Credentials | None = None
) -> GitError:
    remote = Remote(RemoteUrl.parse(url), credentials, timeout=20)
    with pytest.raises(kind) as error:
        remote.fetch(remote.resolve(MAIN, cache), cache)
    return error.value


LOGIN = b"<!DOCTYPE html><html><body><form action='/login'></form></body></html>\n"


@pytest.mark.parametrize("credentials", [None, Credentials("ada", "a long password")])
@pytest.mark.parametrize("page", [LOGIN, b""])
def test_a_login_page(page: bytes, credentials: Credentials | None, cache: BareCache) -> None:
    with answering(200, {"Content-Type": "text/html; charset=utf-8"}, page) as url:
        says = str(failure(url, cache, RepositoryNotFound, credentials))
    assert "the server answered with a web page, not with a Git repository: check the URL" in says


def test_a_redirect_to_a_login_page(cache: BareCache) -> None:
    with answering(200, {"Content-Type": "text/html"}, LOGIN) as page:
        for credentials in (None, Credentials("ada", "a long password")):
            with answering(302, {"Location": page}) as url:
                assert "a web page" in str(failure(url, cache, RepositoryNotFound, credentials))


def test_a_server_that_limits_how_often_it_is_asked(cache: BareCache) -> None:
    with answering(429, {"Retry-After": "77"}) as url:
        error = failure(url, cache, RemoteUnreachable)
    assert "the server limits the rate of requests (HTTP 429); it accepts requests again after 77 s" in str(
        error
    )
    assert error.retry_after == 77


@pytest.mark.parametrize(
    ("status", "says"),
    [
        (500, "an internal error (HTTP 500)"),
        (503, "not available at the moment (HTTP 503)"),
        (418, "HTTP 418"),
    ],
)
def test_other_statuses(status: int, says: str, cache: BareCache) -> None:
    with answering(status, {}) as url:
        error = failure(url, cache, RemoteUnreachable)
    assert says in str(error)
    assert error.retry_after is None


def test_nobody_listens(cache: BareCache) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    says = str(failure(f"http://127.0.0.1:{port}/r", cache, RemoteUnreachable))
    assert "the connection is refused: nothing listens" in says


def test_no_tls_at_that_port(server: GitHttpServer, repository: Repository, cache: BareCache) -> None:
    repository.commit()
    says = str(failure(server.url().replace("http:", "https:"), cache, RemoteUnreachable))
    assert "does not use TLS" in says or "TLS connection failed" in says


def test_a_short_password_is_not_given_away(cache: BareCache) -> None:
    """A server that puts words around it in which blanking would show it."""
    credentials = Credentials("ada", "pass", secret="apps/git")
    headers = {"WWW-Authenticate": 'Basic realm="x"', "Content-Type": "text/plain"}
    with answering(401, headers, b"your passport has passed\n") as url:
        error = failure(url, cache, AuthenticationFailed, credentials)
    assert str(error).endswith("does not accept the user name and password of the Secret 'apps/git'")


# Tags of objects other than commits.


def tag(repository: Repository, name: str, target: str, *, annotated: bool) -> None:
    options = ("-a", "-m", name, "--no-sign") if annotated else ()
    repository.git("tag", *options, name, target)


@pytest.mark.parametrize("annotated", [False, True])
@pytest.mark.parametrize("kind", ["blob", "tree"])
def test_tags_of_files_and_directories(
    kind: str, annotated: bool, repository: Repository, remote: Remote, cache: BareCache
) -> None:
    repository.commit({"d/a": "1"})
    target = "HEAD:d/a" if kind == "blob" else "HEAD:d"
    tag(repository, "v1", target, annotated=annotated)
    for _ in range(2):
        resolved = remote.resolve(GitReference(tag="v1"), cache)
        with pytest.raises(RefNotACommit, match=rf"'refs/tags/v1' is not a commit, but a {kind}") as error:
            remote.fetch(resolved, cache)
        assert error.value.reason == "GitOperationFailed"


def test_the_id_of_a_tree_is_not_a_commit(repository: Repository, remote: Remote, cache: BareCache) -> None:
    repository.commit({"d/a": "1"})
    tree = repository.git("rev-parse", "HEAD:d").strip()
    resolved = remote.resolve(GitReference(commit=tree), cache)
    with pytest.raises(GitError, match=r"is not a commit, but a tree|not found"):
        remote.fetch(resolved, cache)


def test_a_tag_of_a_tag_of_a_commit(repository: Repository, remote: Remote, cache: BareCache) -> None:
    commit = repository.commit({"a": "1"})
    tag(repository, "inner", "HEAD", annotated=True)
    tag(repository, "outer", "inner", annotated=True)
    resolved = remote.resolve(GitReference(tag="outer"), cache)
    assert remote.fetch(resolved, cache) == commit


def test_redirects_in_a_circle(cache: BareCache) -> None:
    with answering(302, {"Location": "/repo.git/info/refs?service=git-upload-pack"}) as url:
        assert str(failure(url, cache, GitError))


def test_an_answer_a_byte_at_a_time_ends_with_the_time(cache: BareCache) -> None:
    ended = threading.Event()

    class Slow(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "application/x-git-upload-pack-advertisement")
            self.end_headers()
            with contextlib.suppress(OSError):
                while not ended.wait(0.05):
                    self.wfile.write(b"0")
                    self.wfile.flush()

        def log_message(self, *_: object) -> None:
            """Be quiet."""

    http = ThreadingHTTPServer(("127.0.0.1", 0), Slow)
    http.daemon_threads = True
    with serving(http):
        remote = Remote(RemoteUrl.parse(f"http://127.0.0.1:{http.server_address[1]}/r"), timeout=1)
        with pytest.raises(GitTimedOut, match="not finished within 1 s"):
            remote.resolve(MAIN, cache)
        ended.set()


def test_the_longest_time_is_reported() -> None:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(4)
        url = RemoteUrl.parse(f"http://127.0.0.1:{listening.getsockname()[1]}/r")
        remote = Remote(url, timeout=3600, limit=0.5)
        with pytest.raises(GitTimedOut, match=r"within 0.5 s \(spec.timeout is 3600 s, --max-fetch-timeout"):
            remote.timed(remote.ls_remote)
