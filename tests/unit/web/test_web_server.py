"""The HTTP side, over real sockets."""

from __future__ import annotations

import asyncio
import gzip
import os
import socket
import threading
import time
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import aiohttp
import pytest
import yarl
from aiohttp import web
from prometheus_client.parser import text_string_to_metric_families

from headgate.web.artifacts import artifact_app
from headgate.web.metrics import MOST_HOSTS, MOST_RESOURCES, Metrics, metrics_app
from headgate.web.own_metrics import Measured
from headgate.web.probes import answers, probe_app
from headgate.web.server import AddressError, WebServer, parse_address

COMMIT = "a" * 40


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (":9090", (None, 9090)),
        ("127.0.0.1:80", ("127.0.0.1", 80)),
        ("localhost:0", ("localhost", 0)),
        ("[::1]:8080", ("::1", 8080)),
        ("", None),
        ("0", None),
    ],
)
def test_addresses_are_read_as_flux_writes_them(text: str, expected: object) -> None:
    assert parse_address(text) == expected


@pytest.mark.parametrize("text", ["9090", "host", "::1:80", "host:99999", "host:-1", "http://host:80"])
def test_other_addresses_are_refused(text: str) -> None:
    with pytest.raises(AddressError, match="host"):
        parse_address(text)


@pytest.fixture
def storage(tmp_path: Path) -> Path:
    folder = tmp_path / "root" / "gitrepository" / "ns" / "name"
    folder.mkdir(parents=True)
    (folder / f"{COMMIT}.tar.gz").write_bytes(gzip.compress(b"content", mtime=0))
    (folder / "secret.txt").write_text("no")
    (tmp_path / "outside").write_text("no")
    os.symlink(tmp_path / "outside", folder / f"{'b' * 40}.tar.gz")
    return tmp_path / "root"


@pytest.fixture
async def artifacts(storage: Path) -> AsyncIterator[str]:
    async with WebServer([("artifacts", artifact_app(storage), "127.0.0.1:0")]) as server:
        yield f"http://127.0.0.1:{server.port('artifacts')}"


async def test_an_artifact_is_served_whole_and_unchanged(artifacts: str, storage: Path) -> None:
    path = f"gitrepository/ns/name/{COMMIT}.tar.gz"
    expected = (storage / path).read_bytes()
    async with aiohttp.ClientSession(auto_decompress=False) as session:
        async with session.get(f"{artifacts}/{path}", headers={"Accept-Encoding": "gzip"}) as answer:
            assert answer.status == 200
            assert await answer.read() == expected
            assert answer.headers["Content-Type"] == "application/gzip"
            assert "Content-Encoding" not in answer.headers
            assert answer.headers["Last-Modified"]
            etag = answer.headers["ETag"]
        async with session.head(f"{artifacts}/{path}") as answer:
            assert (answer.status, answer.headers["Content-Length"]) == (200, str(len(expected)))
        async with session.get(f"{artifacts}/{path}", headers={"If-None-Match": etag}) as answer:
            assert answer.status == 304
        async with session.get(f"{artifacts}/{path}", headers={"Range": "bytes=2-5"}) as answer:
            assert (answer.status, await answer.read()) == (206, expected[2:6])


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/gitrepository/",
        "/gitrepository/ns/name/",
        "/gitrepository/ns/name/secret.txt",
        f"/gitrepository/ns/name/{'b' * 40}.tar.gz",
        f"/gitrepository/ns/name/{'c' * 40}.tar.gz",
        f"/gitrepository/ns/name/../name/{COMMIT}.tar.gz",
        f"/gitrepository/ns/%2e%2e/ns/name/{COMMIT}.tar.gz",
        f"//gitrepository/ns/name/{COMMIT}.tar.gz",
        "/../../outside",
        "/%2e%2e/outside",
        f"/gitrepository/ns/name/{COMMIT}.tar.gz%00",
    ],
)
async def test_nothing_else_is_served(artifacts: str, path: str) -> None:
    url = yarl.URL(f"{artifacts}{path}", encoded=True)
    async with aiohttp.ClientSession() as session, session.get(url) as answer:
        assert answer.status in (400, 404)
        assert b"no" not in (await answer.read()).split()


async def test_what_can_be_guessed_is_not_served_where_nothing_is_to_be(storage: Path) -> None:
    """Neither by a commit alone nor by another commit's digits."""
    folder, mark = "gitrepository/ns/name", "0123456789abcdef" * 2
    (storage / folder / f"{COMMIT}-{mark}.tar.gz").write_bytes(b"marked")
    app = artifact_app(storage, unguessable=True)
    async with (
        WebServer([("artifacts", app, "127.0.0.1:0")]) as server,
        aiohttp.ClientSession() as session,
    ):
        base = f"http://127.0.0.1:{server.port('artifacts')}/{folder}"
        for name, status in (
            (f"{COMMIT}-{mark}.tar.gz", 200),
            (f"{COMMIT}.tar.gz", 404),
            (f"{COMMIT}-.tar.gz", 404),
            (f"{COMMIT}-{mark[:-1]}0.tar.gz", 404),
            (f"{COMMIT}-{mark.upper()}.tar.gz", 404),
            (f"{'c' * 40}-{mark}.tar.gz", 404),
            ("", 404),
        ):
            for method in ("GET", "HEAD"):
                async with session.request(method, f"{base}/{name}") as answer:
                    assert answer.status == status, name


