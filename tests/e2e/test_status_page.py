"""The status page of an operator that reconciles a real cluster."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
import urllib.request
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from controlplane.ports import free_ports
from sandbox import operator
from tests.support.apiproxy import RecordingProxy
from tests.support.cluster import Api, until
from tests.support.gitserver import GitHttpServer
from tests.support.manifests import config_map
from tests.support.metrics import read, value
from tests.support.pages import PATIENCE
from tests.support.sse import Reader
from tests.support.workspace import OWN, Workspace

pytestmark = pytest.mark.e2e

Obj = dict[str, Any]
BROKEN = "a: b: c\n"


@contextmanager
def served(
    workspace: Workspace, kubeconfig: Path, folder: Path, *options: str, port: int = 0
) -> Iterator[tuple[operator.Operator, str]]:
    """An operator for the workspace, with its page."""
    (free,) = free_ports(1)
    address = f"127.0.0.1:{port or free}"
    arguments = [workspace.selector, f"--ui-addr={address}", *options]
    with operator.running(kubeconfig, folder, arguments) as running:
        yield running, f"http://{address}"


@pytest.fixture
def fleet(own_workspace: Workspace) -> Workspace:
    """A repository with one good and one broken directory."""
    own_workspace.commit({"apps/a.yaml": config_map("a"), "broken/a.yaml": BROKEN})
    own_workspace.source(ready=False)
    own_workspace.kustomization("apps")
    own_workspace.kustomization("broken")
    return own_workspace


def get(url: str, **headers: str) -> str:
    with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=60) as answer:
        text: str = answer.read().decode()
        return text


def command(cluster: Path, *arguments: str) -> Obj:
    done = subprocess.run(
        [sys.executable, "-m", "headgate.cli", *arguments, "-o", "json", f"--kubeconfig={cluster}"],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode in (0, 1), done.stderr
    found: Obj = json.loads(done.stdout)
    return found


def test_the_json_is_that_of_the_command_line(
    fleet: Workspace, account: Path, tmp_path: Path, shared_cluster: Any
) -> None:
    with served(fleet, account, tmp_path) as (_, url):
        fleet.ready("apps")
        fleet.failed("broken", "BuildFailed")
        namespace = fleet.namespace

        def settled() -> bool:
            found = {each["name"]: each["state"] for each in json.loads(get(f"{url}/status.json"))["objects"]}
            return (found.get("apps"), found.get("broken")) == ("ready", "failed")

        until("the page knows it", settled)
        kubeconfig = shared_cluster.kubeconfig
        assert json.loads(get(f"{url}/status.json?namespace={namespace}")) == command(
            kubeconfig, "status", "-n", namespace
        )
        for name in ("apps", "broken"):
            assert json.loads(get(f"{url}/why.json?namespace={namespace}&name={name}")) == command(
                kubeconfig, "why", f"ks/{name}", "-n", namespace
            )
        assert json.loads(get(f"{url}/why.json?namespace={namespace}")) == command(
            kubeconfig, "why", "-n", namespace
        )
        fleet.close()


def test_views_of_pages_send_no_request_to_the_api_server(
    fleet: Workspace, proxy: RecordingProxy, tmp_path: Path
) -> None:
    requests: list[tuple[str, str]] = []
    with served(fleet, proxy.kubeconfig(tmp_path), tmp_path) as (running, url):
        fleet.ready("apps")
        fleet.failed("broken", "BuildFailed")
        pages = ("/", "/graph", "/work", "/environments", "/status.json", "/why.json")
        detail = f"/kustomizations/{fleet.namespace}/broken"
        until("the page has all", lambda: "broken" in get(url))
        time.sleep(3)  # What the operator still does about the two.
        proxy.before = lambda method, path: requests.append((method, path))
        for path in (*pages, detail, f"/sources/GitRepository/{fleet.namespace}/source") * 3:
            assert get(url + path, Accept="text/html")
        # From time to time, the operator asks for kinds that this cluster does not serve.
        own = ("/leases/", "/ocirepositories", "/buckets", "/externalartifacts")
        assert [each for each in requests if not any(path in each[1] for path in own)] == []
        assert value(read(running.metrics), "headgate_page_requests_total", code="200") >= 24
        fleet.close()


@asynccontextmanager
async def streams(url: str, number: int, **headers: str) -> AsyncIterator[list[Reader]]:
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector, read_bufsize=2**24) as session:
        yield [Reader(await session.get(f"{url}/stream?page=/", headers=headers)) for _ in range(number)]


async def test_open_pages_end_with_the_operator_and_are_right_again_after_it(
    fleet: Workspace, account: Path, tmp_path: Path
) -> None:
    (port,) = free_ports(1)
    with served(fleet, account, tmp_path, port=port) as (running, url):
        await asyncio.to_thread(fleet.ready, "apps")
        await asyncio.to_thread(fleet.failed, "broken", "BuildFailed")
        async with streams(url, 10) as opened:
            for each in opened:
                while "broken" not in (last := await each.morph()).data:
                    pass
            began = time.monotonic()
            stopping = asyncio.create_task(asyncio.to_thread(running.stop))
            for each in opened:
                while (await each.state())["state"] != "stopping":
                    pass
                with pytest.raises(EOFError):
                    await each.next()
            await stopping
            print(f"ended with 10 streams in {time.monotonic() - began:.2f} s")
            with pytest.raises((aiohttp.ClientError, OSError)):
                async with streams(url, 1):
                    pass
    known = last.id
    with served(fleet, account, tmp_path, port=port) as (running, url):
        async with streams(url, 1, **{"Last-Event-ID": known}) as (again,):
            while (await again.state())["state"] != "ok":
                pass
            await asyncio.to_thread(fleet.commit, {"broken/a.yaml": config_map("b")})
            async with asyncio.timeout(PATIENCE):
                while "Root causes" in (await again.morph()).data:
                    pass
            running.kill()
            with pytest.raises((EOFError, aiohttp.ClientError)):
                await again.rest()
    with served(fleet, account, tmp_path, port=port) as (running, url):
        async with streams(url, 1) as (again,):
            async with asyncio.timeout(PATIENCE):
                while "broken" not in (await again.morph()).data:
                    pass
        fleet.close()


async def test_a_failure_reaches_an_open_page(fleet: Workspace, account: Path, tmp_path: Path) -> None:
    with served(fleet, account, tmp_path) as (_, url):
        await asyncio.to_thread(fleet.ready, "apps")
        async with streams(url, 1) as (page,):
            await page.morph()
            await asyncio.to_thread(fleet.commit, {"apps/a.yaml": BROKEN})
            await asyncio.to_thread(fleet.failed, "apps", "BuildFailed")
            async with asyncio.timeout(PATIENCE):
                while "apps/a.yaml" not in (await page.morph()).data:
                    pass
        fleet.close()


def test_two_teams_see_nothing_of_each_other(
    api: Api, git_server: GitHttpServer, account: Path, tmp_path: Path
) -> None:
    """Names, counts and edges, on every page, also of what waits for an object of the other team."""
    mine, theirs = (Workspace(api, git_server, name, {OWN: "page-teams"}) for name in ("mine", "theirs"))
    for each, secret in ((mine, "mine"), (theirs, "theirs")):
        each.commit({"apps/a.yaml": config_map("a"), f"broken/s3ntinel-{secret}.yaml": BROKEN})
        each.source(ready=False)
        each.kustomization(secret, "apps")
        each.kustomization(f"broken-of-{secret}", "broken", dependsOn=[{"name": secret}])
        meta = {"name": "viewer", "namespace": each.namespace}
        api.apply({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": meta})
        api.apply(
            {
                "apiVersion": "rbac.authorization.k8s.io/v1",
                "kind": "RoleBinding",
                "metadata": meta,
                "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "view"},
                "subjects": [{"kind": "ServiceAccount", **meta}],
            }
        )
    # Somebody else's object that depends on mine is none of my business either.
    theirs.kustomization(
        "crossing",
        "apps",
        dependsOn=[{"name": "broken-of-mine", "namespace": mine.namespace}],
    )
    with served(mine, account, tmp_path, "--ui-auth=token", "--ui-access-cache=1s") as (_, url):
        for each, secret in ((mine, "mine"), (theirs, "theirs")):
            each.ready(secret)
            each.failed(f"broken-of-{secret}", "BuildFailed")
        for own, other, secret, hidden in (
            (mine, theirs, "mine", ("theirs",)),
            (theirs, mine, "theirs", ("s3ntinel-mine",)),
        ):
            path = api.path("v1", "ServiceAccount", own.namespace, "viewer")
            token = api.rest.request(
                "POST",
                f"{path}/token",
                {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}},
            )["status"]["token"]
            headers = {"Authorization": f"Bearer {token}", "Accept": "text/html"}
            until("the page knows it", lambda: f"broken-of-{secret}" in get(url, **headers))  # noqa: B023
            pages = ["/", "/graph", "/work", "/environments", "/status.json", "/why.json"]
            pages += [f"/kustomizations/{own.namespace}/{name}" for name in (secret, f"broken-of-{secret}")]
            pages += [
                f"/sources/GitRepository/{own.namespace}/source",
                "/?q=i",
                "/?state=failed",
                f"/?namespace={own.namespace}",
            ]
            for each_page in pages:
                text = get(url + each_page, **headers)
                # Their own object names one of mine; nothing else of the other team is anywhere.
                assert [each for each in hidden if each in text] == [], each_page
            found = json.loads(get(f"{url}/status.json", **headers))
            assert {each["namespace"] for each in found["objects"]} == {own.namespace}
            assert sum(found["counts"].values()) == len(found["objects"])
            for each_page in (
                f"/kustomizations/{other.namespace}/broken-of-mine",
                f"/sources/GitRepository/{other.namespace}/source",
            ):
                with pytest.raises(urllib.error.HTTPError) as raised:
                    get(url + each_page, **headers)
                assert raised.value.code == 404
        mine.close()
        theirs.close()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--ui-addr=:9080"], "can be reached from other hosts"),
        (["--ui-addr=0.0.0.0:9080"], "can be reached from other hosts"),
        (["--ui-addr=[::]:9080"], "can be reached from other hosts"),
        (["--ui-addr=192.0.2.1:9080"], "can be reached from other hosts"),
        (["--ui-addr=status.example:9080"], "can be reached from other hosts"),
        (["--ui-addr=127.0.0.1.example:9080"], "can be reached from other hosts"),
        (["--ui-addr=0:9080"], "can be reached from other hosts"),
        (["--ui-addr=:9080", "--ui-auth=header"], "needs --ui-trusted-proxy"),
        (["--ui-addr=127.0.0.1:9080", "--ui-actions"], "--ui-actions needs --ui-auth=token"),
        (
            ["--ui-addr=:9080", "--ui-auth=header", "--ui-trusted-proxy=proxy.example"],
            "neither an address nor a network",
        ),
        (["--ui-addr=127.0.0.1:9080", "--ui-access-cache=61s"], "must be between 0s and 60s"),
        (["--ui-addr=127.0.0.1:9080", "--ui-host=http://status.example"], "is not the name of a host"),
    ],
)
def test_settings_that_would_let_in_too_many_are_refused(options: list[str], message: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "headgate.cli", "run", "--kubeconfig=/nowhere", *options],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 2, done.stderr
    assert message in done.stderr
