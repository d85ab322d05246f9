"""Files that kustomizations name by URL: where a server's redirects may lead."""

from __future__ import annotations

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from headgate.git.bases import download
from headgate.git.bases.download import Downloads, RemoteFailed
from headgate.git.url import RemoteUrl
from headgate.kustomize import BuildError, Refused
from tests.support.serving import serving

HEADERS: list[str | None] = []


class _Handler(BaseHTTPRequestHandler):
    """``/to?<target>`` redirects to the target, ``/loop`` to itself, anything else is a file."""

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        HEADERS.append(self.headers.get("Authorization"))
        kind, _, target = self.path.partition("?")
        if kind in ("/to", "/loop"):
            self.send_response(302)
            self.send_header("Location", target or self.path)
            self.end_headers()
            return
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8" if kind == "/page" else "text/yaml")
        self.end_headers()
        self.wfile.write(self.path.encode())


@pytest.fixture
def web() -> Iterator[str]:
    HEADERS.clear()
    http = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    with serving(http):
        yield f"http://127.0.0.1:{http.server_address[1]}"


@pytest.fixture
def downloads() -> Iterator[Downloads]:
    made = Downloads(guarded=False)
    yield made
    made.close()


def test_redirects_are_followed(web: str, downloads: Downloads) -> None:
    assert downloads.get(f"{web}/to?/file") == b"/file"
    assert downloads.get(f"{web}/to?{web}/to?/file") == b"/file"


def test_a_page_is_not_a_file(web: str, downloads: Downloads) -> None:
    assert downloads.get(f"{web}/to?/page") is None


def test_a_circle_ends(web: str, downloads: Downloads) -> None:
    with pytest.raises(RemoteFailed, match="more than 5 redirects"):
        downloads.get(f"{web}/loop")


@pytest.mark.parametrize(
    "target", ["file:///etc/passwd", "ftp://127.0.0.1/x", "ssh://127.0.0.1/x", "gopher://x"]
)
def test_a_redirect_to_another_kind_of_address(web: str, downloads: Downloads, target: str) -> None:
    with pytest.raises(Refused, match="the file cannot be fetched"):
        downloads.get(f"{web}/to?{target}")


def test_credentials_of_an_address_go_nowhere(web: str, downloads: Downloads) -> None:
    downloads.get(f"{web.replace('://', '://user:secret@')}/to?/file")
    downloads.get(f"{web}/to?{web.replace('://', '://user:secret@')}/file")
    assert HEADERS == [None] * 4


@pytest.mark.parametrize(
    ("before", "after", "why"),
    [
        ("https://a.example/x", "http://a.example/x", "does not use https"),
        ("https://8.8.8.8/x", "https://127.0.0.1/x", "an internal address"),
        ("http://8.8.8.8/x", "http://169.254.169.254/latest/meta-data", "an internal address"),
        ("http://8.8.8.8/x", "http://10.0.0.1/", "an internal address"),
        ("http://8.8.8.8/x", "http://[::1]/", "an internal address"),
        ("http://8.8.8.8/x", "http://[::ffff:127.0.0.1]/", "an internal address"),
        ("http://8.8.8.8/x", "http://0/", "an internal address"),
    ],
)
def test_redirects_that_are_refused(before: str, after: str, why: str) -> None:
    with pytest.raises(BuildError, match=why):
        download._redirected(RemoteUrl.parse(before), after)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("http://8.8.8.8/x", "https://8.8.4.4/y"),
        ("https://10.0.0.1/x", "https://10.0.0.2/y"),
        ("https://10.0.0.1/x", "https://8.8.8.8/y"),
        ("http://8.8.8.8/x", "http://8.8.8.8:8080/y"),
    ],
)
def test_redirects_that_are_followed(before: str, after: str) -> None:
    assert str(download._redirected(RemoteUrl.parse(before), after)) == after
