"""Reports of what the cluster runs: where they go, how each follows the last one, and when one is due."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from headgate.api import ObjectKey
from headgate.api.report import EnvironmentReport, decode
from headgate.backoff import Doubling
from headgate.git.errors import GitError
from headgate.git.verify.signature import split_commit, verify_ssh
from headgate.kube import Client, NotFound, ObjectRef
from headgate.reconcile.core.store import Store
from headgate.reconcile.environment import reporter as reporter_module
from headgate.reconcile.environment.reporter import EnvironmentReporter
from headgate.reconcile.environment.secret import (
    ReportImpossible,
    destination,
    reported_source,
    same_repository,
)
from headgate.reconcile.environment.writing import follow, observe
from headgate.reconcile.reporting.events import Event, EventRecorder
from headgate.settings import ReportSettings
from tests.support.cluster import PATIENCE
from tests.support.evidence import NOW, ago, commit, entry, git_repository, kustomization, running
from tests.support.gitserver import GitHttpServer
from tests.support.gitserver_repository import Repository
from tests.support.sshserver import generate_key

KEY = generate_key()
REF = "refs/headgate/env/staging"
SETTINGS = ReportSettings(secret="flux-system/report")
DATA = {"identity": KEY.private, "environment": b"staging"}


# What a report says, and how it follows the last one.


def test_a_report_has_what_belongs_to_the_repository_only() -> None:
    objects = [kustomization("apps", history=[entry("sha256:a", 60, 1)]), kustomization("x", source="other")]
    sources = [git_repository(), git_repository("other", url="https://example.com/else")]
    found = observe("staging", "ssh://git@example.com/org/fleet", sources, objects, NOW)
    assert [each.key.name for each in found.kustomizations] == ["apps"]
    assert [each.key.name for each in found.sources] == ["fleet"]
    assert (found.kustomizations[0].message, found.kustomizations[0].digest_since) == ("", ago(60))


def report(minutes: float, *, begun: float | None = None, **changed: Any) -> EnvironmentReport:
    begun_at = ago(minutes if begun is None else begun)
    return EnvironmentReport("staging", ago(minutes), begun_at, (), (running(**changed),))


UNHEALTHY = {"ready": False, "since": None, "digest_since": None}


@pytest.mark.parametrize(
    ("what", "before", "now", "begun", "replaces"),
    [
        ("the first one", None, report(0), 0, False),
        ("the same", report(4, begun=90), report(0), 90, True),
        ("the same after a long pause", report(11, begun=90), report(0), 0, False),
        ("the same, by a clock that went back", report(-1, begun=90), report(0), 0, False),
        ("a change", report(4), report(0, number=2), 0, False),
        ("no longer healthy", report(4), report(0, **UNHEALTHY), 0, False),
        ("healthy again", report(4, **UNHEALTHY), report(0), 0, False),
        (
            "unhealthy in another way",
            report(4, number=1, **UNHEALTHY),
            report(0, number=2, **UNHEALTHY),
            0,
            True,
        ),
    ],
)
def test_how_a_report_follows_the_last_one(
    what: str, before: EnvironmentReport | None, now: EnvironmentReport, begun: float, replaces: bool
) -> None:
    assert follow(before, now) == (replace(now, begun=ago(begun)), replaces), what


# Where reports go.


def test_the_repository_of_the_secrets_namespace_gets_the_reports() -> None:
    elsewhere = git_repository("aaa", url="https://example.com/else")
    elsewhere["metadata"]["namespace"] = "team"
    sources = [
        elsewhere,
        git_repository("pins"),
        git_repository("fleet", url="ssh://git@example.com/org/fleet"),
    ]
    assert reported_source(SETTINGS, sources)["metadata"]["name"] == "fleet"
    named = replace(SETTINGS, source="team/aaa")
    assert reported_source(named, sources)["metadata"]["name"] == "aaa"


@pytest.mark.parametrize(
    ("settings", "sources", "message"),
    [
        (SETTINGS, [], "there is no GitRepository in namespace 'flux-system'"),
        (
            SETTINGS,
            [git_repository(), git_repository("other", url="https://example.com/else")],
            "are of several repositories: name the one",
        ),
        (replace(SETTINGS, source="a/b"), [git_repository()], "there is no GitRepository 'a/b'"),
    ],
)
def test_nobody_guesses_where_reports_go(
    settings: ReportSettings, sources: list[dict[str, Any]], message: str
) -> None:
    with pytest.raises(ReportImpossible, match=message):
        reported_source(settings, sources)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("https://example.com/org/fleet", "ssh://git@EXAMPLE.com:2222/org/fleet.git", True),
        ("https://ada:secret@example.com/org/fleet.git/", "https://example.com/org/fleet", True),
        ("https://example.com/org/fleet", "https://example.com/org/fleet2", False),
        ("https://example.com/org/fleet", "https://example.org/org/fleet", False),
        ("not a URL", "not a URL", True),
        ("not a URL", "not one either", False),
    ],
)
def test_urls_of_one_repository(one: str, other: str, same: bool) -> None:
    assert same_repository(one, other) is same
    assert same_repository(other, one) is same


def test_options_take_precedence_over_the_secret() -> None:
    data = {**DATA, "branch": b"reports", "url": b"https://example.com/push\n"}
    found = destination(SETTINGS, git_repository(), data)
    assert (found.environment, found.ref, str(found.url)) == (
        "staging",
        "refs/heads/reports",
        "https://example.com/push",
    )
    options = replace(SETTINGS, environment="production", branch="other")
    found = destination(options, git_repository(), data)
    assert (found.environment, found.ref) == ("production", "refs/heads/other")
    assert destination(SETTINGS, git_repository(), DATA).ref == REF


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({**DATA, "environment": b""}, "no name for the environment"),
        ({**DATA, "environment": b"../../heads/main"}, "cannot be the name of an environment"),
        ({**DATA, "environment": b"\xff"}, "'environment' is not valid UTF-8"),
        ({"environment": b"staging"}, "has no 'identity'"),
        ({**DATA, "identity": b"hunter2"}, "is not a private SSH key"),
        ({**DATA, "url": b"file:///etc"}, "scheme"),
        ({**DATA, "password": b"hunter2"}, "'username'"),
    ],
)
def test_what_is_missing_is_named(data: dict[str, bytes], message: str) -> None:
    with pytest.raises((ReportImpossible, GitError), match=message) as refused:
        destination(SETTINGS, git_repository(), data)
    assert "hunter2" not in str(refused.value)


# When a report is due: a real server, and the parts of an API server that the reporter reads.


class Cluster(Client):
    """Lists of names, and one Secret."""

    def __init__(self) -> None:
        self.secret: dict[str, bytes] | None = DATA
        self.names: dict[str, list[str]] = {"GitRepository": ["fleet"], "Kustomization": ["apps"]}

    async def get(self, ref: ObjectRef) -> dict[str, Any]:
        if self.secret is None:
            raise NotFound("there is no such Secret", status=404)
        return {"data": {key: base64.b64encode(value).decode() for key, value in self.secret.items()}}

    async def list_pages(self, api_version: str, kind: str, **_: Any) -> AsyncIterator[dict[str, Any]]:
        names = self.names[kind]
        yield {"items": [{"metadata": {"name": name, "namespace": "flux-system"}} for name in names]}


class Heard(EventRecorder):
    """Events and results."""

    def __init__(self) -> None:
        self.events: list[str] = []
        self.results: list[bool] = []

    def emit(self, event: Event) -> None:
        self.events.append(event.message)

    def reported(self, *, failed: bool) -> None:
        self.results.append(failed)


class World:
    """A store, a repository with a server, and the reporter."""

    def __init__(self, folder: Path, server: GitHttpServer, repository: Repository) -> None:
        self.store, self.cluster, self.heard = Store(), Cluster(), Heard()
        self.repository, self._version = repository, 0
        self.put_source(git_repository(url=server.url(repository.name)))
        self.reporter = EnvironmentReporter(
            SETTINGS,
            folder / "reports",
            self.cluster,
            self.store,
            self.heard,
            self.heard,
            namespace=None,
            label_selector="",
        )

    def put(self, obj: dict[str, Any]) -> None:
        self.store.put_kustomization(self._versioned(obj))

    def put_source(self, obj: dict[str, Any]) -> None:
        self.store.put_source(self._versioned(obj))

    def _versioned(self, obj: dict[str, Any]) -> dict[str, Any]:
        self._version += 1
        obj["metadata"] |= {"uid": "u", "resourceVersion": str(self._version)}
        return obj

    def reports(self) -> list[EnvironmentReport]:
        """Newest first."""
        try:
            commits = self.repository.git("rev-list", REF).split()
        except RuntimeError:
            return []
        return [decode(self.repository.git("show", f"{each}:report.json").encode()) for each in commits]

    def commits(self) -> list[str]:
        """The commit of the Kustomization in each report, newest first."""
        return [each.kustomizations[0].commit for each in self.reports()]


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(reporter_module, "BATCH", 0.1)
    monkeypatch.setattr(reporter_module, "SETTLE", 0.05)
    monkeypatch.setattr(reporter_module, "PAUSES", Doubling(0.1, 0.2))
    repository = Repository(tmp_path / "served", "fleet")
    repository.git("config", "http.receivepack", "true")
    repository.commit({"README.md": "fleet"})
    with GitHttpServer(tmp_path / "served") as server:
        yield World(tmp_path, server, repository)


@asynccontextmanager
async def reporting(world: World) -> AsyncIterator[None]:
    task = asyncio.create_task(world.reporter.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def until(what: str, holds: Any) -> None:
    loop = asyncio.get_running_loop()
    limit = loop.time() + PATIENCE
    while not holds():
        assert loop.time() < limit, what
        await asyncio.sleep(0.02)


def at(number: int, **changed: Any) -> dict[str, Any]:
    return kustomization("apps", applied=f"main@sha1:{commit(number)}", **changed)


async def test_each_change_is_reported(world: World) -> None:
    world.put(at(1))
    async with reporting(world):
        await until("the first report", lambda: world.commits() == [commit(1)])
        world.put(at(2))
        await until("the second report", lambda: world.commits() == [commit(2), commit(1)])
        await until("both are counted", lambda: world.heard.results == [False, False])
    assert world.heard.events == []


async def test_digests_of_objects_with_secrets_are_not_published(world: World) -> None:
    """Everything but a short value may be known to the readers of the repository, who could try values."""
    world.put(at(1, history=[entry("sha256:a", 60, 1)]))
    async with reporting(world):
        await until("the report", lambda: world.reports())
    (found,) = world.reports()[0].kustomizations
    assert found.digest.startswith("hmac-sha256:")
    assert found.digest_since is not None


@pytest.mark.parametrize("history", [[], [entry("sha256:a", 60, 1)]], ids=["no digest", "a digest"])
async def test_an_event_that_changes_nothing_pushes_nothing(
    world: World, history: list[dict[str, Any]]
) -> None:
    world.put(at(1, history=history))
    async with reporting(world):
        await until("the first report", lambda: world.commits() == [commit(1)])
        for _ in range(3):
            world.put(at(1, history=history))
            await asyncio.sleep(0.3)
    assert world.heard.results == [False]


async def test_another_key_in_the_secret_signs_the_next_report(world: World) -> None:
    other = generate_key()
    world.put(at(1))
    async with reporting(world):
        await until("the first report", lambda: world.commits() == [commit(1)])
        world.cluster.secret = {**DATA, "identity": other.private}
        world.put(at(2))
        await until("the second report", lambda: world.commits() == [commit(2), commit(1)])
    for key, ref in ((other, REF), (KEY, f"{REF}^")):
        raw = world.repository.git("cat-file", "commit", ref).encode()
        verify_ssh(split_commit(raw, sha256=False), [key.public.encode()])


async def test_without_a_change_the_last_report_is_confirmed(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reporter_module, "CONFIRM", 0.5)
    world.put(at(1))
    async with reporting(world):
        await until("three reports", lambda: len(world.heard.results) >= 3)
        reports = world.reports()
    assert len(reports) == 1, "a confirmation replaces what it confirms"
    assert reports[0].observed > reports[0].begun


async def test_nothing_is_reported_before_the_watches_have_delivered_all(world: World) -> None:
    """A part of what exists would look healthy."""
    world.put(at(1))
    world.cluster.names["Kustomization"].append("late")
    async with reporting(world):
        await until("it says why", lambda: "Kustomization 'flux-system/late'" in "".join(world.heard.events))
        assert world.commits() == []
        world.put(kustomization("late"))
        await until("the first report", world.reports)
        assert [each.key for each in world.reports()[0].kustomizations] == [
            ObjectKey("flux-system", "apps"),
            ObjectKey("flux-system", "late"),
        ]


async def test_a_failure_is_said_once_and_tried_again(world: World) -> None:
    world.put(at(1))
    world.cluster.secret = None
    async with reporting(world):
        await until("three failures", lambda: len(world.heard.results) >= 3)
        assert len(world.heard.events) == 1
        assert "there is no such Secret" in world.heard.events[0]
        world.cluster.secret = DATA
        await until("a report", lambda: world.commits() == [commit(1)])
        # The next failure is a new one.
        world.cluster.secret = None
        world.put(at(2))
        await until("another event", lambda: len(world.heard.events) == 2)


async def test_what_somebody_else_pushed_is_replaced_soon(world: World) -> None:
    world.put(at(1))
    async with reporting(world):
        await until("the first report", lambda: world.commits() == [commit(1)])
        world.repository.git("update-ref", REF, "HEAD")
        world.put(at(2))
        await until("a report", lambda: world.repository.git("ls-tree", REF).count("report.json"))
        assert decode(world.repository.git("show", f"{REF}:report.json").encode()).kustomizations[
            0
        ].commit == commit(2)


async def test_an_unexpected_error_does_not_end_it(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.put(at(1))
    monkeypatch.setattr(reporter_module, "observe", lambda *_: 1 / 0)
    async with reporting(world):
        await until("two failures", lambda: len(world.heard.results) >= 2)
        monkeypatch.setattr(reporter_module, "observe", observe)
        await until("a report", lambda: world.commits() == [commit(1)])
