"""From where files that kustomizations name by URL are not fetched."""

from __future__ import annotations

import http.server
from collections.abc import Iterator
from pathlib import Path

import pytest

from headgate.documents.errors import BuildError
from headgate.git.bases.fetcher import RemoteBases
from headgate.peers import is_forbidden
from tests.support.serving import serving


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "127.8.8.8",
        "::1",
        "0.0.0.0",
        "::",
        "169.254.169.254",
        "169.254.170.2",
        "fe80::1%eth0",
        "fd00:ec2::254",
        "100.100.100.200",
        "168.63.129.16",
        "::ffff:127.0.0.1",
        "::ffff:169.254.169.254",
        "0.1.2.3",
        "::127.0.0.1",
        "2002:7f00:1::",
        "64:ff9b::7f00:1",
        "64:ff9b::a9fe:a9fe",
        "64:ff9b:1::7f00:1",
        "224.0.0.1",
        "ff02::1",
    ],
)
def test_this_host_and_the_clouds_metadata(address: str) -> None:
    assert is_forbidden(address)


@pytest.mark.parametrize(
    "address", ["10.0.0.1", "192.168.1.1", "8.8.8.8", "fd12::1", "2001:4860::8888", "64:ff9b::808:808"]
)
def test_other_hosts(address: str) -> None:
    assert not is_forbidden(address)


class _Server(http.server.BaseHTTPRequestHandler):
    asked: list[str]

    def do_GET(self) -> None:
        type(self).asked.append(self.path)
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"secret")

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def local() -> Iterator[tuple[str, list[str]]]:
    class Handler(_Server):
        asked: list[str] = []  # noqa: RUF012 - of this server only

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    with serving(server):
        yield f"http://{{}}:{server.server_port}", Handler.asked


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "127.1", "2130706433", "0"])
def test_no_request_is_sent_however_the_host_is_written(
    local: tuple[str, list[str]], host: str, tmp_path: Path
) -> None:
    address, asked = local
    bases = RemoteBases(tmp_path)
    with pytest.raises(BuildError) as caught:
        bases.file(address.format(host) + "/latest/meta-data")
    bases.close()
    assert asked == []
    assert "secret" not in str(caught.value)


def test_without_the_guard_it_would_be_answered(local: tuple[str, list[str]], tmp_path: Path) -> None:
    """What the other tests show is the guard's doing."""
    address, asked = local
    bases = RemoteBases(tmp_path, guarded=False)
    assert bases.file(address.format("127.0.0.1") + "/a.yaml") == b"secret"
    bases.close()
    assert asked == ["/a.yaml"]
