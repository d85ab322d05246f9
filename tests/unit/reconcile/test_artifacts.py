"""Artifacts are fetched over HTTP from real servers on loopback: verified, retried, bounded, and kept nowhere."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import io
import logging
import tarfile
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import blake3
import pytest
from aiohttp import web

from headgate.api.source import Artifact
from headgate.backoff import Doubling
from headgate.git.tree.tartree import ArchiveLimits
from headgate.peers import PeerRules
from headgate.reconcile.core.store import SourceKey
from headgate.reconcile.source.artifacts import ArtifactError, ArtifactFetcher, ArtifactMissing

KEY = SourceKey("OCIRepository", "apps", "podinfo")
Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


def archive(**files: str) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name, content in files.items():
            header = tarfile.TarInfo(f"{name}.yaml")
            header.size = len(content)
            tar.addfile(header, io.BytesIO(content.encode()))
    # The digest is part of the tests' names, so it must not depend on the time.
    return gzip.compress(out.getvalue(), mtime=0)


DATA = archive(a="a: 1\n", b="b: 2\n")


class Server:
    """Answers a list of requests in turn, the last answer for all that follow."""

    def __init__(self) -> None:
        self.answers: list[Answer] = []
        self.requests: list[web.Request] = []
        self.address = ""

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(request)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return await answer(request)

    def artifact(self, digest: str | None = None, path: str = "/podinfo.tar.gz") -> Artifact:
        digest = f"sha256:{hashlib.sha256(DATA).hexdigest()}" if digest is None else digest
        return Artifact("latest@sha256:1", digest, f"http://{self.address}{path}")


def status(code: int, **headers: str) -> Answer:
    async def answer(_: web.Request) -> web.StreamResponse:
        return web.Response(status=code, headers=headers)

    return answer


async def whole(_: web.Request) -> web.StreamResponse:
    return web.Response(body=DATA)


async def cut_off(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Length": str(len(DATA))})
    await response.prepare(request)
    await response.write(DATA[:20])
    assert request.transport is not None
    request.transport.close()
    return response


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    server, app = Server(), web.Application()
    app.router.add_route("*", "/{path:.*}", server.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    server.address = f"127.0.0.1:{runner.addresses[0][1]}"
    yield server
    await runner.cleanup()


@pytest.fixture
async def fetcher(tmp_path: Path) -> AsyncIterator[ArtifactFetcher]:
    async with fetching(tmp_path) as fetcher:
        yield fetcher


def fetching(storage: Path, **options: Any) -> ArtifactFetcher:
    waits = {"pauses": Doubling(0.01, 0.02), "environ": {}, "peers": PeerRules(loopback=True)}
    return ArtifactFetcher(storage / "external", **{**waits, **options})


DIGESTS = {
    "sha256": hashlib.sha256(DATA).hexdigest(),
    "sha384": hashlib.sha384(DATA).hexdigest(),
    "sha512": hashlib.sha512(DATA).hexdigest(),
    "blake3": blake3.blake3(DATA).hexdigest(),
}


@pytest.mark.parametrize("digest", [*(f"{k}:{v}" for k, v in DIGESTS.items()), DIGESTS["sha256"]])
async def test_a_verified_artifact_is_a_tree(server: Server, fetcher: ArtifactFetcher, digest: str) -> None:
    server.answers = [whole]
    tree = await fetcher.fetch(KEY, server.artifact(digest))
    assert tree.read("a.yaml") == b"a: 1\n"
    assert list(tree.list("")) == ["a.yaml", "b.yaml"]
    tree.close()


@pytest.mark.parametrize(
    ("digest", "what"),
    [
        ("", "empty digest"),
        ("sha256:" + "0" * 64, "computed digest doesn't match provided 'sha256:0000"),
        ("sha256:", "computed digest doesn't match"),
        ("md5:" + "0" * 32, "unsupported digest algorithm 'md5'"),
        (f"sha512:{DIGESTS['sha256']}", "computed digest doesn't match"),
    ],
)
async def test_what_is_not_verified_is_not_used(
    server: Server, fetcher: ArtifactFetcher, digest: str, what: str
) -> None:
    server.answers = [whole]
    with pytest.raises(ArtifactError, match=what):
        await fetcher.fetch(KEY, server.artifact(digest))


@pytest.mark.parametrize("failure", [status(500), status(503), status(429), cut_off])
async def test_what_may_pass_is_retried(server: Server, fetcher: ArtifactFetcher, failure: Answer) -> None:
    server.answers = [failure, failure, whole]
    (await fetcher.fetch(KEY, server.artifact())).close()
    assert len(server.requests) == 3


@pytest.mark.parametrize(
    ("code", "error", "what"),
    [
        (404, ArtifactMissing, "file not found"),
        (403, ArtifactError, r"failed to download archive from http://.*/podinfo.tar.gz \(status: 403"),
        (501, ArtifactError, "status: 501"),
        (204, ArtifactError, "status: 204"),
    ],
)
async def test_what_will_not_pass_is_not(
    server: Server, fetcher: ArtifactFetcher, code: int, error: type[ArtifactError], what: str
) -> None:
    server.answers = [status(code)]
    with pytest.raises(error, match=what):
        await fetcher.fetch(KEY, server.artifact())
    assert len(server.requests) == 1


async def test_retries_end(server: Server, tmp_path: Path) -> None:
    server.answers = [status(502)]
    async with fetching(tmp_path, retries=3) as fetcher:
        with pytest.raises(ArtifactError, match=r"after 3 retries: .*status: 502"):
            await fetcher.fetch(KEY, server.artifact())
    assert len(server.requests) == 4


async def test_the_server_may_ask_for_time(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.answers = [
        status(503, **{"Retry-After": "7"}),
        status(503, **{"Retry-After": "700"}),
        status(503),
        whole,
    ]
    pauses: list[float] = []

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)

    monkeypatch.setattr("headgate.reconcile.source.artifacts.asyncio.sleep", sleep)
    async with fetching(tmp_path, pauses=Doubling(5, 30)) as fetcher:
        (await fetcher.fetch(KEY, server.artifact())).close()
    assert pauses == [7, 30, 20]


async def test_nobody_there_is_retried_and_said(tmp_path: Path) -> None:
    async with fetching(tmp_path, retries=1) as fetcher:
        with pytest.raises(ArtifactError, match=r"after 1 retries: http://127.0.0.1:1/x: connection refused"):
            await fetcher.fetch(KEY, Artifact("r", DIGESTS["sha256"], "http://127.0.0.1:1/x"))


async def test_sizes_are_bounded(server: Server, tmp_path: Path) -> None:
    server.answers = [whole]
    async with fetching(tmp_path, max_download=len(DATA) - 1) as fetcher:
        with pytest.raises(ArtifactError, match="greater than the max download size"):
            await fetcher.fetch(KEY, server.artifact())
    async with fetching(tmp_path, limits=ArchiveLimits(unpacked=1000)) as fetcher:
        with pytest.raises(ArtifactError, match=r"failed to extract archive: .*larger than the limit"):
            await fetcher.fetch(KEY, server.artifact())


async def test_redirects_are_followed_to_http_only(server: Server, fetcher: ArtifactFetcher) -> None:
    server.answers = [status(302, Location="/elsewhere"), whole]
    (await fetcher.fetch(KEY, server.artifact())).close()
    assert server.requests[-1].path == "/elsewhere"
    for place in ("file:///etc/passwd", "/again"):
        server.answers = [status(302, Location=place)]
        with pytest.raises(ArtifactError, match="redirect"):
            await fetcher.fetch(KEY, server.artifact())


@pytest.mark.parametrize(
    "url", ["file:///etc/passwd", "ftp://host/x", "/relative", "", "http://[broken", "http:///x"]
)
async def test_only_http_addresses_are_used(fetcher: ArtifactFetcher, url: str) -> None:
    with pytest.raises(ArtifactError, match="URL"):
        await fetcher.fetch(KEY, Artifact("r", DIGESTS["sha256"], url))


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "127.1", "0x7f000001", "2130706433", "0.0.0.0", "[::1]"],
)
async def test_no_address_leads_to_this_host(server: Server, tmp_path: Path, host: str) -> None:
    server.answers = [whole]
    url = f"http://{host}:{server.address.rpartition(':')[2]}/x"
    async with fetching(tmp_path, peers=PeerRules(), retries=0) as fetcher:
        with pytest.raises(ArtifactError, match=r"failed to download archive"):
            await fetcher.fetch(KEY, Artifact("r", f"sha256:{DIGESTS['sha256']}", url))
    assert server.requests == []


async def test_the_words_of_a_server_are_not_reported(server: Server, tmp_path: Path) -> None:
    async def answer(_: web.Request) -> web.StreamResponse:
        return web.Response(status=403, reason="of the s3cret service")

    server.answers = [answer]
    async with fetching(tmp_path) as fetcher:
        with pytest.raises(ArtifactError, match=r"\(status: 403 Forbidden\)$"):
            await fetcher.fetch(
                KEY, Artifact("r", f"sha256:{DIGESTS['sha256']}", f"http://{server.address}/x")
            )


async def test_no_redirect_leads_to_the_metadata_of_a_cloud(server: Server, tmp_path: Path) -> None:
    server.answers = [status(302, Location="http://169.254.169.254/latest/meta-data/")]
    async with fetching(tmp_path) as fetcher:
        with pytest.raises(ArtifactError, match=r"its address is this host's own, link-local or a cloud's"):
            await fetcher.fetch(
                KEY, Artifact("r", f"sha256:{DIGESTS['sha256']}", f"http://{server.address}/x")
            )


async def test_outside_a_cluster_another_host_serves(server: Server, tmp_path: Path) -> None:
    server.answers = [whole]
    environ = {"SOURCE_CONTROLLER_LOCALHOST": server.address}
    url = "http://source-controller.flux-system.svc.cluster.local./ocirepository/x.tar.gz"
    async with fetching(tmp_path, environ=environ) as fetcher:
        artifact = Artifact("r", f"sha256:{DIGESTS['sha256']}", url)
        (await fetcher.fetch(KEY, artifact)).close()
    assert server.requests[0].path == "/ocirepository/x.tar.gz"


async def test_messages_hold_no_secret_of_the_address(
    server: Server, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "headgate")
    said = []
    for answer in (status(500), status(403), cut_off, status(302, Location="/again?token=s3cret")):
        server.answers = [answer]
        artifact = server.artifact(path="/x?token=s3cret")
        url = artifact.url.replace("http://", "http://user:s3cret@")
        async with fetching(tmp_path, retries=1) as fetcher:
            with pytest.raises(ArtifactError) as raised:
                await fetcher.fetch(KEY, Artifact("r", artifact.digest, url))
        said.append(str(raised.value))
    assert "s3cret" not in caplog.text + "".join(said)


async def test_nothing_is_left_on_disk(server: Server, fetcher: ArtifactFetcher, tmp_path: Path) -> None:
    server.answers = [whole]
    tree = await fetcher.fetch(KEY, server.artifact())
    with pytest.raises(ArtifactError):
        await fetcher.fetch(KEY, server.artifact("sha256:0"))
    assert list((tmp_path / "external").iterdir()) == []
    tree.close()


async def test_a_download_can_be_called_off(server: Server, fetcher: ArtifactFetcher) -> None:
    begun = asyncio.Event()

    async def never(request: web.Request) -> web.StreamResponse:
        begun.set()
        response = web.StreamResponse()
        await response.prepare(request)
        await asyncio.sleep(60)
        return response

    server.answers = [never]
    task = asyncio.create_task(fetcher.fetch(KEY, server.artifact()))
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_downloads_of_a_namespace_are_few_at_once(server: Server, tmp_path: Path) -> None:
    """However many sources it has; those of others begin meanwhile."""
    gate, started = asyncio.Event(), asyncio.Event()

    async def slow(_: web.Request) -> web.StreamResponse:
        if len(server.requests) == 3:
            started.set()
        await gate.wait()
        return web.Response(body=DATA)

    server.answers = [slow]
    async with fetching(tmp_path, places=8) as fetcher:
        keys = [SourceKey("Bucket", "apps", f"b{number}") for number in range(10)]
        keys.append(SourceKey("Bucket", "other", "b"))
        fetches = [asyncio.create_task(fetcher.fetch(key, server.artifact(path=f"/{key}"))) for key in keys]
        async with asyncio.timeout(60):
            await started.wait()
        assert sum("other" in request.path for request in server.requests) == 1
        assert len(server.requests) == 3
        gate.set()
        for tree in await asyncio.gather(*fetches):
            tree.close()


async def test_a_download_that_takes_too_long_ends(server: Server, tmp_path: Path) -> None:
    async def endless(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(b"x")
            await asyncio.sleep(0.01)

    server.answers = [endless]
    async with fetching(tmp_path, retries=0, max_seconds=0.2) as fetcher, asyncio.timeout(60):
        with pytest.raises(ArtifactError, match="timed out"):
            await fetcher.fetch(KEY, server.artifact())