async def test_writing_is_refused(artifacts: str) -> None:
    async with aiohttp.ClientSession() as session:
        for method in ("PUT", "POST", "DELETE"):
            async with session.request(
                method, f"{artifacts}/gitrepository/ns/name/{COMMIT}.tar.gz"
            ) as answer:
                assert answer.status == 405


async def test_probes_tell_which_check_fails() -> None:
    problem: list[str] = []

    def watches() -> str | None:
        return problem[0] if problem else None

    def broken() -> str | None:
        raise RuntimeError("password in a traceback")

    app = probe_app({"ping": lambda: None}, {"watches": watches})
    worse = probe_app({"broken": broken})
    async with (
        WebServer(
            [("probes", app, "127.0.0.1:0"), ("worse", worse, "127.0.0.1:0"), ("none", app, "0")]
        ) as server,
        aiohttp.ClientSession() as session,
    ):
        base = f"http://127.0.0.1:{server.port('probes')}"

        async def ask(url: str) -> tuple[int, str]:
            async with session.get(url) as answer:
                return answer.status, await answer.text()

        assert await ask(f"{base}/readyz") == (200, "ok")
        assert "[+]watches ok" in (await ask(f"{base}/readyz?verbose"))[1]
        problem.append("no event for 90 s")
        status, text = await ask(f"{base}/readyz")
        assert status == 500
        assert "[-]watches failed: no event for 90 s" in text
        assert "[+]ping ok" in text
        assert await ask(f"{base}/healthz") == (200, "ok")
        status, text = await ask(f"http://127.0.0.1:{server.port('worse')}/healthz")
        assert status == 500
        assert "password" not in text


async def test_ready_is_who_is_reached() -> None:
    """A probe connects to the artifact server like any client, but less often than the probe itself is called."""
    asked = 0

    async def answer(_: web.Request) -> web.Response:
        nonlocal asked
        asked += 1
        return web.Response(status=404)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    with closing(socket.create_server(("127.0.0.1", 0))) as silent:
        mute = silent.getsockname()[1]
        async with WebServer([("artifacts", app, "127.0.0.1:0")]) as served:
            port = served.port("artifacts")
            assert await answers("127.0.0.1", port)() is None
            check = answers("127.0.0.1", port)
            assert await asyncio.gather(*(check() for _ in range(100))) == [None] * 100
            assert asked == 2
        assert "cannot be reached" in str(await answers("127.0.0.1", port)())
        assert "does not answer within" in str(await answers("127.0.0.1", mute)())
    app = probe_app(ready={"artifacts": answers("127.0.0.1", port)})
    async with (
        WebServer([("probes", app, "127.0.0.1:0")]) as server,
        aiohttp.ClientSession() as session,
        session.get(f"http://127.0.0.1:{server.port('probes')}/readyz") as answered,
    ):
        assert answered.status == 500
        assert f"[-]artifacts failed: port {port} cannot be reached" in await answered.text()


async def test_a_taken_port_names_the_site_and_frees_the_others() -> None:
    app = probe_app()
    async with WebServer([("first", app, "127.0.0.1:0")]) as first:
        taken = f"127.0.0.1:{first.port('first')}"
        second = WebServer(
            [("metrics", metrics_app(Metrics()), "127.0.0.1:0"), ("second", probe_app(), taken)]
        )
        with pytest.raises(AddressError, match="for second"):
            await second.start()
        free = second.port("metrics")
        async with WebServer([("again", probe_app(), f"127.0.0.1:{free}")]) as again:
            assert again.port("again") == free


class Working:
    """A controller at work."""

    name, workers = "kustomization", 8

    def depth(self) -> int:
        return 3

    def running(self) -> list[float]:
        return [1.5, 4.0]


