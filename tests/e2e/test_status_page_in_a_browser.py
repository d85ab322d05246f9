"""The status page of a real operator, in Chromium: what happens on the cluster appears in an open page."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from controlplane import Cluster, start
from controlplane.ports import free_ports
from sandbox import fleet, operator
from sandbox.place import Place
from sandbox.screen import Screen
from tests.page.browsers import PATIENCE, chromium, opened
from tests.page.test_every_page import findings
from tests.support.manifests import config_map
from tests.support.workspace import Workspace

pytestmark = pytest.mark.e2e
expect.set_options(timeout=PATIENCE)

Obj = dict[str, Any]
BROKEN = "a: b: c\n"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    # The library of the browser keeps asyncio from other tests in this thread, so it ends with the module.
    with chromium() as browser:
        yield browser


@pytest.fixture
def url(own_workspace: Workspace, account: Path, tmp_path: Path) -> Iterator[str]:
    """The page of an operator for one workspace."""
    with operator.running(account, tmp_path, arguments(own_workspace, *free_ports(1))) as running:
        address = next(each for each in arguments_of(running) if each.startswith("--ui-addr="))
        yield f"http://{address.partition('=')[2]}"
        own_workspace.close()


def arguments(workspace: Workspace, port: int) -> list[str]:
    return [workspace.selector, f"--ui-addr=127.0.0.1:{port}"]


def arguments_of(running: operator.Operator) -> list[str]:
    return Path(f"/proc/{running.pid}/cmdline").read_text().split("\0")


def why(page: Page) -> Locator:
    return page.locator("section.why")


def state(page: Page) -> Locator:
    return page.locator(".title .badge")


def root_of(url: str, workspace: Workspace, name: str, shared_cluster: Cluster) -> Obj:
    """The cause that the page has as JSON, which is that of the command."""
    query = f"/why.json?namespace={workspace.namespace}&name={name}"
    with urllib.request.urlopen(url + query, timeout=60) as answer:
        said: Obj = json.loads(answer.read())
    command = [
        sys.executable,
        "-m",
        "headgate.cli",
        "why",
        f"ks/{name}",
        "-n",
        workspace.namespace,
        "-o",
        "json",
    ]
    done = subprocess.run(
        [*command, f"--kubeconfig={shared_cluster.kubeconfig}"], capture_output=True, check=False, timeout=120
    )
    assert done.returncode == 1, done.stderr
    assert json.loads(done.stdout) == said
    (cause,) = said["causes"]
    found: Obj = cause
    return found


def check_cause(page: Page, cause: Obj) -> None:
    """The page says what the JSON says."""
    expect(why(page)).to_contain_text(f"{cause['root']['namespace']}/{cause['root']['name']}")
    remedy = cause["remedy"]
    expect(why(page)).to_contain_text(remedy[:1].upper() + remedy[1:])
    if cause["file"]:
        expect(why(page)).to_contain_text(f"{cause['file']['path']}:{cause['file']['line']}")


def test_a_broken_push_appears_in_an_open_page_and_so_does_its_correction(
    browser: Browser, own_workspace: Workspace, url: str, shared_cluster: Cluster
) -> None:
    files = {f"{name}/a.yaml": config_map(name) for name in ("one", "two", "three")}
    own_workspace.commit(files)
    own_workspace.source()
    own_workspace.kustomization("one")
    own_workspace.kustomization("two", dependsOn=[{"name": "one"}])
    own_workspace.kustomization("three", dependsOn=[{"name": "two"}])
    own_workspace.ready("three")
    namespace = own_workspace.namespace
    with opened(browser, f"{url}/kustomizations/{namespace}/three") as visit, opened(browser, url) as other:
        page = visit.page
        expect(state(page)).to_have_text("Ready")
        own_workspace.commit({"one/a.yaml": BROKEN})
        own_workspace.failed("one", "BuildFailed")
        written = time.monotonic()
        row = other.page.locator(f"[id='Kustomization.{namespace}.one']")
        expect(row).to_contain_text("Failed")
        print(f"the list says so {time.monotonic() - written:.2f} s after the test has seen the status")
        own_workspace.failed("three", "DependencyNotReady")
        expect(state(page)).to_have_text("Blocked")
        expect(page.locator("section.why ol.chain li")).to_have_count(3)
        cause = root_of(url, own_workspace, "three", shared_cluster)
        assert cause["root"]["name"] == "one"
        assert cause["file"]["path"] == "one/a.yaml"
        check_cause(page, cause)
        own_workspace.commit({"one/a.yaml": config_map("one", v="2")})
        own_workspace.ready("one")
        expect(state(page)).to_have_text("Ready")
        expect(why(page)).to_have_count(0)
        assert page.evaluate("performance.getEntriesByType('navigation').length") == 1


def test_a_circle_and_a_missing_source_are_named(
    browser: Browser, own_workspace: Workspace, url: str, shared_cluster: Cluster
) -> None:
    own_workspace.commit({"hen/a.yaml": config_map("hen"), "egg/a.yaml": config_map("egg")})
    own_workspace.source()
    own_workspace.kustomization("hen", dependsOn=[{"name": "egg"}])
    own_workspace.kustomization("egg", dependsOn=[{"name": "hen"}])
    own_workspace.kustomization("lost", "hen", sourceRef={"kind": "GitRepository", "name": "ghost"})
    own_workspace.failed("hen", "DependencyNotReady")
    own_workspace.failed("lost", "ArtifactFailed")
    pages = f"{url}/kustomizations/{own_workspace.namespace}"
    with opened(browser, f"{pages}/hen") as visit:
        expect(why(visit.page)).to_contain_text("waits for itself")
        check_cause(visit.page, root_of(url, own_workspace, "hen", shared_cluster))
        visit.page.goto(f"{pages}/lost")
        expect(why(visit.page)).to_contain_text("does not exist")
        check_cause(visit.page, root_of(url, own_workspace, "lost", shared_cluster))


def test_a_page_is_right_again_after_the_operator_was_killed(
    browser: Browser, own_workspace: Workspace, account: Path, tmp_path: Path
) -> None:
    own_workspace.commit({"app/a.yaml": config_map("app")})
    own_workspace.source(ready=False)
    own_workspace.kustomization("app")
    (port,) = free_ports(1)
    options = arguments(own_workspace, port)
    with ExitStack() as stack:
        running = stack.enter_context(operator.running(account, tmp_path, options))
        own_workspace.ready("app")
        url = f"http://127.0.0.1:{port}/kustomizations/{own_workspace.namespace}/app"
        visit = stack.enter_context(opened(browser, url))
        page = visit.page
        expect(state(page)).to_have_text("Ready")
        running.kill()
        expect(page.locator("#lost")).to_contain_text("connection to the operator is lost")
        own_workspace.repository.commit({"app/a.yaml": BROKEN}, "Break it")
        began = time.monotonic()
        stack.enter_context(operator.running(account, tmp_path, options))
        own_workspace.request_sources()
        own_workspace.failed("app", "BuildFailed")
        expect(state(page)).to_have_text("Failed")
        expect(page.locator("#lost")).to_be_empty()
        print(f"right again {time.monotonic() - began:.1f} s after the start")
        visit.faults = [each for each in visit.faults if "net::ERR_" not in each]
        own_workspace.close()


def test_every_page_of_the_fleet_of_the_demo_is_sound(browser: Browser, tmp_path: Path) -> None:
    with ExitStack() as stack:
        cluster = stack.enter_context(start("status-page"))
        place = Place("production", cluster, Screen(io.StringIO()))
        repository = stack.enter_context(fleet.served(tmp_path))
        place.install(tmp_path, stack)
        place.follow(repository, stack)
        place.until("Ready", place.is_ready, 180, time.monotonic())
        visit = stack.enter_context(opened(browser, place.page))
        page = visit.page
        expect(page.locator("table.fleet .is-ready")).to_have_count(
            page.locator("table.fleet tbody tr").count()
        )
        links = page.locator("table.fleet td.main > a").evaluate_all(
            "(all) => all.map((e) => e.getAttribute('href'))"
        )
        assert len(links) >= 3
        for path in ("/", "/graph", "/work", "/environments", "/help", *links):
            page.goto(place.page + path)
            expect(page.locator("h1")).to_have_count(1)
            assert findings(page) == [], path
        page.goto(f"{place.page}/kustomizations/flux-system/apps")
        expect(page.locator("main")).to_contain_text("Deployment production/my-app")
        assert visit.wrong_headers() == []