async def test_metrics_have_the_names_and_labels_of_flux() -> None:
    metrics = Metrics()
    metrics.controller(Working())
    metrics.added("kustomization", retry=True)
    metrics.waited("kustomization", 0.002)
    metrics.worked("kustomization", 0.5, "error")
    metrics.reconciled("Kustomization", "flux-system", "apps", 0.5)
    metrics.reconciled("Kustomization", "flux-system", "gone", 0.5)
    metrics.forget("Kustomization", "flux-system", "gone")
    metrics.forget("Kustomization", "flux-system", "never-seen")
    metrics.requested("10.0.0.1:443", "list", "deployments", 200, 0.01)
    metrics.requested("10.0.0.1:443", "patch", "deployments", 0, 0.01)
    metrics.took("build", 0.02, failed=False)
    metrics.took("build", 0.02, failed=True)
    metrics.build_skipped()
    metrics.refs_wanted(asked=True)
    metrics.called(404)
    metrics.sizes(live_objects=lambda: 7)
    async with (
        WebServer([("metrics", metrics_app(metrics), "127.0.0.1:0")]) as server,
        aiohttp.ClientSession() as session,
        session.get(f"http://127.0.0.1:{server.port('metrics')}/metrics") as answer,
    ):
        text = await answer.text()
    samples = {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
    apps = (("kind", "Kustomization"), ("name", "apps"), ("namespace", "flux-system"))
    controller = (("controller", "kustomization"),)
    queue = (("name", "kustomization"),)
    assert samples["gotk_reconcile_duration_seconds_count", apps] == 1
    assert samples["gotk_reconcile_duration_seconds_sum", apps] == 0.5
    assert samples["controller_runtime_reconcile_total", (*controller, ("result", "error"))] == 1
    assert samples["controller_runtime_reconcile_total", (*controller, ("result", "success"))] == 0
    assert samples["controller_runtime_reconcile_errors_total", controller] == 1
    assert samples["controller_runtime_reconcile_time_seconds_count", controller] == 1
    assert samples["controller_runtime_max_concurrent_reconciles", controller] == 8
    assert samples["controller_runtime_active_workers", controller] == 2
    assert samples["workqueue_depth", queue] == 3
    assert samples["workqueue_longest_running_processor_seconds", queue] == 4
    assert samples["workqueue_unfinished_work_seconds", queue] == 5.5
    assert samples["workqueue_adds_total", queue] == samples["workqueue_retries_total", queue] == 1
    assert samples["workqueue_queue_duration_seconds_count", queue] == 1
    host = ("host", "10.0.0.1:443")
    assert samples["rest_client_requests_total", (("code", "200"), host, ("method", "GET"))] == 1
    assert samples["rest_client_requests_total", (("code", "<error>"), host, ("method", "PATCH"))] == 1
    for result in ("success", "failed"):
        step = (("result", result), ("step", "build"))
        assert samples["headgate_step_duration_seconds_count", step] == 1
    assert samples["headgate_builds_skipped_total", ()] == 1
    assert samples["headgate_git_refs_total", (("answer", "asked"),)] == 1
    assert samples["headgate_git_refs_total", (("answer", "shared"),)] == 0
    assert samples["headgate_webhook_requests_total", (("code", "404"),)] == 1
    assert samples["headgate_live_objects", ()] == 7
    assert any(name == "process_resident_memory_bytes" for name, _ in samples)
    assert not any("gone" in dict(labels).values() for _, labels in samples)
    assert not any(name.endswith("_created") for name, _ in samples)


async def test_scrapes_at_once_cost_one_and_never_wait_for_what_takes_long() -> None:
    metrics = Metrics()
    free, looks = threading.Event(), []

    def walk() -> float:
        looks.append(threading.current_thread())
        assert free.wait(60)
        return 7

    encoded = []

    def count() -> float:
        encoded.append(threading.current_thread())
        time.sleep(0.05)
        return len(encoded)

    metrics.measured_sizes(git_bytes=walk)
    metrics.sizes(live_objects=count)
    async with (
        WebServer([("metrics", metrics_app(metrics), "127.0.0.1:0")]) as server,
        aiohttp.ClientSession() as session,
    ):

        async def scrape(accept: str = "text/plain") -> str:
            url = f"http://127.0.0.1:{server.port('metrics')}/metrics"
            async with session.get(url, headers={"Accept": accept}) as answer:
                assert answer.headers["Content-Type"].startswith(accept.partition(";")[0])
                return await answer.text()

        texts = await asyncio.gather(*(scrape() for _ in range(50)))
        assert len(encoded) == 1
        assert set(texts) == {texts[0]}
        assert "headgate_git_cache_bytes 0.0" in texts[0]
        await asyncio.gather(*(scrape(f"application/openmetrics-text; version={n}") for n in "1029x"))
        assert len(encoded) == 2
        free.set()
        async with asyncio.timeout(60):
            while "headgate_git_cache_bytes 7.0" not in await scrape():  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        assert len(looks) == 1
        assert threading.main_thread() not in (*looks, *encoded)


def test_what_takes_long_is_looked_at_once_in_a_while() -> None:
    now, found = [0.0], []

    def find() -> float:
        found.append(now[0])
        return len(found)

    measured = Measured(find, 30, lambda: now[0])
    for at, times in ((0.0, 1), (29.0, 1), (31.0, 2), (40.0, 2)):
        now[0] = at
        limit = time.monotonic() + 60
        while measured.value() != times:
            assert time.monotonic() < limit
        assert [measured.value() for _ in range(100)] == [times] * 100
        assert len(found) == times


def test_labels_that_tenants_choose_are_bounded() -> None:
    metrics = Metrics()
    for number in range(3_000):
        metrics.requested(f"10.0.0.1:{number}", "get", f"kind{number}", 200, 0.1)
    samples = [sample for family in metrics.registry.collect() for sample in family.samples]
    assert len({s.labels["host"] for s in samples if "host" in s.labels}) == MOST_HOSTS + 1
    assert len({s.labels["resource"] for s in samples if "resource" in s.labels}) == MOST_RESOURCES + 1
